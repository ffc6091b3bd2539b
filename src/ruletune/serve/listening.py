"""Taking a port."""

from __future__ import annotations

import errno
import os
import socket

from ruletune.errors import RuletuneError, UserError

__all__ = ["listen"]


def listen(host: str, port: int) -> socket.socket:
    """Take a port, before anything is loaded; connections wait until the model is ready.

    Raises:
        RuletuneError: Somebody has it.
        UserError: The host is no address of this machine, or the port may not be taken.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise UserError(f"{host!r} is no address of this machine: {error.strerror or error}") from None
    try:
        if os.name == "posix":  # elsewhere it would let two programs share a port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(2048)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            message = f"port {port} of {host} is in use: another program listens there"
            raise RuletuneError(f"{message}; name another one with --port") from None
        raise UserError(f"cannot listen on {host}, port {port}: {error.strerror or error}") from None
    return listener
