"""The documentation says what the code does: generated pages, links, commands, task files, Python."""

from __future__ import annotations

import ast
import inspect
import io
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer
from ruamel.yaml import YAML

import ruletune
from ruletune.cli import app
from ruletune.config import TaskFile, parse_task

ROOT = Path(__file__).parents[2]
READMES = (ROOT / "README.md", ROOT / "README.zh-CN.md")
PAGES = (*READMES, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md")))
EXAMPLES = sorted((ROOT / "examples").rglob("*.md"))

PROGRAM: Any = typer.main.get_command(app)
"""The command line as its parser sees it."""


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced code block."""

    page: Path
    line: int
    language: str
    code: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(*pages: Path, language: str | None = None) -> Iterator[Block]:
    for page in pages:
        text = page.read_text(encoding="utf-8")
        for found in re.finditer(r"^( *)```(\w*)\n(.*?)^\1```$", text, re.MULTILINE | re.DOTALL):
            code = "".join(line.removeprefix(found[1]) for line in found[3].splitlines(keepends=True))
            if language in (None, found[2]):
                yield Block(page, text.count("\n", 0, found.start()) + 1, found[2], code)


def commands() -> Iterator[tuple[Block, str]]:
    """Every shell command that a reader is shown."""
    for block in blocks(*PAGES, *EXAMPLES, language="console"):
        for line in block.code.splitlines():
            if line.startswith("$ "):
                yield block, line.removeprefix("$ ")


def parsed(arguments: list[str]) -> None:
    """Parse a command line as the program would, and run nothing; raises where it would refuse."""
    if arguments in (["--help"], ["--version"]):
        assert arguments[0] in {name for option in PROGRAM.params for name in option.opts} | {"--help"}
        return
    name, *rest = arguments
    assert name in PROGRAM.commands, f"no command {name!r}"
    PROGRAM.commands[name].make_context(name, rest)


@pytest.mark.parametrize("script", ["make_reference.py", "make_benchmarks_page.py"])
def test_generated_pages_are_up_to_date(script: str) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / script), "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", [*PAGES, *EXAMPLES], ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^ *```.*?^ *```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        linked = (page.parent / file).resolve() if file else page
        assert linked.exists(), f"{page.name}: {target}"
        if anchor:
            assert anchor in anchors(linked), f"{page.name}: {target}"


@pytest.mark.parametrize(("block", "line"), [(b, line) for b, line in commands() if "ruletune" in line], ids=str)
def test_commands_and_their_options_exist(block: Block, line: str) -> None:
    for part in re.split(r" \|\|? | && ", line):
        words = [word for word in shlex.split(part) if not re.fullmatch(r"[A-Z_]+=.*", word)]
        if words[0] == "ruletune":
            parsed(words[1:])


@pytest.mark.parametrize(("block", "line"), [(b, line) for b, line in commands() if line.startswith("make ")], ids=str)
def test_make_targets_exist(block: Block, line: str) -> None:
    target = shlex.split(line)[1]
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


def test_a_wrong_command_line_is_noticed() -> None:
    with pytest.raises(AssertionError):
        parsed(["trian", "task.yaml"])
    with pytest.raises(Exception, match="--resme"):
        parsed(["train", "task.yaml", "--resme"])


@pytest.mark.parametrize("name", sorted(PROGRAM.commands))
def test_every_option_is_documented(name: str) -> None:
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    [section] = re.findall(rf"^## {name}\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    rows = "\n".join(line for line in section.splitlines() if line.startswith("|"))
    [common] = re.findall(r"^## In common\n(.*?)(?=^## )", page, re.MULTILINE | re.DOTALL)
    rows += " ".join(f"`{option}`" for option in re.findall(r"`(--[a-z-]+)", common))
    for parameter in PROGRAM.commands[name].params:
        for option in parameter.opts:
            if option.startswith("-") and option != "--json":
                assert f"`{option}`" in rows, f"{name} {option}"


def written_at(block: Block) -> Path:
    """Where a task file stands: its first line may name the file; rules' files are beside it."""
    named = re.match(r"# (examples/\S+\.yaml)\n", block.code)
    return ROOT / named[1] if named else Path("task.yaml")


@pytest.mark.parametrize("block", list(blocks(*PAGES, *EXAMPLES, language="yaml")), ids=str)
def test_task_files_are_right(block: Block) -> None:
    """A whole task file is parsed; a part of one is put into a task file that lacks it."""
    value = YAML(typ="safe").load(block.code)
    if isinstance(value, dict) and "task" in value:
        parse_task(block.code, path=written_at(block), check_data=False)
        return
    part = {"rules": value} if isinstance(value, list) else dict(value)
    votes = [rule["vote"] for rule in part.get("rules", ()) if "vote" in rule]
    whole = {"task": "classification", "labels": [*dict.fromkeys(["a", "b", *votes])], "data": {"train": "a.csv"}}
    TaskFile.model_validate(whole | part)


@pytest.mark.parametrize("block", list(blocks(*PAGES, *EXAMPLES, language="python")), ids=str)
def test_python_uses_names_that_exist(block: Block) -> None:
    tree = ast.parse(block.code)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "ruletune":
            assert node.attr in ruletune.__all__
        if isinstance(node, ast.ImportFrom) and node.module == "ruletune":
            assert {alias.name for alias in node.names} <= set(ruletune.__all__)


def test_signatures_are_those_of_the_code() -> None:
    found = {}
    for block in blocks(ROOT / "docs" / "python-api.md", language="python"):
        for node in ast.parse(block.code).body:
            if isinstance(node, ast.FunctionDef):
                arguments = node.args
                found[node.name] = [a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    assert set(found) == {"load_task", "rule_table", "fit", "load", "search"}
    for name, parameters in found.items():
        assert parameters == list(inspect.signature(getattr(ruletune, name)).parameters), name


def test_every_public_name_is_documented() -> None:
    page = (ROOT / "docs" / "python-api.md").read_text(encoding="utf-8")
    assert [name for name in ruletune.__all__ if f"`{name}`" not in page] == []


def test_both_readmes_show_the_same() -> None:
    """Commands, outputs and code are the same in every language; so are the pages that are linked."""
    english, chinese = ([(b.language, _without_comments(b)) for b in blocks(page)] for page in READMES)
    assert english == chinese
    linked = [set(re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8"))) for page in READMES]
    assert linked[0] - linked[1] == {READMES[1].name}
    assert linked[1] - linked[0] == {READMES[0].name}


def _without_comments(block: Block) -> str:
    return re.sub(r" *# .*", "", block.code) if block.language == "python" else block.code


def test_the_starter_names_a_page_that_exists() -> None:
    from ruletune.config.starter import starter

    text = starter(name="t", description="", train="a.csv", text="text", label="y", labels={"a": 1, "b": 1})
    for page in re.findall(r"docs/[\w-]+\.md", text):
        assert (ROOT / page).is_file()
    assert YAML(typ="safe").load(io.StringIO(text))["task"] == "classification"
