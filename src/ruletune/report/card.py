"""The model card: what a stranger needs to know before they use a model, in the Hub's format.

A card is written from what was measured and from nothing else; where nothing was, it says so. Words of the task file are
escaped, in the front matter and in the text.

Source: Mitchell et al. 2019, *Model Cards for Model Reporting*.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ruletune.report.card_code import loading, without_ruletune
from ruletune.report.markdown import code, cut, plain, table
from ruletune.report.model import Report, RuleRow, Score
from ruletune.report.words import (
    GOLD_NAMED,
    calibration_sentence,
    further_metrics,
    guard_sentence,
    labels_saved_sentence,
    reliance_sentence,
)

__all__ = ["Facts", "card"]

_PIPELINES = {
    "classification": "text-classification",
    "ner": "token-classification",
    "relation": "text-classification",
    "qa": "question-answering",
    "translation": "translation",
    "summarization": "summarization",
    "dialogue": "text-generation",
}
"""The Hub's names of tasks."""

_RULES, _LABELS = 50, 60
"""Rows that a table has at most."""

_FEW = 100
"""Held-out texts below which differences of a few points mean nothing."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a card says beside the report.

    Attributes:
        task: As in a task file.
        base: What the model started from, as people call it.
        base_model: Its id on the Hub, where it has one.
        readout: Where in the outputs the answer stands.
        multi: Several labels may hold at once.
        cloze: It answers by filling in a blank.
        templates: How texts are shown to it.
        max_length: In tokens.
        data: SHA-256 by part of the data.
        promises: It may abstain so that a promised share of its answers is right.
    """

    task: str
    base: str
    base_model: str | None
    readout: str
    multi: bool
    cloze: bool
    templates: tuple[str, ...]
    max_length: int
    data: Mapping[str, str]
    promises: bool


def card(report: Report, facts: Facts) -> str:
    """The card's Markdown, front matter first."""
    parts = [
        f"# {plain(report.title)}",
        *_about(report, facts),
        "## How it was made",
        *_making(report, facts),
        "## How good it is",
        *_quality(report),
        "## How far it can be believed",
        *_belief(report, facts),
        "## Rules",
        *_rules(report),
        "## Limits",
        "\n".join(f"- {limit}" for limit in _limits(report, facts)),
        "## How to use it",
        *_use(facts),
        "## Provenance",
        *_provenance(report, facts),
    ]
    return f"{_front_matter(report, facts)}\n" + "\n\n".join(part for part in parts if part) + "\n"


def _front_matter(report: Report, facts: Facts) -> str:
    """YAML between lines of dashes. A license is for the owner of the data to choose."""
    from ruamel.yaml import YAML

    values: dict[str, Any] = {
        "library_name": "transformers",
        "pipeline_tag": "fill-mask" if facts.cloze else _PIPELINES[facts.task],
    }
    if facts.base_model is not None:
        values |= {"base_model": facts.base_model, "base_model_relation": "finetune"}
    values["tags"] = ["ruletune", "weak-supervision", facts.task]
    if report.scores:
        values["model-index"] = [{"name": _line(report.title), "results": [_result(report, facts)]}]
    writer: Any = YAML(typ="safe", pure=True)
    writer.default_flow_style = False
    writer.allow_unicode = True
    writer.width = 1 << 20  # a line stays a line, so that none of it can look like the end
    writer.sort_base_mapping_type_on_output = False
    stream = io.StringIO()
    writer.dump(values, stream)
    return f"---\n# license: none was chosen yet; the terms of the base model and of the data apply\n{stream.getvalue()}---\n"


def _line(text: str) -> str:
    return cut(text, 96) or "model"


def _result(report: Report, facts: Facts) -> dict[str, Any]:
    delivered = report.scores[-1]
    return {
        "task": {"type": _PIPELINES[facts.task]},
        "dataset": {"type": "custom", "name": _line(report.title), "split": "test"},
        "metrics": [
            {"type": name, "name": name, "value": round(value, 4), "verified": False}
            for name, value in delivered.metrics.items()
        ],
    }


def _about(report: Report, facts: Facts) -> Iterator[str]:
    described = plain(report.description)
    if described:
        yield described
    base = (
        f"[{plain(facts.base)}](https://huggingface.co/{facts.base_model})" if facts.base_model else plain(facts.base)
    )
    kind = {"label": "labels", "spans": "spans", "passage": "passages", "text": "texts"}[report.shape]
    yield f"A model for {plain(facts.task)}: its answers are {kind}. Fine-tuned from {base} with Ruletune."
    if report.labels:
        named = ", ".join(plain(label) for label in report.labels[:_LABELS])
        more = len(report.labels) - _LABELS
        several = "; several may hold at once" if facts.multi else ""
        yield f"Labels: {named}{f', and {more} more' if more > 0 else ''}{several}."


def _making(report: Report, facts: Facts) -> Iterator[str]:
    parts = report.parts
    gold = GOLD_NAMED[report.shape]
    rows = [
        f"- {parts.get('gold', 0)} {gold} were learned from; {parts.get('validation', 0)} more chose when to stop.",
        f"- {parts.get('unlabeled', 0)} texts without gold, {len(report.rules)} rules; on {report.rule_coverage:.0%} of those "
        "texts some rule says something.",
    ]
    if said := guard_sentence(report.guard, report.shape):
        rows.append(f"- {plain(said)}")
    elif report.rules:
        rows.append("- What the rules say was reconciled into weak labels, learned first; gold came after.")
    if report.labels_saved is not None:
        rows.append(f"- Labels saved by the rules: {plain(labels_saved_sentence(report.labels_saved))}")
    shown = " or ".join(code(template) for template in facts.templates)
    rows.append(f"- A text is shown to the model as {shown}, in {facts.max_length} tokens at most.")
    yield "\n".join(rows)


