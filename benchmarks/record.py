"""What every benchmark writes down beside its figures: where, when, from which source and how."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

__all__ = ["RESULTS", "default_precision", "shared_data", "write"]

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"


def shared_data() -> Path:
    """The public evaluation data, which is not part of the project."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        sys.exit(f"this benchmark needs the public data sets in {folder}")
    return folder


def default_precision() -> str:
    """What ``precision: auto`` is on this machine."""
    import torch

    from ruletune.models.backbone import autocast, device

    place = device()
    with autocast("auto", place):
        return "bf16" if torch.is_autocast_enabled(place.type) else "32 bits"


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, cwd=ROOT, check=False)
    return done.stdout.strip()


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def write(name: str, *, command: str, rows: Sequence[dict[str, Any]], notes: Sequence[str] = ()) -> Path:
    """Write ``results/NAME.json``: machine, date, commit, command, rows."""
    changed = bool(_git("status", "--porcelain", "--", "src"))
    value = {
        "machine": f"{_processor()}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}",
        "date": datetime.now(UTC).date().isoformat(),
        "commit": _git("rev-parse", "--short", "HEAD") + (" with changes" if changed else ""),
        "command": command,
        "notes": list(notes),
        "rows": list(rows),
    }
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    return path
