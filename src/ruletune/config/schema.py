"""The task file's shape. Descriptions here become the reference in ``docs/task-file.md``."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self, get_args

from pydantic import (
    AllowInfNan,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Strict,
    Tag,
    ValidationInfo,
    field_validator,
    model_validator,
)

from ruletune.errors import nearest
from ruletune.rules import KINDS, RuleEntry, kind_of
from ruletune.rules.entry import listed_words
from ruletune.tasks import ANSWER, QA, TASKS, UNDERSTANDING
from ruletune.types import Label, Spans, Text

__all__ = ["Data", "Model", "TaskFile", "Test", "Training", "WrongValueError", "named_labels", "named_vote"]

# Strict: true is not the number 1, and "3" is not 3. A whole number is a number.
Flag = Annotated[bool, Strict()]
Number = Annotated[float, Strict(), AllowInfNan(False)]
Whole = Annotated[int, Strict()]


class WrongValueError(ValueError):
    """A value that is wrong for a reason of ours.

    Attributes:
        remedy: What would be right.
        key: The key below the validated value that the message is about.
    """

    def __init__(self, message: str, *, remedy: str | None = None, key: str | None = None) -> None:
        super().__init__(message)
        self.remedy, self.key = remedy, key


class _Part(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        protected_namespaces=(),
        coerce_numbers_to_str=True,
    )

    @model_validator(mode="before")
    @classmethod
    def _empty_is_default(cls, value: object) -> object:
        """A key with nothing behind it has its default, unless null means something there."""
        if not isinstance(value, dict):
            return value
        fields = cls.model_fields

        def left_out(key: object) -> bool:
            info = fields.get(key) if isinstance(key, str) else None
            return info is not None and not info.is_required() and type(None) not in get_args(info.annotation)

        return {key: item for key, item in value.items() if item is not None or not left_out(key)}


class Columns(_Part):
    """Which columns of the data mean what."""

    text: str = Field(default="text", description="The text.")
    text_pair: str | None = Field(default=None, description="The second text, where the task compares two.")
    label: str = Field(
        default="label", description="The gold label, or a list of them; empty or null where there is none."
    )
    id: str | None = Field(default=None, description="A unique id; default: the row's number.")
    spans: str = Field(default="spans", description="ner: the entities, a list of {start, end, label} in characters.")
    tokens: str = Field(default="tokens", description="ner: the words, where entities are given as tags of words.")
    tags: str = Field(default="tags", description="ner: the tags of the words, such as B-PER I-PER O.")
    subject: str = Field(
        default="subject",
        description="relation: where the first entity stands, [start, end, type] or {start, end, type}.",
    )
    object: str = Field(default="object", description="relation: where the second entity stands.")
    question: str = Field(default="question", description="qa: the question.")
    answers: str = Field(
        default="answers", description="qa: the answers, a list of {text, start}; an empty list: the text has none."
    )
    target: str = Field(
        default="target", description="translation, summarization, dialogue: the text to be written, or a list of such."
    )
    history: str = Field(default="history", description="dialogue: what was said before, a list of turns or one text.")
    act: str = Field(
        default="act", description="dialogue: what the reply must say, such as inform(name='Eiji'; area=Soma)."
    )
    facts: str = Field(
        default="facts", description="dialogue: what the reply may draw on, a list of sentences or one text."
    )


class Split(_Part):
    """Shares cut from the training data for parts that have no file of their own."""

    validation: Number = Field(default=0.0, ge=0, lt=1, description="Share that chooses when training stops.")
    test: Number = Field(default=0.2, ge=0, lt=1, description="Share that only measures.")
    calibration: Number = Field(
        default=0.0, ge=0, lt=1, description="Share that only says how far the model can be believed."
    )

    @model_validator(mode="after")
    def _something_left(self) -> Self:
        if self.validation + self.test + self.calibration >= 1:
            remedy = "the shares must add up to less than 1"
            raise WrongValueError("validation, test and calibration together leave nothing to train on", remedy=remedy)
        return self


class Sample(_Part):
    """Learn from a few labels only; the rest of the training data counts as unlabelled."""

    shots: Whole = Field(ge=1, description="Gold labels kept for each label.")
    method: Literal["random", "diverse"] = Field(
        default="random", description="Drawn at random, or spread out in embedding space (core-set)."
    )


class Data(_Part):
    """Where the data is: JSON lines, JSON, CSV, TSV, Parquet, plain text, the folder of a saved Hugging
    Face dataset (``folder#split``), or one of the hub (``hf:owner/name#split``).
    """

    train: str = Field(min_length=1, description="Training data; rows without a label are unlabelled text.")
    validation: str | None = Field(default=None, description="Labelled data that chooses when training stops.")
    test: str | None = Field(default=None, description="Labelled data that only measures.")
    calibration: str | None = Field(
        default=None, description="Labelled data that only says how far the model can be believed; see abstention."
    )
    unlabeled: str | None = Field(default=None, description="Text without labels, for the rules to label.")
    columns: Columns = Field(default_factory=Columns, description="Which columns mean what.")
    split: Split = Field(default_factory=Split, description="Shares cut from train where a part has no file.")
    sample: Sample | None = Field(default=None, description="Learn from a few labels only.")
    limit_unlabeled: Whole | None = Field(default=None, ge=1, description="Unlabelled texts used at most.")


class KnowledgeSource(_Part):
    """Terms with what they mean, injected where a term occurs."""

    file: str = Field(
        min_length=1,
        description="term TAB meaning lines; or .json, one object; or .jsonl, objects with term and text.",
    )
    meaning: str | None = Field(
        default=None,
        min_length=1,
        description="What all terms are, where the file is a list of terms, one a line, as a gazetteer is.",
    )
    place: Literal["prefix", "suffix", "insert", "field"] = Field(
        default="suffix",
        description="Before or after the text, in brackets behind the term, or where the template has {knowledge}.",
    )
    limit: Whole = Field(default=3, ge=1, description="Entries injected into one text at most.")
    separator: str = Field(default=" ", description="What divides entries from each other and from the text.")


class Lora(_Part):
    """Low-rank adaptation."""

    rank: Whole = Field(default=8, ge=1, description="Rank of the update matrices.")
    alpha: Whole = Field(default=16, ge=1, description="Scale of the updates, divided by the rank.")


class Model(_Part):
    """The pretrained model and what of it learns."""

    checkpoint: str = Field(
        default="minilm", min_length=1, description="Short name of a packaged checkpoint, a folder, or a hub id."
    )
    head: Literal["auto", "sequence", "cloze"] = Field(
        default="auto",
        description="A new output layer, or the checkpoint's own words in a template's {mask}; auto: cloze where the "
        "templates have {mask}.",
    )
    adapter: Literal["full", "head", "lora"] = Field(
        default="full", description="What learns: all weights, the output layer, or low-rank updates."
    )
    max_length: Whole = Field(default=128, ge=8, le=8192, description="Input length in tokens; longer texts are cut.")
    dropout: Number | None = Field(
        default=0.1, ge=0, lt=1, description="Dropout before the output layer; null: as the checkpoint says."
    )
    lora: Lora = Field(default_factory=Lora, description="Settings of the lora adapter.")
    max_answer: Whole = Field(default=30, ge=1, le=1000, description="qa: the longest answer, in words.")
    max_target: Whole = Field(
        default=64, ge=4, le=4096, description="translation, summarization, dialogue: the longest answer, in tokens."
    )
    beams: Whole = Field(
        default=4,
        ge=1,
        le=64,
        description="translation, summarization, dialogue: answers under way at a time when one is written.",
    )
    too_long: Literal["windows", "cut", "error"] = Field(
        default="windows",
        description="translation, summarization, dialogue: a source longer than max_length is answered piece by piece, or "
        "cut, or refused.",
    )


class Contrast(_Part):
    """The warm-up on pairs of gold labels: texts of one label move together, others apart."""

    use: Literal["never", "labels", "always"] = Field(
        default="labels",
        description="labels: where no rule teaches; always: before weak labels, too. Several labels at once have no pairs.",
    )
    steps: Whole = Field(default=60, ge=1, description="Updates, about.")
    batch_size: Whole = Field(default=32, ge=4, le=1024, description="Texts per update; all their pairs count.")


class Weak(_Part):
    """Training on what the rules say."""

    epochs: Whole | None = Field(
        default=None,
        ge=1,
        description="Passes over the weakly labelled texts at most; default 1, and 3 where words have labels.",
    )
    max_texts: Whole | None = Field(default=1200, ge=1, description="Weakly labelled texts used at most.")
    anchors: Whole = Field(default=0, ge=0, description="Texts with gold labels that are added to every batch.")
    targets: Literal["weighed", "votes"] = Field(
        default="weighed",
        description="What is learned: the votes, weighed against a linear head on the gold labels text by text; or what "
        "the label model makes of the votes alone.",
    )


class SelfTraining(_Part):
    """Another pass over the texts without gold labels, what is covered by rules and what is not, with targets that the
    model and the rules agree on.
    """

    use: Flag = Field(default=False, description="Whether to do it.")
    max_texts: Whole = Field(default=1200, ge=1, description="Texts used at most, as many of each label as there are.")
    trust: Number = Field(
        default=0.7,
        gt=0,
        le=1,
        description="How far the model's own answers are believed: a power of its probabilities.",
    )
    anchors: Whole = Field(default=8, ge=0, description="Texts with gold labels that are added to every batch.")
    consistency: Number = Field(
        default=0.0, ge=0, description="Weight of the divergence between two passes under different dropout."
    )


class Gold(_Part):
    """Training on the gold labels."""

    epochs: Whole = Field(default=30, ge=1, description="Passes over the gold labels at most.")
    kept: Number | None = Field(
        default=None,
        ge=0,
        lt=1,
        description="Share of the weights that weak labels taught in those of the final model; 0: it is what the gold "
        "labels made of it; default 60 / (60 + gold labels).",
    )


class Guidance(_Part):
    """Where rules act on texts that are written (translation, summarization, dialogue). Each can be switched off."""

    input: Flag = Field(default=True, description="What rules demand is put into the input.")
    training: Flag = Field(
        default=True, description="Unlabelled sources are learned from, with what rules write or approve of."
    )
    decoding: Flag = Field(default=True, description="Answers are written so that they keep the rules.")


class Curve(_Part):
    """The labels-only learning curve, from which the labels that rules saved are estimated."""

    shares: tuple[Annotated[Number, Field(gt=0, lt=1)], ...] | None = Field(
        default=None,
        description="Shares of the gold labels that the curve is measured at, beside all of them; default 0.25 and 0.5, and none "
        "where texts are written, since every point of it takes a training.",
    )
    repeats: Whole = Field(default=2, ge=1, le=20, description="Draws at each share.")


class Training(_Part):
    """How training goes."""

    optimizer: Literal["adamw", "adam", "sgd"] = Field(default="adamw", description="Optimizer.")
    learning_rate: Number | None = Field(
        default=None,
        gt=0,
        le=1,
        description="Peak rate of the pretrained weights; default 5e-5 (lora: 5e-4), a tenth of MiniLM's pretraining "
        "rate; 1e-4 (1e-3) where words have labels or are chosen.",
    )
    head_learning_rate: Number | None = Field(
        default=None,
        gt=0,
        le=1,
        description="Peak rate of the new output layer, which starts from nothing; default 1e-3, and 1e-2 where words "
        "have labels or are chosen.",
    )
    weight_decay: Number = Field(default=0.01, ge=0, le=1, description="L2 penalty on weight matrices.")
    warmup: Number = Field(default=0.1, ge=0, lt=1, description="Share of the steps in which the rate rises.")
    schedule: Literal["linear", "cosine", "constant"] = Field(default="linear", description="How the rate falls.")
    clip: Number = Field(default=1.0, gt=0, description="Largest norm of the gradient.")
    batch_size: Whole = Field(default=16, ge=1, le=1024, description="Texts per update.")
    label_smoothing: Number = Field(
        default=0.1,
        ge=0,
        lt=1,
        description="translation, summarization, dialogue: share of the target spread over all words.",
    )
    precision: Literal["auto", "fp32", "bf16"] = Field(
        default="auto", description="auto: bf16 where the hardware computes it, else fp32."
    )
    patience: Whole = Field(default=5, ge=1, description="Validation checks without progress before a stage stops.")
    label_model: Literal["dawid_skene", "majority"] = Field(
        default="dawid_skene", description="How the rules' votes are reconciled."
    )
    contrast: Contrast = Field(default_factory=Contrast, description="The warm-up on pairs of gold labels.")
    weak: Weak = Field(default_factory=Weak, description="The stage on weak labels.")
    gold: Gold = Field(default_factory=Gold, description="The stage on gold labels.")
    self_training: SelfTraining = Field(
        default_factory=SelfTraining, description="The second pass, on what model and rules agree on."
    )
    guidance: Guidance = Field(default_factory=Guidance, description="Where rules act on texts that are written.")
    guard: Flag = Field(
        default=True,
        description="Compare the rules with the gold labels first, and leave them out where they speak against each other.",
    )
    baselines: Flag = Field(default=True, description="Also train on labels alone, to tell what the rules were worth.")
    curve: Curve = Field(default_factory=Curve, description="The labels-only learning curve.")


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


class Test(_Part):
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


class TaskFile(_Part):
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
