"""The workbench over HTTP: the files of a task, what its rules do, and the page that shows both.

Nothing is decided here. Every change is on disk before it is answered; what was changed elsewhere, in another tab or by an
editor, is noticed within a second and told to all pages that listen.
"""

from __future__ import annotations

import asyncio
import json
import logging
import mimetypes
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse

from ruletune.errors import Problem
from ruletune.serve.asgi import App, problem_value
from ruletune.serve.events import Hub
from ruletune.serve.guarding import Guards, guard
from ruletune.serve.memory import giving_back
from ruletune.serve.problems import install, problems
from ruletune.serve.workbench_values import Piece, entry_value, row_value, rows_value, state_value
from ruletune.workbench.live import Live
from ruletune.workbench.project import ConflictError, Project
from ruletune.workbench.values import Filter, NotReadyError, SupersededError, to_json
from ruletune.workbench.viewing import EntryView

__all__ = ["GUARDS", "STATIC", "Desk", "create_app", "guarded"]

logger = logging.getLogger("ruletune.serve")

STATIC = Path(__file__).parent / "static" / "workbench"
"""The page, as ``scripts/build_frontend`` built it."""

GUARDS = Guards(
    header=("x-ruletune", "1"), unhurried=("/api/events", "/api/suggestions", "/api/trial"), body=2 << 20, depth=48
)
"""Requests that change something need a header that pages of other origins cannot send."""

_LOOK = 0.4
"""Seconds between two looks at the files."""

_LONGEST = 100_000
"""Characters of a draft: reading YAML that can be written again takes seconds for each 10,000 things in it."""

_REPORT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox allow-popups"
"""A report is a page of its own, with its style inside, and without scripts."""


class Desk:
    """What the routes share: both sides of the workbench, and the pages that listen."""

    def __init__(self, project: Project, live: Live) -> None:
        self.project, self.live, self.hub = project, live, Hub()
        self._told = project.revision

    def state(self) -> dict[str, Any]:
        return state_value(self.project, self.live)

    def changed(self) -> None:
        """Tell of another revision, once."""
        revision = self.project.revision
        if revision != self._told:
            self._told = revision
            self.hub.tell("state", {"revision": revision})
            self.live.changed()

    def look(self) -> None:
        """See whether the files are as they were."""
        self.project.refresh()
        self.changed()

    def edited(self, edit: Callable[[], None]) -> dict[str, Any]:
        """The state after an edit, which is on disk then."""
        try:
            edit()
        finally:
            self.changed()  # a refused edit may have seen what others did
        return self.state()


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Draft(_Body):
    written: str | None = None
    entry: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _one(self) -> _Draft:
        if (self.written is None) == (self.entry is None):
            raise ValueError("give either written or entry")
        if len(self.written if self.written is not None else json.dumps(self.entry)) > _LONGEST:
            raise ValueError(f"a rule on this page has at most {_LONGEST:,} characters: put its terms into a file")
        return self

    @property
    def said(self) -> str | Mapping[str, Any]:
        return self.written if self.written is not None else self.entry or {}


class _Added(_Draft):
    position: int | None = Field(default=None, ge=0)


class _Replaced(_Draft):
    hash: str


class _Known(_Body):
    hash: str


class _Turned(_Known):
    muted: bool | None = None
    to: int | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _one(self) -> _Turned:
        if (self.muted is None) == (self.to is None):
            raise ValueError("give either muted or to")
        return self


class _Revision(_Body):
    revision: str


class _Labelled(_Body):
    id: str
    was: Any = None
    answer: Any = None


class _Title(_Body):
    title: str = Field(max_length=1000)


class _Nothing(_Body):
    pass


