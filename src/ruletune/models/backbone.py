"""A pretrained model with the task's output layer on top, and what it takes to run it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, assert_never

import numpy as np
import torch
from transformers import (
    AutoConfig,
    AutoModelForQuestionAnswering,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    AutoTokenizer,
)
from transformers import logging as transformers_logging

from ruletune.errors import RuletuneError
from ruletune.models import scoring
from ruletune.models.checkpoints import Checkpoint
from ruletune.models.cloze import ClozeModel, masked_lm
from ruletune.models.encoding import Encoded
from ruletune.models.markers import add_markers
from ruletune.models.pooling import add_mean_pooling, pools_by_mean, words_end
from ruletune.models.readout import Ragged, Readout, outputs
from ruletune.models.scoring import Batch
from ruletune.models.seq2seq import open_writer
from ruletune.models.verbalizer import Cloze
from ruletune.models.weights import check_folder

__all__ = [
    "Classifier",
    "TorchScorer",
    "autocast",
    "device",
    "load",
    "load_tokenizer",
    "loading",
    "logits",
    "new",
    "save",
    "token_logits",
    "word_scores",
]

# Loading is reported by us, in one line and only where something is wrong.
transformers_logging.set_verbosity_error()
transformers_logging.disable_progress_bar()


@dataclass(slots=True)
class Classifier:
    """A model that chooses, and its tokenizer.

    Attributes:
        model: A Hugging Face model with an output layer, perhaps wrapped by an adapter; or a
            :class:`~ruletune.models.cloze.ClozeModel`.
        labels: Names of what is chosen from, by output position: labels, or tags; none where it is tokens, be they the
            text's or the vocabulary's.
        multi: Several labels may hold at once: outputs are independent logits.
        max_length: Input length in tokens, special tokens included.
        readout: Where in the model's outputs the answer stands.
    """

    model: Any
    tokenizer: Any
    labels: tuple[str, ...]
    multi: bool
    max_length: int
    readout: Readout = "text"

    @property
    def pad_id(self) -> int:
        return int(self.tokenizer.pad_token_id or 0)

    def __call__(self, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """The logits of a batch; :mod:`ruletune.models.readout` has their shapes."""
        return outputs(self.model, batch, self.readout)


_MODELS: dict[Readout, Any] = {
    "text": AutoModelForSequenceClassification,
    "pair": AutoModelForTokenClassification,
    "tokens": AutoModelForTokenClassification,
    "extract": AutoModelForQuestionAnswering,
}


_CACHED = 1024
"""Tokens in a batch at most where a processor answers: what a layer makes of more of them does not stay in its cache."""

_PADDING = 48
"""Tokens of padding in a batch at most where a processor answers: that many take about as long as one call more."""


def device() -> torch.device:
    """The first CUDA device where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def autocast(precision: str, place: torch.device) -> Any:
    """Mixed precision as a context: ``fp32``, ``bf16``, or ``auto``: bf16 where the hardware has it.

    Emulated bf16 is slower than fp32, so ``auto`` asks the processor first. Weights stay in fp32
    under either.
    """
    if precision == "auto":
        if place.type == "cuda":
            wanted = torch.cuda.is_bf16_supported(including_emulation=False)
        else:
            wanted = bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
    else:
        wanted = precision == "bf16"
    return torch.autocast(place.type, torch.bfloat16, enabled=wanted)


@contextmanager
def loading(what: str) -> Iterator[None]:
    """Turn whatever a damaged or foreign checkpoint raises into one sentence."""
    try:
        yield
    except RuletuneError:
        raise
    except Exception as error:  # a damaged file may make the library raise anything
        reason = str(error).strip().splitlines()
        raise RuletuneError(f"cannot load {what}: {reason[0] if reason else type(error).__name__}") from error


def load_tokenizer(checkpoint: Checkpoint) -> Any:
    """The checkpoint's fast tokenizer, once its files were looked at. Code that a checkpoint carries is never run."""
    if not checkpoint.hub:
        check_folder(Path(checkpoint.source))
    with loading(f"the tokenizer of {checkpoint.name!r}"):
        return AutoTokenizer.from_pretrained(
            checkpoint.source, local_files_only=not checkpoint.hub, trust_remote_code=False
        )


