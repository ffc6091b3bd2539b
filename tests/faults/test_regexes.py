"""Expressions that backtrack without end are stopped within their budget, and cost nobody else anything."""

from __future__ import annotations

import json
import re
import warnings
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ruletune.cli import app
from tests.faults.regexes import CASES
from tests.faults.run_regexes import tried


def test_there_are_two_hundred_of_all_kinds() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for case in CASES:
            re.compile(case.regex)
    assert len({case.regex for case in CASES}) >= 200
    assert any("中" in case.text for case in CASES) and any(case.text.isascii() for case in CASES)


@pytest.mark.parametrize("number", range(0, len(CASES), 40))
@pytest.mark.parametrize("spans", [False, True])
def test_some_of_them(number: int, spans: bool) -> None:
    """All of them are tried by ``make faults``; here with a budget of half a second."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        what, _ = tried(CASES[number], spans=spans, budget=0.5)
    assert what in ("stopped", "ended by itself")


def test_label_goes_on_without_them(tmp_path: Path) -> None:
    """Through the command: the rule is named as failed on that text, and the texts beside it have their labels."""
    task = tmp_path / "task.yaml"
    task.write_text(
        "task: classification\nlabels: [x, y]\ndata: {train: train.jsonl}\nrules:\n"
        "  - {name: bad, regex: '(a*)*\\1b', vote: x}\n  - {name: good, keywords: [free], vote: y}\n",
        encoding="utf-8",
    )
    rows = [{"text": "a" * 60 + "!", "label": None}, {"text": "free now", "label": "y"}]
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    out = tmp_path / "out.jsonl"
    arguments = ["label", str(task), str(tmp_path / "train.jsonl"), "-o", str(out), "--jobs", "1", "--json"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    found = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert json.loads(result.stdout)["faults"] == {"bad": 1}
    assert found[0]["faults"] == ["bad"] and found[1]["votes"] == {"good": "y"}