def create_app(project: Project, live: Live, *, static: Path = STATIC) -> FastAPI:
    """The application, without the layers that guard it; ``app.state.desk`` is what its routes share.

    Args:
        static: The folder of the built page.
    """
    desk = Desk(project, live)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        desk.hub.open()
        stop = live.subscribe(desk.hub.tell)
        watching = asyncio.create_task(_watch(desk))
        try:
            async with giving_back():
                yield
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching
            stop()
            desk.hub.close()

    app = FastAPI(
        title="Ruletune workbench",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    app.state.desk = desk
    _rules(app, desk)
    _texts(app, desk)
    _work(app, desk)
    _pages(app, desk, static)
    _errors(app)
    return app


def guarded(app: FastAPI, guards: Guards = GUARDS) -> App:
    """The application behind its guards."""
    return guard(app, guards)


async def _watch(desk: Desk) -> None:
    """Look at the files again and again."""
    while True:
        await asyncio.sleep(_LOOK)
        try:
            await run_in_threadpool(desk.look)
        except Exception:  # the next look may go better
            logger.exception("could not look at the files")


def _rules(app: FastAPI, desk: Desk) -> None:
    project = desk.project

    @app.get("/api/state")
    def state() -> Any:
        return desk.state()

    @app.post("/api/rules")
    def add(body: _Added) -> Any:
        return desk.edited(lambda: project.add(body.said, position=body.position))

    @app.put("/api/rules/{position}")
    def replace(position: int, body: _Replaced) -> Any:
        return desk.edited(lambda: project.replace(position, body.hash, body.said))

    @app.patch("/api/rules/{position}")
    def turn(position: int, body: _Turned) -> Any:
        if body.muted is not None:
            muted = body.muted
            return desk.edited(lambda: project.mute(position, body.hash, muted=muted))
        return desk.edited(lambda: project.move(position, body.hash, to=body.to or 0))

    @app.delete("/api/rules/{position}")
    def remove(position: int, body: _Known) -> Any:
        return desk.edited(lambda: project.remove(position, body.hash))

    @app.post("/api/undo")
    def undo(body: _Revision) -> Any:
        return desk.edited(lambda: project.undo(body.revision))

    @app.post("/api/redo")
    def redo(body: _Revision) -> Any:
        return desk.edited(lambda: project.redo(body.revision))


def _texts(app: FastAPI, desk: Desk) -> None:
    live = desk.live

    @app.post("/api/labels")
    def label(body: _Labelled) -> Any:
        row: dict[str, Any] = {}

        def edit() -> None:
            _label(desk, body)
            row.update(row_value(live.text(body.id)))  # which counts the label, so that the state does, too

        return desk.edited(edit) | {"row": row}

    @app.post("/api/trial")
    def trial(body: _Added) -> Any:
        return rows_value(live.trial(body.said, body.position))

    @app.get("/api/texts")
    def texts(
        which: Annotated[Filter, Query(alias="filter")] = "all",
        rule: str = "",
        label: str = "",
        query: Annotated[str, Query(max_length=1000)] = "",
        offset: Annotated[int, Query(ge=0)] = 0,
        limit: Annotated[int, Query(ge=0, le=500)] = 50,
    ) -> Any:
        return rows_value(live.texts(which=which, rule=rule, label=label, query=query, offset=offset, limit=limit))

    @app.get("/api/texts/{identity:path}")
    def text(identity: str) -> Any:
        return row_value(live.text(identity))

    @app.get("/api/next")
    def following(count: Annotated[int, Query(ge=1, le=100)] = 10) -> Any:
        return rows_value(live.next(count))


def _label(desk: Desk, body: _Labelled) -> None:
    """Answer a text. What the page knows of a long text is a piece of it, and of its answer what lies in the piece."""
    row, example = desk.live.text(body.id), desk.live.example(body.id)
    piece, known = Piece.of(desk.project.spec, row), desk.project.answer(example)
    if piece.shown(known) != body.was and not (body.was is None and not row.hand):
        raise ConflictError.at("the text was labelled otherwise meanwhile", piece.shown(known))
    answer = None if body.answer is None else piece.whole(body.answer, known)
    try:
        desk.project.label(example, known, answer)
    except ConflictError as error:
        error.current = piece.shown(error.current)
        raise


def _work(app: FastAPI, desk: Desk) -> None:
    live = desk.live

    @app.get("/api/suggestions")
    def suggestions(rule: str = "") -> Any:
        return to_json(live.suggestions(rule or None))

    @app.post("/api/suggestions/refuse")
    def refuse(body: _Title) -> Any:
        live.refuse(body.title)
        return {}

    @app.get("/api/numbers")
    def numbers() -> Any:
        return to_json(live.numbers())

    @app.post("/api/train")
    def train(body: _Nothing) -> Any:
        return to_json(live.train())

    @app.delete("/api/train")
    def stop() -> Any:
        return to_json(live.stop_training())

    @app.get("/api/events")
    async def events() -> Response:
        if desk.hub.full:
            raise HTTPException(503, "too many pages listen")
        ready = {"embedded": live.ready["embedded"]}
        first = {
            "state": {"revision": desk.project.revision},
            "training": to_json(live.training),
            **({"ready": ready} if live.ready["texts"] else {}),
        }
        return StreamingResponse(desk.hub.stream(first), media_type="text/event-stream")


def _pages(app: FastAPI, desk: Desk, static: Path) -> None:
    """The page, from memory: no path that is asked for is ever looked up on disk."""
    files = {
        path.relative_to(static).as_posix(): path.read_bytes()
        for path in (sorted(static.rglob("*")) if static.is_dir() else [])
        if path.is_file()
    }

    @app.get("/")
    def index() -> Response:
        if "index.html" not in files:
            return HTMLResponse("<!doctype html><p>This installation lacks the page of the workbench.", 404)
        return HTMLResponse(files["index.html"])

    @app.get("/assets/{name}")
    def asset(name: str) -> Response:
        if (content := files.get(f"assets/{name}")) is None:
            raise HTTPException(404)
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        kind = "text/javascript" if name.endswith(".js") else kind
        # Its name changes with what is in it.
        return Response(content, media_type=kind, headers={"cache-control": "private, max-age=31536000, immutable"})

    @app.get("/report/")
    def report() -> Response:
        path = desk.live.report
        if path is None:
            raise HTTPException(404)
        return HTMLResponse(path.read_bytes(), headers={"content-security-policy": _REPORT_POLICY})


def _errors(app: FastAPI) -> None:
    """Everything that goes wrong is answered as problems."""
    install(app)
    app.add_exception_handler(ConflictError, _conflict)
    app.add_exception_handler(SupersededError, _superseded)
    app.add_exception_handler(NotReadyError, _not_ready)
    app.add_exception_handler(HTTPException, _http)


async def _conflict(request: Request, error: Exception) -> Response:
    assert isinstance(error, ConflictError)
    current = entry_value(error.current) if isinstance(error.current, EntryView) else error.current
    found = [problem_value(problem) for problem in error.problems]
    return JSONResponse({"problems": found, "current": current}, status_code=409)


async def _superseded(request: Request, error: Exception) -> Response:
    return problems(409, [Problem(str(error))])


async def _not_ready(request: Request, error: Exception) -> Response:
    return problems(503, [Problem(str(error), remedy="ask again in a moment")], headers={"retry-after": "1"})


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    said = {404: f"there is no {request.scope['path'][:200]!r} here", 405: "there is no such request"}
    return problems(error.status_code, [Problem(said.get(error.status_code, str(error.detail)))])