def new(
    checkpoint: Checkpoint,
    *,
    labels: tuple[str, ...],
    multi: bool,
    max_length: int,
    dropout: float | None,
    seed: int,
    readout: Readout = "text",
) -> Classifier:
    """A pretrained model under a new output layer, whose start depends on ``seed`` only.

    A checkpoint with a cloze answers by its label words instead, and has nothing new; nor has one that writes.

    Args:
        labels: Names of the outputs: labels, or tags; none where tokens are chosen from.
    """
    if checkpoint.cloze is not None:
        return _fill_in(checkpoint, checkpoint.cloze, max_length=max_length, labels=labels, multi=multi)
    tokenizer = load_tokenizer(checkpoint)
    if readout == "generate":
        return _writer(checkpoint, tokenizer, max_length=max_length, dropout=dropout)
    with loading(f"the checkpoint {checkpoint.name!r}"), torch.random.fork_rng():
        torch.manual_seed(seed)
        config = AutoConfig.from_pretrained(
            checkpoint.source,
            local_files_only=not checkpoint.hub,
            trust_remote_code=False,
            **_outputs(labels, multi=multi, readout=readout),
        )
        if dropout is not None and hasattr(config, "classifier_dropout"):
            config.classifier_dropout = dropout
        mean = pools_by_mean(checkpoint.source, config.model_type)
        if mean and readout != "text":
            config.num_hidden_layers = words_end(config.num_hidden_layers)
        model = _MODELS[readout].from_pretrained(
            checkpoint.source,
            config=config,
            dtype=torch.float32,
            use_safetensors=True,
            local_files_only=not checkpoint.hub,
            trust_remote_code=False,
        )
        if mean and readout == "text":
            add_mean_pooling(model)
        if readout == "pair":
            add_markers(model, tokenizer)
    limit = int(getattr(config, "max_position_embeddings", 0) or max_length)
    return Classifier(model.to(device()), tokenizer, labels, multi, min(max_length, limit), readout)


def _writer(checkpoint: Checkpoint, tokenizer: Any, *, max_length: int, dropout: float | None = None) -> Classifier:
    """A model whose every output is a choice from its vocabulary."""
    with loading(f"the checkpoint {checkpoint.name!r}"):
        model = open_writer(checkpoint.name, checkpoint.source, hub=checkpoint.hub, dropout=dropout)
    limit = int(getattr(model.config, "max_position_embeddings", 0) or max_length)
    return Classifier(model.to(device()), tokenizer, (), False, min(max_length, limit), "generate")


def _outputs(labels: tuple[str, ...], *, multi: bool, readout: Readout) -> dict[str, Any]:
    """What a checkpoint's configuration says about its outputs."""
    match readout:
        case "extract":
            return {"num_labels": 2}
        case "pair":
            names = tuple(f"{label} ({entity})" for entity in _ENTITIES for label in labels)
        case "text" | "tokens":
            names = labels
        case "generate":
            return {}
        case _:
            assert_never(readout)
    settings: dict[str, Any] = {
        "num_labels": len(names),
        "id2label": dict(enumerate(names)),
        "label2id": {name: position for position, name in enumerate(names)},
    }
    if readout == "text":
        settings["problem_type"] = "multi_label_classification" if multi else "single_label_classification"
    return settings


_ENTITIES = ("subject", "object")
"""The two halves of a relation model's outputs."""


def _fill_in(
    checkpoint: Checkpoint, cloze: Cloze, *, max_length: int, labels: tuple[str, ...] = (), multi: bool = False
) -> Classifier:
    """A masked language model that answers by its label words; without ``labels``, by those in its config."""
    tokenizer = load_tokenizer(checkpoint)
    with loading(f"the checkpoint {checkpoint.name!r}"):
        mlm = masked_lm(checkpoint.name, checkpoint.source, hub=checkpoint.hub, labels=labels, multi=multi)
    limit = int(getattr(mlm.config, "max_position_embeddings", 0) or max_length)
    model = ClozeModel(mlm, cloze, mask_id=tokenizer.mask_token_id).to(device())
    named = tuple(mlm.config.id2label[position] for position in range(len(mlm.config.id2label)))
    several = mlm.config.problem_type == "multi_label_classification"
    return Classifier(model, tokenizer, named, several, min(max_length, limit))


