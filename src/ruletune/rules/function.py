"""Python functions. They can do anything, so they cannot be compiled, only called."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import ClassVar

from pydantic import Field

from ruletune.errors import Location, UserError, nearest
from ruletune.rules.base import Call, Condition
from ruletune.rules.code import Withheld
from ruletune.rules.entry import RuleContext, VotingEntry
from ruletune.rules.labeling_function import LabelingFunction, is_labeling_function

__all__ = ["FunctionEntry", "load_function", "load_module"]


class FunctionEntry(VotingEntry):
    """``function: rules.py:negated``: votes where the function says so."""

    kind: ClassVar[str] = "function"
    code: ClassVar[tuple[str, ...]] = ("function",)

    function: str = Field(
        min_length=1,
        description="module:function or file.py:function, relative to the task file. It takes the text, or the whole "
        "example where its parameter is called example.",
    )
    vote: str | None = Field(
        default=None,
        description="The label voted for where the function returns a true value; without it (and without veto or prompt) "
        "the function returns a label or None.",
    )

    def condition(self, context: RuleContext) -> Condition:
        if not context.allows(self.function):
            return Call(self.function, Withheld(self.function))
        function = load_function(self.function, context)
        if is_labeling_function(function):
            return Call(self.function, LabelingFunction(function, context.labels), takes_example=True)
        return Call(self.function, function, takes_example=_takes_example(function, self.function, context.where))

    def default_name(self, context: RuleContext) -> str:
        return self.name or self.function.rpartition(":")[2]


def load_function(path: str, context: RuleContext) -> Callable[..., object]:
    """The function that a rule names: ``module:function`` or ``file.py:function``.

    Raises:
        UserError: There is none.
    """
    module_path, colon, name = path.rpartition(":")
    if not colon or not module_path or not name.isidentifier():
        raise UserError(
            f"{path!r} names no function",
            where=context.where,
            remedy="write module:function or file.py:function",
        )
    module = load_module(module_path, context)
    function = getattr(module, name, None)
    if not callable(function):
        choices = [
            n
            for n, value in vars(module).items()
            if (inspect.isfunction(value) or is_labeling_function(value)) and not n.startswith("_")
        ]
        raise UserError(f"{module_path!r} has no function {name!r}", where=context.where, remedy=nearest(name, choices))
    return function  # type: ignore[no-any-return]


def load_module(path: str, context: RuleContext) -> ModuleType:
    """The module that a rule names: ``file.py``, relative to the task file, or an importable module.

    Raises:
        UserError: It is not there, or raises while it is imported.
    """
    try:
        if path.endswith(".py"):
            return _from_file((context.folder / path).resolve(), context.where)
        return importlib.import_module(path)
    except UserError:
        raise
    except (Exception, SystemExit) as error:  # the user's module may raise anything while it is imported
        raise UserError(f"cannot import {path!r}: {type(error).__name__}: {error}", where=context.where) from error


class _SourceOnly(SourceFileLoader):
    """Reads the source and never a cache of it: a cached file is believed for as long as its time (in
    seconds) and size are the same, so that a rule edited twice in a second would run as it was."""

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)


def _from_file(path: Path, where: Location) -> ModuleType:
    """Run a file as a module under a name of its own, so that two files called rules.py do not mix."""
    if not path.is_file():
        beside = [entry.name for entry in path.parent.glob("*.py")] if path.parent.is_dir() else []
        raise UserError(f"no file {str(path)!r}", where=where, remedy=nearest(path.name, beside))
    source = path.read_bytes()
    digest = hashlib.sha256(str(path).encode("utf-8", "surrogateescape") + b"\0" + source).hexdigest()[:16]
    name = f"_ruletune_rules_{digest}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path, loader=_SourceOnly(name, str(path)))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickling look a function's module up here
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _takes_example(function: Callable[..., object], path: str, where: Location) -> bool:
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return False  # built-in functions may not tell
    needed = [p for p in parameters if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    required = [p for p in parameters if p.default is p.empty and p.kind is p.KEYWORD_ONLY]
    if len(needed) > 1 or required or not parameters:
        raise UserError(f"the function {path!r} must take one argument, the text (or the example)", where=where)
    return parameters[0].name == "example"
