"""The task file that ``ruletune init`` writes: complete, commented, ready for rules."""

from __future__ import annotations

import io
from collections.abc import Mapping

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

__all__ = ["reading_starter", "starter"]


def starter(
    *,
    name: str,
    description: str,
    train: str,
    text: str,
    label: str | None,
    labels: Mapping[str, int],
    multi_label: bool = False,
    pair: bool = False,
) -> str:
    """A commented task file.

    Args:
        train: Path of the data, relative to where the file will stand.
        text, label: Columns of the data.
        labels: Name to number of rows, shown as a comment. At least one.
        pair: The labels are relations of two entities.

    >>> print(starter(name="t", description="", train="a.csv", text="text", label="y", labels={"n": 2}).splitlines()[0])
    # A task for ruletune: what is to be learned, from which data, and what you know about it.
    """
    first = next(iter(labels))
    lines = [
        "# A task for ruletune: what is to be learned, from which data, and what you know about it.",
        "# Paths are relative to this file. Every key is explained in docs/task-file.md.",
        "",
        f"task: {'relation' if pair else 'classification'}",
        f"name: {_scalar(name)}",
        f"description: {_scalar(description)}  # one sentence; a template can show it to the model",
        "",
        "# A sentence about each label helps whoever reads the report, and the model if a template shows {labels}.",
        "labels:",
        *(
            f"  {_scalar(label_name)}: ''" + (f"  # {count} rows" if count else "")
            for label_name, count in labels.items()
        ),
        *(["multi_label: true"] if multi_label else []),
        *(_negative(labels) if pair else []),
        "",
        "data:",
        f"  train: {_scalar(train)}  # rows without a label count as unlabelled text",
        "  # unlabeled: more_texts.jsonl  # texts that only the rules speak about",
        "  # test: held_out.jsonl         # without it, a share of train is held out",
        "  columns:",
        f"    text: {_scalar(text)}",
        f"    label: {_scalar(label or 'label')}",
        "  split: {validation: 0.0, test: 0.2}",
        "",
        "# What you know. A rule votes for a label where it matches and abstains elsewhere; it need not",
        "# always be right. Take the # off these two, change them, and see what they do: ruletune rules THIS_FILE",
        "rules:",
        *(_PAIR_RULES if pair else _TEXT_RULES).format(label=_scalar(first)).splitlines(),
        "",
        "# Texts that say what a term means, shown to the model where the term occurs.",
        "knowledge:",
        "  # - file: terms.tsv  # term TAB meaning, one a line",
        "",
        'templates: ["{text}"]  # for instance "{description} {text}"',
        "",
        "model:",
        "  checkpoint: minilm  # comes with ruletune; or a folder, or a hub id",
        "  max_length: 128     # tokens; what was cut is in the report",
        "",
        "seed: 0",
    ]
    return "\n".join(lines) + "\n"


_TEXT_RULES = r"""  # - name: telling words
  #   keywords: [word, another word]
  #   vote: {label}
  # - name: telling pattern
  #   regex: '\bnot (good|great)\b'
  #   ignore_case: true
  #   vote: {label}"""

_PAIR_RULES = """  # - name: words around the entities
  #   pattern: SUBJ was written by OBJ  # * is any word, ... any words
  #   vote: {label}
  # - name: telling words between them
  #   keywords: [word, another word]
  #   scope: between
  #   vote: {label}"""

_NO_RELATION = ("none", "other", "no relation", "no_relation", "na", "n/a", "negative", "unrelated", "false")


def _negative(labels: Mapping[str, int]) -> list[str]:
    """The line that names the label that says that there is no relation, where one looks like it."""
    found = next((label for label in labels if label.strip().lower() in _NO_RELATION), None)
    comment = "# says that the two are not related; it counts for nothing in f1"
    return [f"negative: {_scalar(found)}  {comment}" if found else f"# negative: none  {comment}"]


def reading_starter(*, name: str, description: str, train: str, text: str, question: str, answers: str) -> str:
    """A commented task file for questions about texts.

    >>> "task: qa" in reading_starter(name="t", description="", train="a.json", text="context", question="question", answers="answers")
    True
    """
    lines = [
        "# A task for ruletune: questions about texts, which data they are in, and what you know about the answers.",
        "# Paths are relative to this file. Every key is explained in docs/task-file.md, rules in docs/question-answering.md.",
        "",
        "task: qa",
        f"name: {_scalar(name)}",
        f"description: {_scalar(description)}  # one sentence; a template can show it to the model",
        "",
        "data:",
        f"  train: {_scalar(train)}  # questions without answers count as unlabelled; an empty list: the text has no answer",
        "  # unlabeled: more.jsonl  # questions and texts that only the rules speak about",
        "  # test: held_out.jsonl   # without it, a share of train is held out, all questions about a text together",
        "  columns:",
        f"    text: {_scalar(text)}",
        f"    question: {_scalar(question)}",
        f"    answers: {_scalar(answers)}",
        "  split: {validation: 0.0, test: 0.2}",
        "",
        "# What you know. A rule proposes passages, often several; the label model and the model choose among them.",
        "rules:",
        "  - {name: same words, sentence: words, vote: answer}  # the answer stands in the sentence most like the question",
        "  - {name: who, question: '\\bwho(m|se)?\\b', type: person, vote: answer}",
        "  - {name: when, question: '\\bwhen\\b|\\b(what|which) (year|date|day)\\b', type: date, vote: answer}",
        "  - {name: where, question: '\\bwhere\\b', type: place, vote: answer}",
        "  - {name: how many, question: 'how many', type: number, vote: answer}",
        "  - {name: how much, question: 'how much', type: [money, percent, measure], vote: answer}",
        "  # - name: an expression of your own",
        "  #   question: 'found'",
        "  #   pattern: 'founded by (?P<answer>[A-Z]\\w+ [A-Z]\\w+)'",
        "  #   vote: answer",
        "",
        "model:",
        "  checkpoint: minilm  # comes with ruletune; or a folder, or a hub id",
        "  max_length: 256     # tokens; longer texts are read in windows that overlap",
        "  max_answer: 30      # words of the longest answer",
        "",
        "seed: 0",
    ]
    return "\n".join(lines) + "\n"


def _scalar(value: str) -> str:
    """A string as YAML on one line, quoted where it must be."""
    stream = io.StringIO()
    yaml = YAML()
    yaml.width = 1_000_000
    plain = value.isprintable() and value.strip() and "{" not in value
    yaml.dump([value if plain else DoubleQuotedScalarString(value)], stream)
    return stream.getvalue().removeprefix("- ").strip()
