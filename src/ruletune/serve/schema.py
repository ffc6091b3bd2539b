"""What requests may say: for every task the fields of its inputs, each with a bound, and from an input to an example."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, assert_never

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, create_model

from ruletune.data.columns import Columns
from ruletune.data.labels import Labels
from ruletune.data.pairs import Pairs, marked_example
from ruletune.data.texts import Texts
from ruletune.errors import Problem, UserError
from ruletune.tasks import UNDERSTANDING
from ruletune.types import Example

if TYPE_CHECKING:
    from ruletune.pipeline.run import Run

__all__ = [
    "Limits",
    "Options",
    "Schema",
    "example_input",
    "example_of",
    "examples_of",
    "options_of",
    "parse",
    "reasons_of",
    "schema_of",
]

_NAME = 200
"""Characters of an id, a speaker, a column's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of a request.

    Attributes:
        texts: In one request.
        characters: Of each text, question, history or value of a column.
        columns: Further columns of an input.
        turns: Of a dialogue, and facts that a reply may draw on.
        n_best: Answers to one input.
    """

    texts: int = 64
    characters: int = 20_000
    columns: int = 32
    turns: int = 100
    n_best: int = 20


@dataclass(frozen=True, slots=True)
class Options:
    """How inputs are to be answered; as :meth:`ruletune.pipeline.run.Run.predict` has it."""

    with_rules: bool = True
    max_error: float | None = None
    confidence: float = 0.9
    n_best: int = 1


@dataclass(frozen=True, slots=True)
class Reasons:
    """What an explanation should have; as :meth:`ruletune.pipeline.run.Run.explain` has it."""

    words: bool = True
    examples: int = 3
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Schema:
    """The bodies of the two requests."""

    predict: type[BaseModel]
    explain: type[BaseModel]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _Entity(_Strict):
    """Where an entity stands in the text, in code points, half-open: ``text[start:end]``."""

    start: Annotated[int, Field(ge=0)]
    end: Annotated[int, Field(ge=1)]
    type: Annotated[str, Field(max_length=_NAME)] = ""


class _Turn(_Strict):
    """Something that was said."""

    speaker: Annotated[str, Field(max_length=_NAME)] = ""
    text: Annotated[str, Field(min_length=1, max_length=4000)]


def schema_of(run: Run, limits: Limits) -> Schema:
    """The requests that a run answers."""
    one = create_model("Input", __base__=_Strict, __doc__="What is asked about.", **_fields(run, limits))
    given: Any = Annotated[one, BeforeValidator(_written_short)]
    several: Any = Annotated[
        list[given],
        Field(
            min_length=1,
            max_length=limits.texts,
            description="What is asked about. A plain string is short for an object with that text alone.",
            examples=[[example_input(run)]],
        ),
    ]
    predict = create_model("PredictBody", __base__=_Strict, inputs=(several, ...), **_options(run, limits))
    shown = (given, Field(examples=[example_input(run)]))
    explain = create_model("ExplainBody", __base__=_Strict, input=shown, **_reasons(run, limits))
    return Schema(predict, explain)


def parse(model: type[BaseModel], body: bytes) -> BaseModel:
    """A request's body as JSON.

    Raises:
        UserError: Everything that is wrong with it, each with its place in the body.
    """
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        problems = [Problem(f"{_place(each['loc'])}{_words(each)}") for each in found]
        raise UserError.of(dict.fromkeys(problems)) from None


def example_of(run: Run, given: BaseModel, identity: str) -> Example:
    """An input as an example of the run's task.

    Raises:
        UserError: Its parts do not fit together.
    """
    values = given.model_dump()
    fields: Mapping[str, object] = values.get("fields") or {}
    identity = values.get("id") or identity
    if run.settings["task"] == UNDERSTANDING:
        return Example(identity, values["text"], fields=fields)
    match run.task.readout:
        case "text" | "tokens":
            return Example(identity, values["text"], values.get("text_pair"), fields=fields)
        case "extract":
            return Example(identity, values["text"], values["question"], fields=fields)
        case "pair":
            return replace(_pair(identity, values), fields=fields)
        case "generate":
            return _source(run, identity, values, fields)
        case _:
            assert_never(run.task.readout)


def examples_of(run: Run, given: Sequence[BaseModel]) -> list[Example]:
    """Inputs as examples, numbered from 1 where they bring no id.

    Raises:
        UserError: Everything that is wrong with any of them, each with its place in the body.
    """
    examples, wrong = [], []
    for place, each in enumerate(given):
        try:
            examples.append(example_of(run, each, str(place + 1)))
        except UserError as error:
            wrong += [Problem(f"inputs[{place}]: {p.message}", p.where, p.remedy) for p in error.problems]
    if wrong:
        raise UserError.of(wrong)
    return examples


def options_of(given: BaseModel) -> Options:
    """The options of a prediction's body."""
    return Options(**given.model_dump(exclude={"inputs"}))


