"""What several processes that train one model share beside gradients: the unfinished run, and the work of asking a model.

The leader has the workspace. Every other process has a copy of it in a temporary folder, writes there what the leader writes,
and throws it away: so all take the same decisions, and a run that is resumed is resumed by all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

import numpy as np

from ruletune.errors import RuletuneError
from ruletune.models.backbone import Classifier
from ruletune.models.encoding import Encoded
from ruletune.models.readout import Ragged, Targets
from ruletune.store import Workspace, open_workspace
from ruletune.training import team

__all__ = ["ask_together", "team_workspace"]

_Said = dict[str, bytes] | RuletuneError
"""What the leader says of its workspace: the files of finished parts, or why there is none."""


class Scored(Protocol):
    """What a model makes of examples: logits."""

    def __call__(
        self, classifier: Classifier, encoded: Encoded, /, *, progress: Callable[[int], None] | None
    ) -> Targets: ...


@contextmanager
def team_workspace(
    target: Path, *, identity: Mapping[str, object], resume: bool, overwrite: bool
) -> Iterator[Workspace]:
    """As :func:`ruletune.store.open_workspace`, for each process of a team; errors of the leader are everybody's."""
    if team.size() == 1:
        with open_workspace(target, identity=identity, resume=resume, overwrite=overwrite) as workspace:
            yield workspace
    elif team.leads():
        with ExitStack() as stack:
            try:
                opened = open_workspace(target, identity=identity, resume=resume, overwrite=overwrite)
                workspace = stack.enter_context(opened)
            except RuletuneError as error:
                _said(error)
                raise
            _said(_files(workspace.parts))
            yield workspace
    else:
        found = _said({})
        if isinstance(found, RuletuneError):
            raise found
        with TemporaryDirectory(prefix="ruletune-") as folder:
            yield _copy(target, Path(folder), found)


def _said(value: _Said) -> _Said:
    return team.told(value)


def _files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _copy(target: Path, folder: Path, files: Mapping[str, bytes]) -> Workspace:
    workspace = Workspace(folder / target.name, folder / "partial")
    workspace.files.mkdir(parents=True)
    workspace.parts.mkdir(parents=True)
    for name, content in files.items():
        path = workspace.parts / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return workspace


def ask_together(
    ask: Scored,
    classifier: Classifier,
    encoded: Encoded,
    progress: Callable[[int], None],
) -> Targets:
    """Logits of a model, each process asking about its share of the examples."""
    if team.size() == 1:
        return ask(classifier, encoded, progress=progress)
    mine = list(range(team.rank(), len(encoded), team.size()))
    parts = team.gathered(ask(classifier, encoded.take(mine), progress=lambda count: progress(count * team.size())))
    order = np.argsort(np.concatenate([np.arange(n, len(encoded), team.size()) for n in range(team.size())]))
    first = parts[0]
    if isinstance(first, Ragged):
        arrays = [array for part in parts if isinstance(part, Ragged) for array in part.arrays]
        return Ragged(tuple(arrays[position] for position in order), first.axis)
    return np.concatenate([part for part in parts if isinstance(part, np.ndarray)])[order]
