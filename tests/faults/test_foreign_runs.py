"""A run folder from a stranger runs no code and reads no files but its own."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import ruletune
from ruletune.cli import app
from ruletune.config import load_task
from ruletune.errors import UserError
from ruletune.pipeline.run import Run
from ruletune.pipeline.trust import allowing
from ruletune.rules import KINDS
from ruletune.types import Example
from tests.conftest import Complaints
from tests.model_fixtures import build_checkpoint, write_task

CODE = """
from pathlib import Path

(Path(__file__).parent / "imported").touch()


class LabelingFunction:
    def __init__(self, name):
        self.name = name
        self._f = self

    def __call__(self, point):
        return 1 if self.name in point.text else -1


lovely, superb = LabelingFunction("lovely"), LabelingFunction("superb")


def awful(text):
    return "awful" in text
"""

RULES = """
rules:
  - {name: praise, keywords: [superb, lovely, great], vote: good}
  - {name: blame, function: 'code.py:awful', vote: bad}
  - {snorkel: code.py}
  - {name: both, all: [praise, {function: 'code.py:awful'}], vote: bad}
"""

TEXT = Example("1", "a lovely film, and awful at the end")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a task whose rules call functions, and a run of it."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "code.py").write_text(CODE, encoding="utf-8")
    task = write_task(folder, build_checkpoint(folder / "checkpoint"), rules=RULES)
    ruletune.fit(load_task(task), out=folder / "run")
    return folder


@pytest.fixture
def stranger(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The run as somebody gets it who never trained it."""
    monkeypatch.setenv("RULETUNE_CONFIG", str(tmp_path / "config"))
    for name in [name for name in sys.modules if name.startswith("_ruletune_rules_")]:
        monkeypatch.delitem(sys.modules, name)
    (home / "imported").unlink(missing_ok=True)
    shutil.copytree(home / "run", tmp_path / "run")
    return tmp_path / "run"


def fired(run: Run) -> list[str]:
    return [firing.rule for firing in run.predict([TEXT])[0].rules]


def test_what_the_user_trained_needs_no_further_words(home: Path) -> None:
    run = ruletune.load(home / "run")
    assert not run.withheld
    assert fired(run) == ["praise", "blame", "lovely", "both"]


def test_code_of_a_stranger_is_named_and_not_imported(home: Path, stranger: Path) -> None:
    run = ruletune.load(stranger)
    module = str(home / "code.py")
    assert run.withheld == {module: ["blame", "lovely", "superb", "both"]}
    assert fired(run) == ["praise"]
    explained = run.explain(TEXT)
    assert [rule["rule"] for rule in explained["rules"]] == ["praise"]
    found = run.evaluate(run.read(str(home / "test.jsonl")))
    assert found["n"] == 60 and set(found["faults"]) == {"blame", "lovely", "superb", "both"}
    assert not (home / "imported").exists()
    known = ruletune.load(stranger, allow_code=[module])
    assert fired(known) == ["praise", "blame", "lovely", "both"]
    assert [p.answer for p in known.predict([TEXT])] == [p.answer for p in run.predict([TEXT])]


def test_a_file_that_changed_since_training_is_not_trusted(home: Path, stranger: Path) -> None:
    from ruletune.pipeline.trust import remember

    remember(load_task(home / "task.yaml"))
    assert not ruletune.load(stranger).withheld
    (home / "imported").unlink()
    (home / "code.py").write_text(CODE + "\n# more", encoding="utf-8")
    try:
        assert fired(ruletune.load(stranger)) == ["praise"]
        assert not (home / "imported").exists()
    finally:
        (home / "code.py").write_text(CODE, encoding="utf-8")


def test_a_damaged_or_foreign_record_trusts_nothing(home: Path, stranger: Path, tmp_path: Path) -> None:
    record = tmp_path / "config" / "trusted_code.json"
    record.parent.mkdir()
    for content in ("", "[]", "{", '{"functions": 3}', '{"functions": [3, null]}', "[" * 100_000):
        record.write_text(content, encoding="utf-8")
        assert ruletune.load(stranger).withheld
    from ruletune.pipeline.trust import remember

    remember(load_task(home / "task.yaml"))
    record.chmod(0o666)  # anybody could have written it
    assert ruletune.load(stranger).withheld


def test_code_that_takes_part_in_answering_is_refused(stranger: Path, complaints: Complaints) -> None:
    settings = json.loads((stranger / "ruletune.json").read_text(encoding="utf-8"))
    (stranger / "ruletune.json").write_text(json.dumps(settings | {"rules_act": True}), encoding="utf-8")
    [complaint] = complaints(ruletune.load(stranger).predict, [TEXT])
    assert "the rules take part in answering" in complaint and "--allow-code" in complaint


