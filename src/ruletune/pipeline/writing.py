"""How a model's texts come about: sources as the model reads them, answers that keep what rules demand.

What a rule demands of an answer is heard in this order. Phrases that must not appear cannot be written at all. Phrases that
must appear are looked for among the likeliest answers; where none has them all, the answer is written again under the
constraint that they appear (:mod:`ruletune.models.generating`). Of the answers that are left, the one that breaks the fewest
rules is taken, of those one that does not say such a phrase again, and of those the likeliest. What it still breaks is named in :attr:`Draft.broken`; no demand is dropped in
silence.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from ruletune.config import TaskSpec
from ruletune.errors import UserError
from ruletune.models.backbone import Classifier
from ruletune.models.encoding import Encoded
from ruletune.models.generating import Candidate, Constraint, encode_texts, generate
from ruletune.models.lexical import inexpressible
from ruletune.pipeline.drafts import Draft, Drafts
from ruletune.pipeline.hints import hinted, hinted_pieces
from ruletune.rules.demands import Avoid, Demand, Say, unmet
from ruletune.rules.demands import found as occurrences
from ruletune.rules.reading import sentences
from ruletune.templates import Piece, Rendering, Stretch
from ruletune.types import Example, Span, Text

__all__ = ["Shown", "Writing", "avoided", "show", "source_of", "source_stretches", "write"]


@dataclass(frozen=True, slots=True)
class Writing:
    """Everything about writing answers that is the same for all of them.

    Attributes:
        max_length, max_target: Of a source and of an answer, in tokens.
        beams: Answers that are under way at a time.
        too_long: What becomes of a longer source: it is answered piece by piece, loses its end, or is refused.
        told: Rules' demands are put into the source.
        held: Answers are written so that they keep the rules' demands.
    """

    rendering: Rendering
    max_length: int
    max_target: int
    beams: int
    too_long: Literal["windows", "cut", "error"]
    told: bool
    held: bool
    precision: str

    @classmethod
    def of(cls, spec: TaskSpec) -> Writing:
        model, training = spec.file.model, spec.file.training
        guidance = training.guidance
        return cls(
            spec.rendering,
            model.max_length,
            model.max_target,
            model.beams,
            model.too_long,
            told=guidance.input,
            held=guidance.decoding,
            precision=training.precision,
        )

    def unheard(self) -> Writing:
        """The same where no rule is heard."""
        return replace(self, told=False, held=False)


@dataclass(frozen=True, slots=True)
class Shown:
    """Sources as the model reads them; one that is too long for it is several.

    Attributes:
        encoded: Piece by piece.
        owner: The example that each piece is of.
        pieces: The examples of the pieces, as they were before anything was put into them.
        demands: What is demanded of the answer to each piece.
    """

    encoded: Encoded
    owner: tuple[int, ...]
    pieces: tuple[Example, ...]
    demands: tuple[tuple[Demand, ...], ...]


def show(
    examples: Sequence[Example],
    demands: Sequence[Sequence[Demand]],
    writing: Writing,
    tokenizer: Any,
    *,
    targets: Sequence[str] | None = None,
) -> Shown:
    """Render and tokenize sources.

    Args:
        demands: By example.
        targets: What should be answered. A source that is too long is cut then: nobody knows which part of the answer is
            about which part of the source.

    Raises:
        UserError: A source is too long, where that is an error.
    """
    pieces, owner, asked = list(examples), list(range(len(examples))), [tuple(each) for each in demands]
    lengths = _lengths(examples, asked, writing, tokenizer)
    long = [row for row, length in enumerate(lengths) if length > writing.max_length]
    if long and writing.too_long == "error":
        shown = ", ".join(repr(examples[row].id) for row in long[:5])
        raise UserError(
            f"{len(long)} sources are longer than {writing.max_length} tokens (ids {shown}{', ...' if len(long) > 5 else ''})",
            remedy="raise model.max_length, or set model.too_long to windows or cut",
        )
    if long and writing.too_long == "windows" and targets is None:
        pieces, owner, asked = _divided(examples, asked, set(long), writing, tokenizer)
    kept_by: Sequence[Text | None] = [None] * len(pieces) if targets is None else [Text(target) for target in targets]
    sources = [source_of(e, d, writing, kept_by=gold) for e, d, gold in zip(pieces, asked, kept_by, strict=True)]
    encoded = encode_texts(
        sources, targets, tokenizer=tokenizer, max_length=writing.max_length, max_target=writing.max_target
    )
    return Shown(encoded, tuple(owner), tuple(pieces), tuple(asked))


def source_of(example: Example, demands: Sequence[Demand], writing: Writing, *, kept_by: Text | None = None) -> str:
    """A source as the model reads it, whole."""
    shown = hinted(example, demands, kept_by=kept_by) if writing.told else example
    return writing.rendering.render(shown).first


def source_stretches(
    example: Example, demands: Sequence[Demand], writing: Writing
) -> tuple[tuple[Stretch, ...], tuple[Piece, ...]]:
    """The source of :func:`source_of` with what each part of it is of, and the text in it as pieces of the example's text."""
    told = tuple(hinted_pieces(example, demands)) if writing.told else ((example.text, 0),)
    shown = replace(example, text="".join(words for words, _ in told))
    return writing.rendering.stretches(shown)[0], told


