"""stub"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from pydantic import TypeAdapter

from ruletune.report.model import Report, RuleRow


def to_json(report: Report) -> dict[str, Any]:
    return asdict(report)


def from_json(value: object) -> Report:
    return TypeAdapter(Report).validate_python(value)


def render(report: Report) -> str:
    return "<html></html>"


def rule_table_html(rows: Sequence[RuleRow]) -> str:
    return ""


def run_html(report: Report) -> str:
    return ""