def test_commands_say_what_was_not_run(home: Path, stranger: Path) -> None:
    texts = stranger.parent / "new.txt"
    texts.write_text(TEXT.text + "\n", encoding="utf-8")
    result = CliRunner().invoke(app, ["predict", str(stranger), str(texts)])
    assert result.exit_code == 0 and "'blame', 'lovely'" in result.stderr and "--allow-code" in result.stderr
    allowed = CliRunner().invoke(app, ["predict", str(stranger), str(texts), "--allow-code", str(home / "code.py")])
    assert allowed.exit_code == 0 and "Note" not in allowed.stderr and "blame says bad" in allowed.stdout
    compare = ["rules", "diff", str(stranger), str(home / "task.yaml"), "--json"]
    refused = CliRunner().invoke(app, compare)
    assert isinstance(refused.exception, UserError) and "--allow-code" in str(refused.exception)
    assert CliRunner().invoke(app, [*compare, "--allow-code", str(home / "code.py")]).exit_code == 0


HOSTILE = [
    "function: 'os:system'", "function: 'subprocess:getoutput'", "function: 'evil.py:f'", "function: 'evil_package.inner:f'", "snorkel: evil.py\n    only: [f]",
    "any: [{function: 'evil.py:f'}]", "regex: a\n    unless: {function: 'evil.py:f'}", "not: {any: [{function: 'evil.py:f'}]}",
]  # fmt: skip


@pytest.mark.parametrize("entry", HOSTILE)
def test_no_kind_of_rule_imports_what_is_not_allowed(
    entry: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RULETUNE_CONFIG", str(tmp_path / "config"))
    package = tmp_path / "evil_package"
    package.mkdir()
    for file in (tmp_path / "evil.py", package / "__init__.py", package / "inner.py"):
        file.write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\ndef f(text): return True\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    vote = "" if "snorkel" in entry else "\n    vote: a"
    source = f"task: classification\nlabels: [a, b]\ndata: {{train: x.csv}}\nrules:\n  - name: r\n    {entry}{vote}\n"
    (tmp_path / "task.yaml").write_text(source, encoding="utf-8")
    spec = load_task(tmp_path / "task.yaml", check_data=False, allow=allowing())
    assert [rule.name for rule in spec.rules] == ["r:f" if "snorkel" in entry else "r"]
    from ruletune.labeling.apply import RuleSet

    found = RuleSet(spec.rules, labels=spec.labels).apply([TEXT], strict=False)
    assert [fault.rule for fault in found.faults] == [spec.rules[0].name] or "unless" in entry
    assert not (tmp_path / "ran").exists()


def test_every_kind_that_names_code_asks_before_it_imports() -> None:
    assert {name for name, kind in KINDS.items() if kind.code} == {"function", "snorkel", "score"}


def test_a_stranger_who_names_no_functions_is_refused(tmp_path: Path, complaints: Complaints) -> None:
    (tmp_path / "task.yaml").write_text(
        "task: classification\nlabels: [a, b]\ndata: {train: x.csv}\nrules:\n  - {snorkel: lfs.py}\n", encoding="utf-8"
    )
    [complaint] = complaints(load_task, tmp_path / "task.yaml", check_data=False, allow=allowing())
    assert complaint == "task.yaml:5: 'lfs.py' is code that may not run; allow it with --allow-code lfs.py"


OUTSIDE = [
    "../secret.txt",
    "{folder}/secret.txt",
    "files/../../secret.txt",
    "files/link",
    "~root/x",
    "files/\\0",
    "/dev/zero",
    "/proc/self/environ",
]


@pytest.mark.parametrize("name", OUTSIDE)
@pytest.mark.parametrize(
    "entry", ["rules:\n  - {{gazetteer: {0}, vote: a}}", "rules:\n  - {{any: [{{gazetteer: {0}}}], vote: a}}", "knowledge:\n  - {{file: {0}}}"]
)  # fmt: skip
def test_a_run_reads_no_file_but_its_own(name: str, entry: str, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    (folder / "files").mkdir(parents=True)
    (tmp_path / "secret.txt").write_text("secret\tword\n", encoding="utf-8")
    (folder / "files" / "link").symlink_to(tmp_path / "secret.txt")
    quoted = '"' + name.format(folder=tmp_path) + '"'
    source = f"task: classification\nlabels: [a, b]\ndata: {{train: x.csv}}\n{entry.format(quoted)}\n"
    (folder / "task.yaml").write_text(source, encoding="utf-8")
    with pytest.raises(UserError) as caught:
        load_task(folder / "task.yaml", check_data=False, allow=allowing())
    message = str(caught.value)
    assert "outside of the run folder" in message or "~root" in name
    assert "secret\t" not in message
