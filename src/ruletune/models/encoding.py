"""From examples to token ids: rendering, truncation that spares the scaffold, batches of like length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ruletune.errors import UserError
from ruletune.models.around import joined, nearest_pieces
from ruletune.models.corruption import IGNORED
from ruletune.models.markers import markers_of
from ruletune.models.verbalizer import Cloze
from ruletune.templates import MARKERS, Rendered, Rendering, Stretch, Template
from ruletune.types import Example

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = [
    "Encoded", "Loss", "Part", "balanced", "buckets", "collate", "encode", "padded", "part_shown", "stacked",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Loss:
    """What truncation cost: texts cut, tokens left out, and the longest input before it was cut."""

    texts: int
    truncated: int
    tokens_lost: int
    longest: int


@dataclass(frozen=True, slots=True)
class Encoded:
    """Token ids of examples, in their order, not yet padded.

    Attributes:
        columns: The model's inputs by name (``input_ids``, ``attention_mask``, perhaps
            ``token_type_ids``), each a list of int lists, one per example. Where texts are shown through
            clozes, ``prompt`` is the position of the example's prompt, alone in its list; where two entities are
            marked, ``marks`` are the positions of the markers before the subject and before the object. ``labels`` are the
            tokens of a text that is to be written.
        loss: What truncation cost.
        others: The same examples shown through further templates.
    """

    columns: dict[str, list[list[int]]]
    loss: Loss
    others: tuple[Encoded, ...] = ()

    def __len__(self) -> int:
        return len(self.columns["input_ids"])

    @property
    def lengths(self) -> np.ndarray:
        return np.array([len(ids) for ids in self.columns["input_ids"]], dtype=np.int64)

    def take(self, rows: Sequence[int]) -> Encoded:
        """The examples in ``rows``; the truncation figures stay those of the whole."""
        columns = {name: [values[r] for r in rows] for name, values in self.columns.items()}
        return Encoded(columns, self.loss, tuple(other.take(rows) for other in self.others))

    def joined(self, other: Encoded) -> Encoded:
        """These examples, and then the others; the truncation figures are of the first."""
        columns = {name: [*values, *other.columns[name]] for name, values in self.columns.items()}
        return Encoded(columns, self.loss, tuple(a.joined(b) for a, b in zip(self.others, other.others, strict=True)))

    def each(self) -> tuple[Encoded, ...]:
        """The examples through one template at a time."""
        return (replace(self, others=()), *self.others) if self.others else (self,)


def stacked(encoded: Encoded) -> Encoded:
    """Every example once for each template, one template after the other."""
    views = encoded.each()
    columns = {name: [row for view in views for row in view.columns[name]] for name in encoded.columns}
    return Encoded(columns, encoded.loss)


def encode(
    examples: Sequence[Example],
    *,
    rendering: Rendering,
    tokenizer: PreTrainedTokenizerBase,
    max_length: int,
    templates: Sequence[Template | None] | None = None,
    cloze: Cloze | None = None,
) -> Encoded:
    """Render and tokenize examples; inputs longer than ``max_length`` tokens lose the end of their text.

    Only the example's own text is cut: template words, knowledge and a second text keep their
    place, so that a suffix with the question survives a long document. Where the scaffold alone
    is too long, the tokenizer cuts the longer segment; of a cloze, whose blank must stay, the second text is cut. A text
    with two entities loses what is farthest from them (:func:`ruletune.models.around.around`).

    A tokenizer that knows the markers of entities marks them: that is how a model is shown pairs the same way whenever it
    is loaded.

    Args:
        templates: One an example, in place of the rendering's own where not ``None``.
        cloze: What the templates' blanks are; needed where they have one.

    Raises:
        UserError: A cloze, or what stands around a marked text, is too long for the model even without the text; or there
            is nothing to mark.
    """
    assert cloze is not None or not rendering.template.cloze, "who encodes for a cloze says what its blanks are"
    own = templates or [None] * len(examples)
    if not examples:
        return Encoded({"input_ids": [], "attention_mask": []}, Loss(0, 0, 0, 0))
    shower = _Shower(rendering, tokenizer, max_length, cloze, markers_of(tokenizer))
    if shower.markers:
        _check_pairs(examples)
    first, *others = (shower.encode(examples, [t or template for t in own]) for template in rendering.templates)
    return replace(first, others=tuple(others))


@dataclass(frozen=True, slots=True)
class Part:
    """What a model is shown of an example.

    Attributes:
        example: It, or what was left of a text with two entities.
        text: A beginning of its text, where not all of it is shown.
        pieces: The half-open characters of the whole text that are shown, in reading order.
    """

    example: Example
    text: str | None
    pieces: tuple[tuple[int, int], ...]


def _whole(example: Example) -> Part:
    return Part(example, None, ((0, len(example.text)),))


def part_shown(
    example: Example,
    *,
    rendering: Rendering,
    tokenizer: PreTrainedTokenizerBase,
    max_length: int,
    template: Template,
    cloze: Cloze | None = None,
) -> tuple[Part, tuple[tuple[Stretch, ...], ...]]:
    """What :func:`encode` shows of an example through one template: its part, and the input with what each stretch is of."""
    shower = _Shower(rendering, tokenizer, max_length, cloze, markers_of(tokenizer))
    part = shower.part(example, template)
    return part, shower.stretches(part, template)


@dataclass(frozen=True, slots=True)
class _Shower:
    """Everything about showing texts to a model that is the same for all of them."""

    rendering: Rendering
    tokenizer: PreTrainedTokenizerBase
    max_length: int
    cloze: Cloze | None
    markers: tuple[int, ...] = ()

    def encode(self, examples: Sequence[Example], templates: Sequence[Template]) -> Encoded:
        rendered = [self._render(e, None, template) for e, template in zip(examples, templates, strict=True)]
        columns = _tokenize(self.tokenizer, rendered, None)
        lengths = [len(ids) for ids in columns["input_ids"]]
        too_long = [row for row, length in enumerate(lengths) if length > self.max_length]
        if too_long:
            parts = [self._cut(examples[row], templates[row], lengths[row]) for row in too_long]
            shorter = [self._render(p.example, p.text, templates[row]) for row, p in zip(too_long, parts, strict=True)]
            cut = _tokenize(self.tokenizer, shorter, self.max_length)
            for name, values in cut.items():
                for row, value in zip(too_long, values, strict=True):
                    columns[name][row] = value
        if self.cloze is not None:
            columns["prompt"] = [[self.cloze.position(template)] for template in templates]
        if self.markers:
            columns["marks"] = [[ids.index(marker) for marker in self.markers] for ids in columns["input_ids"]]
        loss = Loss(
            texts=len(examples),
            truncated=len(too_long),
            tokens_lost=sum(lengths[row] - len(columns["input_ids"][row]) for row in too_long),
            longest=max(lengths),
        )
        return Encoded(columns, loss)

    def _render(self, example: Example, text: str | None, template: Template) -> Rendered:
        if self.markers:
            example = self.rendering.marked(example)
        if self.cloze is None:
            return self.rendering.render(example, text=text, template=template)
        mask = str(self.tokenizer.mask_token)
        return self.rendering.render(example, text=text, template=template, mask=mask, masks=self.cloze.masks)

    def part(self, example: Example, template: Template) -> Part:
        """What of an example is shown."""
        length = self._length(self._render(example, None, template))
        return self._cut(example, template, length) if length > self.max_length else _whole(example)

    def stretches(self, part: Part, template: Template) -> tuple[tuple[Stretch, ...], ...]:
        """The input for what of an example is shown, told apart."""
        example = self.rendering.marked(part.example) if self.markers else part.example
        if self.cloze is None:
            return self.rendering.stretches(example, text=part.text, template=template)
        mask = str(self.tokenizer.mask_token)
        return self.rendering.stretches(example, text=part.text, template=template, mask=mask, masks=self.cloze.masks)

    def _cut(self, example: Example, template: Template, length: int) -> Part:
        """An example that is ``length`` tokens long, without the end of its text, or without what is far from its entities."""
        if example.entities:
            return self._around(example, template, length - self.max_length)
        text = _cut(self.tokenizer, example.text, length - self.max_length)
        rendered = self._render(example, text, template)
        while self.cloze is not None and (surplus := self._length(rendered) - self.max_length) > 0:
            # Cut until it fits: what the tokenizer would cut itself might be the blank.
            if text:
                text = _cut(self.tokenizer, text, surplus)
            elif example.text_pair:
                example = replace(example, text_pair=_cut(self.tokenizer, example.text_pair, surplus))
            else:
                raise _too_long(surplus, template)
            rendered = self._render(example, text, template)
        return Part(example, text, ((0, len(text)),))

    def _around(self, example: Example, template: Template, surplus: int) -> Part:
        made: Any = self.tokenizer(example.text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
        ranges = np.array([r for r in made["offset_mapping"] if r[1] > r[0]], dtype=np.int64).reshape(-1, 2)
        keep, found = len(ranges), _whole(example)
        while surplus > 0:
            if keep <= len(MARKERS):
                raise _too_long(surplus, template)
            keep = max(len(MARKERS), keep - surplus)
            pieces = nearest_pieces(example, ranges, keep)
            found = Part(joined(example, pieces), None, tuple(pieces))
            surplus = self._length(self._render(found.example, None, template)) - self.max_length
        return found

    def _length(self, rendered: Rendered) -> int:
        return len(_tokenize(self.tokenizer, [rendered], None)["input_ids"][0])


def _check_pairs(examples: Sequence[Example]) -> None:
    bare = [example.id for example in examples if len(example.entities) != len(MARKERS)]
    if bare:
        shown = ", ".join(map(repr, bare[:5]))
        remedy = "mark them in the text, <e1>Ann</e1> works for <e2>Acme</e2>, or pass Example(..., entities=(subject, object))"
        raise UserError(
            f"{len(bare)} texts have no two entities (ids {shown}{', ...' if len(bare) > 5 else ''})", remedy=remedy
        )


def _too_long(surplus: int, template: Template) -> UserError:
    return UserError(
        f"the template is {surplus} tokens too long for the model even without the text: {template.source!r}",
        remedy="raise model.max_length, or show less beside the text",
    )


def _tokenize(
    tokenizer: PreTrainedTokenizerBase, inputs: Sequence[Rendered], max_length: int | None
) -> dict[str, list[list[int]]]:
    firsts = [shown.first for shown in inputs]
    seconds = [shown.second or "" for shown in inputs] if inputs[0].second is not None else None
    batch: Any = tokenizer(
        firsts,
        seconds,
        truncation=max_length is not None,
        max_length=max_length,
        padding=False,
        verbose=False,
    )
    return {name: list(batch[name]) for name in tokenizer.model_input_names if name in batch}


def _cut(tokenizer: PreTrainedTokenizerBase, text: str, surplus: int) -> str:
    """``text`` without its last ``surplus`` tokens, cut at a token's end."""
    offsets: Any = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
    ends = [end for _, end in offsets["offset_mapping"]]
    keep = len(ends) - surplus
    return text[: ends[keep - 1]] if keep > 0 else ""


