"""The files of a workbench: edits, conflicts, undo, changes from outside."""

from __future__ import annotations

import json
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from ruletune.config import load_task
from ruletune.errors import RuletuneError, UserError
from ruletune.labeling.corpus import sources
from ruletune.store import write_text
from ruletune.types import Example
from ruletune.workbench import project as project_module
from ruletune.workbench.project import ConflictError, Project
from ruletune.workbench.viewing import EntryView
from tests.workbench.conftest import TASK, example, rows

NEW = "# why\nregex: 'call (now|me)'\nvote: spam"


def text(path: Path) -> str:
    return path.read_bytes().decode("utf-8")


def hashes(project: Project) -> list[str]:
    return [view.hash for view in project.snapshot.views]


def names(project: Project) -> list[str]:
    return [view.name for view in project.snapshot.views]


def test_entries_are_seen_as_they_are_written(project: Project) -> None:
    prize, greets, code = project.snapshot.views
    assert prize.written.splitlines()[0] == "# about prizes"
    assert (prize.position, prize.name, prize.kind, prize.says, prize.labels) == (
        0,
        "prize",
        "keywords",
        "spam",
        ("spam",),
    )
    assert (prize.line, prize.muted, prize.locked, prize.rules) == (8, False, None, ("prize",))
    assert prize.entry["keywords"] == ["prize", "中奖"]
    assert greets.written == "{name: greets, keywords: [hello], vote: ham}"
    assert code.locked == "it runs Python code: change it in the file" and code.movable
    assert [(test.text, test.ok, test.got) for test in project.snapshot.tests[0]] == [
        ("a prize", True, "votes for 'spam'"),
        ("hello", True, "says nothing"),
        ("my prize", False, "votes for 'spam'"),
    ]


@pytest.mark.parametrize("entry", [NEW, {"regex": "call (now|me)", "vote": "spam"}])
def test_a_rule_is_added(project: Project, path: Path, entry: Any) -> None:
    before = project.revision
    project.add(entry)
    assert project.revision != before
    assert text(path).startswith(TASK)
    assert load_task(path).rules == project.spec.rules
    assert names(project) == ["prize", "greets", "code", "regex_4"]
    assert project.undoable == "add the rule 'regex_4'"
    project.add({"name": "first", "regex": "x", "vote": "ham"}, position=0)
    assert names(project)[0] == "first"


def test_a_rule_is_replaced_muted_moved_and_deleted(project: Project, path: Path) -> None:
    project.replace(1, hashes(project)[1], "name: greets\nkeywords: [hi]\nvote: ham")
    project.mute(0, hashes(project)[0], muted=True)
    assert project.snapshot.views[0].muted and [rule.name for rule in project.spec.rules] == ["greets", "code"]
    project.move(0, hashes(project)[0], to=2)
    assert names(project) == ["greets", "code", "prize"]
    project.mute(1, hashes(project)[1], muted=True)
    project.remove(1, hashes(project)[1])
    assert names(project) == ["greets", "prize"]
    assert text(path).startswith(TASK.partition("rules:")[0])
    assert "# about prizes\n  - name: prize\n    keywords: [prize, 中奖]  # 😀\n" in text(path)


@pytest.mark.parametrize(
    "entry",
    [
        "",
        "regex: '('\nvote: spam",
        "regex: a\nvote: spma",
        "keywords: []\nvote: spam",
        "function: 'os:remove'\nvote: spam",
        "all: [{function: 'rules.py:shouts'}]\nvote: spam",
        "snorkel: rules.py",
        "gazetteer: /etc/passwd\nvote: spam",
        "gazetteer: ../secret.txt\nvote: spam",
        "any: [{gazetteer: ../../etc/passwd}]\nvote: spam",
        "name: greets\nregex: a\nvote: spam",
        "all: [nobody]\nvote: spam",
        "&a {regex: a, vote: spam, tests: *a}",
        "regex: a\nvote: spam\nrules: []",
        "[" * 1000,
        "regex: a\nvote: spam\n---\nseed: 3",
        {"regex": "a", "vote": ["spam"]},
        {"regex": "a", "vote": "spam", "surprise: {": 1},
        {},
    ],
)
def test_what_is_wrong_is_not_written(project: Project, path: Path, entry: Any) -> None:
    for edit in (lambda: project.add(entry), lambda: project.replace(0, hashes(project)[0], entry)):
        with pytest.raises(UserError) as caught:
            edit()
        assert not isinstance(caught.value, ConflictError)
    assert text(path) == TASK
    assert not (project.hidden / "journal.json").exists()