def _lengths(
    examples: Sequence[Example], demands: Sequence[Sequence[Demand]], writing: Writing, tokenizer: Any
) -> list[int]:
    """Of sources, in tokens."""
    if not examples:
        return []
    sources = [source_of(e, d, writing) for e, d in zip(examples, demands, strict=True)]
    return [len(ids) for ids in tokenizer(sources, verbose=False)["input_ids"]]


def _divided(
    examples: Sequence[Example],
    demands: Sequence[tuple[Demand, ...]],
    long: set[int],
    writing: Writing,
    tokenizer: Any,
) -> tuple[list[Example], list[int], list[tuple[Demand, ...]]]:
    """Sources in pieces that fit, cut where sentences end; each with the demands whose reasons stand in it."""
    pieces: list[Example] = []
    owner: list[int] = []
    asked: list[tuple[Demand, ...]] = []
    for row, (example, mine) in enumerate(zip(examples, demands, strict=True)):
        ranges = [(0, len(example.text))]
        if row in long:
            scaffold = _lengths([replace(example, text=" ")], [()], writing, tokenizer)[0]
            told = _lengths([example], [mine], writing, tokenizer)[0]
            told -= _lengths([example], [()], writing, tokenizer)[0]
            room = max(8, writing.max_length - scaffold - told - 1)  # a piece may begin with a token more
            ranges = _fitting(example.text, room, tokenizer)
        for position, (start, end) in enumerate(ranges):
            pieces.append(replace(example, text=example.text[start:end]))
            owner.append(row)
            asked.append(_within(mine, start, end, first=position == 0) if len(ranges) > 1 else mine)
    return pieces, owner, asked


def _fitting(text: str, room: int, tokenizer: Any) -> list[tuple[int, int]]:
    """Ranges of a text of so many tokens at most: whole sentences, or parts of one that is longer."""
    made = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
    ends = [end for _, end in made["offset_mapping"]]
    edges = sorted({end for _, end in sentences(text)} | {len(text)})
    ranges, start, first, held = [], 0, 0, 0
    while start < len(text):
        last = min(first + room, len(ends)) - 1  # the last token that still fits
        limit = len(text) if first + room >= len(ends) else ends[max(last, first)]
        held = max((edge for edge in edges if start < edge <= limit), default=limit)
        held = max(held, start + 1)
        if text[start:held].strip():
            ranges.append((start, held))
        start = held
        while first < len(ends) and ends[first] <= start:
            first += 1
    return ranges or [(0, len(text))]


def _within(demands: Sequence[Demand], start: int, end: int, *, first: bool) -> tuple[Demand, ...]:
    """What concerns the answer to a piece: phrases whose reason stands in it; those without one in the first; no measures of
    the whole, and all vetoes.
    """
    mine = []
    for demand in demands:
        match demand.what:
            case Say():
                here = [s for s in demand.spans if start <= s.start and s.end <= end]
                if here or (first and not demand.spans):
                    moved = tuple(Span(s.start - start, s.end - start, s.label) for s in here)
                    mine.append(replace(demand, spans=moved))
            case Avoid():
                mine.append(replace(demand, spans=()))
            case _:
                pass
    return tuple(mine)


