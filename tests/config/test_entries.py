"""Entries of ``rules:`` read, put in, replaced, taken out, moved and muted without touching the rest of the file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ruletune.config.edit import rule_yaml, set_labels
from ruletune.config.entries import Entries
from ruletune.config.tree import read_tree
from ruletune.errors import UserError

HEAD = "task: classification  # a task\nlabels: ['ham', \"spam\"]\n\ndata: {train: train.jsonl}\n"
NEW = "# why: 为什么\nname: new  # 😀\nregex: 'a\\b: #'\nunless:\n  - {keywords: [x]}\n\n  # inner\n  - b\nvote: ham"

LISTS = [
    "rules:\n  - name: a\n    regex: x\n    vote: ham\n  - {name: b, keywords: [y, 'z, w'], vote: spam}\n  - vote: ham\n    regex: q\n",
    (
        "rules:  # mine\n\n  # one\n  # of two\n  - name: 甲  # k\n    keywords:\n    - x # y\n    vote: ham\n    # vote: spam\n"
        "\n  # apart\n\n  # second\n  - name: b\n    regex: |\n      (?x) a # b\n        c\n\n    vote: ham\n\n  - keywords: [😀]\n"
        "    vote: ham\n# the end\nseed: 1\n"
    ),
    "rules:\n- name: a\n  regex: x\n  vote: ham\n# about b\n- name: b\n  regex: |\n    abc\n\n\n- {keywords: [a,\n  b], vote: ham} # c\nseed: 3\n",
    "rules:\n-\n  # below its dash\n  name: a\n  vote: ham\n  regex: x\n-   name: b\n    regex: 'it''s'\n    vote: ham\n- - not: a\n".replace(
        "- - not: a\n", '-    {regex: "a\\\n     b", vote: ham}\n'
    ),
    "rules: [{keywords: [a], vote: ham}, # c\n  {regex: 'a]', vote: ham} , {regex: b, vote: ham, tests: [{text: 'x, y'}]} ]  # d\n",
    "rules: [\n  {keywords: [a], vote: ham},\n  {keywords: [b], vote: spam},\n]\nseed: 1\n",
    "rules:\n    - {keywords: [a], vote: ham}\n    - regex: |\n        abc\n      vote: ham",
    "rules:\n  - vote: ham\n    regex: >-\n      abc\n      def\n\n\nseed: 3\n",
    "{task: classification, rules: [{regex: a, vote: ham}, {regex: b, vote: ham}]}",
]


def sources() -> list[str]:
    made = [each if each.startswith("{") else HEAD + each for each in LISTS]
    return [*made, *(each.replace("\n", "\r\n") for each in made)]


SOURCES = sources()


def values(source: str) -> dict[Any, Any]:
    return read_tree(source, file="t.yaml").values


def changed(before: str, after: str) -> tuple[str, str]:
    """What went and what came, where all else is as it was."""
    start = 0
    while start < min(len(before), len(after)) and before[start] == after[start]:
        start += 1
    end = 0
    while end < min(len(before), len(after)) - start and before[-1 - end] == after[-1 - end]:
        end += 1
    return before[start : len(before) - end], after[start : len(after) - end]


def line_ends_are_kept(before: str, after: str) -> bool:
    return after.count("\n") == after.count("\r\n") or "\r\n" not in before


@pytest.mark.parametrize("source", SOURCES)
def test_an_entry_is_read_as_it_is_written(source: str) -> None:
    entries = Entries(source, "t.yaml")
    assert len(entries) == len(values(source)["rules"])
    for position, value in enumerate(values(source)["rules"]):
        written = entries.written(position)
        assert "\r" not in written
        assert read_tree(written + "\n", file="t").values == value
        assert entries.locked(position) is None
        assert entries.replace(position, written).source == source


def test_comments_go_with_the_entry_that_they_are_directly_above() -> None:
    entries = Entries(SOURCES[1], "t.yaml")
    assert entries.written(0).splitlines()[:3] == ["# one", "# of two", "name: 甲  # k"]
    assert entries.written(0).splitlines()[-1] == "# vote: spam"
    assert entries.written(1).startswith("# second\nname: b\nregex: |\n  (?x) a # b\n    c\n\nvote")
    moved = entries.move(1, 0).source
    assert "rules:  # mine\n\n  # second\n  - name: b\n" in moved
    assert moved.index("# one\n") < moved.index("# of two") < moved.index("甲") < moved.index("# apart")


@pytest.mark.parametrize(
    "written", [NEW.replace("\n", "\r\n"), "{regex: new, vote: ham}", {"regex": "new\n", "vote": "ham"}]
)
@pytest.mark.parametrize("source", SOURCES)
def test_an_entry_is_put_in(source: str, written: str | dict[str, Any]) -> None:
    entries, before = Entries(source, "t.yaml"), values(source)
    value = written if isinstance(written, dict) else values(written)
    for position in range(len(entries) + 1):
        after = entries.insert(position, written).source
        rules = before["rules"][:]
        rules.insert(position, value)
        assert values(after) == {**before, "rules": rules}
        assert changed(source, after)[0] == ""
        assert line_ends_are_kept(source, after)


@pytest.mark.parametrize("written", [NEW, {"regex": "new", "vote": "ham"}])
@pytest.mark.parametrize("source", SOURCES)
def test_an_entry_is_replaced(source: str, written: str | dict[str, Any]) -> None:
    entries, before = Entries(source, "t.yaml"), values(source)
    value = written if isinstance(written, dict) else values(written)
    for position in range(len(entries)):
        after = entries.replace(position, written).source
        rules = before["rules"][:]
        rules[position] = value
        assert values(after) == {**before, "rules": rules}
        others = [each for n, each in enumerate(map(entries.written, range(len(entries)))) if n != position]
        again = Entries(after, "t.yaml")
        assert [again.written(n) for n in range(len(again)) if n != position] == others
        assert line_ends_are_kept(source, after)
        if isinstance(written, str) and not again.source.startswith("{") and "rules: [" not in source:
            assert again.written(position) == written


@pytest.mark.parametrize("source", SOURCES)
def test_an_entry_is_taken_out_and_put_back(source: str) -> None:
    entries, before = Entries(source, "t.yaml"), values(source)
    for position in range(len(entries)):
        after = entries.remove(position).source
        assert values(after) == {**before, "rules": [r for n, r in enumerate(before["rules"]) if n != position]}
        assert changed(source, after)[1] in ("", "[]", " []")
        back = Entries(after, "t.yaml").insert(position, entries.written(position)).source
        assert values(back) == before


@pytest.mark.parametrize("source", SOURCES)
def test_an_entry_is_moved(source: str) -> None:
    entries, before = Entries(source, "t.yaml"), values(source)
    for position in range(len(entries)):
        for to in range(len(entries)):
            after = entries.move(position, to).source
            rules = before["rules"][:]
            rules.insert(to, rules.pop(position))
            assert values(after) == {**before, "rules": rules}
            assert line_ends_are_kept(source, after)
            if "rules: [" not in source:
                assert sorted(after.splitlines()) == sorted(source.splitlines())


@pytest.mark.parametrize("source", SOURCES)
def test_an_entry_is_muted_and_heard_again(source: str) -> None:
    entries, before = Entries(source, "t.yaml"), values(source)
    for position in range(len(entries)):
        muted = entries.mute(position, muted=True).source
        rules = before["rules"][:]
        rules[position] = {**rules[position], "muted": True}
        assert values(muted) == {**before, "rules": rules}
        assert changed(source, muted)[0] == ""
        again = Entries(muted, "t.yaml")
        assert again.mute(position, muted=True).source == muted
        back = again.mute(position, muted=False).source
        assert back.rstrip("\r\n") == source.rstrip("\r\n")


@pytest.mark.parametrize(
    ("entry", "unmuted"),
    [
        ("- muted: true\n  regex: a\n  vote: ham\n", "- regex: a\n  vote: ham\n"),
        ("- muted: true # c\n  regex: a\n  vote: ham\n", "-  # c\n  regex: a\n  vote: ham\n"),
        ("- {muted: true, # c\n  regex: a, vote: ham}\n", "- { # c\n  regex: a, vote: ham}\n"),
        ("- {muted: true, regex: a, vote: ham}\n", "- {regex: a, vote: ham}\n"),
        ("- {regex: a, muted: true, vote: ham}\n", "- {regex: a, vote: ham}\n"),
        ("- regex: a\n  # why\n  muted: true # c\n  vote: ham\n", "- regex: a\n  # why\n  vote: ham\n"),
        ("- regex: a\n  muted: false\n  vote: ham\n", "- regex: a\n  muted: false\n  vote: ham\n"),
    ],
)
def test_the_key_is_taken_out_wherever_it_stands(entry: str, unmuted: str) -> None:
    assert Entries(f"rules:\n{entry}", "t").mute(0, muted=False).source == f"rules:\n{unmuted}"


@pytest.mark.parametrize(
    "place", ["", "rules:\n", "rules: []  # none\nseed: 1\n", "rules: ~\n", "rules:\n  # - a\n\nseed: 1"]
)
def test_a_first_entry_is_put_in(place: str) -> None:
    for newline in ("\n", "\r\n"):
        source = (HEAD + place).replace("\n", newline)
        after = Entries(source, "t.yaml").insert(0, NEW).source
        assert values(after) == {**values(source), "rules": [values(NEW)]}
        assert Entries(after, "t.yaml").written(0) == NEW
        assert line_ends_are_kept(source, after)
        emptied = Entries(after, "t.yaml").remove(0).source
        assert values(emptied) == {**values(source), "rules": []}


ANCHORED = HEAD + (
    "rules:\n- &base {regex: a, vote: ham}\n- <<: *base\n  regex: b\n- *base\n- name: plain\n  regex: c\n  vote: ham\n"
)


def test_entries_with_anchors_are_left_alone() -> None:
    entries = Entries(ANCHORED, "t.yaml")
    assert [bool(entries.locked(n)) for n in range(4)] == [True, True, True, False]
    assert values(entries.written(2)) == {"regex": "a", "vote": "ham"}
    edits: list[Callable[[int], Entries]] = [
        entries.remove,
        lambda n: entries.move(n, 3),
        lambda n: entries.replace(n, NEW),
        lambda n: entries.mute(n, muted=True),
    ]
    for edit in edits:
        for position in range(3):
            with pytest.raises(UserError, match=r"t\.yaml:\d+: the rule has an anchor or an alias"):
                edit(position)
    assert values(entries.remove(3).source)["rules"] == values(ANCHORED)["rules"][:3]
    assert values(entries.insert(0, NEW).source)["rules"] == [values(NEW), *values(ANCHORED)["rules"]]


def test_a_list_that_is_an_alias_is_left_alone() -> None:
    entries = Entries(HEAD + "x: &r\n  - {regex: a, vote: ham}\nrules: *r\n", "t.yaml")
    assert values(entries.written(0)) == {"regex": "a", "vote": "ham"}
    edits: list[Callable[[], Entries]] = [
        lambda: entries.remove(0),
        lambda: entries.insert(0, NEW),
        lambda: entries.mute(0, muted=True),
    ]
    for edit in edits:
        with pytest.raises(UserError):
            edit()


@pytest.mark.parametrize(
    "written",
    [
        "",
        "a",
        "- a",
        "[a]",
        "a: 1\na: 2",
        "a: [",
        "---\na: 1\n---\nb: 2",
        "a: 1\n...\nb: 2",
        "\tb: 1",
        "# only\n",
        "&a {b: *a}",
    ],
)
def test_what_is_no_mapping_is_refused(written: str) -> None:
    entries = Entries(SOURCES[0], "t.yaml")
    edits: list[Callable[[], Entries]] = [lambda: entries.insert(0, written), lambda: entries.replace(0, written)]
    for edit in edits:
        with pytest.raises(UserError):
            edit()


@pytest.mark.parametrize("position", [-1, 3, 10**9])
def test_there_must_be_such_an_entry(position: int) -> None:
    with pytest.raises(UserError, match="no rule at position"):
        Entries(SOURCES[0], "t.yaml").remove(position)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("data: {train: t.jsonl}\n", "data: {train: t.jsonl, labels: l.jsonl}\n"),
        ("data:\n  train: t.jsonl # x\n\nseed: 1", "data:\n  train: t.jsonl # x\n  labels: l.jsonl\n\nseed: 1"),
        ("data: {train: t, labels: }\n", "data: {train: t, labels: l.jsonl }\n"),
        ("data:\n  labels: old.jsonl # x\n  train: t", "data:\n  labels: l.jsonl # x\n  train: t"),
        ("data:\r\n  train: t\r\n", "data:\r\n  train: t\r\n  labels: l.jsonl\r\n"),
    ],
)
def test_the_file_of_labels_is_named(data: str, expected: str) -> None:
    assert set_labels(data, "l.jsonl", file="t") == expected


@pytest.mark.parametrize("data", ["", "data: 3\n", "data: {}\n", "x: &d {train: t}\ndata: *d\n"])
def test_the_file_of_labels_needs_a_place(data: str) -> None:
    with pytest.raises(UserError, match="cannot be set in place"):
        set_labels(f"task: qa\n{data}", "l.jsonl", file="t")


words = st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=12)
entries_of = st.fixed_dictionaries({
    "regex": words, "keywords": st.lists(words, max_size=3), "tests": st.lists(st.fixed_dictionaries({"text": words}), max_size=2),
    "verbalizer": st.dictionaries(words, words, max_size=2),
})  # fmt: skip


@given(
    st.sampled_from(SOURCES), entries_of, st.integers(0, 3), st.integers(0, 3), st.sampled_from(["insert", "replace"])
)
def test_any_value_survives(source: str, value: dict[str, Any], position: int, to: int, edit: str) -> None:
    entries = Entries(source, "t.yaml")
    position = min(position, len(entries) - 1)
    after = getattr(entries, edit)(position, value).source
    assert values(after)["rules"][position] == value
    again = Entries(after, "t.yaml")
    assert values(again.written(position)) == value
    moved = again.move(position, to)
    assert values(moved.written(min(to, len(moved) - 1))) == value
    assert values(rule_yaml(value)) == value
