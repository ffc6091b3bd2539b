"""The report page: one file that needs nothing else, no script and no network."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from importlib import resources
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup, escape
from pydantic import TypeAdapter

from ruletune.report import charts
from ruletune.report.model import Case, Report, RuleRow
from ruletune.report.words import (
    GOLD_NAMED,
    calibration_sentence,
    confusion_missing,
    effects_sentence,
    further_metrics,
    guard_sentence,
    labels_saved_sentence,
    measured_in,
    reliance_sentence,
)

__all__ = ["from_json", "render", "render_joint", "resource", "rule_table_html", "run_html", "to_json"]

_SHOWN = 420
"""Characters of a text that the page shows."""


def to_json(report: Report) -> dict[str, Any]:
    """A report as plain values."""
    return asdict(report)


def from_json(value: object) -> Report:
    """The report that :func:`to_json` wrote."""
    return TypeAdapter(Report).validate_python(value)


def render(report: Report) -> str:
    """The page. Texts and names in it come from strangers and are escaped, in plots too."""
    template = _environment().from_string(resource("page.html.j2"))
    return template.render(
        report=report,
        style=Markup(resource("page.css")),
        charts=_charts(report),
        saved=labels_saved_sentence(report.labels_saved) if report.labels_saved else None,
        calibrated=calibration_sentence(report),
        measured=measured_in(report.metric),
        gold_named=GOLD_NAMED[report.shape],
        confusion_missing=confusion_missing(report),
        findings=[
            said
            for said in (
                guard_sentence(report.guard, report.shape),
                reliance_sentence(report.reliance, report.shape),
                effects_sentence(report.effects, report.shape),
            )
            if said
        ],
        rules=sorted(report.rules, key=lambda row: (-row.coverage, row.name)),
        further=further_metrics(report.scores, report.metric),
        kept=sorted(report.kept, key=lambda row: list(row.kept.values())[-1] - row.demanded),
    )


def render_joint(report: Report, pages: Mapping[str, tuple[str, Report]]) -> str:
    """The page of a run of two tasks: how often both answers are right, and the way to the pages of each.

    Args:
        pages: By name, where each page is and what it reports.
    """
    findings = {name: guard_sentence(half.guard, half.shape) for name, (_, half) in pages.items()}
    return (
        _environment()
        .from_string(resource("joint.html.j2"))
        .render(
            report=report,
            pages=pages,
            findings={name: said for name, said in findings.items() if said},
            style=Markup(resource("page.css")),
            charts=_charts(report),
            further=further_metrics(report.scores, report.metric),
            gold_named=GOLD_NAMED["label"],
        )
    )


def rule_table_html(rows: Sequence[RuleRow]) -> str:
    """A rule table for a notebook."""
    source = "{% from 'macros' import rule_table %}{{ rule_table(rules) }}"
    return _environment().from_string(source).render(rules=sorted(rows, key=lambda row: (-row.coverage, row.name)))


def run_html(report: Report) -> str:
    """The headline of a report for a notebook."""
    source = "{% from 'macros' import score_table %}<h3>{{ report.title }}</h3>{{ score_table(report, further) }}<p>{{ saved }}</p>"
    saved = f"Labels saved: {labels_saved_sentence(report.labels_saved)}" if report.labels_saved else ""
    return (
        _environment()
        .from_string(source)
        .render(report=report, saved=saved, further=further_metrics(report.scores, report.metric))
    )


def resource(name: str) -> str:
    """The text of a file that pages are made from."""
    return resources.files("ruletune.report").joinpath(name).read_text(encoding="utf-8")


def _environment() -> Environment:
    from jinja2 import DictLoader

    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=DictLoader({"macros": resource("macros.html.j2")}),
    )
    environment.filters |= {"percent": _percent, "marked": _marked, "thousands": lambda n: f"{n:,}"}
    environment.globals["interval"] = _interval
    return environment


def _percent(value: float | None, digits: int = 1) -> str:
    return "–" if value is None else f"{value * 100:.{digits}f}%"


def _interval(correct: int, judged: int) -> str:
    """95% Wilson interval of a rule's accuracy, in words for a tooltip."""
    if not judged:
        return "no vote on a text with a gold label"
    z, share = 1.96, correct / judged
    centre = (share + z * z / (2 * judged)) / (1 + z * z / judged)
    spread = z * math.sqrt(share * (1 - share) / judged + z * z / (4 * judged**2)) / (1 + z * z / judged)
    return f"95% interval {max(centre - spread, 0):.0%} to {min(centre + spread, 1):.0%}"


def _marked(case: Case) -> Markup:
    """The text with what triggered rules in ``<mark>``, cut around the first of it where it is long."""
    text = case.text
    spans = _merged(case.spans, len(text))
    start = max(0, spans[0][0] - _SHOWN // 3) if spans and len(text) > _SHOWN else 0
    end = min(len(text), start + _SHOWN)
    parts = [Markup("… ") if start else Markup("")]
    position = start
    for first, last in spans:
        if last <= position or first >= end:
            continue
        first, last = max(first, position), min(last, end)
        parts += [escape(text[position:first]), Markup("<mark>"), escape(text[first:last]), Markup("</mark>")]
        position = last
    parts += [escape(text[position:end]), Markup(" …") if end < len(text) else Markup("")]
    return Markup("").join(parts)


def _merged(spans: Sequence[tuple[int, int]], length: int) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted((max(0, s), min(e, length)) for s, e in spans if s < e):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _charts(report: Report) -> dict[str, Markup]:
    """Every plot there is data for, by name."""
    scored = any(s.covered is not None or s.uncovered is not None for s in report.scores)
    drawn: dict[str, Callable[[], str] | None] = {
        "comparison": (lambda: charts.comparison(report.scores, report.metric)) if report.scores else None,
        "coverage": (lambda: charts.coverage(report.scores, report.metric)) if scored and report.rules else None,
        "curve": (lambda: charts.learning_curve(report.curve, report.metric, _target(report)))
        if len(report.curve) > 1
        else None,
        "rules": (lambda: charts.rules(report.rules)) if any(r.judged and r.coverage for r in report.rules) else None,
        "confusion": (lambda: charts.confusion(report.confusion, report.labels))
        if report.confusion and len(report.labels) <= 30
        else None,
        "calibration": (lambda: charts.calibration(report.calibration)) if report.calibration else None,
    }
    main = [point for point in report.losses if not point.stage.startswith("learning curve")]
    drawn["losses"] = (lambda: charts.losses(main)) if main else None
    return {
        name: Markup(_own_ids(draw(), name)) for name, draw in drawn.items() if draw is not None
    }  # drawn from escaped text


def _own_ids(svg: str, name: str) -> str:
    """The plot with ids of its own: Vega numbers them through all it ever drew, and a page's ids must differ."""
    numbers = {found: f"{name}-{n}" for n, found in enumerate(dict.fromkeys(re.findall(r'\bid="([^"]+)"', svg)))}
    return re.sub(
        r'\bid="([^"]+)"|url\(#([^)]+)\)',
        lambda m: f'id="{numbers[m[1]]}"' if m[1] else f"url(#{numbers.get(m[2], m[2])})",
        svg,
    )


def _target(report: Report) -> float | None:
    delivered = report.scores[-1] if report.scores else None
    return delivered.metrics[report.metric] if delivered and delivered.name != "labels alone" else None
