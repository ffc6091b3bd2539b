"""The parts of a task file about data, knowledge and the model."""

from __future__ import annotations

import posixpath
from typing import Literal, Self

from pydantic import Field, model_validator

from ruletune.config.part import Flag, Number, Part, Whole, WrongValueError

__all__ = ["Columns", "Data", "KnowledgeSource", "Lora", "Model", "Sample", "Split"]


class Columns(Part):
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


class Split(Part):
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


class Sample(Part):
    """Learn from a few labels only; the rest of the training data counts as unlabelled."""

    shots: Whole = Field(ge=1, description="Gold labels kept for each label.")
    method: Literal["random", "diverse"] = Field(
        default="random", description="Drawn at random, or spread out in embedding space (core-set)."
    )


class Data(Part):
    """Where the data is: JSON lines, JSON, CSV, TSV, Parquet, plain text, the folder of a saved Hugging
    Face dataset (``folder#split``), or one of the hub (``hf:owner/name#split``). Where texts are translated also two files whose
    lines belong together (``train.{en,de}``).
    """

    train: str = Field(min_length=1, description="Training data; rows without a label are unlabelled text.")
    validation: str | None = Field(default=None, description="Labelled data that chooses when training stops.")
    test: str | None = Field(default=None, description="Labelled data that only measures.")
    calibration: str | None = Field(
        default=None, description="Labelled data that only says how far the model can be believed; see abstention."
    )
    unlabeled: str | None = Field(default=None, description="Text without labels, for the rules to label.")
    labels: str | None = Field(
        default=None,
        min_length=1,
        description="JSON lines (.jsonl) of answers given by hand, which go before those of the data; the file may be missing.",
    )
    columns: Columns = Field(default_factory=Columns, description="Which columns mean what.")
    split: Split = Field(default_factory=Split, description="Shares cut from train where a part has no file.")
    sample: Sample | None = Field(default=None, description="Learn from a few labels only.")
    skip_bad: Flag = Field(
        default=False, description="Leave bad rows out, and say which; without it a bad row is an error."
    )
    limit_unlabeled: Whole | None = Field(default=None, ge=1, description="Unlabelled texts used at most.")

    @model_validator(mode="after")
    def _labels_apart(self) -> Self:
        if self.labels is None:
            return self
        if not self.labels.endswith(".jsonl") or self.labels.startswith("hf:"):
            remedy = "name a file that ends in .jsonl; it is made when there is something to write into it"
            raise WrongValueError("labels given by hand are JSON lines", remedy=remedy, key="labels")
        same = ("train", "validation", "test", "calibration", "unlabeled")
        taken = next(
            (name for name in same if getattr(self, name) and _plain(getattr(self, name)) == _plain(self.labels)), None
        )
        if taken is not None:
            remedy = "give them a file of their own"
            raise WrongValueError(f"labels given by hand and data.{taken} are one file", remedy=remedy, key="labels")
        return self


def _plain(path: str) -> str:
    return posixpath.normpath(path.partition("#")[0])


class KnowledgeSource(Part):
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


class Lora(Part):
    """Low-rank adaptation."""

    rank: Whole = Field(default=8, ge=1, description="Rank of the update matrices.")
    alpha: Whole = Field(default=16, ge=1, description="Scale of the updates, divided by the rank.")


class Model(Part):
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
