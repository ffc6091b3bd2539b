"""Pages for people: the model's card, and how to ask it. One file each, no script, nothing from elsewhere."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import resources
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from ruletune.report.page import rule_table_html, run_html
from ruletune.report.words import calibration_sentence, guard_sentence, reliance_sentence
from ruletune.serve.answering import halves
from ruletune.serve.specification import PROBLEMS

if TYPE_CHECKING:
    from ruletune.pipeline.run import Run
    from ruletune.report.model import Report
    from ruletune.serve.watching import Share, Watch

__all__ = ["POLICY", "card", "docs"]

POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Content security policy of pages whose style stands in them. There is nothing else in them that could run."""


def card(run: Run, watch: Watch) -> str:
    """The model's card: what it answers, how well, by which rules, and whether its texts have changed."""
    parts = {part: _part(half) for part, half in halves(run).items()}
    shares: dict[str, list[Share]] = {}
    for share in watch.shares():
        if share.texts and (share.now or share.training):
            shares.setdefault(f"{share.part} {share.kind}".strip(), []).append(share)
    return _render(
        "card.html.j2",
        run=run,
        report=run.report,
        kind=run.settings["task"],
        parts=parts,
        # Of two tasks the answer of both together has a table of its own.
        joint=Markup(run_html(run.report)) if len(parts) > 1 else None,
        watch=watch,
        shares=shares,
        changed={(drift.part, drift.kind, drift.change.name) for drift in watch.drifts},
        versions=dict(run.settings.get("versions") or {}),
    )


def _part(run: Run) -> dict[str, Any]:
    report: Report = run.report
    said = (
        guard_sentence(report.guard, report.shape),
        reliance_sentence(report.reliance, report.shape) if report.rules else "",
        calibration_sentence(report),
    )
    return {
        "labels": {label: run.rendering.labels.get(label, "") for label in run.labels},
        "scores": Markup(run_html(report)) if report.scores else None,
        "said": [sentence for sentence in said if sentence],
        "rules": Markup(rule_table_html(report.rules)) if report.rules else None,
        "warnings": report.warnings,
    }


def docs(run: Run, spec: Mapping[str, Any]) -> str:
    """How to ask: every path with its fields and an example, from the OpenAPI description."""
    schemas = spec["components"]["schemas"]
    paths = []
    for path, operations in spec["paths"].items():
        for method, operation in operations.items():
            body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            answer = operation["responses"]["200"].get("content", {}).get("application/json", {}).get("example")
            paths.append(
                {
                    "method": method.upper(),
                    "path": path,
                    "summary": operation.get("summary", ""),
                    "description": operation.get("description", ""),
                    "fields": _rows(schemas, body.get("schema")),
                    "example": json.dumps(body["example"], ensure_ascii=False) if body else None,
                    "answer": None if answer is None else json.dumps(answer, ensure_ascii=False, indent=2),
                }
            )
    return _render("docs.html.j2", run=run, paths=paths, inputs=_rows(schemas, schemas.get("Input")), problems=PROBLEMS)


def _rows(schemas: Mapping[str, Any], schema: Mapping[str, Any] | None) -> list[dict[str, str]]:
    """The fields of an object: name, type and bounds in words, description."""
    if schema is None:
        return []
    whole = schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    needed = whole.get("required", ())
    return [
        {
            "name": name,
            "needed": "yes" if name in needed else "no",
            "type": _type(each),
            "words": each.get("description", ""),
        }
        for name, each in whole.get("properties", {}).items()
    ]


_BOUNDS = {
    "maxLength": "at most {:,} characters",
    "maxItems": "at most {:,}",
    "maxProperties": "at most {:,}",
    "minimum": "from {}",
    "maximum": "to {}",
    "exclusiveMinimum": "more than {}",
    "exclusiveMaximum": "less than {}",
}


def _type(schema: Mapping[str, Any]) -> str:
    """A JSON schema's type in words.

    >>> _type({"type": "array", "items": {"type": "string", "maxLength": 9}, "maxItems": 3})
    'array of (string, at most 9 characters), at most 3'
    """
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2]).strip("_")
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_type(each) for each in schema["anyOf"]))
    kind = str(schema.get("type", "anything"))
    if isinstance(schema.get("items"), Mapping):
        kind += f" of ({_type(schema['items'])})"
    bounds = [words.format(schema[name]) for name, words in _BOUNDS.items() if name in schema]
    return ", ".join([kind, *bounds])


def _render(name: str, **values: Any) -> str:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["percent"] = lambda share: "–" if share is None else f"{share:.1%}"
    source = resources.files("ruletune.serve").joinpath("templates", name).read_text(encoding="utf-8")
    style = resources.files("ruletune.report").joinpath("page.css").read_text(encoding="utf-8")
    return environment.from_string(source).render(style=Markup(style + _STYLE), **values)


_STYLE = """
pre { background: var(--sheet); border: 1px solid var(--line); border-radius: 10px; padding: 14px 18px; overflow-x: auto; font-size: 0.86rem; max-height: 30rem; }
code { font-family: ui-monospace, "SF Mono", Menlo, Consolas, monospace; }
nav { display: flex; flex-wrap: wrap; gap: 4px 18px; margin-top: 12px; }
a { color: var(--accent); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 4px 18px; margin: 0; }
dt { font-weight: 600; } dd { margin: 0; color: var(--soft); overflow-wrap: anywhere; }
.fields td, .fields th { text-align: left; white-space: normal; }
.shares tr > :nth-child(2) { text-align: right; }
tr.changed th, tr.changed td { color: var(--bad); font-weight: 650; }
"""
