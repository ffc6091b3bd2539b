"""Whether an exported model answers as the model does: the same texts to both, answers and logits side by side."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, assert_never

import numpy as np
import torch

from ruletune.errors import RuletuneError
from ruletune.labeling.corpus import divided
from ruletune.models.backbone import Classifier, TorchScorer
from ruletune.models.encoding import padded
from ruletune.models.generating import encode_texts
from ruletune.models.readout import Readout
from ruletune.models.scoring import Batch, Scorer
from ruletune.models.seq2seq import decoding
from ruletune.pipeline.run import Run
from ruletune.pipeline.text_run import TextRun
from ruletune.pipeline.writing import source_of
from ruletune.progress import Event, Listener
from ruletune.types import Answer, Example, Span, Text

__all__ = ["AGREEMENT", "TOLERANCE", "Check", "Reference"]

TOLERANCE = 1e-3
"""Difference between a logit of the graph in 32-bit floats and the model's that is no fault. Adding in another order makes some
1e-5 of it."""

AGREEMENT = 0.95
"""Share of equal answers below which the reader is warned."""

_TEXTS, _WRITTEN = 200, 24
"""Texts that are compared: those that are chosen for, and those that answers are written to."""

_PASSES = 3
"""Times that each runtime answers; the fastest counts."""


@dataclass(frozen=True, slots=True)
class Check:
    """How an exported model compares with the one it was made from.

    Attributes:
        half: ``intent`` or ``slots``, where the task has both; else empty.
        texts: Texts that both answered.
        source: Where the texts are from.
        equal: Share of texts with the same answer, in [0, 1].
        largest_difference, mean_difference: Between logits, absolute.
        largest_score_difference: Between the scores of answers that are the same, absolute, in [0, 1].
        seconds, torch_seconds: For all texts, tokens to logits (of a writer: whole answers), with as many threads; PyTorch in
            32-bit floats.
        bytes: Size of the graphs.
    """

    precision: str
    half: str
    texts: int
    source: str
    equal: float
    largest_difference: float
    mean_difference: float
    largest_score_difference: float
    seconds: float
    torch_seconds: float
    bytes: int

    @property
    def speed(self) -> float:
        """Times as fast as PyTorch."""
        return self.torch_seconds / self.seconds

    @property
    def warning(self) -> str | None:
        """What to say of answers that are too often others."""
        if self.equal >= AGREEMENT:
            return None
        what = f"{self.half}: " if self.half else ""
        return (
            f"{what}{self.precision} gives the model's own answer to only {self.equal:.1%} of {self.texts} texts "
            f"({self.source}); measure it with `ruletune evaluate` before you rely on it"
        )


@dataclass(slots=True)
class _Watched:
    """A scorer that keeps what it is asked and what it answers.

    Attributes:
        most_tokens, most_padding: Of a batch, whatever the scorer likes: what is compared is asked the same batches.
    """

    scorer: Scorer
    most_tokens: int | None
    most_padding: int | None
    batches: list[Batch] = field(default_factory=list)
    found: list[np.ndarray] = field(default_factory=list)

    @property
    def tokenizer(self) -> Any:
        return self.scorer.tokenizer

    @property
    def labels(self) -> tuple[str, ...]:
        return self.scorer.labels

    @property
    def max_length(self) -> int:
        return self.scorer.max_length

    @property
    def readout(self) -> Readout:
        return self.scorer.readout

    def score(self, batches: Iterable[Batch]) -> Iterator[np.ndarray]:
        asked = list(batches)
        self.batches += asked
        for values in self.scorer.score(asked):
            self.found.append(values)
            yield values

    def seconds(self) -> float:
        """How long it takes to answer all of that again, at best."""
        return min(_timed(self.scorer, self.batches) for _ in range(_PASSES))


def _timed(scorer: Scorer, batches: Sequence[Batch]) -> float:
    started = time.perf_counter()
    for _ in scorer.score(batches):
        pass
    return time.perf_counter() - started


@dataclass(frozen=True, slots=True)
class Reference:
    """What the model answers, in 32-bit floats.

    Attributes:
        logits: Batch by batch.
        most_tokens, most_padding: Of a batch; ``None`` where texts are written.
    """

    run: Run
    examples: tuple[Example, ...]
    source: str
    answers: tuple[Answer | None, ...]
    scores: tuple[float, ...]
    logits: tuple[np.ndarray, ...]
    seconds: float
    most_tokens: int | None = None
    most_padding: int | None = None

    @classmethod
    def of(cls, run: Run, *, listener: Listener) -> Reference:
        """Ask the model."""
        exact = replace(run, settings={**run.settings, "precision": "fp32"})
        examples, source = _examples(run)
        listener(Event("checking the export", 0, len(examples)))
        limits: tuple[int | None, int | None] = (None, None)
        if isinstance(exact, TextRun):
            exact.__dict__["classifier"] = run.classifier  # it is loaded already
            answers, scores, seconds = _written(exact, examples)
            logits = _forced(exact, examples, answers)
        else:
            scorer = TorchScorer(run.classifier, "fp32")
            limits = (scorer.most_tokens, scorer.most_padding)
            watched = _Watched(scorer, *limits)
            answers, scores = _answers(replace(exact, given=watched), examples)
            logits, seconds = tuple(watched.found), watched.seconds()
        listener(Event("checking the export", len(examples), len(examples)))
        return cls(run, examples, source, answers, scores, logits, seconds, *limits)

    def check(self, exported: Run, precision: str, *, half: str, size: int) -> Check:
        """Ask the exported model the same."""
        assert exported.exported is not None
        settings = {**exported.settings, "onnx": exported.exported | {"precision": precision}}
        other = replace(exported, settings=settings)
        if isinstance(other, TextRun):
            answers, scores, seconds = _written(other, self.examples)
            logits = _forced(other, self.examples, self.answers)
        else:
            watched = _Watched(other.scorer, self.most_tokens, self.most_padding)
            answers, scores = _answers(replace(other, given=watched), self.examples)
            logits, seconds = tuple(watched.found), watched.seconds()
        apart = [np.abs(a.astype(np.float64) - b) for a, b in zip(self.logits, logits, strict=True)]
        everything = np.concatenate([values.ravel() for values in apart])
        same = [a == b for a, b in zip(self.answers, answers, strict=True)]
        by_score = [abs(a - b) for a, b, equal in zip(self.scores, scores, same, strict=True) if equal]
        return Check(
            precision=precision,
            half=half,
            texts=len(self.examples),
            source=self.source,
            equal=sum(same) / len(same),
            largest_difference=float(everything.max()),
            mean_difference=float(everything.mean()),
            largest_score_difference=max(by_score, default=0.0),
            seconds=seconds,
            torch_seconds=self.seconds,
            bytes=size,
        )


def _answers(run: Run, examples: Sequence[Example]) -> tuple[tuple[Answer | None, ...], tuple[float, ...]]:
    """Answers and their scores, as ``predict`` gives them."""
    found = run.predict(examples, with_rules=False)
    return tuple(each.answer for each in found), tuple(each.score for each in found)


def _written(run: TextRun, examples: Sequence[Example]) -> tuple[tuple[Answer | None, ...], tuple[float, ...], float]:
    _answers(run, examples[:1])  # the first text pays for the start
    started = time.perf_counter()
    answers, scores = _answers(run, examples)
    return answers, scores, time.perf_counter() - started


def _forced(run: TextRun, examples: Sequence[Example], answers: Sequence[Answer | None]) -> tuple[np.ndarray, ...]:
    """Logits of every token of given answers, each after the tokens before it."""
    classifier, writing = run.classifier, run.writing.unheard()
    sources = [source_of(example, (), writing) for example in examples]
    texts = [answer.text if isinstance(answer, Text) else "" for answer in answers]
    encoded = encode_texts(
        sources, texts, tokenizer=classifier.tokenizer, max_length=writing.max_length, max_target=writing.max_target
    )
    return tuple(_of_one(classifier, padded(encoded, [row], pad_id=classifier.pad_id)) for row in range(len(encoded)))


@torch.inference_mode()
def _of_one(classifier: Classifier, batch: Batch) -> np.ndarray:
    model = classifier.model
    start = decoding(model, classifier.tokenizer).decoder_start_token_id
    place = model.device
    ids, attention, labels = (
        torch.from_numpy(batch[name]).to(place) for name in ("input_ids", "attention_mask", "labels")
    )
    shifted = torch.cat([torch.full_like(labels[:, :1], start), labels[:, :-1]], dim=1)
    states = model.get_encoder()(input_ids=ids, attention_mask=attention).last_hidden_state
    found = model(encoder_outputs=(states,), attention_mask=attention, decoder_input_ids=shifted)
    return np.asarray(found.logits.float().cpu().numpy())


def _examples(run: Run) -> tuple[tuple[Example, ...], str]:
    """Texts to compare on: held-out ones where the data is still there, else what there is."""
    most = _WRITTEN if run.task.readout == "generate" else _TEXTS
    for found, source in ((_held_out(run), "held-out texts"), (_kept(run), "gold texts of the run")):
        if found:
            rows = np.unique(np.linspace(0, len(found) - 1, min(most, len(found))).round().astype(int))
            return tuple(found[row] for row in rows.tolist()), source
    return _built_in(run), "built-in sentences"


def _held_out(run: Run) -> list[Example]:
    """The task's test texts, else its validation or training texts; none where they cannot be read any more."""
    try:
        data = run.spec.file.data
        named = (data.train, data.validation, data.test, data.calibration)
        if any(source and source.startswith("hf:") for source in named):
            return []  # reading them might mean to fetch them
        parts = divided(run.spec)
    except (RuletuneError, OSError):
        return []
    return parts.test or parts.validation or parts.train


