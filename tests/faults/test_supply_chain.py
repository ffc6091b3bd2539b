"""Nothing that is loaded can run code, and packaged weights are the known ones."""

from __future__ import annotations

import ast
import functools
import importlib.util
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from ruletune.errors import RuletuneError, UserError
from ruletune.models import checkpoints

SOURCE = Path(__file__).parents[2] / "src" / "ruletune"

PICKLES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}

EVALUATED = {"eval", "exec", "compile", "__import__"}


@functools.cache
def trees() -> dict[Path, ast.Module]:
    """Every module of the product."""
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(SOURCE.rglob("*.py"))}


def calls() -> Iterator[tuple[str, str, ast.Call]]:
    """Every call in the product: where, what is called (its last name), and the call."""
    for path, tree in trees().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                function = node.func
                name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
                yield f"{path.relative_to(SOURCE)}:{node.lineno}", name, node


def _keywords(call: ast.Call) -> dict[str, ast.expr]:
    return {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg is not None}


def test_no_module_unpickles() -> None:
    for path, tree in trees().items():
        for node in ast.walk(tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {name.partition(".")[0] for name in names} & PICKLES, f"{path}:{node.lineno}"  # type: ignore[attr-defined]


def test_no_remote_code_is_trusted() -> None:
    """Whatever loads a model says so itself, or takes options that do, and takes weights from safetensors only."""
    found = 0
    for where, name, call in calls():
        words = _keywords(call)
        trusted = words.get("trust_remote_code")
        assert trusted is None or (isinstance(trusted, ast.Constant) and trusted.value is False), where
        if name == "from_pretrained" and "GenerationConfig" not in ast.unparse(call.func):  # numbers, and nothing else
            found += 1
            options = any(
                keyword.arg is None and getattr(keyword.value, "id", "") == "options" for keyword in call.keywords
            )
            assert trusted is not None or options, where
            owner = ast.unparse(call.func)
            if "AutoConfig" not in owner and "AutoTokenizer" not in owner:
                assert isinstance(words.get("use_safetensors"), ast.Constant), where
    assert found >= 10
    text = "\n".join(path.read_text(encoding="utf-8") for path in SOURCE.rglob("*.py"))
    assert text.count('"trust_remote_code": False') >= 4 and '"trust_remote_code": True' not in text


def test_arrays_are_read_without_objects() -> None:
    for where, name, call in calls():
        if name in ("load", "read_array", "savez", "savez_compressed", "save", "write_array"):
            allow = _keywords(call).get("allow_pickle")
            owner = ast.unparse(call.func)
            numpy = owner.startswith(("np.", "numpy."))
            assert not owner.startswith("torch."), where
            assert not numpy or (isinstance(allow, ast.Constant) and allow.value is False), where


def test_nothing_is_evaluated() -> None:
    """Regular expressions are compiled by re, which the name of the module shows."""
    for where, name, call in calls():
        assert name not in EVALUATED or isinstance(call.func, ast.Attribute), where
        assert not (isinstance(call.func, ast.Attribute) and name in ("system", "popen", "loads_pickle")), where
        if name in ("Popen", "run", "call", "check_output"):
            shell = _keywords(call).get("shell")
            assert shell is None or (isinstance(shell, ast.Constant) and shell.value is False), where


def test_only_rules_import_modules_by_name() -> None:
    """A string becomes an import where rules name functions, and for the package's own lazy names."""
    places = {
        where.partition(":")[0] for where, name, _ in calls() if name in ("import_module", "spec_from_file_location")
    }
    assert places == {"__init__.py", "rules/function.py"}


@pytest.mark.parametrize("name", sorted(checkpoints.PACKAGED))
def test_packaged_weights_that_were_changed_are_not_loaded(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One bit is enough, of any file that has a hash."""
    packaged = checkpoints.PACKAGED[name]
    found = importlib.util.find_spec(packaged.module)
    if found is None:
        pytest.skip(f"{packaged.requirement} is not installed")
    original = Path(next(iter(found.submodule_search_locations or []))) / packaged.folder
    folder = tmp_path / packaged.folder
    folder.mkdir(parents=True)
    for file in original.iterdir():
        if file.is_file():
            (folder / file.name).symlink_to(file)
    here = SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(importlib.util, "find_spec", lambda module: here)
    for file_name in packaged.sha256:
        file = folder / file_name
        file.unlink()
        shutil.copyfile(original / file_name, file)
        with file.open("r+b") as opened:
            opened.seek(file.stat().st_size // 2)
            byte = opened.read(1)
            opened.seek(-1, 1)
            opened.write(bytes([byte[0] ^ 1]))
        with pytest.raises(RuletuneError, match="are not the known ones"):
            checkpoints.resolve(name, folder=tmp_path)
        file.unlink()
        with pytest.raises(RuletuneError, match="cannot read the packaged weights"):
            checkpoints.resolve(name, folder=tmp_path)
        file.symlink_to(original / file_name)


def test_every_packaged_checkpoint_has_hashes_of_its_weights() -> None:
    for name, packaged in checkpoints.PACKAGED.items():
        assert packaged.sha256 and all(len(digest) == 64 for digest in packaged.sha256.values()), name
        assert any(file.endswith((".safetensors", ".onnx")) for file in packaged.sha256)


def test_a_checkpoint_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    for name in ("nothing", "no such", "../..", "a\0b", "x" * 5000, "/dev/null", ""):
        with pytest.raises(UserError):
            checkpoints.resolve(name, folder=tmp_path)