def padded(encoded: Encoded, rows: Sequence[int], *, pad_id: int) -> dict[str, np.ndarray]:
    """Rows padded on the right to the longest of them, int64 of shape (rows, length); labels have a length of their own."""
    fills = {"input_ids": pad_id, "labels": IGNORED}
    batch = {}
    for name, values in encoded.columns.items():
        width = max(len(values[row]) for row in rows)
        batch[name] = np.full((len(rows), width), fills.get(name, 0), dtype=np.int64)
        for position, row in enumerate(rows):
            batch[name][position, : len(values[row])] = values[row]
    return batch


def collate(encoded: Encoded, rows: Sequence[int], *, pad_id: int, device: torch.device) -> dict[str, torch.Tensor]:
    """:func:`padded` rows as tensors."""
    batch = padded(encoded, rows, pad_id=pad_id)
    return {name: torch.from_numpy(values).to(device) for name, values in batch.items()}


def buckets(
    lengths: np.ndarray,
    *,
    batch_size: int,
    rng: np.random.Generator | None = None,
    pool: int = 32,
    tokens: int | None = None,
    padding: int | None = None,
) -> Iterator[np.ndarray]:
    """Batches of rows with like lengths, so that little of a batch is padding.

    Without ``rng`` rows go from long to short, for prediction: ``tokens`` in a batch at most, padding included, and ``padding``
    of them padding, or one row. With it, rows are shuffled, cut into pools of ``pool`` batches, sorted by length within a pool,
    and the batches shuffled: every epoch sees other batches, each of them even in length.

    >>> [rows.tolist() for rows in buckets(np.array([9, 2, 8, 2]), batch_size=64, padding=3)]
    [[0, 2], [1, 3]]
    """
    if rng is None:
        order = np.argsort(-lengths, kind="stable")
        start = 0
        while start < len(order):
            longest = int(lengths[order[start]])
            room = batch_size if tokens is None else tokens // max(1, longest)
            end = start + max(1, min(batch_size, room))
            if padding is not None:
                spent = np.cumsum(longest - lengths[order[start:end]])
                end = start + int(np.searchsorted(spent, padding, side="right"))
            yield order[start:end]
            start = end
        return
    order = rng.permutation(len(lengths))
    span = batch_size * pool
    batches = []
    for start in range(0, len(order), span):
        block = order[start : start + span]
        block = block[np.argsort(lengths[block], kind="stable")]
        batches += [block[first : first + batch_size] for first in range(0, len(block), batch_size)]
    yield from (batches[position] for position in rng.permutation(len(batches)))


def balanced(classes: np.ndarray, *, batch_size: int, batches: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Batches of rows with as many of each class as will go in and as there are; a lone row is its own pair.

    Args:
        classes: (rows,) class of each row.
    """
    groups = [np.flatnonzero(classes == k) for k in np.unique(classes)]
    each = max(2, batch_size // max(1, len(groups)))
    for _ in range(batches):
        yield np.concatenate([rng.permutation(np.resize(group, max(2, len(group))))[:each] for group in groups])
