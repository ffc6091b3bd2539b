"""The index names every page, the gallery every task, and what is filled in by programs is what they would write."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

from ruletune.config import parse_task
from ruletune.tasks import TASKS, UNDERSTANDING
from tests.docs.test_docs import PAGES, PROGRAM, blocks, written_at

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
GALLERY = DOCS / "gallery.md"


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look for the module of their annotations
    spec.loader.exec_module(module)
    return module


marked = script("marked")


def names(text: str, kind: str) -> list[str]:
    return [name for name, _ in marked.contents(text, kind)]


def test_the_index_names_every_page() -> None:
    index = (DOCS / "README.md").read_text(encoding="utf-8")
    assert [
        page.name for page in sorted(DOCS.glob("*.md")) if page.name != "README.md" and f"({page.name})" not in index
    ] == []


def test_the_gallery_shows_every_task() -> None:
    shown = [
        parse_task(block.code, path=written_at(block), check_data=False)
        for block in blocks(GALLERY, language="yaml")
        if "\ntask: " in f"\n{block.code}"
    ]
    names = [UNDERSTANDING if spec.slots is not None else spec.task.name for spec in shown]
    assert Counter(names) == Counter([*TASKS, UNDERSTANDING])


def test_every_task_of_the_gallery_has_rows_a_task_file_and_outputs() -> None:
    text = GALLERY.read_text(encoding="utf-8")
    for kind in ("rows", "task file"):
        assert set(names(text, kind)) == {*TASKS, UNDERSTANDING}
    assert {name.split()[0] for name in names(text, "output")} == {*TASKS, UNDERSTANDING}


@pytest.mark.parametrize("name", ["make_figures.py", "make_gallery.py"])
def test_what_is_filled_in_is_up_to_date(name: str) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / name), "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", ["gallery.md", "weaknesses.md", "comparison.md"])
def test_every_block_is_one_that_a_script_knows_and_is_filled(page: str) -> None:
    figures, gallery = script("make_figures"), script("make_gallery")
    text = (DOCS / page).read_text(encoding="utf-8")
    assert set(names(text, "figures")) <= set(figures.FIGURES)
    assert set(names(text, "output")) <= set(gallery.OUTPUTS)
    for kind in ("figures", "output", "rows", "task file"):
        assert [name for name, content in marked.contents(text, kind) if not content.strip()] == []


def test_a_block_is_replaced_and_nothing_else() -> None:
    page = "a\n<!-- figures: x -->\nold\n<!-- /figures -->\nb\n<!-- figures: y -->\n<!-- /figures -->\n"
    made = marked.filled(page, "figures", lambda name: "new" if name == "x" else None)
    assert made == page.replace("old", "new")


def test_the_best_of_each_column_stands_out() -> None:
    figures = script("make_figures")
    assert figures.strong("| | a | b |\n|---|---:|---:|\n| x | 0.5 | – |\n| y | 0.5 | 0.1 |").count("**") == 6


def test_figures_that_do_not_exist_are_an_error() -> None:
    with pytest.raises(ValueError, match="no figures called"):
        script("make_figures").figures("accurcy")


def inline() -> list[tuple[str, str]]:
    """Commands in the middle of sentences."""
    found = []
    for page in PAGES:
        text = re.sub(r"^ *```.*?^ *```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
        found += [(page.name, command) for command in re.findall(r"`ruletune ([a-z]+\b[^`]*)`", text)]
    return found


def test_commands_in_sentences_exist_with_their_options() -> None:
    commands = inline()
    assert len(commands) > 50
    for page, command in commands:
        name, *words = command.split()
        if name == "needs":  # the beginning of a message
            continue
        assert name in PROGRAM.commands, f"{page}: {command}"
        known = PROGRAM.commands[name]
        if name == "rules":  # `rules TASK` is `rules table TASK`
            known = known.commands.get(words[0] if words else "", known.commands["table"])
        options = {option for parameter in known.params for option in (*parameter.opts, *parameter.secondary_opts)}
        assert {word for word in words if word.startswith("-") and word != "-"} <= options, f"{page}: {command}"
