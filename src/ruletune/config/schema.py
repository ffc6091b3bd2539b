"""The task file's shape. Descriptions here become the reference in ``docs/task-file.md``."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Self

from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    field_validator,
    model_validator,
)

from ruletune.config.part import Flag, Part, Whole, WrongValueError
from ruletune.config.sections import Data, KnowledgeSource, Model
from ruletune.config.training import Training
from ruletune.errors import nearest
from ruletune.rules import KINDS, RuleEntry, kind_of
from ruletune.rules.entry import listed_words
from ruletune.tasks import ANSWER, QA, TASKS, UNDERSTANDING
from ruletune.types import Label, Spans, Text

__all__ = ["TaskFile", "Test", "named_labels", "named_vote"]


def _name(value: object) -> object:
    """YAML may read a label as a number or a truth value; labels are names."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


def named_labels(value: object) -> dict[str, Any]:
    """Labels as a mapping of names to descriptions."""
    if isinstance(value, list | tuple):
        if any(not isinstance(name, str | int | float) for name in value):
            remedy = "write a list of names, or a mapping of names to descriptions"
            raise WrongValueError("a label in the list is no name", remedy=remedy)
        pairs = [(name, "") for name in value]
    elif isinstance(value, dict):
        if None in value:
            raise WrongValueError("a label is null", remedy="put quotes around the name, or give it one")
        pairs = [(name, "" if description is None else description) for name, description in value.items()]
    else:
        remedy = "write a list of names, or a mapping of names to descriptions"
        raise WrongValueError("'labels' must name the labels", remedy=remedy)
    labels: dict[str, Any] = {}
    for name, description in pairs:
        name = str(_name(name)).strip()
        if name in labels:
            raise WrongValueError(f"the label {name!r} stands twice", remedy="keep one of them", key=name)
        labels[name] = _name(description)
    return labels


def _named_votes(value: object) -> object:
    """Rules whose votes are named as the labels are."""
    if not isinstance(value, list):
        return value
    return [named_vote(rule) if isinstance(rule, dict) else rule for rule in value]


def named_vote(rule: dict[str, Any]) -> dict[str, Any]:
    """A rule whose vote is named as the labels are."""
    return rule | {key: _name(rule[key]) for key in ("vote", "veto") if key in rule}


def _rule_kind(value: object) -> str:
    if isinstance(value, RuleEntry):
        return next(kind for kind, entry in KINDS.items() if type(value) is entry)
    try:
        return kind_of(value) if isinstance(value, dict) else ""
    except ValueError:
        return ""  # reported, in better words, by the loader


_members: Any = None
for _kind, _entry in KINDS.items():
    _member = Annotated[_entry, Tag(_kind)]  # type: ignore[valid-type]
    _members = _member if _members is None else _members | _member
AnyRule = Annotated[_members, Discriminator(_rule_kind)]


class Test(Part):
    """A text, and what the rules must make of it together, or one of them alone."""

    __test__: ClassVar[bool] = False  # pytest would collect it for its name

    text: str = Field(description="The text.")
    expect: Annotated[str | None, BeforeValidator(_name)] = Field(
        description="The label that the votes add up to; null: the rules do not decide."
    )
    rule: str | None = Field(default=None, description="Only this rule: the label that it must speak about.")
    fields: dict[str, Any] = Field(default_factory=dict, description="Other columns of the data that rules read.")


_WRITER = "flan-t5-small"
"""The checkpoint that texts are written with where the task file names none."""


