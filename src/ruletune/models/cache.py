"""The folder that keeps what can be made again: vectors of texts, checkpoints that were converted."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["cache_folder"]


def cache_folder() -> Path:
    """``$RULETUNE_CACHE``, else ``ruletune`` in the user's cache folder."""
    named = os.environ.get("RULETUNE_CACHE")
    if named:
        return Path(named)
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(home).expanduser() / "ruletune"
