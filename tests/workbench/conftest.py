"""A small task of messages in a folder of its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ruletune.labeling.corpus import sources
from ruletune.types import Example
from ruletune.workbench.project import Project

TASK = """# mine
task: classification
labels: [ham, spam]  # two
data: {train: train.jsonl, split: {test: 0}}

rules:
  # about prizes
  - name: prize
    keywords: [prize, 中奖]  # 😀
    vote: spam
    tests: [{text: a prize}, {text: hello, expect: false}, {text: my prize, expect: ham}]

  - {name: greets, keywords: [hello], vote: ham}
  - {name: code, function: 'rules.py:shouts', vote: spam}
"""

TEXTS = ["a prize", "hello", "你好 😀", "WIN", "line\nbreak"]


def rows(*values: Any) -> str:
    return "".join(json.dumps(value, ensure_ascii=False) + "\n" for value in values)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    data = [{"text": text, **({"label": "spam"} if text == "WIN" else {})} for text in TEXTS]
    (tmp_path / "train.jsonl").write_text(rows(*data), encoding="utf-8")
    (tmp_path / "rules.py").write_text("def shouts(text):\n    return text.isupper()\n", encoding="utf-8")
    (tmp_path / "task.yaml").write_text(TASK, encoding="utf-8")
    return tmp_path


@pytest.fixture
def path(folder: Path) -> Path:
    return folder / "task.yaml"


@pytest.fixture
def project(path: Path) -> Project:
    return Project(path)


def example(project: Project, text: str) -> Example:
    """A text as the data has it."""
    found = [each for each in sources(project.spec).train if each.text == text]
    return found[0] if found else Example("new", text)
