"""Processes that train one model together, each on its share of every batch.

A team is PyTorch's default process group: Ray Train makes one, or :func:`joined` makes it from what ``torchrun`` and
``accelerate launch`` put into the environment. Without a group a process is a team of one, and everything here does nothing.

It is the arithmetic of ``DistributedDataParallel``: every process has all weights, gradients are added up before each update,
and all make the same update. What it does not take from there is the wrapper around the model. Batches here may be smaller
than the team, be split by weight and not by number, go through a model in parts, and leave parameters without a gradient;
and a checkpoint's names, adapters and heads stay as they are.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

import torch
from torch import distributed

from ruletune.errors import CutOffError, RuletuneError, UserError

__all__ = [
    "PATIENCE",
    "add_gradients",
    "agreed",
    "gathered",
    "joined",
    "leads",
    "rank",
    "same_weights",
    "size",
    "summed",
    "told",
    "wait",
]

T = TypeVar("T")

PATIENCE = timedelta(hours=6)
"""How long one waits for another. The leader weighs rules and writes while the others wait; a process that died is noticed at
once all the same."""


_SHOWN = 200
"""Characters of PyTorch's reason that a message repeats."""


def size() -> int:
    """Processes in the team."""
    return distributed.get_world_size() if _together() else 1


def rank() -> int:
    """This process's number, from 0."""
    return distributed.get_rank() if _together() else 0


def leads() -> bool:
    """Whether this is the process that writes, tells and answers for the team."""
    return rank() == 0


def _together() -> bool:
    return distributed.is_available() and distributed.is_initialized()


@contextmanager
def joined() -> Iterator[None]:
    """Be one of the team that a launcher started, if one did; a team that is there already stays as it is.

    Each process on a machine takes a CUDA device of its own where there is one.

    Raises:
        UserError: The environment names a team and not where it meets.
        RuletuneError: The others do not come.
    """
    count = os.environ.get("WORLD_SIZE", "1")
    if _together() or not count.isdigit() or int(count) < 2:
        yield
        return
    missing = [name for name in ("RANK", "MASTER_ADDR", "MASTER_PORT") if name not in os.environ]
    if missing:
        what = f"WORLD_SIZE is {count}, and {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not set"
        raise UserError(what, remedy="start with torchrun or accelerate launch, or unset WORLD_SIZE")
    try:
        distributed.init_process_group(backend=_backend(), timeout=PATIENCE)
    except (RuntimeError, ValueError) as error:
        raise RuletuneError(f"the processes do not find each other: {str(error).strip().splitlines()[0]}") from error
    try:
        yield
    finally:
        distributed.destroy_process_group()


def _backend() -> str:
    """NCCL where every process of this machine has a device of its own, which it takes; else Gloo."""
    local, here = int(os.environ.get("LOCAL_RANK", "0")), int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    if torch.cuda.is_available() and torch.cuda.device_count() >= here:
        torch.cuda.set_device(local)
        return "nccl"
    return "gloo"


def _place() -> torch.device:
    """Where what travels has to be."""
    return torch.device("cuda" if distributed.get_backend() == "nccl" else "cpu")


def summed(values: Sequence[float]) -> list[float]:
    """Each number's sum over the team, the same in every process."""
    if size() == 1:
        return list(values)
    total = torch.tensor(list(values), dtype=torch.float64, device=_place())
    with _with_others():
        distributed.all_reduce(total)
    return [float(value) for value in total]


def add_gradients(parameters: Iterable[torch.nn.Parameter], *, scale: float = 1.0) -> None:
    """Give every process the sum of all gradients, times ``scale``; a parameter that got none anywhere has none."""
    if size() == 1:
        return
    learning = list(parameters)
    place = learning[0].device
    there = torch.tensor([p.grad is not None for p in learning], dtype=torch.float32, device=place)
    parts = [torch.zeros_like(p) if p.grad is None else p.grad for p in learning]
    flat = torch.cat([there, *(part.float().flatten() for part in parts)])
    with _with_others():
        distributed.all_reduce(flat)
    start, known = len(learning), flat[: len(learning)].tolist()
    for parameter, found in zip(learning, known, strict=True):
        end = start + parameter.numel()
        parameter.grad = (flat[start:end] * scale).view_as(parameter).to(parameter.dtype) if found else None
        start = end


def same_weights(parameters: Iterable[torch.nn.Parameter]) -> None:
    """Give every process the leader's weights: they are the same already where machines are."""
    if size() == 1:
        return
    with torch.no_grad(), _with_others():
        for parameter in parameters:
            distributed.broadcast(parameter.data, src=0)


def told(value: T) -> T:
    """What the leader says, in every process; what the others would say is not heard."""
    if size() == 1:
        return value
    box: list[Any] = [value if leads() else None]
    with _with_others():
        distributed.broadcast_object_list(box, src=0, device=_place())
    found: T = box[0]
    return found


def gathered(value: T) -> list[T]:
    """What each process says, in the order of their ranks, in every process."""
    if size() == 1:
        return [value]
    box: list[Any] = [None] * size()
    with _with_others():
        distributed.all_gather_object(box, value)
    return box


def agreed(work: Callable[[], T]) -> T:
    """What the work gives in this process, where it is right in all of them.

    Raises:
        RuletuneError: It went wrong in one of them, and then in each.
    """
    value: Any = None
    error: RuletuneError | None = None
    try:
        value = work()
    except RuletuneError as wrong:
        error = wrong
    for failed in gathered(error):
        if failed is not None:
            raise failed
    found: T = value
    return found


def wait() -> None:
    """Go on when all have come here."""
    gathered(None)


@contextmanager
def _with_others() -> Iterator[None]:
    """Let one of them that went away be told as that; and PyTorch, which warns of its own handling of bytes, be quiet."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[0][:_SHOWN]
        raise CutOffError(f"a process that trains along went away: {reason}") from error