def reasons_of(given: BaseModel) -> Reasons:
    """The options of an explanation's body."""
    return Reasons(**given.model_dump(exclude={"input"}))


def example_input(run: Run) -> dict[str, Any]:
    """An input that shows what one looks like."""
    if run.settings["task"] == UNDERSTANDING:
        return {"text": "book a table for two at eight"}
    match run.task.name:
        case "relation":
            return {"text": "<e1>Ann</e1> works for <e2>Acme</e2>."}
        case "qa":
            return {"text": "The tower was finished in 1889.", "question": "When was the tower finished?"}
        case "dialogue":
            history = [{"speaker": "user", "text": "Hello!"}, {"speaker": "system", "text": "How can I help?"}]
            return {"text": "I am looking for a cheap restaurant.", "history": history}
        case "ner":
            return {"text": "Ann Lee moved to Paris in May."}
        case "translation":
            return {"text": "The house is wonderful."}
        case "summarization":
            return {"text": "A long text that is to be said in few words."}
        case _:
            return {"text": "A quiet triumph."}


def _written_short(value: object) -> object:
    return {"text": value} if isinstance(value, str) else value


def _not_blank(value: str) -> str:
    if not value.strip():
        raise ValueError("is blank")
    return value


def _text(limits: Limits, description: str) -> Any:
    return Annotated[
        str,
        Field(min_length=1, max_length=limits.characters, description=description),
        AfterValidator(_not_blank),
    ]


def _fields(run: Run, limits: Limits) -> dict[str, Any]:
    """Fields of an input by name: type and default."""
    scalar: Any = Annotated[str, Field(max_length=limits.characters)] | int | float | bool | None
    columns: Any = Annotated[
        dict[Annotated[str, Field(max_length=_NAME)], scalar | Annotated[list[scalar], Field(max_length=1000)]],
        Field(max_length=limits.columns, description="Further columns, for rules that read them."),
    ]
    name: Any = Annotated[
        str, Field(max_length=_NAME, description="Comes back with the answer; else its number from 1.")
    ]
    text = _text(limits, "The text. Offsets in answers count its code points, half-open.")
    fields: dict[str, Any] = {"text": (text, ...), "fields": (columns, {}), "id": (name | None, None)}
    if run.settings["task"] == UNDERSTANDING:
        return fields
    match run.task.readout:
        case "text":
            pair = _text(limits, "The second text, where the task compares two.")
            return fields | {"text_pair": (pair | None, None)}
        case "tokens":
            return fields
        case "pair":
            words = "Subject and object; or they are marked in the text: <e1>Ann</e1> works for <e2>Acme</e2>."
            two: Any = Annotated[list[_Entity], Field(min_length=2, max_length=2, description=words)]
            return fields | {"entities": (two | None, None)}
        case "extract":
            return fields | {"question": (_text(limits, "The question to the text."), ...)}
        case "generate":
            return fields | _source_fields(run, limits, text)
        case _:
            assert_never(run.task.readout)


