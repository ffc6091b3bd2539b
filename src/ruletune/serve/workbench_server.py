"""One process, one port: the workbench until Ctrl-C."""

from __future__ import annotations

import socket
from collections.abc import Callable
from types import FrameType

import uvicorn

from ruletune.serve.connections import Connection, quieten
from ruletune.serve.guarding import Guards
from ruletune.serve.workbench import Desk, create_app, guarded
from ruletune.workbench.live import Live
from ruletune.workbench.project import Project

__all__ = ["Server", "serve", "server_of"]

_STOPPING = 3
"""Seconds that requests have to end once somebody wants to stop."""


def serve(project: Project, live: Live, listener: socket.socket, guards: Guards, *, begun: Callable[[], None]) -> None:
    """Answer until a signal says to stop; a second one ends it at once.

    Args:
        begun: Called when requests are answered.
    """
    server_of(project, live, guards, begun=begun).run(sockets=[listener])


def server_of(project: Project, live: Live, guards: Guards, *, begun: Callable[[], None]) -> Server:
    """A server that has not begun."""
    quieten()
    app = create_app(project, live)
    config = uvicorn.Config(
        guarded(app, guards),
        access_log=False,
        log_config=None,
        lifespan="on",
        server_header=False,
        http=Connection,
        ws="none",
        timeout_graceful_shutdown=_STOPPING,
    )
    return Server(config, app.state.desk, begun)


class Server(uvicorn.Server):
    """Uvicorn that ends the streams of events when it stops: they would never end by themselves."""

    def __init__(self, config: uvicorn.Config, desk: Desk, begun: Callable[[], None]) -> None:
        super().__init__(config)
        self._desk, self._begun = desk, begun

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._begun()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.force_exit = self.should_exit
        self.should_exit = True
        self._desk.hub.close()
