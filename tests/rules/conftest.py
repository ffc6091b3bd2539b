"""A place in a task file for the entries under test."""

from __future__ import annotations

from pathlib import Path

import pytest

from ruletune.errors import Location
from ruletune.rules import RuleContext


@pytest.fixture
def context(tmp_path: Path) -> RuleContext:
    return RuleContext(tmp_path, ("ham", "spam"), Location("task.yaml", 7), 3)
