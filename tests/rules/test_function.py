"""Function rules: found, called with what they ask for, and reported when they cannot be."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from ruletune.errors import UserError
from ruletune.rules import RuleContext, Vote
from ruletune.rules.base import Call, called
from ruletune.rules.function import FunctionEntry
from ruletune.types import Example


def write(context: RuleContext, source: str, name: str = "rules.py") -> Path:
    path = context.folder / name
    path.write_text(source, encoding="utf-8")
    return path


def call(context: RuleContext, path: str, example: Example) -> object:
    [rule] = FunctionEntry(function=path).rules(context)
    assert isinstance(rule.when, Call)
    return called(rule.when, example)


def refusal(context: RuleContext, path: str) -> str:
    with pytest.raises(UserError) as caught:
        FunctionEntry(function=path).rules(context)
    assert str(caught.value).startswith("task.yaml:7: ")
    return str(caught.value)


def test_a_function_in_a_file(context: RuleContext) -> None:
    write(context, "def shouts(text):\n    return 'spam' if text.isupper() else None\n")
    [rule] = FunctionEntry(function="rules.py:shouts", weight=2).rules(context)
    assert (rule.name, rule.kind, rule.says, rule.weight) == ("shouts", "function", None, 2.0)
    assert call(context, "rules.py:shouts", Example("1", "FREE")) == "spam"
    [voting] = FunctionEntry(function="rules.py:shouts", vote="spam", name="loud").rules(context)
    assert (voting.name, voting.says) == ("loud", Vote("spam", 1.0))


def test_a_function_in_a_module(context: RuleContext) -> None:
    assert call(context, "textwrap:dedent", Example("1", "  a")) == "a"


def test_a_parameter_called_example_is_the_whole_example(context: RuleContext) -> None:
    write(context, "def sender(example, *, deep=False):\n    return example.fields['from']\n")
    assert call(context, "rules.py:sender", Example("1", "t", fields={"from": "bank"})) == "bank"


@pytest.fixture
def caching(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python keeps compiled modules beside their source, as it does unless told otherwise."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(sys, "pycache_prefix", None)


@pytest.mark.usefixtures("caching")
def test_the_search_path_and_the_folder_stay_as_they_were(context: RuleContext) -> None:
    path = list(sys.path)
    write(context, "def f(text): return True", "my_own_rules.py")
    FunctionEntry(function="my_own_rules.py:f", vote="spam").rules(context)
    assert sys.path == path
    assert "my_own_rules" not in sys.modules
    assert [entry.name for entry in context.folder.iterdir()] == ["my_own_rules.py"]


@pytest.mark.usefixtures("caching")
def test_a_file_that_was_changed_is_read_again(context: RuleContext) -> None:
    for answer in ("ham_", "spam"):  # of the same length, within the same second
        write(context, f"def f(text): return {answer!r}")
        assert call(context, "rules.py:f", Example("1", "t")) == answer


def test_two_files_of_one_name_do_not_mix(context: RuleContext) -> None:
    other = replace(context, folder=context.folder / "other")
    other.folder.mkdir()
    for place, answer in ((context, "ham"), (other, "spam")):
        write(place, f"STATE = []\ndef f(text):\n    STATE.append(text)\n    return {answer!r} * len(STATE)\n")
    assert call(context, "rules.py:f", Example("1", "t")) == "ham"
    assert call(other, "rules.py:f", Example("1", "t")) == "spam"


def test_dataclasses_in_a_file_of_functions(context: RuleContext) -> None:
    write(
        context,
        "from __future__ import annotations\nfrom dataclasses import dataclass\n"
        "@dataclass(slots=True)\nclass A:\n    b: str\ndef f(text): return A(text).b\n",
    )
    assert call(context, "rules.py:f", Example("1", "t")) == "t"


@pytest.mark.parametrize("path", ["rules.py", ":f", "rules.py:", "rules.py:a b", "rules.py:1f"])
def test_what_names_no_function(context: RuleContext, path: str) -> None:
    assert "names no function; write module:function or file.py:function" in refusal(context, path)


def test_a_file_or_a_function_that_is_not_there(context: RuleContext) -> None:
    write(context, "CONSTANT = 1\ndef negated(text): return None\n")
    assert "did you mean 'rules.py'?" in refusal(context, "rulse.py:negated")
    assert "has no function 'negate'; did you mean 'negated'?" in refusal(context, "rules.py:negate")
    assert refusal(context, "rules.py:CONSTANT").endswith("has no function 'CONSTANT'; choose one of 'negated'")
    assert "cannot import 'no_such_module_anywhere': ModuleNotFoundError" in refusal(
        context, "no_such_module_anywhere:f"
    )


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("def f(text):\nreturn 1", "IndentationError"),
        ("import no_such_module_anywhere", "ModuleNotFoundError: No module named 'no_such_module_anywhere'"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("import sys\nsys.exit(0)", "SystemExit: 0"),
    ],
)
def test_a_file_that_cannot_be_imported(context: RuleContext, source: str, reason: str) -> None:
    write(context, source)
    assert reason in refusal(context, "rules.py:f")
    assert reason in refusal(context, "rules.py:f")  # nothing half-imported stays behind


def test_a_file_that_is_not_utf8(context: RuleContext) -> None:
    (context.folder / "rules.py").write_bytes(b"def f(text):\n    return 'caf\xe9'\n")
    assert "cannot import 'rules.py': SyntaxError" in refusal(context, "rules.py:f")


@pytest.mark.parametrize("parameters", ["", "text, label", "text, *, label"])
def test_a_function_that_does_not_take_one_text(context: RuleContext, parameters: str) -> None:
    write(context, f"def f({parameters}): return None")
    assert "must take one argument, the text (or the example)" in refusal(context, "rules.py:f")


def test_an_unknown_label(context: RuleContext) -> None:
    write(context, "def f(text): return True")
    with pytest.raises(UserError, match=r"unknown label 'spma'; did you mean 'spam'\?"):
        FunctionEntry(function="rules.py:f", vote="spma").rules(context)
