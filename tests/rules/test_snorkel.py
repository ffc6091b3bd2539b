"""Snorkel's labelling functions: found in a module, called with a data point, told apart when they fail."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path

import pytest

from ruletune.errors import UserError
from ruletune.labeling.apply import RuleSet
from ruletune.labeling.votes import ABSTAIN, FAULT
from ruletune.rules import RuleContext
from ruletune.rules.function import FunctionEntry
from ruletune.rules.snorkel import SnorkelEntry
from ruletune.types import Example

STAND_IN = '''
class LabelingFunction:
    """As Snorkel's: a name, a function, resources, preprocessors."""

    def __init__(self, name, f, resources=None, pre=None):
        self.name, self._f, self._resources, self._pre = name, f, resources or {}, pre or []

    def __call__(self, x):
        for preprocessor in self._pre:
            x = preprocessor(x)
        return self._f(x, **self._resources)


def labeling_function(name=None, resources=None, pre=None):
    return lambda f: LabelingFunction(name or f.__name__, f, resources, pre)


def preprocessor():
    return lambda f: f
'''

FUNCTIONS = """
@preprocessor()
def lowered(x):
    x.lowered = x.text.lower()
    return x

@labeling_function()
def free(x):
    return 1 if "free" in x.text else -1

@labeling_function(name="by word", resources={"words": ["win"]}, pre=[lowered])
def by_word(x, words):
    return 1 if any(word in x.lowered for word in words) else -1

@labeling_function()
def sender(x):
    return 0 if x.sender == "mum" else -1

alias = free
"""

EXAMPLES = [
    Example("1", "free WIN", fields={"sender": "mum"}),
    Example("2", "hi", fields={"sender": "bank"}),
    Example("3", "free"),
]


@pytest.fixture(params=["stand-in", "snorkel"])
def module(request: pytest.FixtureRequest, context: RuleContext) -> Path:
    head = STAND_IN
    if request.param == "snorkel":
        if importlib.util.find_spec("snorkel") is None:
            pytest.skip("snorkel is not installed")
        head = "from snorkel.labeling import labeling_function\nfrom snorkel.preprocess import preprocessor\n"
    path = context.folder / "lfs.py"
    path.write_text(head + FUNCTIONS, encoding="utf-8")
    return path


def test_every_function_is_a_rule(module: Path, context: RuleContext) -> None:
    rules = SnorkelEntry(snorkel="lfs.py", weight=2).rules(context)
    assert [rule.name for rule in rules] == ["free", "by word", "sender"]
    assert {(rule.kind, rule.weight, rule.says, rule.where) for rule in rules} == {
        ("snorkel", 2.0, None, context.where)
    }
    votes = RuleSet(rules, labels=context.labels).apply(EXAMPLES)
    assert votes.matrix.tolist() == [[1, 1, 0], [ABSTAIN, ABSTAIN, ABSTAIN], [1, ABSTAIN, FAULT]]
    [fault] = votes.faults
    assert (fault.rule, fault.count, fault.example_id) == ("sender", 1, "3")
    assert "AttributeError" in fault.traceback


def test_some_functions_and_what_their_numbers_mean(module: Path, context: RuleContext) -> None:
    [rule] = SnorkelEntry(snorkel="lfs.py", only=("free",), labels=("spam", "ham"), name="old").rules(context)
    assert rule.name == "old:free"
    assert RuleSet([rule], labels=context.labels).apply(EXAMPLES).matrix.tolist() == [[0], [-1], [0]]


def test_a_function_rule_can_be_one(module: Path, context: RuleContext) -> None:
    [rule] = FunctionEntry(function="lfs.py:by_word").rules(context)
    [veto] = FunctionEntry(function="lfs.py:free", veto="ham", name="v").rules(context)
    assert RuleSet([rule, veto], labels=context.labels).apply(EXAMPLES).matrix.tolist() == [[1, 0], [-1, -1], [-1, 0]]
    with pytest.raises(UserError, match="did you mean 'by_word'"):
        FunctionEntry(function="lfs.py:by_wrod").rules(context)


def test_a_number_that_is_no_label_is_told(context: RuleContext) -> None:
    source = STAND_IN + "@labeling_function()\ndef f(x):\n    return 7\n"
    (context.folder / "lfs.py").write_text(source, encoding="utf-8")
    rules = SnorkelEntry(snorkel="lfs.py").rules(context)
    with pytest.raises(UserError, match="rule 'f' returned '7', which is no label"):
        RuleSet(rules, labels=context.labels).apply(EXAMPLES)


def test_a_data_point_has_the_columns_and_the_second_text(context: RuleContext) -> None:
    source = STAND_IN + (
        "@labeling_function()\n"
        "def f(x):\n"
        "    assert (x.text, x.text_pair, x.id, x.stars) == ('a', 'b', '1', 5)\n"
        "    return None\n"
    )
    (context.folder / "lfs.py").write_text(source, encoding="utf-8")
    rules = SnorkelEntry(snorkel="lfs.py").rules(context)
    example = Example("1", "a", "b", fields={"stars": 5, "text": "column of the same name"})
    assert RuleSet(rules, labels=context.labels).apply([example]).matrix.tolist() == [[ABSTAIN]]


@pytest.mark.parametrize(
    ("source", "options", "said"),
    [
        ("x = 1", {}, "'lfs.py' has no labelling functions; decorate them"),
        (STAND_IN + FUNCTIONS, {"only": ["fre"]}, "has no labelling function 'fre'; did you mean 'free'?"),
        (STAND_IN + FUNCTIONS, {"labels": ["spma"]}, "unknown label 'spma'; did you mean 'spam'?"),
        (STAND_IN + "a = labeling_function('f')(len)\nb = labeling_function('f')(len)", {}, "are called 'f'"),
        ("import nowhere_at_all", {}, "cannot import 'lfs.py': ModuleNotFoundError"),
    ],
)
def test_what_is_refused(source: str, options: dict[str, object], said: str, context: RuleContext) -> None:
    (context.folder / "lfs.py").write_text(source, encoding="utf-8")
    with pytest.raises(UserError) as caught:
        SnorkelEntry.model_validate({"snorkel": "lfs.py", **options}).rules(replace(context))
    assert said in str(caught.value)
    assert str(caught.value).startswith("task.yaml:7: ")
