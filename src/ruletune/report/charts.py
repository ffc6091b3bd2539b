"""Plots of a report as SVG, drawn by Vega-Lite without a browser or a network.

Text and lines are drawn in two marked colours that the finished SVG replaces by CSS, so that a plot follows the page
into its dark scheme. Every function returns markup that is safe to put into a page: Vega escapes the texts it draws.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Sequence
from typing import Any

from ruletune.report.model import Bin, CurvePoint, LossPoint, RuleRow, Score

__all__ = ["calibration", "comparison", "confusion", "coverage", "learning_curve", "losses", "rules"]

_INK, _FAINT = "#010203", "#040506"  # stand for currentColor and the page's line colour
_WAYS = {"zero-shot": "#8a8f98", "rules alone": "#d98e04", "labels alone": "#3d8bd4", "rules + labels": "#0b8f6a"}
_ACCENT = "#0b8f6a"
_FONT = "system-ui, sans-serif"
_WIDTH = 560


def _svg(chart: Any) -> str:
    import vl_convert

    chart = (
        chart.configure(background="transparent", font=_FONT, padding={"left": 18, "right": 12, "top": 6, "bottom": 4})
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=_INK,
            titleColor=_INK,
            domainColor=_FAINT,
            tickColor=_FAINT,
            gridColor=_FAINT,
            labelFontSize=12,
            titleFontSize=12,
            titleFontWeight="normal",
            labelLimit=220,
        )
        .configure_legend(labelColor=_INK, titleColor=_INK, labelFontSize=12, titleFontSize=12, labelLimit=260)
        .configure_header(labelColor=_INK, titleColor=_INK, labelFontSize=12)
        .configure_text(color=_INK, fontSize=12)
    )
    svg: str = vl_convert.vegalite_to_svg(_printable(json.loads(chart.to_json(indent=None))))
    return svg.replace(_INK, "currentColor").replace(_FAINT, "var(--line)")


def _printable(value: Any) -> Any:
    """A specification whose texts have no control characters or line separators: the renderer dies of them."""
    match value:
        case str():
            return "".join("\ufffd" if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") else c for c in value)
        case list():
            return [_printable(item) for item in value]
        case dict():
            return {key: _printable(item) for key, item in value.items()}
        case _:
            return value


def _data(rows: list[dict[str, Any]]) -> Any:
    import altair as alt

    return alt.Data(values=rows)  # type: ignore[no-untyped-call]


def _colors(names: Sequence[str]) -> Any:
    import altair as alt

    return alt.Scale(domain=list(names), range=[_WAYS.get(name, _ACCENT) for name in names])


def comparison(scores: Sequence[Score], metric: str) -> str:
    """Each way's value as a point with its 95% interval."""
    import altair as alt

    names = [score.name for score in scores]
    rows = [{"way": s.name, "value": s.metrics[metric], "low": s.interval[0], "high": s.interval[1]} for s in scores]
    base = alt.Chart(_data(rows)).encode(
        y=alt.Y("way:N", sort=names, title=None, axis=alt.Axis(ticks=False, domain=False)),
        color=alt.Color("way:N", scale=_colors(names), legend=None),
    )
    x = alt.X(
        "value:Q",
        title=f"{metric} on held-out texts",
        axis=alt.Axis(format="%", tickCount=6),
        scale=alt.Scale(zero=False),
    )
    bars = base.mark_rule(strokeWidth=3, opacity=0.45).encode(x=alt.X("low:Q", title=None), x2="high:Q")
    points = base.mark_point(filled=True, size=150, opacity=1).encode(x=x)
    text = base.mark_text(dy=-15, fontWeight="bold").encode(x="value:Q", text=alt.Text("value:Q", format=".1%"))
    return _svg((bars + points + text).properties(width=_WIDTH - 90, height=54 * max(len(scores), 1)))


def coverage(scores: Sequence[Score], metric: str) -> str:
    """Each way's value where a rule fires and where none does."""
    import altair as alt

    names = [score.name for score in scores]
    sides = ("a rule fires", "no rule fires")
    rows = [
        {"way": score.name, "side": side, "value": value}
        for score in scores
        for side, value in zip(sides, (score.covered, score.uncovered), strict=True)
        if value is not None
    ]
    base = alt.Chart(_data(rows)).encode(
        x=alt.X("side:N", sort=list(sides), title=None, axis=alt.Axis(labelAngle=0)),
        xOffset=alt.XOffset("way:N", sort=names),
        y=alt.Y("value:Q", title=metric, axis=alt.Axis(format="%"), scale=alt.Scale(domain=[0, 1])),
        color=alt.Color("way:N", scale=_colors(names), sort=names, legend=alt.Legend(title=None, orient="top")),
    )
    text = base.mark_text(dy=-8).encode(text=alt.Text("value:Q", format=".0%"))
    return _svg((base.mark_bar(cornerRadiusEnd=3) + text).properties(width=_WIDTH - 60, height=240))