def _quality(report: Report) -> Iterator[str]:
    if not report.scores:
        yield "Nothing was measured: there was no labelled test data."
        return
    further = further_metrics(report.scores, report.metric)
    header = ["", "gold used", plain(report.metric), "95% interval", *(heading for _, heading in further)]
    sides = report.shape != "text" and any(s.covered is not None or s.uncovered is not None for s in report.scores)
    header += ["a rule fires", "no rule fires"] if sides else []
    yield f"On {report.parts.get('test', 0)} held-out texts that nothing was learned from. The last line is this model."
    yield table(header, [_score_row(score, report, further, sides=sides) for score in report.scores])
    if report.per_label:
        rows = [
            [
                plain(label),
                *(_percent(row.get(name)) for name in ("precision", "recall", "f1")),
                f"{row['support']:.0f}",
            ]
            for label, row in list(report.per_label.items())[:_LABELS]
        ]
        yield table(["label", "precision", "recall", "F1", "texts"], rows)


def _score_row(score: Score, report: Report, further: Sequence[tuple[str, str]], *, sides: bool) -> list[str]:
    low, high = score.interval
    row = [plain(score.name), str(score.labels), _percent(score.metrics.get(report.metric)), f"{low:.1%} to {high:.1%}"]
    row += [_percent(score.metrics.get(name)) for name, _ in further]
    return row + ([_percent(score.covered), _percent(score.uncovered)] if sides else [])


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def _belief(report: Report, facts: Facts) -> Iterator[str]:
    said = calibration_sentence(report)
    yield plain(said) if said else "Its probabilities were not compared with gold."
    if facts.promises:
        yield (
            "With Ruletune it can hold answers back so that at most a promised share of the given ones is wrong: "
            "`ruletune predict RUN TEXTS --max-error 0.05`."
        )


def _rules(report: Report) -> Iterator[str]:
    if not report.rules:
        yield "It was trained without rules."
        return
    ordered = sorted(report.rules, key=lambda row: (-row.coverage, row.name))
    if len(ordered) > _RULES:
        yield f"The {_RULES} of {len(ordered)} rules that fire most."
    header = ["rule", "kind", "says", "fires on", "right, of those judged", "believed"]
    yield table(header, [_rule_row(row) for row in ordered[:_RULES]], left=3)


def _rule_row(row: RuleRow) -> list[str]:
    says = ", ".join(plain(label) for label in row.labels) or plain(cut(row.says, 60)) or "-"
    right = f"{row.correct} of {row.judged}" if row.judged else "-"
    return [plain(cut(row.name, 60)), plain(row.kind), says, f"{row.coverage:.1%}", right, _percent(row.estimated)]


def _limits(report: Report, facts: Facts) -> Iterator[str]:
    """What the figures say against the model."""
    tested = report.parts.get("test", 0)
    if not report.scores:
        yield "Nothing is known of how good it is."
    elif tested < _FEW:
        low, high = report.scores[-1].interval
        yield (
            f"It was measured on {tested} texts only: its {plain(report.metric)} lies between {low:.0%} and {high:.0%}, and "
            "differences of a few points mean nothing."
        )
    yield from _weaknesses(report)
    if (said := reliance_sentence(report.reliance, report.shape)) and report.reliance is not None:
        yield plain(said)
    for part in report.truncation:
        if part.truncated and part.part == "test":
            yield (
                f"{part.truncated} of {part.texts} held-out texts were longer than {facts.max_length} tokens; {part.tokens_lost} "
                "tokens of them were not read."
            )
    yield from (plain(cut(warning, 400)) for warning in report.warnings)
    yield "It knows the kind of text that it was trained on. What it does on other kinds was not measured."


def _weaknesses(report: Report) -> Iterator[str]:
    """Texts that no rule covers, and labels that it finds badly or that were hardly tested."""
    if not report.scores:
        return
    delivered = report.scores[-1]
    if delivered.covered is not None and delivered.uncovered is not None and delivered.uncovered < delivered.covered:
        yield (
            f"Where no rule fires its {plain(report.metric)} is {delivered.uncovered:.1%}, where one does "
            f"{delivered.covered:.1%}."
        )
    rare = [label for label, row in report.per_label.items() if row["support"] < 10]
    if rare:
        named = ", ".join(plain(label) for label in rare[:10])
        yield f"Labels with fewer than 10 held-out cases, whose figures say little: {named}{', …' if len(rare) > 10 else ''}."
    weak = sorted((row["f1"], label) for label, row in report.per_label.items() if row["support"] >= 10)
    if len(weak) > 1 and weak[0][0] < weak[-1][0]:
        yield f"It is worst at {plain(weak[0][1])}, with an F1 of {weak[0][0]:.1%}."


def _use(facts: Facts) -> Iterator[str]:
    yield "With Ruletune, the run folder that this model is of, or its export:"
    yield loading()
    yield "With Transformers alone:"
    yield without_ruletune(
        facts.readout, cloze=facts.cloze, multi=facts.multi, template=facts.templates[0], max_length=facts.max_length
    )


def _provenance(report: Report, facts: Facts) -> Iterator[str]:
    yield f"Trained {plain(report.created)}."
    if facts.data:
        hashes = [[plain(part), str(report.parts.get(part, "")), code(digest)] for part, digest in facts.data.items()]
        yield table(["part of the data", "texts", "SHA-256 of ids, texts and answers"], hashes, left=3)
    yield table(["", "version"], [[plain(name), plain(value)] for name, value in report.versions.items()], left=2)
