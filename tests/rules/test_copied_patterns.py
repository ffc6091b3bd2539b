"""What an expression finds in a source and an answer must take over: in which capitals."""

from __future__ import annotations

import pytest

from ruletune.errors import Location
from ruletune.rules.base import Always, Copy, Rule
from ruletune.rules.demands import unmet
from ruletune.rules.regex import pattern
from ruletune.rules.unfolding import demands_of
from ruletune.types import Example


@pytest.mark.parametrize(("ignore_case", "kept"), [(True, True), (False, False)])
def test_an_expression_without_regard_to_case_is_copied_without_regard_to_case(ignore_case: bool, kept: bool) -> None:
    sought = pattern(r"\b[Oo]ven \d\b", ignore_case=ignore_case, where=Location("task.yaml", 1))
    example = Example("1", "Oven 3 stopped.")
    demands = demands_of(Rule("machine", Always(), Copy(("pattern",), sought)), example, ())
    assert len(demands) == 1
    assert bool(unmet(demands, example, "A fuse stopped oven 3.")) is not kept
    assert unmet(demands, example, "A fuse stopped oven 4.")
