"""The server of a run: predict, explain, health, metrics, and pages for people."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from fastapi import FastAPI, Request
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import HTMLResponse, Response

from ruletune import __version__
from ruletune.pipeline.reference import Reference
from ruletune.serve import pages
from ruletune.serve.answering import Answered, Answerer, Asked, halves
from ruletune.serve.asgi import App
from ruletune.serve.batching import Batcher, Budget, ClosedError
from ruletune.serve.guarding import Guards, guard
from ruletune.serve.memory import giving_back
from ruletune.serve.problems import install
from ruletune.serve.schema import (
    Limits,
    Schema,
    example_input,
    example_of,
    examples_of,
    options_of,
    parse,
    reasons_of,
    schema_of,
)
from ruletune.serve.specification import described
from ruletune.serve.telemetry import Telemetry, counted
from ruletune.serve.watching import Watch

if TYPE_CHECKING:
    from ruletune.pipeline.run import Run

__all__ = ["OPEN_PATHS", "ROUTES", "Service", "Settings", "build", "guarded"]

T = TypeVar("T")

ROUTES = (
    "/predict", "/explain", "/health", "/health/live", "/health/ready", "/metrics", "/", "/docs", "/report", "/openapi.json",
)  # fmt: skip

OPEN_PATHS = ("/health/live", "/health/ready")
"""What answers without a token: orchestrators have none. They say nothing but yes or no."""


_EXPLANATIONS = 32
"""Explanations that wait at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a run is served.

    Attributes:
        timeout: Seconds after which a request is given up.
        threads: Threads of one batch; ``None``: as many as there are processors.
        window: Texts over which drift is watched.
    """

    limits: Limits = field(default_factory=Limits)
    budget: Budget = field(default_factory=Budget)
    timeout: float = 30.0
    threads: int | None = None
    window: int = 1000


class Service:
    """A run that is being served: the worker, what is counted, and whether it is being stopped."""

    def __init__(self, run: Run, settings: Settings) -> None:
        self.run, self.settings = run, settings
        self.answerer = Answerer(run)
        self.schema: Schema = schema_of(run, settings.limits)
        references = {part: Reference.from_json(half.settings.get("reference")) for part, half in halves(run).items()}
        self.watch = Watch(references, window=settings.window)
        self.telemetry = Telemetry(self.watch, waiting=lambda: self.batcher.waiting)
        budget = settings.budget
        if not self.answerer.repeatable:
            budget = replace(budget, cache=0)
        self.batcher: Batcher[Asked, Answered] = Batcher(
            self.answerer, budget=budget, begin=self._begin, meters=self.telemetry.meters
        )
        # An explanation takes as long as a hundred answers, which should not wait for it.
        alone = replace(budget, texts=1, queue=min(budget.queue, _EXPLANATIONS), wait=0.0)
        self.explainer: Batcher[Asked, Answered] = Batcher(
            lambda asked: self._apart(lambda: self.answerer(asked)), budget=alone
        )
        self.began = time.monotonic()
        self.draining = False
        self.active = 0

    def warm(self) -> None:
        """Load everything, and answer once.

        Raises:
            RuletuneError: The run is damaged.
        """
        [answer] = self._apart(lambda: self.answerer([Asked(self.example)]))
        if isinstance(answer, Exception):
            raise answer
        self.example_answer = answer.value
        self.watch.warm()

    @cached_property
    def example(self) -> Any:
        """An input that shows what one looks like."""
        body = json.dumps({"input": example_input(self.run)}).encode()
        given: Any = parse(schema_of(self.run, Limits()).explain, body)
        return example_of(self.run, given.input, "1")

    example_answer: dict[str, Any] | None = None
    """The answer to it, once it was asked."""

    def _apart(self, work: Callable[[], T]) -> T:
        """What work gives that is done in a thread of its own.

        Each thread that has computed keeps a team of threads ready for the next time. Where there are more of them than processors
        OpenMP lets them sleep between any two operations, and waking them takes longer than a short text: only the one
        thread that answers batches may keep its team.
        """
        with ThreadPoolExecutor(1, initializer=self._begin) as thread:
            return thread.submit(work).result()

    def _begin(self) -> None:
        if self.settings.threads is not None:
            import torch

            torch.set_num_threads(self.settings.threads)

    async def answers(
        self, batcher: Batcher[Asked, Answered], asked: Sequence[Asked], request: Request
    ) -> list[Answered] | None:
        """Answers of a worker; ``None`` where the client has gone.

        Raises:
            FullError, ClosedError, TextError: As the batcher has it.
            TimeoutError: They did not come in time.
        """
        if self.draining:
            raise ClosedError
        ticket = batcher.submit([(each, each.key, self.answerer.cost(each.example)) for each in asked])
        self.active += 1
        gone = asyncio.ensure_future(_gone(request))
        try:
            awaited: set[asyncio.Future[Any]] = {ticket.future, gone}
            await asyncio.wait(awaited, timeout=self.settings.timeout, return_when=asyncio.FIRST_COMPLETED)
            if ticket.future.done():
                return ticket.future.result()
            if gone.done():
                return None
            raise TimeoutError(f"there was no answer within {self.settings.timeout:g} s")
        finally:
            self.active -= 1
            gone.cancel()
            batcher.drop(ticket)

    async def drained(self) -> None:
        """Take no more, and wait until everything that was taken is answered."""
        self.draining = True
        while self.active:
            await asyncio.sleep(0.01)

    def health(self) -> dict[str, Any]:
        """State, model, versions and drift."""
        run = self.run
        return {
            "status": "stopping" if self.draining else "ready",
            "live": True,
            "ready": not self.draining,
            "uptime": round(time.monotonic() - self.began, 1),
            "waiting": self.batcher.waiting,
            "model": {
                "name": run.name,
                "task": run.settings["task"],
                "labels": list(run.labels),
                "rules": sum(len(half.spec.rules) for half in halves(run).values()),
                "trained": run.report.created,
            },
            "versions": {"ruletune": __version__, "trained with": dict(run.settings.get("versions") or {})},
            "drift": {"watched": self.watch.known, "found": [drift.sentence for drift in self.watch.drifts]},
        }


def build(service: Service) -> FastAPI:
    """The application, without what guards it."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        service.batcher.start()
        service.explainer.start()
        async with giving_back():
            yield
        await service.batcher.close()
        await service.explainer.close()

    # The pages that FastAPI would show load their scripts from elsewhere.
    app = FastAPI(
        title=service.run.name,
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    install(app)
    _asking(app, service)
    _watching(app, service)
    _reading(app, service)
    return app


def guarded(service: Service, guards: Guards) -> App:
    """The application behind its guards, counted."""
    return counted(guard(build(service), guards), service.telemetry, ROUTES)


def _asking(app: FastAPI, service: Service) -> None:
    @app.post("/predict", summary="Answer texts")
    async def predict(request: Request) -> Response:
        """Answers in the order of the inputs, each with its score and the rules that fired."""
        given: Any = parse(service.schema.predict, await request.body())
        options = options_of(given)
        if options.max_error is not None:
            service.run.threshold(options.max_error, confidence=options.confidence)  # refused before anything is asked
        examples = examples_of(service.run, given.inputs)
        found = await service.answers(service.batcher, [Asked(example, options) for example in examples], request)
        if found is None:
            return Response(status_code=499)
        for answer in found:
            service.telemetry.saw(answer.seen)
            service.watch.saw(answer.seen)
        rows = [{"id": example.id, **answer.value} for example, answer in zip(examples, found, strict=True)]
        return _json({"predictions": rows})

    @app.post("/explain", summary="Say why")
    async def explain(request: Request) -> Response:
        """Why a text is answered as it is: who believes what, the rules that fired, words that mattered, gold examples."""
        given: Any = parse(service.schema.explain, await request.body())
        asked = Asked(example_of(service.run, given.input, "1"), reasons_of(given))
        found = await service.answers(service.explainer, [asked], request)
        return Response(status_code=499) if found is None else _json(found[0].value)


def _watching(app: FastAPI, service: Service) -> None:
    @app.get("/health", summary="State, model, versions and drift")
    async def health() -> Response:
        return _json(service.health())

    @app.get("/health/live", summary="Whether the server lives")
    async def live() -> Response:
        return _json({"live": True})

    @app.get("/health/ready", summary="Whether it takes requests")
    async def ready() -> Response:
        return _json({"ready": not service.draining}, status=503 if service.draining else 200)

    @app.get("/metrics", summary="Figures for Prometheus")
    async def metrics() -> Response:
        return Response(generate_latest(service.telemetry.registry), media_type=CONTENT_TYPE_LATEST)


def _reading(app: FastAPI, service: Service) -> None:
    headers = {"content-security-policy": pages.POLICY}

    @app.get("/", summary="The model card, for people")
    async def card() -> Response:
        return HTMLResponse(await asyncio.to_thread(pages.card, service.run, service.watch), headers=headers)

    @app.get("/docs", summary="This interface, for people")
    async def docs() -> Response:
        return HTMLResponse(pages.docs(service.run, described(app, service)), headers=headers)

    @app.get("/report", summary="The training report")
    async def report() -> Response:
        page = await asyncio.to_thread((service.run.folder / "report.html").read_text, "utf-8")
        return HTMLResponse(page, headers=headers)

    @app.get("/openapi.json", summary="This interface, for programs")
    async def openapi() -> Response:
        return _json(described(app, service))


async def _gone(request: Request) -> None:
    """Returns when the client has gone."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _json(value: object, *, status: int = 200) -> Response:
    body = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Response(body.encode("utf-8", "replace"), status_code=status, media_type="application/json")
