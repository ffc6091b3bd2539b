#!/usr/bin/env python
"""Fill the figures of benchmarks/results into docs/comparison.md and docs/weaknesses.md; with --check, only say whether they are."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from make_benchmarks_page import Result, read_result, table
from marked import filled, update

ROOT = Path(__file__).resolve().parent.parent
PAGES = (ROOT / "docs" / "comparison.md", ROOT / "docs" / "weaknesses.md")
RESULTS = ROOT / "benchmarks" / "results"

Row = Mapping[str, Any]
Columns = Mapping[str, str]
"""Names of a result's columns, and what this page calls them."""

OURS = "Ruletune"
PEERS = ("SetFit", "fine-tuning", "Snorkel, fine-tuning, gold", "frozen + logistic regression", "Snorkel label model")


def read(name: str) -> Result:
    return read_result(RESULTS / f"{name}.json")


def said(name: str, rows: Sequence[Row], *, bold: bool = False) -> str:
    """A table with the command that it came from, and a link to everything that was measured."""
    result = read(name)
    written = strong(table(rows)) if bold else table(rows)
    console = f"```console\n$ {result.command}\n```"
    where = f"Measured {result.date}, commit {result.commit}; all of it under [{name}](benchmarks.md#{name})."
    return "\n\n".join([written, console, where])


def strong(written: str) -> str:
    """A table of shares whose best value in each column stands out.

    >>> print(strong("| | a |\\n|---|---:|\\n| x | 0.5 |\\n| y | 0.75 |"))
    | | a |
    |---|---:|
    | x | 0.5 |
    | y | **0.75** |
    """
    lines = [line.strip("|").split("|") for line in written.splitlines()]
    for column in range(1, len(lines[0])):
        values = {row: float(lines[row][column]) for row in range(2, len(lines)) if "–" not in lines[row][column]}
        for row in (row for row, value in values.items() if value == max(values.values())):
            lines[row][column] = f" **{lines[row][column].strip()}** "
    return "\n".join("|" + "|".join(cells) + "|" for cells in lines)


def picked(rows: Iterable[Row], columns: Columns, wanted: Mapping[str, Sequence[object]] | None = None) -> list[Row]:
    """Some columns of the rows that have one of the wanted values in each column that is named."""
    return [
        {name: row.get(column) for column, name in columns.items()}
        for row in rows
        if all(row.get(key) in values for key, values in (wanted or {}).items())
    ]


def by_data(value: str, methods: Sequence[str], labels: tuple[int, ...]) -> list[Row]:
    """A line for each method, a column for each data set and number of labels."""
    rows = read("label_efficiency").rows
    cells = {(row["method"], row["data"], row["labels a class"]): row.get(value) for row in rows}
    sets = sorted({(data, count) for _, data, count in cells if count in labels})
    return [
        {"method": method, **{f"{data} {count}": cells.get((method, data, count)) for data, count in sets}}
        for method in methods
    ]


def differences() -> list[Row]:
    """Ruletune less each of the others, in points of accuracy."""
    ours, *others = by_data("accuracy", (OURS, *PEERS[:3]), (5, 10, 50))
    return [
        {
            "Ruletune less": row["method"],
            **{
                key: None if row[key] is None or ours[key] is None else f"{100 * (ours[key] - row[key]):+.1f}"
                for key in row
                if key != "method"
            },
        }
        for row in others
    ]


def rule_speed() -> list[Row]:
    rows = [row for row in read("rules").rows if row.get("texts a second") and "expressions" not in row["what"]]
    return picked(rows[:4], {"what": "141 expressions", "texts a second": "texts a second", "same votes": "same votes"})


def against_snorkel() -> list[Row]:
    rows = [row for row in read("rules").rows if row.get("Snorkel") is not None]
    return picked(rows, {"what": "what", "Snorkel": "Snorkel", "here": "Ruletune"})


def past_rules() -> list[Row]:
    methods = ("Ruletune, rules alone", "Ruletune, labels alone", OURS)
    return by_data("accuracy", methods, (5, 10, 50))


def label_models() -> list[Row]:
    rows = read("label_models").rows
    return [
        {
            "data": row["data"],
            "gold labels a class": row["gold labels a class"],
            "majority vote": row["accuracy where covered"],
            "Dawid-Skene": next(
                other["accuracy where covered"]
                for other in rows
                if other["model"] == "Dawid-Skene" and all(other[k] == row[k] for k in ("data", "gold labels a class"))
            ),
        }
        for row in rows
        if row["model"] == "majority vote"
    ]


def guard() -> list[Row]:
    """How often rules of each sort were used, over all data sets and numbers of labels."""
    rows = read("guard").rows
    return [
        {
            "rules": kind,
            "draws": sum(row["draws"] for row in rows if row["rules"] == kind),
            "used": sum(row["used"] for row in rows if row["rules"] == kind),
        }
        for kind in dict.fromkeys(row["rules"] for row in rows)
    ]


