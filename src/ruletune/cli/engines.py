"""Options that say where the work runs, the same for every command that lets others work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ruletune.errors import UserError

if TYPE_CHECKING:
    from ruletune.engine import Engine

__all__ = ["Address", "EngineName", "Workers", "engine_of"]

EngineName = Annotated[
    Literal["local", "ray"], typer.Option("--engine", help="Where the work runs: this machine, or a Ray cluster.")
]
Workers = Annotated[
    int | None,
    typer.Option("--workers", min=1, help="Processes that work at once; with ray by default one for each core."),
]
Address = Annotated[
    str | None,
    typer.Option(
        "--address", help="A running Ray cluster: auto, HOST:PORT or ray://HOST:PORT; else Ray is started here."
    ),
]


@contextmanager
def engine_of(
    name: Literal["local", "ray"], workers: int | None, address: str | None, *, model: bool = False
) -> Iterator[Engine]:
    """The engine that the options ask for, ended afterwards.

    Args:
        model: A model works: where nothing else is said on this machine in one process, which has all cores, and on a cluster on
            a GPU for each worker where there are so many.

    Raises:
        UserError: An address for this machine.
    """
    if name == "ray":
        from ruletune.engine.ray import RayEngine

        with RayEngine(workers, address=address, gpus=model) as ray:
            yield ray
        return
    if address is not None:
        raise UserError("--address is where a Ray cluster is", remedy="say --engine ray")
    from ruletune.engine.local import LocalEngine

    with LocalEngine((workers or 1) if model else workers) as local:
        yield local
