"""The rules commands and check, as typed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_cli import light_modules, run

SOURCE = """\
task: classification
labels: [ham, spam]
data: {train: train.jsonl}
rules:
  - {name: prize, keywords: [prize], vote: spam}
  - {name: mum, keywords: [mum], vote: ham}
  - {name: 'a:1', regex: '(?<=a )prize', vote: spam}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    rows = [("a prize", "spam"), ("a prize, mum", "ham"), ("mum", "ham"), ("see you", None)]
    lines = (json.dumps({"text": text, "label": label}) + "\n" for text, label in rows)
    (tmp_path / "train.jsonl").write_text("".join(lines), encoding="utf-8")
    (tmp_path / "task.yaml").write_text(SOURCE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


class Command:
    """The command line in this process, with what it printed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys

    def __call__(self, *arguments: object) -> tuple[int, str, str]:
        self._capsys.readouterr()
        code = run(self._monkeypatch, *arguments)
        printed = self._capsys.readouterr()
        return code, printed.out, printed.err

    def json(self, *arguments: object, code: int = 0) -> Any:
        ended, out, err = self(*arguments, "--json")
        assert ended == code, err
        return json.loads(out)


@pytest.fixture
def command(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(monkeypatch, capsys)


# -- the table


def test_the_table_is_what_rules_shows_without_a_command(command: Command) -> None:
    assert command("rules", "task.yaml") == command("rules", "table", "task.yaml")
    expected = command.json("rules", "task.yaml")
    for arguments in (("rules", "table", "task.yaml"), ("rules", "--data", "train.jsonl", "task.yaml")):
        assert command.json(*arguments) == expected
    code, out, _ = command("rules", "--json", "task.yaml")
    assert code == 0 and json.loads(out) == expected


def test_everything_is_in_the_json(command: Command) -> None:
    found = command.json("rules", "task.yaml")
    assert [row["name"] for row in found["rows"]] == ["prize", "mum", "a:1"]
    row = found["rows"][0]
    assert (row["correct"], row["judged"], row["says"], row["new"]) == (1, 2, "spam", 0.0)
    low, high = row["interval"]
    assert 0 < low < 0.5 < high < 1
    assert (found["coverage"], found["overlap"], found["conflict"]) == (0.75, 0.5, 0.25)


@pytest.mark.parametrize(
    ("sort", "first"), [("coverage", "a:1"), ("conflict", "a:1"), ("accuracy", "a:1"), ("order", "prize")]
)
def test_sorting(command: Command, sort: str, first: str) -> None:
    _, out, _ = command("rules", "task.yaml", "--sort", sort)
    names = [line.split()[0] for line in out.splitlines() if line.split()[:1] in (["prize"], ["mum"], ["a:1"])]
    assert names[0] == first and len(names) == 3


def test_a_task_file_may_have_the_name_of_a_command(command: Command, folder: Path) -> None:
    (folder / "show").write_text(SOURCE, encoding="utf-8")
    assert command("rules", "./show")[0] == 0
    assert command("rules", "show")[0] == 2, "without the rule's name"


def test_a_missing_task_and_a_wrong_option(command: Command) -> None:
    code, _, err = command("rules", "no.yaml")
    assert code == 2 and "no.yaml" in err
    assert command("rules", "task.yaml", "--sort", "size")[0] == 2
    assert command("rules", "task.yaml", "--data", "no.jsonl")[0] == 2


def test_help_names_the_commands(command: Command) -> None:
    code, out, _ = command("rules", "--help")
    assert code == 0
    for name in ("table", "show", "diff", "export"):
        assert name in out
    assert "--conflicts" in command("rules", "show", "--help")[1]


def test_the_table_fits_eighty_columns(command: Command, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    long = SOURCE.replace("name: mum", f"name: {'a long name ' * 5}").replace("[ham, spam]", f"[ham, spam, {'x' * 40}]")
    (folder / "task.yaml").write_text(long, encoding="utf-8")
    _, out, _ = command("rules", "task.yaml")
    table = out.partition("4 texts")[0]
    assert max(map(len, table.splitlines())) <= 80
    assert "66.7%" not in table and "50.0%" in table, "no figure is cut"


# -- show


def test_show_has_the_rule_its_numbers_and_its_texts(command: Command) -> None:
    code, out, _ = command("rules", "show", "prize")
    assert code == 0, "the task file is task.yaml unless it is named"
    for part in (
        "{name: prize, keywords: [prize], vote: spam}",
        "task.yaml:5",
        "1/2",
        "2 texts on which it fires",
        "a prize, mum",
    ):
        assert part in out
    found = command.json("rules", "show", "a:1", "task.yaml", "--conflicts", "-n", "1")
    assert (found["view"], found["found"], found["row"]["name"]) == ("conflicts", 1, "a:1")
    [text] = found["texts"]
    assert text == {
        "id": "2", "text": "a prize, mum", "spans": [[2, 7]], "says": "spam",
        "others": [["prize", "spam"], ["mum", "ham"]], "gold": "ham", "asked": "",
    }  # fmt: skip


@pytest.mark.parametrize("view", ["conflicts", "overlaps", "alone", "right", "wrong", "faults", "uncovered"])
def test_every_number_has_its_texts(command: Command, view: str) -> None:
    found = command.json("rules", "show", "mum", f"--{view}")
    counts = {"conflicts": 1, "overlaps": 1, "alone": 1, "right": 2, "wrong": 0, "faults": 0, "uncovered": 1}
    assert (found["view"], found["found"]) == (view, counts[view])


def test_show_asks_one_question_of_one_rule(command: Command) -> None:
    code, _, err = command("rules", "show", "prize", "--wrong", "--alone")
    assert code == 2 and "two questions" in err
    code, _, err = command("rules", "show", "prise")
    assert code == 2 and "did you mean 'prize'?" in err
    assert command("rules", "show", "prize", "-n", "0")[0] == 2


# -- diff


def test_diff_of_two_files_and_of_a_run_folder(command: Command, folder: Path) -> None:
    (folder / "new.yaml").write_text(SOURCE.replace("[mum]", "[mom]"), encoding="utf-8")
    found = command.json("rules", "diff", "task.yaml", "new.yaml")
    assert [(r["name"], r["kind"], r["parts"], r["lost"]) for r in found["rules"]] == [
        ("mum", "changed", ["condition"], 2)
    ]
    assert (found["texts"], found["votes"], found["right"], found["judged"]) == (4, 2, [found["right"][0], 1], 3)
    (folder / "run").mkdir()
    source = SOURCE.replace("train.jsonl", "../gone.jsonl").replace("[prize]", "[prizes]")
    (folder / "run" / "task.yaml").write_text(source, encoding="utf-8")
    found = command.json("rules", "diff", "run", "task.yaml", "--count", "1")
    assert [r["name"] for r in found["rules"]] == ["prize"] and len(found["changed"]) == 1
    code, out, _ = command("rules", "diff", "run", "task.yaml", "--data", "train.jsonl")
    assert code == 0 and "changed (condition)" in out
    code, _, err = command("rules", "diff", "task.yaml", "none")
    assert code == 2 and "none" in err


# -- check


def test_check_runs_the_tests(command: Command, folder: Path) -> None:
    assert "tests" not in command("check", "task.yaml")[1]
    tests = "tests:\n  - {text: a prize, expect: spam}\n  - {text: mum, expect: ham, rule: mum}\n"
    (folder / "task.yaml").write_text(SOURCE + tests, encoding="utf-8")
    code, out, _ = command("check", "task.yaml")
    assert code == 0 and "task.yaml is right" in out and "2 tests passed." in out
    (folder / "task.yaml").write_text(SOURCE + tests.replace("ham, rule", "null, rule"), encoding="utf-8")
    code, out, _ = command("check", "task.yaml")
    assert code == 1 and "is right" not in out and "1 of 2 tests failed." in out
    assert "task.yaml:10: test failed: rule 'mum' on 'mum': expected says nothing, got votes for 'ham'" in out
    found = command.json("check", "task.yaml", code=1)
    assert found["ok"] is False and found["tests"]["passed"] == 1
    [failed] = found["tests"]["failed"]
    assert (failed["file"], failed["line"], failed["rule"], failed["text"]) == ("task.yaml", 10, "mum", "mum")


def test_check_says_which_rules_are_slow_and_why(command: Command, folder: Path) -> None:
    (folder / "f.py").write_text("def f(text):\n    return True\n", encoding="utf-8")
    (folder / "task.yaml").write_text(SOURCE + "  - {function: 'f.py:f', vote: ham}\n", encoding="utf-8")
    slow = command.json("check", "task.yaml")["slow"]
    assert "f.py:f is called for one text at a time" in slow["f"] and "prize" not in slow
    assert "Slow: rule 'f': f.py:f is called" in command("check", "task.yaml")[1]


def test_check_loads_a_model_only_for_a_test_that_needs_it(folder: Path) -> None:
    task = folder / "task.yaml"
    source = SOURCE.replace("[ham, spam]", "{ham: friends, spam: offers}") + "  - {name: like, similarity: 0.9}\n"
    task.write_text(source + "tests: [{text: mum, expect: ham, rule: mum}]\n", encoding="utf-8")
    assert light_modules("check", str(task)) == set()


# -- where answers are texts

TRANSLATION = """\
task: translation
data: {train: pairs.tsv}
rules:
  - {glossary: terms.tsv}
  - keywords: [cow]
    require: Kuh
    tests: [{text: a cow, answer: eine Kuh}]
"""


@pytest.fixture
def pairs(folder: Path) -> Path:
    (folder / "task.yaml").write_text(TRANSLATION, encoding="utf-8")
    (folder / "terms.tsv").write_text("dog\tHund\nhot dog\tHotdog\n", encoding="utf-8")
    rows = "text\ttarget\na dog\tein Hund\na hot dog\teine Wurst\na cow\teine Kuh\n"
    (folder / "pairs.tsv").write_text(rows, encoding="utf-8")
    return folder


def test_rules_about_texts_are_checked_and_shown(pairs: Path, command: Command) -> None:
    code, out, _ = command("check", "task.yaml")
    assert code == 0
    assert out.splitlines() == ["task.yaml is right: translation; rules: 1 glossary, 1 keywords.", "1 test passed."]
    found = command.json("rules", "task.yaml")
    assert [(row["name"], row["kept"], row["judged"]) for row in found["rows"]] == [
        ("terms", 1, 2),
        ("keywords_2", 1, 1),
    ]
    assert [(row["entry"], row["kept"], row["judged"]) for row in found["entries"]] == [("hot dog", 0, 1)]
    code, out, _ = command("rules", "task.yaml")
    assert code == 0
    assert "references keep it" in out
    assert "hot dog" in out
    code, out, _ = command("rules", "show", "terms", "--wrong")
    assert code == 0
    assert "says 'Hotdog'" in out
    assert "reference breaks it: eine Wurst" in out


@pytest.mark.parametrize(
    "arguments",
    [
        ("label", "task.yaml", "pairs.tsv", "-o", "o.jsonl"),
        ("rules", "suggest", "task.yaml"),
        ("rules", "diff", "task.yaml", "task.yaml"),
        ("rules", "export", "task.yaml", "pairs.tsv", "-o", "v.npz"),
        ("preview", "task.yaml"),
        ("search", "task.yaml", "--out", "found"),
        ("rules", "show", "terms", "--conflicts"),
    ],
)
def test_what_is_about_labels_refuses_texts(arguments: tuple[str, ...], pairs: Path, command: Command) -> None:
    code, _, err = command(*arguments)
    assert code == 2
    assert "'translation'" in err
    assert "Traceback" not in err


def test_looking_at_rules_about_texts_loads_no_torch(pairs: Path) -> None:
    assert not light_modules("rules", "task.yaml")