def load(folder: Path, *, max_length: int, cloze: Cloze | None = None, readout: Readout = "text") -> Classifier:
    """A classifier that :func:`save` wrote (or any of its kind in the Hugging Face format).

    Args:
        cloze: How it answers, where it is a masked language model.
    """
    checkpoint = Checkpoint(folder.name, str(folder))
    if cloze is not None:
        made = _fill_in(checkpoint, cloze, max_length=max_length)
        made.model.eval()
        return made
    tokenizer = load_tokenizer(checkpoint)
    if readout == "generate":
        made = _writer(checkpoint, tokenizer, max_length=max_length)
        made.model.eval()
        return made
    with loading(f"the model in {folder}"):
        model, found = _MODELS[readout].from_pretrained(
            str(folder),
            dtype=torch.float32,
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=False,
            output_loading_info=True,
        )
    if found["missing_keys"]:  # they were made up
        raise RuletuneError(f"{folder}: damaged weights: {sorted(found['missing_keys'])[0]!r} is missing")
    labels = tuple(model.config.id2label[position] for position in range(model.config.num_labels))
    if readout == "pair":
        labels = tuple(name.removesuffix(f" ({_ENTITIES[0]})") for name in labels[: len(labels) // 2])
    multi = readout == "text" and model.config.problem_type == "multi_label_classification"
    return Classifier(
        model.to(device()).eval(), tokenizer, () if readout == "extract" else labels, multi, max_length, readout
    )


def save(classifier: Classifier, folder: Path) -> None:
    """Write a plain Hugging Face checkpoint: safetensors, config and tokenizer."""
    classifier.model.save_pretrained(str(folder))
    classifier.tokenizer.save_pretrained(str(folder))


@dataclass(frozen=True, slots=True)
class TorchScorer:
    """A classifier as a :class:`~ruletune.models.scoring.Scorer`, run by PyTorch.

    Attributes:
        precision: As :func:`autocast` has it.
        ask: What is asked of the model in place of its logits, where it is something else.
    """

    classifier: Classifier
    precision: str = "auto"
    ask: Callable[[dict[str, torch.Tensor]], torch.Tensor] | None = None

    @property
    def tokenizer(self) -> Any:
        return self.classifier.tokenizer

    @property
    def labels(self) -> tuple[str, ...]:
        return self.classifier.labels

    @property
    def max_length(self) -> int:
        return self.classifier.max_length

    @property
    def readout(self) -> Readout:
        return self.classifier.readout

    @property
    def most_tokens(self) -> int | None:
        return _CACHED if self._place.type == "cpu" else None

    @property
    def most_padding(self) -> int | None:
        return _PADDING if self._place.type == "cpu" else None

    @property
    def _place(self) -> torch.device:
        place: torch.device = next(self.classifier.model.parameters()).device
        return place

    def score(self, batches: Iterable[Batch]) -> Iterator[np.ndarray]:
        place, ask = self._place, self.ask or self.classifier
        if self.classifier.model.training:  # telling every layer what it knows takes longer than a short text
            self.classifier.model.eval()
        with torch.inference_mode(), autocast(self.precision, place):
            for batch in batches:
                inputs = {name: torch.from_numpy(values).to(place) for name, values in batch.items()}
                yield ask(inputs).float().cpu().numpy()


def logits(
    classifier: Classifier,
    encoded: Encoded,
    *,
    precision: str = "auto",
    batch_size: int = 64,
    progress: Callable[[int], None] | None = None,
) -> np.ndarray:
    """:func:`ruletune.models.scoring.logits` of a classifier."""
    return scoring.logits(TorchScorer(classifier, precision), encoded, batch_size=batch_size, progress=progress)


def token_logits(
    classifier: Classifier,
    encoded: Encoded,
    *,
    precision: str = "auto",
    batch_size: int = 64,
    progress: Callable[[int], None] | None = None,
) -> Ragged:
    """:func:`ruletune.models.scoring.token_logits` of a classifier."""
    return scoring.token_logits(TorchScorer(classifier, precision), encoded, batch_size=batch_size, progress=progress)


def word_scores(classifier: Classifier, encoded: Encoded, *, precision: str = "auto") -> np.ndarray:
    """Log-probabilities of a cloze's label words in the blank, float32 of shape (examples, labels, words).

    A label with fewer words than another has zeros at its end.
    """
    scorer = TorchScorer(classifier, precision, ask=lambda batch: classifier.model.word_scores(**batch))
    answers = list(scoring.answered(scorer, encoded))
    if not answers:
        return np.zeros((0, len(classifier.labels)), dtype=np.float32)
    order = np.argsort(np.concatenate([rows for rows, _ in answers]))
    return np.asarray(np.concatenate([values for _, values in answers])[order])
