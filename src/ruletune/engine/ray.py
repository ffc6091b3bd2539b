"""Several machines: work runs on a Ray cluster, or on a Ray that is started here. Nothing else imports Ray.

``map`` makes a Ray task of every item, not a Ray Data pipeline of rows. An item is a piece of a file (or a whole file)
that knows its rows' numbers, is cut anywhere between two rows and whose result has a place in an order: what bad rows are
reported by, what a run is resumed by, and what makes the result the same as on one machine. Ray Data has none of this, and
what it would add, reading in parallel and constant memory, pieces have already.

``train`` is Ray Train's ``TorchTrainer``: it places the processes and makes them a group; the loop is our own.
"""

from __future__ import annotations

import logging
import os
import threading
import time
import warnings
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self, TypeVar

from ruletune.engine import Attempt
from ruletune.engine.local import cores
from ruletune.engine.processes import Answer, Source, failure, result
from ruletune.errors import CutOffError, MissingExtraError, RuletuneError, UserError
from ruletune.progress import Event, Listener, silent

__all__ = ["RayEngine"]

T = TypeVar("T")
R = TypeVar("R")
C = TypeVar("C")

_AWAITED = 4
"""Items on their way, times the number of workers; results that are ready before their turn count."""

_RETRIES = 3
"""Times that a training whose worker died, or whose machine went away, is begun anew."""

_ITEM_RETRIES = 9
"""The same of an item. Labelling finds texts that kill its workers by dying over them: three times for the first in a piece,
and twice for each that follows."""

_STORE = 256 * 1024 * 1024
"""Bytes of shared memory of a Ray that is started here. What is on its way are a few pieces of half a megabyte."""

_POLL = 0.3
"""Seconds between two looks at what a team tells."""

_PATIENCE = 6 * 3600
"""Seconds that a worker waits for another, which may be weighing rules or writing; one that died is noticed at once."""

_SHOWN = 200
"""Characters of an item that a message repeats."""


