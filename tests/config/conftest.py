"""A folder with the files that a task file may name, and a way to read task files in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ruletune.config import TaskSpec, parse_task
from ruletune.errors import UserError

BASE = "task: classification\nlabels: [ham, spam]\ndata: {train: train.jsonl}\n"
"""The least that a task file can say, on three lines."""

Parse = Callable[[str], TaskSpec]
Problems = Callable[[str], list[str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "train.jsonl").write_text('{"text": "a", "label": "ham"}\n', encoding="utf-8")
    (tmp_path / "terms.tsv").write_text("MRSA\ta bacterium\n", encoding="utf-8")
    (tmp_path / "spam.txt").write_text("prize\nwinner\n", encoding="utf-8")
    return tmp_path


@pytest.fixture
def parse(folder: Path) -> Parse:
    return lambda source: parse_task(source, path=folder / "task.yaml")


@pytest.fixture
def problems(parse: Parse, folder: Path) -> Problems:
    """What is wrong with a task file, as printed, file names without their folder."""

    def found(source: str) -> list[str]:
        with pytest.raises(UserError) as caught:
            parse(source)
        return [str(problem).replace(f"{folder}/", "") for problem in caught.value.problems]

    return found