SUGGESTED = {
    "data": "data", "method": "method", "rules": "rules", "precision by rule": "precision by rule", "expected": "expected",
    "coverage": "coverage",
}  # fmt: skip
HELD = {"data": "data", "labels": "labels held out", "max_error": "asked", "answered": "answered", "error": "error", "broken": "broken"}  # fmt: skip
NER = {"data": "data", "gold sentences": "gold sentences", "rules alone, F1": "rules alone", "labels alone, F1": "labels alone", "rules + labels, F1": "rules + labels"}  # fmt: skip
RELATION = {"labels a class": "labels a class", "rules alone, micro F1": "rules alone", "labels alone, micro F1": "labels alone", "rules + labels, micro F1": "rules + labels"}  # fmt: skip
READING = {"gold questions": "gold questions", "rules alone, f1": "rules alone", "labels alone, f1": "labels alone", "rules + labels, f1": "rules + labels"}  # fmt: skip
CLOZE = {"data": "data", "labels a class": "labels a class", "sequence": "new output layer", "cloze, first template": "label words, one template", "cloze, all templates": "label words, all templates"}  # fmt: skip
LEANING = {"training": "training", "accuracy": "accuracy", "covered": "where a rule fires", "uncovered": "where none does", "triggers hidden": "rules' words hidden", "reliance": "reliance"}  # fmt: skip
PREDICTED = {"method": "method", "times the pipeline": "times the pipeline", "times the pipeline in batches": "times the pipeline in batches", "same answers": "same answers"}  # fmt: skip
SERVED = {"clients": "clients", "server": "server", "texts a second": "texts a second", "same answers": "same answers"}
FASTER = {"data": "data", "labels a class": "labels a class", "SetFit: accuracy": "SetFit", "Ruletune: accuracy": "Ruletune", "share of SetFit's time": "share of SetFit's time"}  # fmt: skip
WEIGHED = {"data": "data", "labels a class": "labels a class", "votes alone": "votes alone", "several layers, reduced": "head on the labels", "weighed: several layers, reduced": "both"}  # fmt: skip
ZERO = {"data": "data", "by": "by", "accuracy": "accuracy"}
PRETRAINED = {"pretraining": "pretraining", "probe": "linear head", "fine_tuned": "fine-tuned"}

FIGURES: dict[str, Callable[[], str]] = {
    "accuracy": lambda: said(
        "label_efficiency", by_data("accuracy", (OURS, "Ruletune, labels alone", *PEERS), (5, 10, 50)), bold=True
    ),
    "differences": lambda: table(differences()),
    "seconds": lambda: table(by_data("seconds", (OURS, *PEERS[:3]), (5, 10))),
    "time to accuracy": lambda: said("time_to_accuracy", picked(read("time_to_accuracy").rows, FASTER)),
    "rule speed": lambda: said("rules", rule_speed()),
    "against Snorkel": lambda: table(against_snorkel()),
    "prediction": lambda: said("prediction", picked(read("prediction").rows, PREDICTED)),
    "serving": lambda: said("serving", picked(read("serving").rows, SERVED, {"clients": (1, 32)})),
    "clozes": lambda: said("clozes", picked(read("clozes").rows, CLOZE)),
    "suggestions": lambda: said("suggestions", picked(read("suggestions").rows, SUGGESTED)),
    "past the rules": lambda: said("label_efficiency", past_rules(), bold=True),
    "weighed": lambda: said(
        "representations", picked(read("representations").rows, WEIGHED, {"labels a class": (5, 50)})
    ),
    "entities": lambda: said("ner", picked(read("ner").rows, NER)),
    "relations": lambda: said("relation", picked(read("relation").rows, RELATION)),
    "reliance": lambda: said("reliance", picked(read("reliance").rows, LEANING)),
    "questions": lambda: said("qa", picked(read("qa").rows, READING)),
    "label models": lambda: said("label_models", label_models()),
    "guard": lambda: said("guard", guard()),
    "zero-shot": lambda: said("zero_shot", picked(read("zero_shot").rows, ZERO)),
    "promises": lambda: said(
        "abstention",
        picked(read("abstention").rows, HELD, {"what": ["promise"], "labels": (100, 500), "max_error": (0.05, 0.1)}),
    ),
    "pretraining": lambda: said("pretraining", picked(read("pretraining").rows, PRETRAINED)),
}


def figures(name: str) -> str:
    """What stands in the block of a name.

    Raises:
        ValueError: There are no figures of that name, or their file is not as it should be.
    """
    if name not in FIGURES:
        raise ValueError(f"no figures called {name!r}; there are: {', '.join(FIGURES)}")
    return FIGURES[name]()


def main(arguments: list[str]) -> int:
    try:
        written = {page: filled(page.read_text(encoding="utf-8"), "figures", figures) for page in PAGES}
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    check = "--check" in arguments
    fine = [update(page, text, check=check, again="make docs") for page, text in written.items()]
    return 0 if all(fine) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
