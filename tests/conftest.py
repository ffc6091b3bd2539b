"""What all tests share: files to be read, problems to be looked at, public data where it lies beside."""

from __future__ import annotations

import os

# One thread is faster for models of this size, above all on a busy machine. Read when torch is first imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import tempfile
from collections.abc import Callable
from pathlib import Path

# What tests embed is remembered nowhere but in a folder of their own.
os.environ["RULETUNE_CACHE"] = tempfile.mkdtemp(prefix="ruletune-tests-")
os.environ["RULETUNE_CONFIG"] = tempfile.mkdtemp(prefix="ruletune-tests-")

import pytest
from hypothesis import HealthCheck, settings

from ruletune.errors import UserError

# A test machine may be busy: a slow example is no fault.
settings.register_profile("ruletune", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ruletune")

SHARED = Path(__file__).parents[2] / "shared" / "data"

Write = Callable[..., Path]
Complaints = Callable[..., list[str]]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a file below the test's folder, text as UTF-8."""

    def write_file(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
        return path

    return write_file


@pytest.fixture
def complaints(tmp_path: Path) -> Complaints:
    """Every problem that a call raises, as users read it but for the test's folder."""

    def complaints_of(function: Callable[..., object], *args: object, **options: object) -> list[str]:
        with pytest.raises(UserError) as caught:
            function(*args, **options)
        return [str(problem).replace(f"{tmp_path}/", "") for problem in caught.value.problems]

    return complaints_of


@pytest.fixture
def shared() -> Path:
    """Public data sets beside the repository, which is complete without them."""
    if not SHARED.is_dir():
        pytest.skip("the public data sets are not beside the repository (../shared/data)")
    return SHARED
