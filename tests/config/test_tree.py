"""YAML is data here: nothing is constructed, nothing explodes, and every place has its line."""

from __future__ import annotations

import io
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from ruletune.config import parse_task, to_yaml
from ruletune.config.tree import read_tree
from ruletune.errors import UserError
from ruletune.rules import Terms, Vote

NOWHERE = Path("nowhere/task.yaml")


def refusal(source: str) -> str:
    with pytest.raises(UserError) as caught:
        read_tree(source, file="task.yaml")
    [problem] = caught.value.problems
    return str(problem)


def test_lines_of_keys_and_items() -> None:
    tree = read_tree("a:\n  b: 1\n  c:\n    - x\n    -\n      d: 2\n1: y\n", file="t.yaml")
    assert tree.values == {"a": {"b": 1, "c": ["x", {"d": 2}]}, 1: "y"}
    lines = [tree.at(*steps).line for steps in [(), ("a",), ("a", "b"), ("a", "c", 1, "d"), (1,), ("1",)]]
    assert lines == [1, 1, 2, 6, 7, 7]


def test_place_that_is_not_there_has_the_line_around_it() -> None:
    tree = read_tree("x: 1\na:\n  b: 1\n", file="t.yaml")
    assert tree.at("a", "zzz").line == 2
    assert tree.at("a", "tag of a union", "b").line == 3
    assert tree.at("a", 7).line == 2


def test_merged_keys_are_read() -> None:
    tree = read_tree("a: &a {x: 1}\nb:\n  <<: *a\n  y: 2\n", file="t.yaml")
    assert tree.values["b"] == {"x": 1, "y": 2}
    assert tree.at("b", "x").line == 2


def test_scalars_are_those_of_yaml_1_2() -> None:
    tree = read_tree("a: no\nb: 0.5\nc: 16\nd: 2024-01-01\ne: ~\nf: 'true'\ng: &g true\n", file="t.yaml")
    assert tree.values == {"a": "no", "b": 0.5, "c": 16, "d": "2024-01-01", "e": None, "f": "true", "g": True}
    assert {type(value) for value in tree.values.values()} == {str, float, int, bool, type(None)}


@pytest.mark.parametrize(
    ("written", "value"),
    [("5e-5", 5e-5), ("0x10", 16), ("0800", 800), ("+49", 49), ("1_000", 1000), ("2.50", 2.5), (".5", 0.5), ("-0", 0)],
)
def test_numbers_remember_how_they_were_written(written: str, value: float) -> None:
    tree = read_tree(f"a: {written}\nb: [{written}]\n{written}: c\n", file="t.yaml")
    found = [tree.values["a"], *tree.values["b"], list(tree.values)[-1]]
    assert found == [value] * 3
    assert [str(number) for number in found] == [written] * 3
    assert tree.at(written).line == 3


def test_terms_and_labels_that_look_like_numbers_are_what_was_written() -> None:
    source = "task: classification\nlabels: {01: a, 2.50: b, 2020-13-45: c}\ndata: {train: x}\n"
    rules = "rules: [{keywords: [0800, 1_000, +49, 1e3, 0x1F, 2020-13-45], vote: 01, weight: 2.50}]\n"
    spec = parse_task(source + rules, path=NOWHERE, check_data=False)
    assert spec.labels == ("01", "2.50", "2020-13-45")
    [rule] = spec.rules
    assert rule.when == Terms(("0800", "1_000", "+49", "1e3", "0x1F", "2020-13-45"))
    assert rule.says == Vote("01", 2.5)
    assert parse_task(to_yaml(spec), path=NOWHERE, check_data=False).file == spec.file


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("a: 1\na: 2\n", "task.yaml:2: the key 'a' stands twice; keep one of them"),
        ("a: b: c\n", "task.yaml:1: not valid YAML: mapping values are not allowed here; put quotes around"),
        ("a: [1,\n", "task.yaml:2: not valid YAML: expected the node content, but found '<stream end>'; a bracket"),
        ("a: 'x\n", "task.yaml:2: not valid YAML: found unexpected end of stream; a quote is never closed"),
        (
            'a: 1\nb: "\\d"\n',
            "task.yaml:2: not valid YAML: found unknown escape character 'd'; write expressions in single",
        ),
        (
            "a:\n\t- b\n",
            "task.yaml:2: not valid YAML: found character '\\t' that cannot start any token; indent with spaces",
        ),
        ("a: @b\n", "task.yaml:1: not valid YAML: found character '@' that cannot start any token; put quotes"),
        ("a: 1\n---\nb: 2\n", "task.yaml:2: not valid YAML: but found another document; a task file is one document"),
        ("a: *b\n", "task.yaml:1: not valid YAML: found undefined alias 'b'"),
        ("a: 1\nb: \x07\n", "task.yaml:2: not valid YAML: unacceptable character #x0007"),
        ("x: 1\na: !!python/object/apply:os.system [ls]\n", "task.yaml:2: the YAML tag"),
        ("a: !anything 1\n", "task.yaml:1: the YAML tag '!anything' means nothing here"),
        ("a: !!binary aGk=\n", "task.yaml:1: the task file holds text, numbers, lists and mappings only"),
        ("a: !!set {b, c}\n", "task.yaml:1: the"),
        ("[" * 800, "task.yaml: not valid YAML: nested too deeply"),
    ],
)
def test_refused(source: str, message: str) -> None:
    assert refusal(source).startswith(message)


def test_an_anchor_that_is_used_twice_is_no_matter() -> None:
    assert read_tree("a: &x 1\nb: &x 2\nc: *x\n", file="t.yaml").values == {"a": 1, "b": 2, "c": 2}


def test_alias_bomb_is_refused_quickly() -> None:
    levels = [f"k{n}: &k{n} [{', '.join([f'*k{n - 1}'] * 9)}]" for n in range(1, 30)]
    started = time.process_time()
    assert "expands to too many values" in refusal("\n".join(["k0: &k0 [x]", *levels]))
    assert time.process_time() - started < 3


yaml_like = st.text(st.sampled_from("ab: \n-[]{}'\"&*!|>#%@?,~1.\té中\0\x85\ufeff"), max_size=40)


@given(source=yaml_like)
def test_any_text_is_read_or_refused(source: str) -> None:
    try:
        parse_task(source, path=NOWHERE)
    except UserError as error:
        assert all(problem.where is not None for problem in error.problems)


KEYS = [
    "task",
    "labels",
    "data",
    "train",
    "columns",
    "rules",
    "keywords",
    "regex",
    "vote",
    "table",
    "votes",
    "count",
    "templates",
    "knowledge",
    "file",
    "model",
    "lora",
    "training",
    "curve",
    "shares",
    "x",
]
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["", "a", "ham", "{text}", "\0"])
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3),
    max_leaves=6,
)


@given(key=st.sampled_from(KEYS), added=anything)
def test_any_values_are_accepted_or_refused(key: str, added: object) -> None:
    """Whatever stands where: no exception but the one for users."""
    least = {"task": "classification", "labels": ["ham", "spam"], "data": {"train": "hf:a/b"}}
    stream = io.StringIO()
    YAML(typ="safe", pure=True).dump(least | {key: added}, stream)
    try:
        parse_task(stream.getvalue(), path=NOWHERE)
    except UserError as error:
        assert all(problem.where is not None for problem in error.problems)