def test_entries_with_code_stay_as_they_are(project: Project, path: Path) -> None:
    with pytest.raises(UserError, match="runs Python code"):
        project.replace(2, hashes(project)[2], "{name: code, regex: a, vote: spam}")
    assert text(path) == TASK


def test_two_edits_of_different_rules_both_succeed(path: Path) -> None:
    first, second = Project(path), Project(path)
    known = hashes(second)
    first.remove(0, hashes(first)[0])
    second.replace(1, known[1], "{name: greets, keywords: [hi], vote: ham}")
    assert names(second) == ["greets", "code"]
    assert "hi" in text(path) and "prize" not in text(path)
    assert first.refresh() and first.revision == second.revision


def test_the_second_edit_of_a_rule_is_refused_with_the_newer_one(path: Path) -> None:
    first, second = Project(path), Project(path)
    known = hashes(second)[1]
    first.replace(1, hashes(first)[1], "{name: greets, keywords: [hi], vote: ham}")
    newer = text(path)
    edits: list[Callable[[], None]] = [
        lambda: second.replace(1, known, "{name: greets, keywords: [hey], vote: ham}"),
        lambda: second.mute(1, known, muted=True),
        lambda: second.move(1, known, to=0),
        lambda: second.remove(1, known),
    ]
    for edit in edits:
        with pytest.raises(ConflictError, match="changed meanwhile") as caught:
            edit()
        assert isinstance(caught.value.current, EntryView)
        assert caught.value.current.entry["keywords"] == ["hi"]
    assert text(path) == newer
    first.remove(1, hashes(first)[1])
    with pytest.raises(ConflictError, match="there no more") as caught:
        second.remove(1, known)
    assert caught.value.current is None