def write(
    classifier: Classifier,
    examples: Sequence[Example],
    demands: Sequence[Sequence[Demand]],
    writing: Writing,
    *,
    shown: Shown | None = None,
    several: int = 1,
    progress: Callable[[int], None] | None = None,
) -> Drafts:
    """Answer every example.

    Args:
        demands: What rules demand of each answer; it is only looked at where they are not heard in writing.
        shown: The examples as the model reads them, where that is known.
        several: Answers to each at most.
        progress: Told how many sources are done.
    """
    shown = shown or show(examples, demands, writing, classifier.tokenizer)
    cannot = _unwritable(shown.demands, classifier.tokenizer) if writing.held else frozenset()
    candidates = max(several, writing.beams) if writing.held and any(shown.demands) else several
    written = generate(
        classifier,
        shown.encoded,
        constraints=[_constraint(p, each, writing, cannot) for p, each in zip(shown.pieces, shown.demands, strict=True)]
        if writing.held
        else None,
        beams=max(writing.beams, several),
        candidates=candidates,
        max_target=writing.max_target,
        precision=writing.precision,
        progress=progress,
    )
    answers: list[list[list[Candidate]]] = [[] for _ in examples]
    for row, piece, asked, found in zip(shown.owner, shown.pieces, shown.demands, written, strict=True):
        order = list(range(len(found)))
        if writing.held:
            order.sort(key=lambda n: (len(unmet(asked, piece, found[n].text)), _repeated(asked, found[n].text), n))
        answers[row].append([found[n] for n in order])
    return Drafts(
        tuple(
            _draft(parts, tuple(mine), example, several)
            for parts, mine, example in zip(answers, demands, examples, strict=True)
        )
    )


def _repeated(demands: Sequence[Demand], answer: str) -> int:
    """How often an answer says a demanded phrase again that the source has once: the search puts a phrase where it is still
    missing, and a model that goes on may say it in its own place, too.
    """
    again = 0
    for demand in demands:
        if isinstance(demand.what, Say):
            said = sum(1 for phrase in demand.what.plain for _ in occurrences(phrase, answer))
            again += max(0, said - max(1, len(demand.spans)))
    return again


def avoided(piece: Example, demands: Sequence[Demand], writing: Writing) -> tuple[str, ...]:
    """Phrases that must not appear.

    The brackets in which a source is told what to say are no part of it: where it has none of its own, neither has the answer.
    """
    phrases = [phrase for d in demands if isinstance(d.what, Avoid) for phrase in d.what.phrases]
    added = writing.told and "(" not in piece.text and "(" in hinted(piece, demands).text
    return tuple(dict.fromkeys([*phrases, "("] if added else phrases))


def _constraint(piece: Example, demands: Sequence[Demand], writing: Writing, cannot: frozenset[str]) -> Constraint:
    """What can be held to while an answer is written.

    Args:
        cannot: Phrases that the model has no tokens for; an answer without them is named as one that breaks its rule.
    """
    groups = [d.what.alternatives for d in demands if isinstance(d.what, Say)]
    written = [tuple(phrase for phrase in group if phrase not in cannot) for group in groups]
    require = tuple(dict.fromkeys(group for group in written if group))
    return Constraint(require, avoided(piece, demands, writing))


def _unwritable(demands: Sequence[Sequence[Demand]], tokenizer: Any) -> frozenset[str]:
    """Demanded phrases that the model has no tokens for, such as signs to be copied from a source."""
    groups = {d.what.alternatives for mine in demands for d in mine if isinstance(d.what, Say)}
    return frozenset(inexpressible(tokenizer, [phrase for group in groups for phrase in group]))


def _draft(parts: list[list[Candidate]], demands: tuple[Demand, ...], example: Example, several: int) -> Draft:
    """The answer to one example from those to its pieces."""
    text = " ".join(part[0].text for part in parts if part and part[0].text)
    score = min((part[0].score for part in parts if part), default=-math.inf)
    broken = tuple(dict.fromkeys(demand.rule for demand in unmet(demands, example, text)))
    others = tuple((c.text, c.score) for c in parts[0][1:several]) if len(parts) == 1 else ()
    pieces = tuple(part[0].text if part else "" for part in parts)
    return Draft(text, score, broken, others, pieces)
