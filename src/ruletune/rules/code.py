"""Which code rules may run. What a user's own task file names is run; what a run folder names only as far as it is allowed.

A run folder may come from a stranger. The functions that its task file names are then *withheld*: they are named and never
imported, and a rule that would call one fails, which is a fault and no abstain.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path

from ruletune.rules.base import Call, Rule, parts
from ruletune.rules.sayings import Scored

__all__ = ["Allow", "Withheld", "calls", "code_of", "file_of", "key_of", "withheld"]

Allow = Callable[[str, str, Path], bool]
"""Whether a function may run, given the module (``file.py`` or ``package.module``), the function's name in it, and the folder
that paths are relative to."""


@dataclass(frozen=True, slots=True)
class Withheld:
    """Stands for a function that may not run.

    Attributes:
        path: As the task file names it.
    """

    path: str

    def __call__(self, *_: object) -> object:
        raise PermissionError(f"{self.path} is code that may not run: allow it with --allow-code")


def calls(rules: Iterable[Rule]) -> Iterator[tuple[Rule, Call]]:
    """Every function that rules call, with the rule."""
    for rule in rules:
        for condition in (rule.when, *rule.unless):
            for part in parts(condition):
                if isinstance(part, Call):
                    yield rule, part
        if isinstance(rule.says, Scored):
            yield rule, rule.says.call


def withheld(rules: Iterable[Rule]) -> dict[str, list[str]]:
    """Modules whose code may not run, and the names of the rules that want it."""
    found: dict[str, list[str]] = {}
    for rule, call in calls(rules):
        if isinstance(call.function, Withheld):
            found.setdefault(call.path.rpartition(":")[0], []).append(rule.name)
    return found


def code_of(rules: Sequence[Rule], folder: Path) -> tuple[str, ...]:
    """The modules that rules call, files by absolute paths."""
    modules = dict.fromkeys(call.path.rpartition(":")[0] for _, call in calls(rules))
    return tuple(str((folder / name).resolve()) if name.endswith(".py") else name for name in modules)


def file_of(module: str, folder: Path) -> Path | None:
    """The file of a module, found without importing anything of it; ``None`` where it has none that can be read."""
    if module.endswith(".py"):
        return (folder / module).resolve()
    places: Sequence[str] | None = sys.path
    spec = None
    name = ""
    for part in module.split("."):
        name = f"{name}.{part}" if name else part
        spec = PathFinder.find_spec(name, places)
        if spec is None:
            return None
        places = spec.submodule_search_locations or []
    return Path(spec.origin).resolve() if spec is not None and spec.origin else None


def key_of(module: str, function: str, folder: Path) -> str | None:
    """What tells a function from others: its file, that file's SHA-256, its name. ``None`` where the file cannot be read."""
    file = file_of(module, folder)
    try:
        digest = hashlib.sha256(file.read_bytes()).hexdigest() if file is not None else None
    except (OSError, ValueError):
        return None
    return None if digest is None else f"{digest}:{function}:{file}"