class RayEngine:
    """Runs work on a Ray cluster.

    Args:
        workers: Items that are worked on at once, each by a process with a processor core of its own; default all cores
            that Ray has, or with ``gpus`` all GPUs.
        address: Of a running cluster: ``auto``, ``HOST:PORT`` or ``ray://HOST:PORT``; default what the environment variable
            ``RAY_ADDRESS`` says, else Ray is started here and ended by :meth:`close`.
        gpus: Give every worker a GPU of its own where there are any.

    Raises:
        UserError: Ray is not installed, nothing answers at the address, or there are fewer cores or GPUs than workers. All of
            this is said at the first work.
    """

    def __init__(self, workers: int | None = None, *, address: str | None = None, gpus: bool = False) -> None:
        self._wanted, self._address, self._gpus = workers, address, gpus
        self._mine = False
        self._ray: Any = None

    @property
    def workers(self) -> int:
        """As many as were asked for; or as Ray has GPUs, where they are wanted and there; or as it has cores."""
        self._connected()
        return self._wanted or self._cards() or self._cores()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Leave the cluster; one that was started here ends."""
        if self._ray is not None and self._mine:
            self._ray.shutdown()
        self._ray, self._mine = None, False

    def map(self, fn: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """As :meth:`ruletune.engine.Engine.map`. An item whose worker dies is begun anew elsewhere, nine times."""
        ray = self._connected()
        function = ray.put(ray.cloudpickle.dumps(fn))  # built once in every worker, not once for every item
        task = ray.remote(num_cpus=1, num_gpus=self._share(), max_retries=_ITEM_RETRIES)(_apply)
        source, most = Source(items), self.workers
        order: deque[tuple[Any, T]] = deque()
        running: set[Any] = set()
        try:
            while source.has_next or order:
                while source.has_next and len(running) < most and len(order) < _AWAITED * most:
                    item = source.next()
                    order.append((task.remote(function.hex(), [function], item), item))
                    running.add(order[-1][0])
                if order[0][0] in running:
                    done, _ = ray.wait(list(running), fetch_local=False)
                    running.difference_update(done)
                else:
                    yield result(*self._answer(*order.popleft()))
            source.check()
        finally:
            for reference, _ in order:
                ray.cancel(reference)

    def _answer(self, reference: Any, item: object) -> Answer:
        """What became of an item."""
        try:
            answer: Answer = self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            reason = str(error).strip().splitlines()[0][:_SHOWN]
            what = f"a worker died {_ITEM_RETRIES + 1} times over the same work, {str(item)[:_SHOWN]}: {reason}"
            raise CutOffError(what) from error
        return answer

    def train(self, worker: Callable[[C, Attempt], R], config: C, *, listener: Listener = silent) -> R:
        """As :meth:`ruletune.engine.Engine.train`, with Ray Train: Gloo between processors, NCCL between GPUs.

        Where a worker dies all begin again, three times, and go on from what the leader saved.
        """
        ray = self._connected()
        mailbox = ray.remote(num_cpus=0)(_Mailbox).remote()
        settings = {"work": ray.cloudpickle.dumps((worker, config)), "mailbox": mailbox}
        try:
            for _ in range(_RETRIES + 1):
                failed = self._attempt(settings, listener)
                answer: Answer = ray.get(mailbox.answer.remote()) or (False, failed, "")
                good, value, trace = answer
                if good and failed is None:
                    found: R = value
                    return found
                if not good and not isinstance(value, CutOffError) and not _died(ray, failed):
                    result(False, value, trace)  # raises it
        except KeyboardInterrupt:
            ray.get(mailbox.stop.remote())
            raise
        finally:
            ray.kill(mailbox)
        reason = str(failed).strip().splitlines()[0][:_SHOWN]
        raise CutOffError(f"training was cut off {_RETRIES + 1} times: {reason}") from failed

    def _attempt(self, settings: dict[str, Any], listener: Listener) -> Exception | None:
        """Let all workers train to the end, and tell what the leader tells; what went wrong, if something did."""
        for_torch, train = _train_modules()
        gpu = bool(self._share())
        failed: list[Exception] = []
        with TemporaryDirectory(prefix="ruletune-ray-") as folder:
            trainer = for_torch.TorchTrainer(
                _training,
                train_loop_config=settings,
                torch_config=for_torch.TorchConfig(backend="nccl" if gpu else "gloo", timeout_s=_PATIENCE),
                scaling_config=train.ScalingConfig(
                    num_workers=self.workers,
                    use_gpu=gpu,
                    resources_per_worker={"CPU": 1, **({"GPU": 1} if gpu else {})},
                ),
                run_config=train.RunConfig(storage_path=folder, failure_config=train.FailureConfig(max_failures=0)),
            )

            def fit() -> None:
                try:
                    trainer.fit()
                except Exception as error:
                    failed.append(error)

            # On another thread: on the main one Ray answers Ctrl-C itself, and ends this process with it.
            running = threading.Thread(target=fit, daemon=True)
            running.start()
            while running.is_alive():
                running.join(_POLL)
                for event in self._ray.get(settings["mailbox"].take.remote()):
                    listener(event)
        return failed[0] if failed else None

    def _share(self) -> int:
        """GPUs of a worker."""
        return 1 if self._cards() else 0

    def _cards(self) -> int:
        """GPUs that Ray has, if they are wanted."""
        return int(self._ray.cluster_resources().get("GPU", 0)) if self._gpus else 0

    def _cores(self) -> int:
        return int(self._ray.cluster_resources().get("CPU", 0))

    def _connected(self) -> Any:
        """The module, once there is a cluster with enough cores behind it."""
        if self._ray is None:
            ray = _module()
            if not ray.is_initialized():
                self._mine = True
                _start(ray, self._address or os.environ.get("RAY_ADDRESS"), self._wanted or cores())
            self._ray = ray
            self._check()
        return self._ray

    def _check(self) -> None:
        """Refuse what would wait for ever."""
        asked, cards = self._wanted or 1, self._cards()
        for what, there in (("processor cores", self._cores()), ("GPUs", cards or asked)):
            if there < asked:
                self.close()
                remedy = f"ask for --workers {there} at most, or add machines" if there else "add machines"
                raise UserError(f"{asked} workers need {asked} {what}, and Ray has {there}", remedy=remedy)


def _module() -> Any:
    # What its workers need as well as this process. Ray reads both when it is first imported.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would call home
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # else a warning about what it will do one day
    try:
        import ray
    except ImportError as error:
        raise MissingExtraError("the engine 'ray'", "ray") from error
    return ray


def _train_modules() -> tuple[Any, Any]:
    """Ray Train's modules, and what they make when first asked, without the warnings about themselves."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from ray import train
        from ray.data import DataContext
        from ray.train import torch

        DataContext.get_current()
        return torch, train


