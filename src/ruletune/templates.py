"""How an input is shown to the model: a template with fields, and knowledge put into it.

A template is text with fields in braces, ``"{description} {text}"``; ``{{`` and ``}}`` are literal
braces. There are no expressions, attributes or formats, so a template can do nothing but place
text. What stands before and after ``{text}`` is the prefix and suffix of the prompt literature.
``{sep}`` divides the input into the tokenizer's first and second segment.

A template with ``{mask}`` is a cloze: the model fills in the blank, and *label words* that a
verbalizer names for every label tell the answer (Schick & Schütze 2021, Exploiting Cloze Questions).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ruletune.errors import Location, Problem, UserError, nearest
from ruletune.knowledge import Injected, Knowledge, inject
from ruletune.marking import MARKERS, Piece, apart, marked_pieces
from ruletune.rules.filling import pieces
from ruletune.types import Example, Span

__all__ = [
    "DIALOGUE_FIELDS",
    "FIELDS",
    "MARKERS",
    "PAIR_FIELDS",
    "LabelWords",
    "Piece",
    "Rendered",
    "Rendering",
    "Stretch",
    "Template",
    "default_template",
    "default_words",
    "writing_template",
]

FIELDS = (
    "text", "text_pair", "name", "description", "labels", "knowledge", "sep", "mask", "subject", "object", "subject_type",
    "object_type", "history", "act", "facts",
)  # fmt: skip

PAIR_FIELDS = frozenset({"subject", "object", "subject_type", "object_type"})
"""Fields that only texts with two entities fill."""

DIALOGUE_FIELDS = frozenset({"history", "act", "facts"})
"""Fields that only turns of a dialogue fill, from the fields of the same names that an example has."""

LabelWords = tuple[tuple[str, tuple[str, ...]], ...]
"""A verbalizer: (label, its words) in turn."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of an input, and what it is of.

    Attributes:
        field: The field that it fills; ``template`` for the template's own words, ``knowledge`` for what is known about terms.
        begin: Where in the example's text, or in its second text, it begins; ``None`` where it is of neither.
    """

    words: str
    field: str
    begin: int | None = None


_SHOWN = 40
"""Characters of a field's name that a message repeats."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """An input as the tokenizer takes it: one segment, or two."""

    first: str
    second: str | None = None


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed template: literal text and fields in turn.

    Attributes:
        source: As written.
        parts: ``(is_field, text or field name)`` in order.
        words: Label words of this cloze alone, in place of the task's.
    """

    source: str
    parts: tuple[tuple[bool, str], ...]
    words: LabelWords = ()

    @classmethod
    def parse(cls, source: str, *, where: Location | None = None, words: LabelWords = ()) -> Template:
        """Parse a template.

        Raises:
            UserError: A brace without its partner, an unknown field, no ``{text}``, or ``{sep}`` or
                ``{mask}`` twice.

        >>> Template.parse("Review: {txet}")
        Traceback (most recent call last):
        ruletune.errors.UserError: unknown field {txet} in the template; did you mean 'text'?
        """
        parts = tuple(pieces(source, where=where))
        fields = [name for is_field, name in parts if is_field]
        unknown = [name for name in dict.fromkeys(fields) if name not in FIELDS]
        problems = [
            Problem(f"unknown field {{{name[:_SHOWN]}}} in the template", where, nearest(name[:_SHOWN], FIELDS))
            for name in unknown
        ]
        if "text" not in fields and not unknown:
            problems.append(Problem("the template does not show the text", where, "put {text} into it"))
        if fields.count("sep") > 1:
            problems.append(Problem("the template has {sep} twice", where, "an input has two segments at most"))
        if fields.count("mask") > 1:
            problems.append(Problem("the template has {mask} twice", where, "there is one blank to fill in"))
        if problems:
            raise UserError.of(problems)
        return cls(source, parts, words)

    @property
    def fields(self) -> frozenset[str]:
        return frozenset(name for is_field, name in self.parts if is_field)

    @property
    def cloze(self) -> bool:
        """Whether the model answers by filling in a blank."""
        return "mask" in self.fields

    def render(self, values: Mapping[str, str]) -> Rendered:
        """Put values into the fields. A missing value is empty; values are never read as templates.

        >>> Template.parse("{{review}} {text}{sep}{description}").render({"text": "{sep}", "description": "d"})
        Rendered(first='{review} {sep}', second='d')
        """
        segments: list[list[str]] = [[]]
        for is_field, text in self.parts:
            if is_field and text == "sep":
                segments.append([])
            else:
                segments[-1].append(values.get(text, "") if is_field else text)
        first, *rest = ("".join(segment) for segment in segments)
        return Rendered(first.strip(), rest[0].strip() if rest else None)


def default_template(*, pair: bool, asked: bool = False) -> Template:
    """What is shown where the task file has no template: the text, or both texts as two segments; a question comes first."""
    if asked:
        return Template.parse("{text_pair}{sep}{text}")
    return Template.parse("{text}{sep}{text_pair}" if pair else "{text}")


def writing_template(task: str, *, described: bool) -> Template:
    """What is shown where a text is to be written and the task file has no template: the description, which says what is to
    be done, and all that there is to go by.

    Without a description a text to be summarized stands behind the word that T5 was trained to know the task by (Raffel et
    al. 2020, *Exploring the limits of transfer learning with a unified text-to-text transformer*, appendix D). In a
    dialogue the act comes last, as near to the answer as can be.

    >>> writing_template("summarization", described=False).source
    'summarize: {text}'
    """
    body = "{facts} {history} {text} {act}" if task == "dialogue" else "{text}"
    if described:
        return Template.parse(f"{{description}} {body}")
    return Template.parse(f"summarize: {body}" if task == "summarization" else body)


def default_words(label: str) -> tuple[str, ...]:
    """A label's words where the task file names none: those of its own name.

    >>> default_words("Very_Good")
    ('very', 'good')
    """
    return tuple(dict.fromkeys(re.findall(r"[^\W_]+", label.casefold())))


@dataclass(frozen=True, slots=True)
class Rendering:
    """Everything that turns an example into an input. It is saved with the model and used again at prediction.

    Attributes:
        labels: Name to description.
        others: Further templates. The model learns from a text through each of them, and its answers through all
            of them are averaged.
        types: Of entities, name to description.
    """

    template: Template
    knowledge: tuple[Knowledge, ...] = ()
    name: str = ""
    description: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    others: tuple[Template, ...] = ()
    types: Mapping[str, str] = field(default_factory=dict)

    @property
    def templates(self) -> tuple[Template, ...]:
        return self.template, *self.others

    def render(
        self,
        example: Example,
        *,
        text: str | None = None,
        template: Template | None = None,
        mask: str = "",
        masks: int = 1,
    ) -> Rendered:
        """The input for an example.

        Args:
            text: A beginning of the example's text, where the whole is too long for the model. What
                stands around it stays whole, and so does knowledge about terms that lie in it;
                knowledge about what was cut away is left out.
            template: Takes the place of the rendering's own.
            mask: The tokenizer's mask token, which ``{mask}`` stands for. In what the example and the task say it is
                broken up, so that a text cannot add a blank.
            masks: Mask tokens in the blank, as many as a label word has tokens.

        >>> rendering = Rendering(default_template(pair=False), (Knowledge({"MRSA": "a bacterium"}),))
        >>> rendering.render(Example("1", "MRSA on ward 3")).first
        'MRSA on ward 3 MRSA: a bacterium'
        >>> rendering.render(Example("1", "MRSA on ward 3"), text="MRSA").first
        'MRSA MRSA: a bacterium'
        """
        injected = inject(self.knowledge, example.text, length=None if text is None else len(text))
        values = self._values(example, injected)
        if mask:
            broken = f"{mask[0]} {mask[1:]}"
            values = {name: value.replace(mask, broken) for name, value in values.items()}
        return (template or self.template).render(values | {"mask": mask * masks})

    def pieces(self, example: Example, *, template: Template | None = None) -> tuple[tuple[Piece, ...], ...]:
        """The input for an example as pieces, segment by segment: each with the place in the example's text where it begins.

        Unlike :meth:`render`, white space at the edges stays: it is part of the text that pieces are found in.

        >>> Rendering(Template.parse("Note: {text}")).pieces(Example("1", "ward 3"))
        ((('Note: ', None), ('ward 3', 0)),)
        """
        injected = inject(self.knowledge, example.text)
        values = self._values(example, injected)
        segments: list[list[Piece]] = [[]]
        for is_field, written in (template or self.template).parts:
            if not is_field:
                segments[-1].append((written, None))
            elif written == "sep":
                segments.append([])
            elif written == "text":
                segments[-1] += injected.pieces
            else:
                segments[-1].append((values.get(written, ""), None))
        return tuple(tuple(piece for piece in segment if piece[0]) for segment in segments)

    def stretches(
        self,
        example: Example,
        *,
        text: str | None = None,
        template: Template | None = None,
        mask: str = "",
        masks: int = 1,
    ) -> tuple[tuple[Stretch, ...], ...]:
        """The input for an example, segment by segment, with what each part of it is of: what :meth:`render` makes, told apart.

        White space at the edges of a segment stays here.

        >>> rendering = Rendering(Template.parse("Note: {text}"), (Knowledge({"MRSA": "a bacterium"}),))
        >>> [stretch.field for stretch in rendering.stretches(Example("1", "MRSA on ward 3"))[0]]
        ['template', 'text', 'knowledge']
        """
        injected = inject(self.knowledge, example.text, length=None if text is None else len(text))
        values = self._values(example, injected)
        marks = (mask,) if mask else ()
        segments: list[list[Stretch]] = [[]]
        for is_field, written in (template or self.template).parts:
            match written if is_field else "":
                case "":
                    segments[-1].append(Stretch(written, "template"))
                case "sep":
                    segments.append([])
                case "mask":
                    segments[-1].append(Stretch(mask * masks, "template"))
                case "text":
                    segments[-1] += _told_apart(injected.pieces, "text", marks, other="knowledge")
                case "text_pair":
                    segments[-1] += _told_apart([(example.text_pair or "", 0)], "text_pair", marks)
                case _:
                    segments[-1] += _told_apart([(values.get(written, ""), None)], written, marks, other=written)
        return tuple(tuple(stretch for stretch in segment if stretch.words) for segment in segments)

    def marked(self, example: Example) -> Example:
        """The example with its two entities between markers, each behind the description of its type where that is known.

        A marker that the text has itself is broken up, so that a text cannot add one.

        >>> rendering = Rendering(default_template(pair=False), types={"PER": "a person"})
        >>> rendering.marked(Example("1", "Ann runs Acme.", entities=(Span(0, 3, "PER"), Span(9, 13)))).text
        '[SUBJ] a person: Ann [/SUBJ] runs [OBJ] Acme [/OBJ].'
        """
        pieces, spans = marked_pieces(example, [self._type(span) for span in example.entities])
        return replace(example, text="".join(words for words, _ in pieces), entities=spans)

    def marked_pieces(self, example: Example) -> tuple[Piece, ...]:
        """The text of :meth:`marked` as pieces: each with the place in the example's text where it begins."""
        return tuple(marked_pieces(example, [self._type(span) for span in example.entities])[0])

    def _type(self, entity: Span) -> str:
        return self.types.get(entity.label) or entity.label.replace("_", " ").lower()

    def _values(self, example: Example, injected: Injected) -> dict[str, str]:
        """What stands for each field."""
        return {
            "text": injected.text,
            "text_pair": example.text_pair or "",
            "name": self.name,
            "description": self.description,
            "labels": "; ".join(f"{label}: {d}" if d else label for label, d in self.labels.items()),
            "knowledge": injected.field,
            **self._pair(example),
            **_dialogue(example),
        }

    def _pair(self, example: Example) -> dict[str, str]:
        found = {}
        for name, entity in zip(("subject", "object"), example.entities, strict=False):
            found[name] = example.text[entity.start : entity.end]
            found[f"{name}_type"] = self._type(entity)
        return found

    def to_json(self) -> dict[str, Any]:
        """As the run folder keeps it; :meth:`from_json` gives an equal value back."""
        return {
            "template": self.template.source,
            "knowledge": [source.to_json() for source in self.knowledge],
            "name": self.name,
            "description": self.description,
            "labels": dict(self.labels),
            "other_templates": [template.source for template in self.others],
            "types": dict(self.types),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Rendering:
        return cls(
            Template.parse(value["template"]),
            tuple(Knowledge.from_json(source) for source in value["knowledge"]),
            value["name"],
            value["description"],
            dict(value["labels"]),
            tuple(Template.parse(source) for source in value.get("other_templates", ())),
            dict(value.get("types", {})),
        )


def _dialogue(example: Example) -> dict[str, str]:
    """What fills the fields of a dialogue. An act that is the text itself, for want of a turn, is not shown twice."""
    fields = {name: example.fields.get(name) for name in DIALOGUE_FIELDS}
    found = {name: value for name, value in fields.items() if isinstance(value, str)}
    return found | {"act": ""} if found.get("act") == example.text else found


def _told_apart(pieces: Sequence[Piece], field: str, marks: Sequence[str], *, other: str = "template") -> list[Stretch]:
    """Pieces with what they are of: those without a place are of ``other``."""
    return [
        Stretch(words, other if place is None else field, begin)
        for text, place in pieces
        for words, begin in apart(text, place, marks)
    ]