class TaskFile(Part):
    """A task, as a person writes it down."""

    task: str = Field(description=f"The kind of task: {', '.join(TASKS)}; or {UNDERSTANDING}.")
    name: str = Field(default="", description="Name in reports.")
    description: str = Field(
        default="", description="What the labels are about, in a sentence; {description} in templates."
    )
    labels: Annotated[dict[str, str], BeforeValidator(named_labels)] = Field(
        description="Label names, with a description each or as a plain list. Their order is kept. Tasks whose answer is a "
        "passage or a text have none.",
    )
    negative: Annotated[str | None, BeforeValidator(_name)] = Field(
        default=None,
        description="relation: the label that says that the entities are not related; it counts for nothing in f1.",
    )
    entities: Annotated[dict[str, str], BeforeValidator(named_labels)] = Field(
        default={}, description="relation: types of entities with a description each; shown with an entity of the type."
    )
    multi_label: Flag = Field(default=False, description="Any number of labels may hold at once.")
    data: Data = Field(description="Where the data is.")
    rules: Annotated[tuple[AnyRule, ...], BeforeValidator(_named_votes)] = Field(
        default=(), description="What you know, as rules."
    )
    tests: tuple[Test, ...] = Field(
        default=(), description="Unit tests of the rules, run by check. A rule can have its own, too."
    )
    templates: tuple[str, ...] = Field(
        default=(), description="How the input is shown, default {text}; answers through several are averaged."
    )
    verbalizer: Annotated[dict[str, tuple[str, ...]], BeforeValidator(listed_words)] = Field(
        default={}, description="Label to the words that mean it in a template's {mask}; default: the label's name."
    )
    knowledge: tuple[KnowledgeSource, ...] = Field(default=(), description="Term files injected into the input.")
    model: Model = Field(default_factory=Model, description="The pretrained model.")
    training: Training = Field(default_factory=Training, description="How training goes.")
    seed: Whole = Field(default=0, ge=0, lt=2**31, description="Everything random follows from it.")

    @model_validator(mode="before")
    @classmethod
    def _of_the_task(cls, value: object) -> object:
        """What the kind of task says where the file is silent: passages that answer a question are of one kind, which has a
        name so that rules can speak of it; texts have no labels, and other models write them than choose.
        """
        if not isinstance(value, dict):
            return value
        task = TASKS.get(str(value.get("task")))
        if task is None or task.readout not in ("extract", "generate"):
            return value
        named = {ANSWER: "the passage that answers the question"} if task.readout == "extract" else {}
        value = value | {"labels": named} if value.get("labels") is None else value
        model = value.get("model") or {}
        if task.readout == "generate" and isinstance(model, dict) and model.get("checkpoint") is None:
            value = value | {"model": {**model, "checkpoint": _WRITER}}
        return value

    @field_validator("task")
    @classmethod
    def _known(cls, task: str) -> str:
        if task not in TASKS:
            raise WrongValueError(f"unknown task {task[:60]!r}", remedy=nearest(task[:60], [*TASKS, UNDERSTANDING]))
        return task

    @field_validator("templates")
    @classmethod
    def _different(cls, templates: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(templates)) < len(templates):
            raise WrongValueError("a template stands twice", remedy="keep one of them")
        return templates

    @field_validator("labels")
    @classmethod
    def _named(cls, labels: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        task = TASKS.get(info.data.get("task", ""))
        if not labels and (task is None or task.answer is not Text):
            raise WrongValueError("'labels' must not be empty")
        if "" in labels:
            raise WrongValueError("a label has no name", remedy="give it one")
        return labels

    @model_validator(mode="after")
    def _of_its_shape(self) -> Self:
        if self.task not in TASKS or TASKS[self.task].answer is not Spans:
            return self
        if self.multi_label:
            remedy = "leave it out; labels of spans that lie in each other are not supported"
            raise WrongValueError(f"the task {self.task!r} knows no multi_label", remedy=remedy, key="multi_label")
        if self.task == QA.name and list(self.labels) != [ANSWER]:
            remedy = f"leave 'labels' out; rules say vote: {ANSWER}"
            raise WrongValueError(f"the task {self.task!r} has no labels", remedy=remedy, key="labels")
        if self.task == QA.name and self.data.columns.text_pair is not None:
            remedy = "name the column of the questions: data.columns.question"
            raise WrongValueError(f"the task {self.task!r} has no second text", remedy=remedy, key="data")
        if len(self.templates) > 1:
            raise WrongValueError(
                f"the task {self.task!r} shows a text in one way", remedy="keep one template", key="templates"
            )
        if self.tests:
            remedy = "write tests beside the rules that they are of"
            raise WrongValueError(
                f"the task {self.task!r} knows no tests of all rules together", remedy=remedy, key="tests"
            )
        return self

    @model_validator(mode="after")
    def _written(self) -> Self:
        """What a task whose answer is a text cannot have."""
        if self.task not in TASKS or TASKS[self.task].answer is not Text:
            return self
        for key in ("labels", "multi_label", "verbalizer", "tests"):
            if getattr(self, key):
                raise WrongValueError(f"the task {self.task!r} knows no {key}", remedy="leave it out", key=key)
        if self.data.columns.text_pair is not None:
            remedy = "name the column of what is to be written: data.columns.target"
            raise WrongValueError(f"the task {self.task!r} has no second text", remedy=remedy, key="data")
        if len(self.templates) > 1:
            remedy = "keep one template"
            raise WrongValueError(f"the task {self.task!r} shows a text in one way", remedy=remedy, key="templates")
        return self

    @model_validator(mode="after")
    def _of_pairs(self) -> Self:
        """What only a task about two entities has, and what it cannot have."""
        if self.task not in TASKS:
            return self
        if TASKS[self.task].readout != "pair":
            key = next((key for key in ("negative", "entities") if getattr(self, key)), None)
            if key is not None:
                raise WrongValueError(f"the task {self.task!r} knows no {key}", remedy="leave it out", key=key)
            return self
        if self.multi_label:
            remedy = "leave it out, or write a row for each relation"
            raise WrongValueError("two entities have one relation", remedy=remedy, key="multi_label")
        return self

    @model_validator(mode="after")
    def _answerable(self) -> Self:
        chooses = self.task not in TASKS or TASKS[self.task].answer is Label
        if chooses and len(self.labels) < 2 and not self.multi_label:
            remedy = "name two at least; for one label that holds or does not, set multi_label: true"
            raise WrongValueError("there is nothing to choose between with one label", remedy=remedy, key="labels")
        divided = next((name for name in self.labels if self.multi_label and "|" in name), None)
        if divided is not None:
            remedy = "rename it: | divides the labels of a text from each other"
            raise WrongValueError(f"the label {divided!r} has a | in its name", remedy=remedy, key="labels")
        return self
