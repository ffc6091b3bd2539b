"""Tasks as values: what goes in, what comes out, which rules make sense, what is measured.

There is no class per task. Code asks the value for its parts; what differs between tasks is
data here and a ``match`` on the answer's type elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ruletune.rules import KINDS, PAIR_KINDS, READING_KINDS, TEXT_KINDS
from ruletune.types import Answer, Label, Spans, Text

__all__ = [
    "ANSWER", "CLASSIFICATION", "DIALOGUE", "NER", "QA", "RELATION", "SUMMARIZATION", "TASKS", "TRANSLATION", "UNDERSTANDING", "Readout",
    "Task",
]  # fmt: skip

Readout = Literal["text", "pair", "tokens", "extract", "generate"]
"""Where in a model's outputs the answer stands: at the text, at two marked entities, at every token, at an answer's edges; or
the outputs are the answer, word by word."""


@dataclass(frozen=True, slots=True)
class Task:
    """A kind of task.

    Attributes:
        name: As written after ``task:`` in a task file.
        answer: The shape of its answers.
        rule_kinds: Kinds of rule that it can use, as written in a task file.
        says: What its rules can say: ``vote``, ``veto``, ``prompt``, ``require``, ``link``, ``reply``.
        readout: Where in a model's outputs the answer stands.
        metric: Name of the metric that comparisons, early stopping and choices go by; higher is better.
    """

    name: str
    answer: type[Answer]
    rule_kinds: frozenset[str]
    says: frozenset[str]
    readout: Readout
    metric: str


CLASSIFICATION = Task(
    name="classification",
    answer=Label,
    rule_kinds=frozenset(KINDS) - PAIR_KINDS - READING_KINDS - TEXT_KINDS,
    says=frozenset({"vote", "veto", "prompt"}),
    readout="text",
    metric="accuracy",
)

_SPAN_KINDS = frozenset({
    "regex", "keywords", "gazetteer", "table", "span", "patterns", "function", "votes",
    "field", "length", "casing", "similarity", "all", "any", "not", "shape", "trigger",
})  # fmt: skip

NER = Task(
    name="ner",
    answer=Spans,
    rule_kinds=_SPAN_KINDS,
    says=frozenset({"vote", "veto", "link"}),
    readout="tokens",
    metric="f1",
)

RELATION = Task(
    name="relation",
    answer=Label,
    rule_kinds=frozenset(KINDS) - READING_KINDS - TEXT_KINDS,
    says=frozenset({"vote", "veto", "prompt"}),
    readout="pair",
    metric="f1",
)

ANSWER = "answer"
"""What rules of a task that asks for a passage vote for; such a task has no labels of its own."""

QA = Task(
    name="qa",
    answer=Spans,
    rule_kinds=_SPAN_KINDS | READING_KINDS,
    says=frozenset({"vote", "veto"}),
    readout="extract",
    metric="f1",
)

_TEXT_KINDS = TEXT_KINDS | {
    "regex", "keywords", "gazetteer", "function", "field", "length", "casing", "all", "any", "not",
}  # fmt: skip


def _generation(name: str, metric: str) -> Task:
    says = frozenset({"veto", "require", "reply"})
    return Task(name, answer=Text, rule_kinds=_TEXT_KINDS, says=says, readout="generate", metric=metric)


TRANSLATION = _generation("translation", "bleu")
SUMMARIZATION = _generation("summarization", "rouge_l")
DIALOGUE = _generation("dialogue", "bleu")

TASKS: dict[str, Task] = {
    task.name: task for task in (CLASSIFICATION, NER, RELATION, QA, TRANSLATION, SUMMARIZATION, DIALOGUE)
}

UNDERSTANDING = "understanding"
"""What is written after ``task:`` in a file of two tasks: the intent of a text, and its slots. It is no task of its own."""