def test_many_edits_at_once_lose_nothing(path: Path) -> None:
    def work(number: int) -> None:
        mine = Project(path)
        for turn in range(3):
            mine.add({"name": f"r{number}-{turn}", "regex": f"x{number}{turn}", "vote": "spam"})

    threads = [Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = names(Project(path))
    assert len(found) == 15 and len(set(found)) == 15


# -- undo


def test_everything_is_undone_and_done_again_after_a_restart_too(path: Path) -> None:
    project = Project(path)
    states = [text(path)]
    project.add(NEW)
    states.append(text(path))
    project.mute(0, hashes(project)[0], muted=True)
    states.append(text(path))
    project.label(example(project, "hello"), None, "ham")
    states.append(text(path))
    labels = path.parent / "task.labels.jsonl"
    assert json.loads(text(labels)) == {"id": "2", "text": "hello", "label": "ham"}
    for state in reversed(states[:-1]):
        project = Project(path)
        project.undo(project.revision)
        assert text(path) == state
    assert not labels.exists() and project.undoable is None
    for state in states[1:]:
        project = Project(path)
        project.redo(project.revision)
        assert text(path) == state
    assert labels.exists() and project.redoable is None
    assert project.undoable == "label 'hello'"


def test_undo_is_refused_where_something_was_changed_since(path: Path) -> None:
    first, second = Project(path), Project(path)
    first.add(NEW)
    stale = first.revision
    second.add("{regex: zzz, vote: ham}")
    with pytest.raises(ConflictError, match="changed since"):
        first.undo(stale)
    path.write_text(text(path) + "seed: 4\n", encoding="utf-8")
    assert first.refresh() and first.undoable is None
    with pytest.raises(ConflictError, match="nothing to do"):
        first.undo(first.revision)
    first.add("{regex: yyy, vote: ham}")
    assert first.undoable == "add the rule 'regex_6'"
    first.undo(first.revision)
    assert text(path).endswith("seed: 4\n") and first.undoable is None


def test_a_new_edit_ends_what_could_be_done_again(project: Project) -> None:
    project.add(NEW)
    project.undo(project.revision)
    assert project.redoable == "add the rule 'regex_4'"
    project.mute(0, hashes(project)[0], muted=True)
    assert project.redoable is None
    with pytest.raises(ConflictError):
        project.redo(project.revision)


@pytest.mark.parametrize("broken", [1, 2, 3])
def test_a_crash_at_any_write_loses_nothing(path: Path, monkeypatch: pytest.MonkeyPatch, broken: int) -> None:
    project = Project(path)
    project.mute(0, hashes(project)[0], muted=True)
    before, count = text(path), 0

    def failing(target: Path, content: str) -> None:
        nonlocal count
        count += 1
        if count == broken:
            raise OSError(28, "No space left on device", str(target))
        write_text(target, content)

    monkeypatch.setattr(project_module, "write_text", failing)
    monkeypatch.setattr("ruletune.workbench.journal.write_text", failing)
    with pytest.raises(RuletuneError, match="cannot write"):
        project.label(example(project, "hello"), None, "ham")
    monkeypatch.undo()
    assert text(path) == before
    again = Project(path)
    assert again.undoable in ("mute the rule 'prize'", None)
    again.label(example(again, "hello"), None, "ham")
    assert len(again.hand_labels()) == 1
    again.undo(again.revision)
    assert len(again.hand_labels()) == 0


# -- changes from outside


def test_a_change_from_outside_is_seen_whatever_the_clock_says(project: Project, path: Path) -> None:
    assert not project.refresh()
    times = path.stat()
    path.write_text(TASK.replace("prize, ", "pri2e, "), encoding="utf-8")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert project.refresh()
    assert project.snapshot.views[0].entry["keywords"][0] == "pri2e"
    assert not project.refresh()


def test_a_file_that_a_rule_names_is_watched(folder: Path) -> None:
    (folder / "terms.txt").write_text("one\n", encoding="utf-8")
    path = folder / "task.yaml"
    path.write_text(TASK + "  - {gazetteer: terms.txt, vote: spam}\n", encoding="utf-8")
    project = Project(path)
    (folder / "terms.txt").write_text("two\n", encoding="utf-8")
    assert project.refresh()
    assert "two" in repr(project.spec.rules)


@pytest.mark.parametrize(
    "content", [b"task: [", b"\xff\xfe", b"", TASK.replace("vote: ham", "vote: hum").encode(), b"x" * (1 << 21), None]
)
def test_a_broken_file_is_told_and_left_alone_until_it_is_mended(
    project: Project, path: Path, content: bytes | None
) -> None:
    good = project.spec
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    assert project.refresh()
    assert project.problems and project.spec is good and len(project.snapshot.views) == 3
    assert project.undoable is None
    with pytest.raises(ConflictError, match="broken"):
        project.add(NEW)
    assert (path.read_bytes() if path.exists() else None) == content
    path.write_text(TASK, encoding="utf-8")
    assert project.refresh() and not project.problems
    project.add(NEW)


def test_data_that_is_missing_for_a_while_is_a_problem_for_a_while(project: Project, path: Path) -> None:
    moved = path.with_name("moved.jsonl")
    path.with_name("train.jsonl").rename(moved)
    path.write_text(TASK + "seed: 1\n", encoding="utf-8")
    assert project.refresh() and "no data at" in project.problems[0].message
    moved.rename(path.with_name("train.jsonl"))
    project.refresh()
    assert not project.problems


def test_a_broken_labels_file_is_told(project: Project, path: Path) -> None:
    project.label(example(project, "hello"), None, "ham")
    labels, win = path.with_name("task.labels.jsonl"), example(project, "WIN")
    for content in (b'{"text": "x"}\n', b"\xff\n", b"{\n"):
        labels.write_bytes(content)
        assert project.refresh()
        assert project.problems[0].where and project.problems[0].where.line == 1
        assert len(project.hand_labels()) == 1
        with pytest.raises(ConflictError):
            project.label(win, "spam", "ham")
        assert labels.read_bytes() == content
    labels.unlink()
    project.refresh()
    assert not project.problems and len(project.hand_labels()) == 0


@pytest.mark.parametrize("source", ["task: [", "", TASK.replace("[ham, spam]", "3")])
def test_a_workbench_needs_a_file_that_is_right(path: Path, source: str) -> None:
    path.write_text(source, encoding="utf-8")
    with pytest.raises(UserError, match=r"task\.yaml"):
        Project(path)
    with pytest.raises(UserError, match="cannot read the task file"):
        Project(path.with_name("none.yaml"))


def test_two_tasks_in_one_file_are_refused(path: Path) -> None:
    path.write_text("task: understanding\nintents: [a, b]\nslots: [c]\ndata: {train: train.jsonl}\n", encoding="utf-8")
    with pytest.raises(UserError, match="the workbench is for one task"):
        Project(path)


# -- bytes


def test_byte_order_mark_line_ends_mode_and_link_stay(folder: Path) -> None:
    real = folder / "real.yaml"
    real.write_bytes(b"\xef\xbb\xbf" + TASK.replace("\n", "\r\n").encode())
    real.chmod(0o640)
    link = folder / "link.yaml"
    link.symlink_to("real.yaml")
    before = real.read_bytes()
    project = Project(link)
    project.add(NEW)
    after = real.read_bytes()
    assert link.is_symlink() and after.startswith(before) and stat.S_IMODE(real.stat().st_mode) == 0o640
    assert after.count(b"\n") == after.count(b"\r\n")
    project.undo(project.revision)
    assert real.read_bytes() == before


def test_a_folder_that_may_not_be_written_is_told(
    project: Project, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(path.parent))

    monkeypatch.setattr(Path, "mkdir", refused)
    with pytest.raises(RuletuneError, match="cannot write: Permission denied"):
        project.add(NEW)


def test_another_process_that_does_not_let_go_is_told(
    project: Project, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from filelock import FileLock

    monkeypatch.setattr(project_module, "_PATIENCE", 0.05)
    project.hidden.mkdir()
    with FileLock(project.hidden / "lock"), pytest.raises(RuletuneError, match="does not let go"):
        project.add(NEW)
    project.add(NEW)


# -- names by place


REFERRED = TASK + "  - {keywords: [yes], vote: ham}\n  - {all: [keywords_4, {regex: b}], vote: spam}\n"


def test_a_name_that_comes_from_the_place_goes_on_meaning_the_same_rule(path: Path) -> None:
    path.write_text(REFERRED, encoding="utf-8")
    project = Project(path)
    edits: list[Callable[[], None]] = [
        lambda: project.remove(0, hashes(project)[0]),
        lambda: project.move(3, hashes(project)[3], to=0),
        lambda: project.add("{keywords: [no], vote: ham}", position=3),
    ]
    for edit in edits:
        with pytest.raises(UserError, match="keywords_4"):
            edit()
    assert text(path) == REFERRED
    project.replace(3, hashes(project)[3], "{keywords: [yes, yeah], vote: ham}")
    project.move(4, hashes(project)[4], to=4)
    project.add("{keywords: [no], vote: ham}")


# -- labels


def test_a_text_is_labelled_anew_and_no_more(project: Project, path: Path) -> None:
    labels = path.with_name("task.labels.jsonl")
    hello, chinese, win = (example(project, each) for each in ("hello", "你好 😀", "WIN"))
    project.label(hello, None, "ham")
    project.label(chinese, None, "spam")
    project.label(win, "spam", "ham")
    assert "labels: task.labels.jsonl" in text(path)
    assert text(labels) == rows(
        {"id": "2", "text": "hello", "label": "ham"},
        {"id": "3", "text": "你好 😀", "label": "spam"},
        {"id": "4", "text": "WIN", "label": "ham"},
    )
    project.label(chinese, "spam", "ham")
    project.label(hello, "ham", None)
    assert [each.text for each in project.hand_labels().by_key.values()] == ["你好 😀", "WIN"]
    project.label(hello, None, None)
    assert project.undoable == "take away the label of 'hello'"
    assert load_task(path).file.data.labels == "task.labels.jsonl"


def test_the_second_label_of_a_text_is_refused_with_the_newer_one(path: Path) -> None:
    first, second = Project(path), Project(path)
    hello = example(first, "hello")
    first.label(hello, None, "ham")
    for was, answer in ((None, "spam"), ("spam", None), (None, None)):
        with pytest.raises(ConflictError, match="meanwhile") as caught:
            second.label(hello, was, answer)
        assert caught.value.current == "ham"
    second.label(example(second, "a prize"), None, "spam")
    first.label(hello, "ham", None)
    with pytest.raises(ConflictError) as caught:
        second.label(hello, "ham", "spam")
    assert caught.value.current is None
    assert [each.text for each in first.hand_labels().by_key.values()] == ["a prize"]


@pytest.mark.parametrize("answer", ["hum", "", ["ham"], 3, {"label": "ham"}, [], True, 1.5])
def test_an_answer_that_makes_no_sense_is_refused(project: Project, path: Path, answer: Any) -> None:
    with pytest.raises(UserError):
        project.label(example(project, "hello"), None, answer)
    assert text(path) == TASK and not path.with_name("task.labels.jsonl").exists()


def test_a_person_may_edit_the_file_as_well(project: Project, path: Path) -> None:
    labels = path.with_name("task.labels.jsonl")
    project.label(example(project, "hello"), None, "ham")
    note = '{"note": "unsure", "text":"你好 😀",  "label": "ham"}'
    labels.write_bytes(b"\xef\xbb\xbf" + text(labels).replace("\n", "\r\n").encode() + b"\r\n" + note.encode())
    project.label(example(project, "WIN"), None, "ham")
    assert text(labels).splitlines()[2:] == [note, '{"id": "4", "text": "WIN", "label": "ham"}']
    project.label(example(project, "你好 😀"), "ham", "spam")
    assert json.loads(text(labels).splitlines()[2]) == {"note": "unsure", "id": "3", "text": "你好 😀", "label": "spam"}
    project.label(example(project, "hello"), "ham", None)
    assert text(labels).startswith("\ufeff\r\n")
    assert text(labels).count("\n") == text(labels).count("\r\n")


def test_a_name_that_is_taken_is_not_used(project: Project, path: Path) -> None:
    path.with_name("task.labels.jsonl").write_text("mine\n", encoding="utf-8")
    project.label(example(project, "hello"), None, "ham")
    assert text(path.with_name("task.labels.jsonl")) == "mine\n"
    assert project.labels_path.name == "task.labels-2.jsonl"


SHAPES: list[tuple[str, dict[str, Any], Any, Any, list[Any]]] = [
    (
        "task: ner\nlabels: [LOC]\n",
        {"text": "see 😀 Paris"},
        [{"start": 6, "end": 11, "label": "LOC"}],
        [],
        [
            [{"start": 6, "end": 99, "label": "LOC"}],
            [{"start": 6, "end": 6, "label": "LOC"}],
            [{"start": 0, "end": 3}],
            "LOC",
        ],
    ),
    (
        "task: qa\n",
        {"text": "Ada left.", "question": "Who?"},
        [{"start": 0, "end": 3, "label": ""}],
        [],
        ["Ada", [{"start": 0, "end": 30}], [{"start": -1, "end": 3}]],
    ),
    ("task: classification\nlabels: [a, b]\nmulti_label: true\n", {"text": "x"}, ["a", "b"], [], ["a", ["c"], [1]]),
    (
        "task: relation\nlabels: [r, none]\n",
        {"text": "<e1>Ann</e1> at <e2>Acme</e2>"},
        "r",
        "none",
        ["x", ["r"]],
    ),
    ("task: translation\n", {"text": "dog"}, "Hund", "Hunde", ["", " ", ["Hund"]]),
    ("task: summarization\n", {"text": ["One.", "Two."]}, "Both.", "1 2", [3]),
    ("task: dialogue\n", {"text": "Yes.", "history": ["Hi"], "act": "inform(a=b)"}, "Ok.", "No.", [[]]),
]


@pytest.mark.parametrize(("head", "row", "first", "second", "wrong"), SHAPES)
def test_every_shape_of_answer_is_kept(
    tmp_path: Path, head: str, row: dict[str, Any], first: Any, second: Any, wrong: list[Any]
) -> None:
    (tmp_path / "train.jsonl").write_text(rows(row), encoding="utf-8")
    path = tmp_path / "task.yaml"
    path.write_text(f"{head}data: {{train: train.jsonl, split: {{test: 0}}}}\n", encoding="utf-8")
    project = Project(path)
    [mine] = sources(project.spec).train
    for answer in wrong:
        with pytest.raises(UserError):
            project.label(mine, None, answer)
    project.label(mine, None, first)
    project.label(mine, first, second)
    with pytest.raises(ConflictError) as caught:
        project.label(mine, first, second)
    assert caught.value.current == second
    project.label(mine, second, first)
    [answered] = sources(Project(path).spec).train
    assert answered.answer is not None and answered.id == mine.id
    project.label(mine, first, None)
    assert len(Project(path).hand_labels()) == 0


def test_tests_that_would_run_code_on_what_is_sent_are_not_run(project: Project) -> None:
    project.add("all: [code, {regex: A}]\nvote: spam\ntests: [{text: A}]")
    [result] = project.snapshot.tests[3]
    assert (result.ok, result.got) == (None, "not run here: it calls a function")
    project.add("name: deaf\nregex: A\nvote: spam\nmuted: true\ntests: [{text: A}]")
    [result] = project.snapshot.tests[4]
    assert (result.ok, result.got) == (None, "not run: the rule is muted")


def test_the_hidden_folder_is_nothing_to_be_shared(project: Project, path: Path) -> None:
    assert not project.hidden.exists()
    project.add(NEW)
    assert text(project.hidden / ".gitignore") == "*\n"
    shutil.rmtree(project.hidden)
    project.refresh()
    project.mute(0, hashes(project)[0], muted=True)


def test_a_text_of_a_megabyte_is_labelled(project: Project, path: Path) -> None:
    project.label(Example("big", "x " * 500_000), None, "ham")
    assert len(project.undoable or "") < 60
    project.undo(project.revision)
    assert not path.with_name("task.labels.jsonl").exists()
