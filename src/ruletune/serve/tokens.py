"""The token that clients must show: where it comes from, and who has it."""

from __future__ import annotations

import base64
import binascii
import hmac
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from ruletune.errors import Location, UserError
from ruletune.serve.asgi import App, Receive, Scope, Send, refuse, values

__all__ = ["TOKEN_VARIABLE", "bearer_token", "read_token"]

TOKEN_VARIABLE = "RULETUNE_TOKEN"

_SHORTEST_TOKEN = 16

_BEARER = 'Bearer realm="ruletune", Basic realm="ruletune", charset="UTF-8"'


def bearer_token(app: App, *, token: str, open_paths: Iterable[str] = ()) -> App:
    """Refuse requests that do not show the token (401), as ``Bearer`` or as the password of ``Basic`` for browsers.

    All tokens take the same time to compare.
    """
    expected, free = token.encode(), frozenset(open_paths)

    async def layer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in free:
            shown = [_shown(value) for value in values(scope, b"authorization")]
            if len(shown) != 1 or not hmac.compare_digest(shown[0], expected):
                remedy = "send the header Authorization: Bearer TOKEN"
                headers = {"www-authenticate": _BEARER}
                await refuse(send, 401, "the request shows no valid token", remedy=remedy, headers=headers)
                return
        await app(scope, receive, send)

    return layer


def _shown(value: str) -> bytes:
    """The token in an ``Authorization`` header, empty where there is none."""
    scheme, _, rest = value.partition(" ")
    match scheme.casefold():
        case "bearer":
            return rest.strip().encode("latin-1")
        case "basic":
            try:
                return base64.b64decode(rest.strip(), validate=True).partition(b":")[2]
            except (binascii.Error, ValueError):
                return b""
        case _:
            return b""


def read_token(file: Path | None, environ: Mapping[str, str] = os.environ) -> str | None:
    """The token of a file, its first line; else that of the environment variable ``RULETUNE_TOKEN``; else ``None``.

    It is never part of a message.

    Raises:
        UserError: The file cannot be read, or the token is too short to be one.
    """
    if file is not None:
        where: Location | None = Location(str(file))
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(
                f"the token cannot be read: {getattr(error, 'strerror', None) or 'not UTF-8'}", where=where
            ) from None
        token = lines[0].strip() if lines else ""
    elif TOKEN_VARIABLE in environ:
        where, token = None, environ[TOKEN_VARIABLE].strip()
    else:
        return None
    if len(token) < _SHORTEST_TOKEN or not (token.isascii() and token.isprintable()) or " " in token:
        source = "the token" if file is not None else f"the token in {TOKEN_VARIABLE}"
        remedy = "make one with: python -c 'import secrets; print(secrets.token_urlsafe(32))'"
        raise UserError(
            f"{source} is not one of at least {_SHORTEST_TOKEN} ASCII characters without a space",
            where=where,
            remedy=remedy,
        )
    return token
