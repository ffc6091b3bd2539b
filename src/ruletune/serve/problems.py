"""Everything that goes wrong, answered as ``{"problems": [...]}``."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from ruletune.errors import Problem, RuletuneError, UserError
from ruletune.serve.asgi import problem_value
from ruletune.serve.batching import ClosedError, FullError, TextError

__all__ = ["install", "problems"]

logger = logging.getLogger("ruletune.serve")


def problems(status: int, found: Iterable[Problem], *, headers: Mapping[str, str] | None = None) -> Response:
    """An answer that says what is wrong."""
    body = {"problems": [problem_value(problem) for problem in found]}
    return JSONResponse(body, status_code=status, headers=dict(headers or {}))


def install(app: FastAPI) -> None:
    """Let an application answer its errors so: a user's error is 422, what a client cannot help 500 and in the log."""
    app.add_exception_handler(RuletuneError, _ruletune)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(FullError, _full)
    app.add_exception_handler(ClosedError, _closed)
    app.add_exception_handler(TextError, _text)
    app.add_exception_handler(TimeoutError, _late)
    app.add_exception_handler(Exception, _unexpected)


async def _ruletune(request: Request, error: Exception) -> Response:
    if isinstance(error, UserError):
        return problems(422, error.problems)
    logger.error("%s %s: %s", request.method, request.scope["path"], error)
    return problems(500, [Problem(str(error))])


async def _text(request: Request, error: Exception) -> Response:
    """One text of several: the message says which."""
    assert isinstance(error, TextError)
    place = "input" if request.scope["path"] == "/explain" else f"inputs[{error.place}]"
    if not isinstance(error.error, UserError):
        logger.error("%s %s: %s", request.method, request.scope["path"], place, exc_info=error.error)
        return problems(500, [Problem(f"{place}: could not be answered; the server's log says why")])
    found = error.error.problems
    return problems(422, [Problem(f"{place}: {p.message}", p.where, p.remedy) for p in found])


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    known = HTTPStatus(error.status_code).phrase
    message = str(error.detail) if error.detail and error.detail != known else known.lower()
    # Not request.url, which is made of the Host header: with an odd one it is no URL.
    path = request.scope["path"][:200]
    shown = {404: f"there is no {path!r} here", 405: f"{path} does not answer to {request.method[:20]}"}
    remedy = "see /docs" if error.status_code in shown else None
    return problems(
        error.status_code, [Problem(shown.get(error.status_code, message), remedy=remedy)], headers=error.headers
    )


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = [Problem(f"{'.'.join(map(str, each['loc']))}: {each['msg']}") for each in error.errors()]
    return problems(422, found)


async def _full(request: Request, error: Exception) -> Response:
    assert isinstance(error, FullError)
    problem = Problem("too many texts are waiting", remedy=f"try again in {error.seconds} s")
    return problems(429, [problem], headers={"retry-after": str(error.seconds)})


async def _closed(request: Request, error: Exception) -> Response:
    problem = Problem("the server is being stopped", remedy="ask another one, or this one when it is there again")
    return problems(503, [problem], headers={"retry-after": "1", "connection": "close"})


async def _late(request: Request, error: Exception) -> Response:
    return problems(504, [Problem(str(error) or "there was no answer in time", remedy="send fewer or shorter texts")])


async def _unexpected(request: Request, error: Exception) -> Response:
    return problems(500, [Problem("something went wrong; the server's log says what")])