def learning_curve(points: Sequence[CurvePoint], metric: str, target: float | None) -> str:
    """Labels alone by number of labels, with the range over draws, and the delivered model's value across."""
    import altair as alt

    rows = [{"labels": p.labels, "value": p.value, "low": p.low, "high": p.high} for p in points]
    sizes = [p.labels for p in points]
    x = alt.X(
        "labels:Q",
        title="gold labels (logarithmic)",
        scale=alt.Scale(type="log", domain=[min(sizes) * 0.9, max(sizes) * 1.1], nice=False),
        axis=alt.Axis(values=sizes, format="d", grid=False),
    )
    y = alt.Y("value:Q", title=metric, axis=alt.Axis(format="%"), scale=alt.Scale(zero=False))
    base = alt.Chart(_data(rows)).encode(x=x)
    color = _WAYS["labels alone"]
    chart = base.mark_area(opacity=0.18, color=color).encode(y=alt.Y("low:Q", title=None), y2="high:Q")
    chart += base.mark_line(color=color, strokeWidth=2).encode(y=y)
    chart += base.mark_point(color=color, filled=True, size=70, opacity=1).encode(y=y)
    if target is not None:
        line = alt.Chart(_data([{"value": target, "name": f"rules + labels {target:.1%}"}]))
        chart += line.mark_rule(color=_ACCENT, strokeDash=[6, 4], strokeWidth=2).encode(y="value:Q")
        chart += line.mark_text(color=_ACCENT, align="left", dx=6, dy=-8, fontWeight="bold").encode(
            y="value:Q", x=alt.value(0), text="name:N"
        )
    return _svg(chart.properties(width=_WIDTH - 60, height=240))


def rules(rows: Sequence[RuleRow]) -> str:
    """Rules as points: how often they speak, and how often they are right where gold tells."""
    import altair as alt

    values = [
        {
            "coverage": row.coverage,
            "accuracy": row.correct / row.judged,
            "judged": row.judged,
            "label": ", ".join(row.labels),
        }
        for row in rows
        if row.judged and row.coverage
    ]
    chart = (
        alt.Chart(_data(values))
        .mark_point(filled=True, opacity=0.75)
        .encode(
            x=alt.X("coverage:Q", title="texts where the rule fires (logarithmic)", scale=alt.Scale(type="log"), axis=alt.Axis(format=".1%", tickCount=5)),
            y=alt.Y("accuracy:Q", title="votes that are right", axis=alt.Axis(format="%"), scale=alt.Scale(domain=[0, 1])),
            size=alt.Size("judged:Q", title="judged", scale=alt.Scale(range=[30, 400]), legend=alt.Legend(orient="right")),
            color=alt.Color("label:N", title="votes for", scale=alt.Scale(scheme="tableau10"), legend=alt.Legend(orient="right")),
        )
    )  # fmt: skip
    return _svg(chart.properties(width=_WIDTH - 170, height=260))


def confusion(matrix: Sequence[Sequence[int]], labels: Sequence[str]) -> str:
    """A heat map: gold by row, answer by column, shaded by the share of the row."""
    import altair as alt

    rows = [
        {"gold": gold, "answer": answer, "n": n, "share": n / max(sum(counts), 1)}
        for gold, counts in zip(labels, matrix, strict=True)
        for answer, n in zip(labels, counts, strict=True)
    ]
    side = max(34, min(90, 420 // max(len(labels), 1)))
    base = alt.Chart(_data(rows)).encode(
        x=alt.X("answer:N", sort=list(labels), title="answer", axis=alt.Axis(labelAngle=-30 if len(labels) > 4 else 0)),
        y=alt.Y("gold:N", sort=list(labels), title="gold"),
    )
    cells = base.mark_rect(color=_ACCENT, stroke=_FAINT).encode(
        opacity=alt.Opacity("share:Q", scale=alt.Scale(domain=[0, 1], range=[0.03, 0.9]), legend=None)
    )
    size = len(labels) * side
    return _svg((cells + base.mark_text().encode(text="n:Q")).properties(width=size, height=size))


def calibration(bins: Sequence[Bin]) -> str:
    """Accuracy against confidence, points as large as their bins, the diagonal for perfect calibration."""
    import altair as alt

    rows = [{"confidence": b.confidence, "accuracy": b.accuracy, "count": b.count} for b in bins]
    scale = alt.Scale(domain=[0, 1])
    base = alt.Chart(_data(rows)).encode(
        x=alt.X("confidence:Q", title="confidence", axis=alt.Axis(format="%"), scale=scale),
        y=alt.Y("accuracy:Q", title="accuracy", axis=alt.Axis(format="%"), scale=scale),
    )
    ideal = alt.Chart(_data([{"p": 0}, {"p": 1}])).mark_line(color=_INK, strokeDash=[4, 4], opacity=0.5)
    points = base.mark_point(filled=True, color=_ACCENT, opacity=0.9).encode(
        size=alt.Size("count:Q", title="texts", scale=alt.Scale(range=[30, 500]))
    )
    line = base.mark_line(color=_ACCENT, strokeWidth=2, opacity=0.6)
    return _svg((ideal.encode(x="p:Q", y="p:Q") + line + points).properties(width=300, height=300))


def losses(points: Sequence[LossPoint]) -> str:
    """Loss by step, a panel a stage: training as a line, validation as points."""
    import altair as alt

    rows = [{"stage": p.stage, "part": p.part, "step": p.step, "loss": p.loss} for p in points]
    stages = list(dict.fromkeys(p.stage for p in points))
    base = alt.Chart().encode(
        x=alt.X("step:Q", title="step"),
        y=alt.Y("loss:Q", title="loss", scale=alt.Scale(zero=True)),
        color=alt.Color(
            "part:N",
            scale=alt.Scale(domain=["train", "validation"], range=[_WAYS["labels alone"], _WAYS["rules alone"]]),
            legend=alt.Legend(title=None, orient="top"),
        ),
    )
    line = base.mark_line(strokeWidth=1.5, opacity=0.85).transform_filter("datum.part == 'train'")
    dots = base.mark_line(point=True, strokeWidth=2).transform_filter("datum.part == 'validation'")
    chart = (
        alt.layer(line, dots, data=_data(rows))
        .properties(width=230, height=150)
        .facet(facet=alt.Facet("stage:N", sort=stages, title=None), columns=2)
        .resolve_scale(x="independent", y="independent")
    )
    return _svg(chart)
