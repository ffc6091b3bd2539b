"""What the workbench says, as plain values; :func:`to_json` gives what programs read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, Literal

from ruletune.errors import Problem, RuletuneError
from ruletune.report.demands import DemandRow
from ruletune.report.model import CurvePoint, RuleRow
from ruletune.types import Answer, Label, Spans, Text

__all__ = [
    "Confusion", "Demanded", "Estimate", "Filter", "Fired", "Next", "NotReadyError", "Numbers", "Page", "Row", "Said", "Suggested",
    "Suggestions", "SupersededError", "Table", "TestResult", "Totals", "Training", "Trial", "answer_json", "to_json",
]  # fmt: skip

Filter = Literal["all", "covered", "uncovered", "conflict", "disagree", "labelled", "unlabelled", "wrong"]


class NotReadyError(RuletuneError):
    """The texts are still being read; ask again."""


class SupersededError(RuletuneError):
    """A newer draft came while this one was tried: nobody waits for the answer any more."""


@dataclass(frozen=True, slots=True)
class Said:
    """An answer, as JSON has it, and how sure whoever gives it is, in [0, 1]."""

    answer: Any
    score: float


@dataclass(frozen=True, slots=True)
class Fired:
    """A rule that speaks of a text.

    Attributes:
        says: In words.
        label: What it votes for or vetoes; ``None`` where it says nothing of labels.
        spans: The characters that made it fire, or that it speaks of.
    """

    rule: str
    says: str
    label: str | None
    veto: bool
    spans: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Demanded:
    """What a rule demands of the answer to a text, and whether a reference keeps it; ``None`` where there is none."""

    rule: str
    says: str
    kept: bool | None


@dataclass(frozen=True, slots=True)
class Row:
    """A text with all that is known of it.

    Attributes:
        part: train, unlabeled, validation or labels.
        text, cut, offset: The text, whether it is a piece of a long one, and how many characters stand before that. All
            ranges count in the piece.
        asked: The question, the second text, or what is to be said; empty elsewhere.
        entities: The two entities whose relation is asked for, as JSON.
        gold, hand: The gold answer as JSON, ``None`` where nobody gave one; whether it was given by hand in the workbench.
        weak: What the rules make of it; ``None`` where no rule speaks.
        model: What the last trained model says, or else a quick one; ``None`` where neither was asked.
        target: The text that was written by a person, where answers are texts.
    """

    id: str
    part: str
    text: str
    cut: bool
    offset: int
    asked: str
    entities: Any
    gold: Any
    hand: bool
    weak: Said | None
    model: Said | None
    firings: tuple[Fired, ...]
    demands: tuple[Demanded, ...]
    target: str | None


@dataclass(frozen=True, slots=True)
class Totals:
    """What all rules do together. Shares are of texts, in [0, 1].

    Attributes:
        right, judged, interval: Share of the weak answers to texts with gold that are right, how many these are, and its
            95% interval. The label model has seen the same gold, so that this is a little too good.
        believed: Mean belief of the label model in its answers; ``None`` where there is no such model or answer.
    """

    coverage: float
    overlap: float
    conflict: float
    right: float | None
    judged: int
    interval: tuple[float, float] | None
    believed: float | None


@dataclass(frozen=True, slots=True)
class TestResult:
    """How a test that stands beside a rule went; ``line`` counts in the file, or in the draft."""

    __test__ = False  # pytest would collect it for its name

    text: str
    expect: Any
    ok: bool | None
    got: str
    line: int


@dataclass(frozen=True, slots=True)
class Trial:
    """What a draft does.

    Attributes:
        problems: Why it cannot be tried; all else is empty then.
        rows: Its rules, as in the rule table.
        before, after: All rules without and with it.
        gained, lost, turned: Texts that have a weak answer only now, no more, or another one.
        matched, matches: How many texts it fires on, and the first of them.
        approximate: Some figures are of a sample of the texts.
    """

    problems: tuple[Problem, ...] = ()
    rows: tuple[RuleRow | DemandRow, ...] = ()
    before: Totals | None = None
    after: Totals | None = None
    gained: int = 0
    lost: int = 0
    turned: int = 0
    tests: tuple[TestResult, ...] = ()
    matched: int = 0
    matches: tuple[Row, ...] = ()
    seconds: float = 0.0
    approximate: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """Some of the texts that a filter leaves, and how many those are."""

    total: int
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Next:
    """What to label next; where it is not ready, ``note`` says what is missing."""

    ready: bool
    rows: tuple[Row, ...]
    note: str


@dataclass(frozen=True, slots=True)
class Table:
    """The rule table."""

    rows: tuple[RuleRow | DemandRow, ...]
    texts: int
    gold: int
    coverage: float
    overlap: float
    conflict: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """What training would come to: a linear head on frozen embeddings, cross-validated on gold.

    Attributes:
        pending: A newer one is being worked out.
        alternatives: name, accuracy and standard error (``error``) of each way of answering.
        use_rules: Whether training would listen to the rules, by this; ``None`` where nothing can be said.
        embedded: Share of the texts meant to be embedded that are, in [0, 1].
    """

    pending: bool
    alternatives: tuple[Mapping[str, Any], ...]
    metric: str
    reason: str
    use_rules: bool | None
    embedded: float


@dataclass(frozen=True, slots=True)
class Confusion:
    """Rows are gold, columns what was predicted while the text was held out."""

    labels: tuple[str, ...]
    matrix: tuple[tuple[int, ...], ...]
    of: str


@dataclass(frozen=True, slots=True)
class Numbers:
    """Everything beside the texts; ``shares`` are those of the weak labels."""

    revision: str
    table: Table
    totals: Totals
    estimate: Estimate | None
    curve: tuple[CurvePoint, ...]
    confusion: Confusion | None
    shares: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Suggested:
    """A rule to add, or a change to the entry at ``position``.

    Attributes:
        entry: The whole entry as it would be.
        examples: Texts, as ``text`` and ``spans``.
    """

    number: int
    title: str
    why: str
    entry: Mapping[str, Any]
    position: int | None
    figures: Mapping[str, Any]
    examples: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Suggestions:
    """Rules that might be written."""

    ready: bool
    notes: tuple[str, ...]
    suggestions: tuple[Suggested, ...]


@dataclass(frozen=True, slots=True)
class Training:
    """A training run of the workbench; ``message`` is for people, ``run`` its folder."""

    state: Literal["idle", "running", "done", "failed", "stopped"] = "idle"
    stage: str = ""
    done: int = 0
    total: int = 0
    detail: str = ""
    message: str = ""
    log: tuple[str, ...] = field(default=())
    run: str | None = None


def answer_json(answer: Answer | None, *, multi: bool = False) -> Any:
    """An answer as JSON: a label's name, or where several may hold a list of names; spans; a text; null.

    >>> answer_json(Label.of("b")), answer_json(Label.of("b"), multi=True)
    ('b', ['b'])
    """
    match answer:
        case None:
            return None
        case Label(names=names):
            return list(names) if multi or len(names) != 1 else names[0]
        case Spans(spans=spans):
            return [{"start": span.start, "end": span.end, "label": span.label} for span in spans]
        case Text(text=text):
            return text


def to_json(value: Any) -> Any:
    """A value as JSON has it: objects for dataclasses, lists for tuples; problems and intervals as the command line has them."""
    match value:
        case Problem(message=message, where=where, remedy=remedy):
            place = {"file": where.file, "line": where.line} if where else {"file": None, "line": None}
            return {"message": message, **place, "remedy": remedy}
        case RuleRow() | DemandRow():
            return _fields(value) | {"interval": to_json(value.interval)}
        case _ if is_dataclass(value) and not isinstance(value, type):
            return _fields(value)
        case Mapping():
            return {str(key): to_json(each) for key, each in value.items()}
        case str():
            return value
        case Sequence():
            return [to_json(each) for each in value]
        case _:
            return value


def _fields(value: Any) -> dict[str, Any]:
    return {each.name: to_json(getattr(value, each.name)) for each in fields(value)}
