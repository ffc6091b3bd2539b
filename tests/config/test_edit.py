"""Writing rules into a task file without touching the rest of it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ruletune.config import load_task, parse_task
from ruletune.config.edit import add_rules, change_rule, rule_yaml
from ruletune.config.tree import read_tree
from ruletune.errors import UserError
from ruletune.labeling.suggest import saving
from ruletune.labeling.suggest.saving import save_task

BASE = "task: classification  # a task\nlabels: ['ham', \"spam\"]\n\ndata: {train: train.jsonl}\n"
ENTRIES: list[dict[str, Any]] = [
    {"name": "spam: call", "keywords": ["call now", "a, b", "no", "12", "0800", "don't", "a: b", "#x"], "vote": "spam"},
    {"name": "x", "regex": r"^\s*how many\b.{0,25}['’]", "ignore_case": True, "vote": "ham"},
]
PLACES = [
    "",
    "rules:\n",
    "rules: []  # none\nseed: 1\n",
    "rules: [ ]\n",
    "rules:  # mine\n  # - a\n\nseed: 1\n",
    "rules: null\nseed: 1",
    "rules: ~ # x\n",
    "rules:\n- name: a  # k\n  keywords:\n  - x # y\n  vote: ham\n# after\n\nseed: 2\n",
    "rules: [{keywords: [a], vote: ham}, # c\n ]\n",
    "rules: [{keywords: [a], vote: ham}, {regex: 'a]', vote: ham} ]  # c\n",
    "rules:\n    - {keywords: [a], vote: ham}\n    - regex: |\n        abc\n      vote: ham",
    "rules:\n  - vote: ham\n    regex: >-\n      abc\n      def\n\n\nseed: 3\n",
    "rules:\n  - vote: ham\n    keywords: [a,\n      b]  # two lines\n\n# the end",
    "rules:\n  - vote: ham\n    keywords:\n      - 😀\n      - 你好\nname: x\n",
]


def rules_of(source: str) -> list[Any]:
    return list(read_tree(source, file="task.yaml").values["rules"])


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("place", PLACES)
def test_rules_are_added_wherever_there_is_a_place(place: str, newline: str) -> None:
    source = (BASE + place).replace("\n", newline)
    before = read_tree(source, file="task.yaml").values
    result = add_rules(source, ENTRIES, file="task.yaml")
    after = read_tree(result, file="task.yaml").values
    assert after["rules"] == [*(before.get("rules") or []), *ENTRIES]
    assert {**after, "rules": None} == {**before, "rules": None}
    assert result.count("\n") == result.count("\r\n") or newline == "\n"


@pytest.mark.parametrize("place", PLACES)
def test_every_line_that_was_there_is_there_still(place: str) -> None:
    """But for the value of an empty list, and the line of a list in brackets, what was written is a subsequence."""
    source = BASE + place
    result = add_rules(source, ENTRIES, file="task.yaml")
    written = re.sub(r"rules: (\[ ?\]|null|~)", "rules:", source)
    position = 0
    for character in written.rstrip("\n"):
        position = result.index(character, position) + 1
    kept = [line for line in written.splitlines() if not line.startswith(("rules:", " ]"))]
    assert all(line in result.splitlines() for line in kept)


def test_nothing_added_is_nothing_changed() -> None:
    assert add_rules(BASE, [], file="task.yaml") == BASE


@pytest.mark.parametrize(
    "source", ["{task: classification}", BASE + "rules: 3\n", BASE + "x: &a []\nrules: *a\n", "- a\n", "a: [\n"]
)
def test_a_file_without_a_place_is_refused(source: str) -> None:
    with pytest.raises(UserError, match=r"task\.yaml"):
        add_rules(source, ENTRIES, file="task.yaml")


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=12), min_size=1, max_size=4),
    st.sampled_from(PLACES),
)
def test_any_words_survive(words: list[str], place: str) -> None:
    result = add_rules(BASE + place, [{"name": "n", "keywords": words, "vote": "ham"}], file="task.yaml")
    assert rules_of(result)[-1]["keywords"] == words


def test_a_rule_is_changed_in_its_own_lines() -> None:
    source = BASE + (
        "rules:\n- name: a  # k\n  keywords:\n  - x # y\n  vote: ham\n# between\n"
        "- {regex: 'a', vote: ham, unless: b}  # end\n- regex: a\n  unless:\n  - regex: 'b'\n  vote: ham\n"
    )
    result = change_rule(source, 0, file="t", extend={"keywords": ["z"], "unless": [{"keywords": ["q"]}]})
    result = change_rule(result, 1, file="t", replace={"regex": r"a|\bb"}, extend={"unless": [{"regex": r"\bc"}]})
    result = change_rule(result, 2, file="t", extend={"unless": ["a"]}, replace={"ignore_case": True})
    assert result == BASE + (
        "rules:\n- name: a  # k\n  keywords:\n  - x # y\n  - z\n  vote: ham\n  unless: [{keywords: [q]}]\n# between\n"
        "- {regex: 'a|\\bb', vote: ham, unless: [b, {regex: '\\bc'}]}  # end\n"
        "- regex: a\n  unless:\n  - regex: 'b'\n  - a\n  vote: ham\n  ignore_case: true\n"
    )


def test_a_condition_in_block_style_cannot_become_a_list() -> None:
    source = BASE + "rules:\n- regex: a\n  unless:\n    regex: b\n  vote: ham\n"
    with pytest.raises(UserError, match=r"t:7: .*write it as a list"):
        change_rule(source, 0, file="t", extend={"unless": ["c"]})


def test_a_rule_as_yaml_reads_as_itself() -> None:
    for entry in ENTRIES:
        assert read_tree(rule_yaml(entry), file="t").values == entry


def test_saving_keeps_the_byte_order_mark_and_line_ends(folder: Path) -> None:
    path = folder / "task.yaml"
    original = b"\xef\xbb\xbf" + BASE.replace("\n", "\r\n").encode()
    path.write_bytes(original)
    spec = load_task(path)
    after = save_task(spec, add_rules(spec.source, ENTRIES, file=str(path)))
    assert path.read_bytes().startswith(original)
    assert [rule.name for rule in after.rules] == ["spam: call", "x"]


def test_a_file_that_changed_meanwhile_is_left_alone(folder: Path) -> None:
    path = folder / "task.yaml"
    path.write_text(BASE, encoding="utf-8")
    spec = parse_task(BASE, path=path)
    path.write_text(BASE + "seed: 7\n", encoding="utf-8")
    with pytest.raises(UserError, match="changed since it was read"):
        save_task(spec, add_rules(BASE, ENTRIES, file=str(path)))
    assert path.read_text("utf-8") == BASE + "seed: 7\n"


def test_what_would_not_parse_is_not_written(folder: Path) -> None:
    path = folder / "task.yaml"
    path.write_text(BASE, encoding="utf-8")
    spec = parse_task(BASE, path=path)
    with pytest.raises(UserError, match="unknown label"):
        save_task(spec, add_rules(BASE, [ENTRIES[0] | {"vote": "spma"}], file=str(path)))
    with pytest.raises(UserError, match="without changing other keys"):
        save_task(spec, BASE + "seed: 9\n")
    assert path.read_text("utf-8") == BASE


def test_a_failed_write_leaves_the_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder / "task.yaml"
    path.write_text(BASE, encoding="utf-8")
    spec = parse_task(BASE, path=path)

    def full(target: Path, text: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(saving, "write_text", full)
    with pytest.raises(OSError, match="No space"):
        save_task(spec, add_rules(BASE, ENTRIES, file=str(path)))
    assert path.read_text("utf-8") == BASE
