"""The file that ``ruletune init`` writes is right from the first moment, whatever the data is called."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ruletune.config import parse_task
from ruletune.config.starter import starter
from ruletune.rules import Vote

NOWHERE = Path("nowhere/task.yaml")

# What YAML, its comments or ruletune could stumble over; any other printable character too.
words = (
    st.sampled_from(["|", "a\nb", "a" * 200])
    | st.sampled_from(
        [
            "a",
            "yes",
            "no",
            "null",
            "~",
            "1",
            "1.0",
            "1e3",
            "0x1",
            "true",
            "2024-01-01",
            "=",
            "<<",
            "-",
            "- a",
            "? a",
            "#x",
            "a # b",
            "a: b",
            "{a}",
            "[a]",
            "*a",
            "&a",
            "!a",
            "%a",
            "@a",
            "`a`",
            ">",
            "'",
            '"',
            "\\d",
            "中文",
            "🙂",
        ]
    )
    | st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)
)
labels = st.dictionaries(words.map(str.strip).filter(bool), st.integers(0, 10**6), min_size=2, max_size=4)


@given(name=words, description=words | st.just(""), train=words, text=words, label=words, labels=labels)
def test_reads_back_as_meant(
    name: str, description: str, train: str, text: str, label: str, labels: dict[str, int]
) -> None:
    source = starter(name=name, description=description, train=train, text=text, label=label, labels=labels)
    file = parse_task(source, path=NOWHERE, check_data=False).file
    assert (file.name, file.description, file.data.train) == (name, description, train)
    assert (file.data.columns.text, file.data.columns.label) == (text, label)
    assert list(file.labels) == list(labels)
    assert not file.multi_label


@pytest.fixture
def source() -> str:
    return starter(name="n", description="d", train="t.csv", text="text", label="y", labels={"ham": 3, "spam": 0})


def test_counts_are_shown(source: str) -> None:
    assert "ham: ''  # 3 rows" in source


def test_example_rules_work_once_the_hashes_are_gone(source: str) -> None:
    before, after = source.split("rules:\n")
    examples, rest = after.split("\n\n", 1)
    spec = parse_task(f"{before}rules:\n{re.sub('# ', '', examples)}\n\n{rest}", path=NOWHERE, check_data=False)
    assert [rule.name for rule in spec.rules] == ["telling words", "telling pattern"]
    assert {rule.says for rule in spec.rules} == {Vote("ham")}


def test_several_labels() -> None:
    source = starter(name="n", description="", train="t", text="t", label=None, labels={"a": 1}, multi_label=True)
    file = parse_task(source, path=NOWHERE, check_data=False).file
    assert file.multi_label
    assert file.data.columns.label == "label"
