"""A draft is read within its task as the whole file would be, and never runs code or leaves the task's folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ruletune.config import TaskSpec, parse_task
from ruletune.config.drafting import with_draft
from ruletune.errors import UserError

TASK = """task: classification
labels: [ham, spam]
data: {train: train.jsonl}
rules:
  - {name: prize, keywords: [prize], vote: spam}
  - {regex: hello, vote: ham}
  - {all: [prize, {regex: money}], vote: spam}
"""


@pytest.fixture
def spec(tmp_path: Path) -> TaskSpec:
    return parse_task(TASK, path=tmp_path / "task.yaml", check_data=False)


def problems(call: Callable[[], object]) -> list[str]:
    with pytest.raises(UserError) as caught:
        call()
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize("position", [None, 0, 1, 2])
def test_a_draft_gives_the_rules_that_the_changed_file_gives(spec: TaskSpec, position: int | None) -> None:
    draft = "{name: prize, keywords: [win], vote: spam}" if position == 0 else "{keywords: [win], vote: spam}"
    place = 4 + (3 if position is None else position)
    lines = [*TASK.splitlines()[:place], f"  - {draft}", *TASK.splitlines()[place + 1 :]]
    expected = parse_task("\n".join(lines) + "\n", path=spec.path, check_data=False)
    found = with_draft(spec, draft, position=position)
    assert [(r.name, r.when, r.says, r.entry) for r in found.rules] == [
        (r.name, r.when, r.says, r.entry) for r in expected.rules
    ]
    assert found.file.rules == expected.file.rules


def test_a_value_is_as_good_as_yaml(spec: TaskSpec) -> None:
    entry = {"regex": r"\bfree\b", "vote": "spam", "unless": ["prize"]}
    assert (
        with_draft(spec, entry).rules[-1].when == with_draft(spec, "{regex: '\\bfree\\b', vote: spam}").rules[-1].when
    )


def test_what_is_wrong_is_said_with_the_drafts_own_lines(spec: TaskSpec) -> None:
    assert problems(lambda: with_draft(spec, "keywords: [a]\nvote: spma")) == [
        "draft:1: unknown label 'spma'; did you mean 'spam'?"
    ]
    assert problems(lambda: with_draft(spec, "regex: a\nvotes: spam\nvote: spam"))[0].startswith("draft:")
    assert problems(lambda: with_draft(spec, "regex: 'a('\nvote: spam"))[0].startswith(
        "draft:1: bad regular expression"
    )
    assert problems(lambda: with_draft(spec, "regex: a\n\nvote: [spam]"))[0].startswith("draft:3: ")
    assert "no kind" in problems(lambda: with_draft(spec, "vote: spam"))[0]
    assert problems(lambda: with_draft(spec, ""))
    assert problems(lambda: with_draft(spec, "- a"))
    assert problems(lambda: with_draft(spec, "regex: a", position=3)) == ["there is no rule at the position 3"]
    assert problems(lambda: with_draft(spec, "{name: prize, regex: a, vote: spam}")) == [
        "draft:1: two rules are called 'prize'; give one of them another name"
    ]


def test_a_rule_that_others_refer_to_must_keep_its_name(spec: TaskSpec) -> None:
    assert (
        "there is no rule 'prize'"
        in problems(lambda: with_draft(spec, "{name: win, regex: a, vote: spam}", position=0))[0]
    )


@pytest.mark.parametrize(
    "draft",
    [
        "{function: 'os:remove', vote: spam}",
        "{all: [{function: 'x.py:f'}], vote: spam}",
        "{regex: a, unless: {function: 'x.py:f'}, vote: spam}",
        "{any: [{not: {any: [{function: 'x.py:f'}]}}], vote: spam}",
        "{snorkel: 'x.py'}",
        "{gazetteer: ../secret.txt, vote: spam}",
        "{gazetteer: /etc/passwd, vote: spam}",
        "{table: sub/../../rules.tsv}",
        "{all: [{gazetteer: /etc/passwd}], vote: spam}",
        '{gazetteer: "a\\0b", vote: spam}',
    ],
)
def test_code_and_files_elsewhere_are_refused(spec: TaskSpec, draft: str) -> None:
    [problem] = problems(lambda: with_draft(spec, draft))
    assert "names code" in problem or "outside the folder" in problem


def test_a_link_that_leads_out_of_the_folder_is_refused(spec: TaskSpec, tmp_path: Path) -> None:
    (tmp_path / "terms.txt").symlink_to("/etc/hostname")
    assert "outside" in problems(lambda: with_draft(spec, "{gazetteer: terms.txt, vote: spam}"))[0]


def test_files_beside_the_task_are_read(spec: TaskSpec, tmp_path: Path) -> None:
    (tmp_path / "terms.txt").write_text("win\nwon\n", encoding="utf-8")
    assert with_draft(spec, "{gazetteer: terms.txt, vote: spam}").rules[-1].kind == "gazetteer"
