"""One process, one port, one event loop: from a service to a server that stops in good order."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from types import FrameType

import uvicorn

from ruletune.serve.connections import Connection, quieten
from ruletune.serve.guarding import Guards
from ruletune.serve.model import Service, guarded

__all__ = ["Server", "serve", "server_of"]

logger = logging.getLogger("ruletune.serve")

_STOPPING = 5
"""Seconds that connections have to end once everything is answered."""


def serve(service: Service, listener: socket.socket, guards: Guards) -> None:
    """Answer until a signal says to stop: what was accepted is answered first, and a second signal ends it at once."""
    server_of(service, guards).run(sockets=[listener])


def server_of(service: Service, guards: Guards) -> Server:
    """A server that has not begun."""
    quieten()
    config = uvicorn.Config(
        guarded(service, guards),
        access_log=False,
        log_config=None,
        lifespan="on",
        server_header=False,
        http=Connection,
        ws="none",
        timeout_graceful_shutdown=_STOPPING,
    )
    return Server(config, service)


class Server(uvicorn.Server):
    """Uvicorn that goes on answering 503 while it finishes what it has accepted."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self.service = service
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Task[None] | None = None

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().serve(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.service.draining or self._loop is None:
            logger.warning("stopped at once")
            os._exit(128 + sig)
        logger.warning("stopping: %d requests are being answered; once more to stop at once", self.service.active)
        self.service.draining = True
        self._loop.call_soon_threadsafe(self._begin_to_stop)

    def _begin_to_stop(self) -> None:
        self._stopping = asyncio.ensure_future(self._stop())

    async def _stop(self) -> None:
        await self.service.drained()
        self.should_exit = True
