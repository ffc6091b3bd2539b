"""What others build on: public names, shipped task files, a light start, and what the source never does."""

from __future__ import annotations

import ast
import importlib
import json
import pkgutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import ruletune
from ruletune.config import load_task, parse_task, to_yaml
from ruletune.labeling.apply import RuleSet
from ruletune.labeling.demanding import Demanding
from ruletune.tasks import TASKS

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src" / "ruletune").rglob("*.py"))
TASK_FILES = sorted((ROOT / "examples").rglob("task*.yaml"))


def test_the_public_names_are_these() -> None:
    assert sorted(ruletune.__all__) == [
        "Example", "Firing", "Label", "Prediction", "RuleTable", "RuletuneError", "Run", "Span", "Spans", "TaskSpec",
        "Text", "UserError", "fit", "load", "load_task", "rule_table", "search",
    ]  # fmt: skip


@pytest.mark.parametrize("name", [name for name in ruletune.__all__ if name not in ("Run", "fit", "load")])
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(ruletune, name).__doc__
    assert name in dir(ruletune)


def test_an_unknown_name_is_an_attribute_error() -> None:
    assert not hasattr(ruletune, "nothing")


def test_the_version_is_the_packages() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == ruletune.__version__


LIGHT = ["config", "data", "knowledge", "labeling", "metrics", "rules", "tasks", "templates", "types"]
HEAVY = ("torch", "transformers", "peft", "sklearn", "scipy", "pyarrow", "datasets", "altair", "pandas")


@pytest.fixture(scope="module")
def loaded() -> set[str]:
    """Modules that are loaded after everything below the models is imported, in a fresh interpreter."""
    names = [
        module.name
        for part in LIGHT
        for module in pkgutil.walk_packages(ruletune.__path__, "ruletune.")
        if module.name == f"ruletune.{part}" or module.name.startswith(f"ruletune.{part}.")
    ]
    assert len(names) > 25
    imports = "".join(f"import {name}\n" for name in names)
    script = f"{imports}import sys, json\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(ROOT / "src")},
    )
    return set(json.loads(done.stdout))


@pytest.mark.parametrize("library", HEAVY)
def test_rules_and_data_start_without(library: str, loaded: set[str]) -> None:
    assert library not in loaded


def test_a_bare_import_loads_nothing_but_the_standard_library() -> None:
    script = "import sys, ruletune; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(ROOT / 'src')!r}); {script}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert not set(done.stdout.split()) & {*HEAVY, "numpy", "pydantic", "ruamel"}


def test_there_are_shipped_task_files() -> None:
    assert TASK_FILES


@pytest.mark.parametrize("path", TASK_FILES, ids=lambda path: path.parent.name)
def test_every_shipped_task_file_loads_and_its_rules_run(path: Path) -> None:
    spec = load_task(path, check_data=False)
    for half in spec.halves:
        _loads_and_runs(half)
    again = parse_task(to_yaml(spec), path=path, check_data=False)
    assert (again.file, again.labels, again.rendering) == (spec.file, spec.labels, spec.rendering)


def _loads_and_runs(spec: ruletune.TaskSpec) -> None:
    assert spec.file.name and spec.file.description and all(spec.file.labels.values())
    nasty = ["", " ", "😀", "这部电影很好看", "a\0b", "x" * 2000, "not bad at all!", "'\"<b>{text}"]
    asked = "who is 谁?" if spec.task.readout == "extract" else None
    examples = [ruletune.Example(str(n), text, asked) for n, text in enumerate(nasty)]
    if spec.task.readout == "generate":
        acts = [ruletune.Example(e.id, e.text, fields={"intent": "", "slots": (), "act": ""}) for e in examples]
        found = Demanding(spec.rules).demands(acts)
        assert found.faults == ()
        assert found.fired.shape == (len(nasty), len(spec.rules))
    else:
        votes = RuleSet(spec.rules, labels=spec.labels).apply(examples)
        assert votes.faults == ()
        assert votes.matrix.shape == (len(nasty), len(spec.rules))


@pytest.mark.parametrize("name", TASKS)
def test_a_task_is_complete(name: str) -> None:
    task = TASKS[name]
    assert task.name == name
    assert task.rule_kinds <= set(importlib.import_module("ruletune.rules").KINDS)
    assert task.metric


def _names(tree: ast.AST) -> set[str]:
    """Every name that is called or imported, attributes by their last part."""
    found: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name)) | ast.Call(func=ast.Attribute(attr=name)):
                found.add(name)
            case ast.Import(names=names):
                found.update(alias.name.partition(".")[0] for alias in names)
            case ast.ImportFrom(module=str(module)) if module != "urllib.parse":  # it only takes addresses apart
                found.add(module.partition(".")[0])
    return found


FORBIDDEN = {
    "pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve", "joblib",  # run what they read
    "exec", "__import__", "system", "popen", "urlopen", "urllib", "requests", "socket", "httpx",
}  # fmt: skip


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT / "src")))
def test_no_module_runs_data_or_reaches_for_the_network(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    tree = ast.parse(source)
    # A server listens; nothing of ours asks somebody else.
    allowed = {"socket"} if "serve" in path.relative_to(ROOT / "src" / "ruletune").parts else set()
    assert not _names(tree) & FORBIDDEN - allowed
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in ("eval", "compile")
    assert "weights_only=False" not in source and "trust_remote_code=True" not in source


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT / "src")))
def test_text_files_are_opened_with_their_encoding(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="os" | "webbrowser" | "OnnxScorer"))):
                continue
            case ast.Call(func=ast.Attribute(value=ast.Attribute(attr="hub"))):
                continue  # of the workbench's news
            case ast.Call(func=ast.Attribute(attr="open" | "read_text" | "write_text") | ast.Name(id="open")):
                modes = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
                binary = any("b" in mode and set(mode) <= set("rwxab+t") for mode in modes)
                assert binary or any(keyword.arg == "encoding" for keyword in node.keywords), f"line {node.lineno}"
