"""What layers before an application share: the shapes of ASGI, the values of headers, and a refusal as JSON."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from ruletune.errors import Problem

__all__ = ["App", "Message", "Receive", "Scope", "Send", "problem_value", "refuse", "values"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


def problem_value(problem: Problem) -> dict[str, Any]:
    """A problem as it is sent."""
    where = problem.where
    return {
        "message": problem.message,
        "file": where.file if where else None,
        "line": where.line if where else None,
        "remedy": problem.remedy,
    }


async def refuse(
    send: Send,
    status: int,
    message: str,
    *,
    remedy: str | None = None,
    headers: Mapping[str, str] | None = None,
    close: bool = False,
) -> None:
    """Answer with one problem.

    Args:
        close: End the connection, too: the rest of the body is not read.
    """
    body = json.dumps({"problems": [problem_value(Problem(message, remedy=remedy))]}, ensure_ascii=False).encode()
    fields = {"content-type": "application/json", "content-length": str(len(body)), **(headers or {})}
    if close:
        fields["connection"] = "close"
    raw = [(name.encode(), value.encode()) for name, value in fields.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


def values(scope: Scope, name: bytes) -> list[str]:
    """All values of a header."""
    return [bytes(value).decode("latin-1").strip() for key, value in scope["headers"] if bytes(key).lower() == name]
