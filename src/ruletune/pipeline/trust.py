"""What code the rules of a run folder may run: what the user allows, and what the user trained a run with before.

Training runs the functions that a task file names, since the task file is the user's own. So that its run can be used
without further words, the functions are written down outside of the run folder: file, SHA-256 of its content, and name.
A run that names anything else, or a file that has changed since, has to be allowed.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Sequence
from pathlib import Path

from filelock import FileLock, Timeout

from ruletune.config import TaskSpec
from ruletune.rules.code import Allow, calls, key_of
from ruletune.store import write_text

__all__ = ["allowing", "config_folder", "remember"]

_MOST = 10_000
"""Functions that are remembered; older ones are forgotten."""

_FILE = "trusted_code.json"


def config_folder() -> Path:
    """``$RULETUNE_CONFIG``, else ``ruletune`` in the user's folder of settings."""
    named = os.environ.get("RULETUNE_CONFIG")
    if named:
        return Path(named)
    home = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(home).expanduser() / "ruletune"


def allowing(names: Sequence[str] = ()) -> Allow:
    """Whether a function may run: its module is named here, or the user trained with it as it stands.

    Args:
        names: Modules, or Python files relative to the working folder.
    """
    modules = {name for name in names if not name.endswith(".py")}
    files = {Path(name).expanduser().resolve() for name in names if name.endswith(".py")}
    known: list[set[str]] = []

    def allows(module: str, function: str, folder: Path) -> bool:
        if module in modules or (module.endswith(".py") and (folder / module).resolve() in files):
            return True
        key = key_of(module, function, folder)
        if not known:  # read when it is first needed: most runs name no code
            known.append(set(_read()))
        return key is not None and key in known[0]

    return allows


def remember(spec: TaskSpec) -> None:
    """Write down the functions that the user trains with. Where nothing can be written they must be allowed later."""
    wanted = []
    for half in spec.halves:
        for _, call in calls(half.rules):
            module, _, function = call.path.rpartition(":")
            wanted.append(key_of(module, function, half.folder))
    new = [key for key in dict.fromkeys(wanted) if key is not None]
    if not new:
        return
    folder = config_folder()
    with contextlib.suppress(OSError, Timeout):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with FileLock(folder / f".{_FILE}.lock", timeout=5):
            kept = [key for key in _read() if key not in new]
            value = {"functions": [*kept, *new][-_MOST:]}
            write_text(folder / _FILE, json.dumps(value, indent=1) + "\n")


def _read() -> list[str]:
    """The keys of what was trained with; none where the file is not the user's own, or damaged."""
    path = config_folder() / _FILE
    try:
        if hasattr(os, "getuid") and (path.stat().st_uid != os.getuid() or path.stat().st_mode & 0o022):
            return []
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return []
    found = value.get("functions") if isinstance(value, dict) else None
    return [key for key in found if isinstance(key, str)] if isinstance(found, list) else []