def _start(ray: Any, address: str | None, workers: int) -> None:
    """Join the cluster at an address, or start one of this machine."""
    quiet = {"logging_level": logging.ERROR, "log_to_driver": False}
    try:
        if address is not None and address != "local":
            ray.init(address=address, **quiet)
        else:
            ray.init("local", num_cpus=workers, include_dashboard=False, object_store_memory=_STORE, **quiet)
    except (ConnectionError, ValueError, RuntimeError, TimeoutError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        if address is None:
            raise RuletuneError(f"Ray does not start: {reason}") from error
        remedy = "start one with `ray start --head`, or leave --address out to start Ray here"
        raise UserError(f"no Ray cluster at {address!r}: {reason}", remedy=remedy) from error


class _Mailbox:
    """An actor between the driver and the leader of a team, which outlives the leader."""

    def __init__(self) -> None:
        self._attempts = 0
        self._stopped = False
        self._events: list[Event] = []
        self._answer: Answer | None = None

    def begin(self) -> bool:
        """A leader begins; whether another one began before it."""
        self._answer = None
        self._attempts += 1
        return self._attempts > 1

    def tell(self, events: list[Event]) -> bool:
        """Events of the leader; whether it is to stop."""
        self._events += events
        return self._stopped

    def take(self) -> list[Event]:
        taken, self._events = self._events, []
        return taken

    def finish(self, answer: Answer) -> None:
        self._answer = answer

    def answer(self) -> Answer | None:
        return self._answer

    def stop(self) -> None:
        self._stopped = True


class _Teller:
    """The leader's listener: sends the last event of each piece of work, and not every one of them."""

    def __init__(self, mailbox: Any) -> None:
        self._mailbox, self._last = mailbox, 0.0
        self._events: dict[str, Event] = {}

    def __call__(self, event: Event) -> None:
        """Keep the event, and send those that were kept when it is time.

        Raises:
            KeyboardInterrupt: Somebody pressed Ctrl-C where the work was asked for.
        """
        self._events[event.name] = event
        if time.monotonic() - self._last > _POLL:
            self.flush()

    def flush(self) -> None:
        self._last = time.monotonic()
        events, self._events = list(self._events.values()), {}
        if _module().get(self._mailbox.tell.remote(events)):
            raise KeyboardInterrupt


def _training(settings: dict[str, Any]) -> None:
    """A worker of a team: train, and where it leads, say what came of it."""
    for_torch, train = _train_modules()
    place = for_torch.get_device()
    if place.type == "cuda":
        from torch import cuda

        cuda.set_device(place)
    ray, mailbox = _module(), settings["mailbox"]
    if train.get_context().get_world_rank():
        worker, config = ray.cloudpickle.loads(settings["work"])
        worker(config, Attempt())
        return
    teller, again = _Teller(mailbox), ray.get(mailbox.begin.remote())
    try:
        worker, config = ray.cloudpickle.loads(settings["work"])
        value = worker(config, Attempt(teller, again))
        teller.flush()
    except BaseException as error:
        ray.get(mailbox.finish.remote(failure(error)))
        raise
    ray.get(mailbox.finish.remote((True, value, "")))


def _died(ray: Any, error: Exception | None) -> bool:
    """Whether a worker or its machine went away, and not only its code went wrong."""
    failures = getattr(error, "worker_failures", {}).values()
    # Ray Train may notice it when it looks after its workers, and wraps then what it found.
    found = (getattr(each, "health_check_failure", each) for each in failures)
    return any(isinstance(each, ray.exceptions.RayError) for each in found)


_built: OrderedDict[str, Callable[[Any], Any]] = OrderedDict()
"""In a worker: the functions that came last, by the name of what they were sent in."""

_KEPT = 2


def _apply(name: str, box: list[Any], item: Any) -> Answer:
    """A worker's task: apply the function in the box to an item; what it raises is an answer, too."""
    try:
        if name not in _built:
            ray = _module()
            _built[name] = ray.cloudpickle.loads(ray.get(box[0]))  # here, where what that raises is an answer
            while len(_built) > _KEPT:
                _built.popitem(last=False)
        return True, _built[name](item), ""
    except BaseException as error:  # whatever it is, the driver is to raise it
        return failure(error)