def _source_fields(run: Run, limits: Limits, text: Any) -> dict[str, Any]:
    """What a text is written from."""
    if run.task.name != "dialogue":
        sentences: Any = Annotated[list[Annotated[str, Field(max_length=limits.characters)]], Field(max_length=1000)]
        return {"text": (text | sentences, ...)}
    facts: Any = Annotated[str, Field(max_length=limits.characters)]
    listed: Any = Annotated[list[facts], Field(max_length=limits.turns)]
    return {
        "text": (text | None, Field(default=None, description="The last turn; or there is an act.")),
        "act": (_text(limits, "A dialogue act, such as inform(name='Eiji').") | None, None),
        "history": (Annotated[list[_Turn], Field(max_length=limits.turns, description="What was said before.")], []),
        "facts": (facts | listed, Field(default="", description="What the reply may draw on.")),
    }


def _options(run: Run, limits: Limits) -> dict[str, Any]:
    """Options of a prediction by name: type and default."""
    options: dict[str, Any] = {
        "with_rules": (
            bool,
            Field(default=True, description="Say which rules fired, and where texts are written, hear them."),
        )
    }
    readout = run.task.readout
    if readout in ("text", "pair", "tokens") and run.settings["task"] != UNDERSTANDING:
        share: Any = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]
        words = "Answer only where at most this share of the answers is wrong; else the answer is null."
        options["max_error"] = (share | None, Field(default=None, description=words))
        options["confidence"] = (share, Field(default=0.9, description="How sure that promise is."))
    if readout in ("extract", "generate"):
        words = "So many answers to each, the likeliest first."
        options["n_best"] = (int, Field(default=1, ge=1, le=limits.n_best, description=words))
    return options


def _reasons(run: Run, limits: Limits) -> dict[str, Any]:
    """Options of an explanation by name: type and default."""
    words = "Find out which words mattered, which takes most of the time."
    options: dict[str, Any] = {"words": (bool, Field(default=True, description=words))}
    words = "So many of the nearest gold examples."
    options["examples"] = (int, Field(default=3, ge=0, le=limits.n_best, description=words))
    if run.task.readout in ("text", "pair"):
        name: Any = Annotated[str, Field(max_length=_NAME)]
        options["label"] = (name | None, Field(default=None, description="The label that words are weighed for."))
    return options


def _pair(identity: str, values: Mapping[str, Any]) -> Example:
    if values["entities"] is None:
        return marked_example(identity, values["text"])
    subject, entity = values["entities"]
    row = {"text": values["text"], "subject": subject, "object": entity}
    try:
        parsed = Pairs(Labels(()), labelled=False).parse_row(row, Columns(), file="")
    except ValueError as error:
        raise UserError(str(error)) from None
    return Example(identity, str(parsed.text), entities=parsed.entities)


def _source(run: Run, identity: str, values: Mapping[str, Any], fields: Mapping[str, object]) -> Example:
    row = {name: value for name, value in values.items() if name in ("text", "act", "history", "facts")}
    if row.get("act") and row.get("text"):
        raise UserError("there are both a last turn and an act", remedy="give one of them")
    try:
        parsed = Texts(run.task.name == "dialogue", labelled=False).parse_row(row, Columns(), file="")
    except ValueError as error:
        raise UserError(str(error)) from None
    return Example(identity, str(parsed.text), fields={**fields, **(parsed.fields or {})})


def _place(location: tuple[int | str, ...]) -> str:
    """Where in the body something is wrong.

    >>> _place(("inputs", 3, "text"))
    'inputs[3].text: '
    """
    place = ""
    for part in location:
        # Of a union pydantic names the type that was tried, too.
        if isinstance(part, str) and not part.isidentifier():
            continue
        place += f"[{part}]" if isinstance(part, int) else f".{part}" if place else part
    return f"{place[:_NAME]}: " if place else ""


def _words(error: Mapping[str, Any]) -> str:
    """What is wrong, without the words of the library."""
    message = str(error["msg"]).removeprefix("Value error, ")
    match error["type"]:
        case "extra_forbidden":
            return "no such field"
        case "missing":
            return "is missing"
        case "json_invalid":
            return message.replace("Invalid JSON: ", "the body is not JSON: ")
        case _:
            return message[:1].lower() + message[1:] if message[:1].isupper() else message
