"""The reference in docs/ is what the schema says, and its example is a task file."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from ruletune.config import parse_task
from ruletune.config.schema import TaskFile
from ruletune.rules import KINDS

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "task-file.md"


def test_page_is_up_to_date() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "make_reference.py"), "--check"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def test_page_names_every_key_and_kind() -> None:
    page = PAGE.read_text(encoding="utf-8")
    keys = [*TaskFile.model_fields, *(i.alias or n for entry in KINDS.values() for n, i in entry.model_fields.items())]
    assert [key for key in keys if f"| `{key}` |" not in page] == []
    assert [kind for kind in KINDS if f"### `{kind}`" not in page] == []


def test_example_is_a_task_file(tmp_path: Path) -> None:
    [example] = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(parse_task(example, path=tmp_path / "task.yaml", check_data=False).rules) == 2