def _kept(run: Run) -> list[Example]:
    """Gold examples that the run has kept."""
    try:
        kept = run.kept
    except RuletuneError:
        return []
    rows: Any = () if kept is None else kept.rows
    found = []
    for row in rows:
        entities = tuple(Span(*entity) for entity in row.get("entities", ()))
        found.append(Example(str(row["id"]), str(row["text"]), row.get("text_pair"), entities=entities))
    return found


_SENTENCES = (
    "The train to Basel was late again, and nobody said why.",
    "A quiet film that takes its time and is worth every minute.",
    "Please cancel my order and send the money back to my account.",
    "Marie Curie moved from Warsaw to Paris in 1891.",
    "What is the capital of Australia?",
    "no",
    "The battery lasts two days; the screen, however, broke after a week.",
    "Das Haus steht seit 1923 am Ende der Straße.",
    "这部电影很好看。",
    "So good! 😀",
)
"""What is compared on where nothing else is left."""


def _built_in(run: Run) -> tuple[Example, ...]:
    numbered = [(str(number), text) for number, text in enumerate(_SENTENCES, start=1)]
    match run.task.readout:
        case "pair":
            pairs = [(number, text.split(" ", 1)) for number, text in numbered if text.count(" ") > 1]
            return tuple(run.example(f"<e1>{a}</e1> <e2>{b}</e2>", identity=n) for n, (a, b) in pairs)
        case "extract":
            return tuple(Example(number, text, "What is it about?") for number, text in numbered)
        case "text" | "tokens" | "generate":
            return tuple(run.example(text, identity=number) for number, text in numbered)
        case _:
            assert_never(run.task.readout)
