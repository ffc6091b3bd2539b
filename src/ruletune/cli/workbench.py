"""The command ``ruletune workbench``."""

from __future__ import annotations

import logging
import os
import sys
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ruletune.errors import MissingExtraError, UserError

if TYPE_CHECKING:
    from ruletune.serve.guarding import Guards

__all__ = ["workbench"]


def workbench(
    task: Annotated[Path, typer.Argument(help="The task file.")] = Path("task.yaml"),
    host: Annotated[str, typer.Option(help="The address to listen on. Off loopback a token is needed.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0: any that is free.")] = 8765,
    browser: Annotated[bool, typer.Option(help="Open the page in a browser.")] = True,
    runs: Annotated[Path | None, typer.Option(help="Where runs go. [default: runs, beside the task file]")] = None,
    token_file: Annotated[
        Path | None, typer.Option(help="A file with the token to be shown; else RULETUNE_TOKEN is asked.")
    ] = None,
    allow_host: Annotated[
        list[str] | None, typer.Option(help="A further name by which browsers ask; may be repeated.")
    ] = None,
) -> None:
    """Write rules and labels in the browser and see at once what they do; everything is saved in the task file's folder."""
    try:
        import fastapi  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError:
        raise MissingExtraError("the workbench", "serve") from None
    guards = _guards(host, token_file, allow_host or [])
    from ruletune.serve.listening import listen
    from ruletune.serve.memory import sparing
    from ruletune.serve.workbench_server import serve
    from ruletune.workbench.live import Live
    from ruletune.workbench.project import Project

    sparing(large=True)
    project = Project(task)
    with listen(host, port) as listener:
        logging.basicConfig(format="%(levelname)s %(message)s", level=logging.WARNING)
        shown = f"[{host}]" if ":" in host else host
        address = f"http://{shown}:{listener.getsockname()[1]}/"

        def begun() -> None:
            sys.stderr.write(f"{task}: open {address}  (Ctrl-C stops)\n")
            sys.stderr.flush()
            if browser and _has_window():
                webbrowser.open(address)

        with Live(project, runs=runs) as live:
            serve(project, live, listener, guards, begun=begun)
    sys.stderr.write("stopped; everything is saved\n")


def _guards(host: str, token_file: Path | None, hosts: list[str]) -> Guards:
    from dataclasses import replace

    from ruletune.serve.guarding import is_loopback
    from ruletune.serve.tokens import TOKEN_VARIABLE, read_token
    from ruletune.serve.workbench import GUARDS

    token = read_token(token_file)
    if token is None and not is_loopback(host):
        remedy = f"give --token-file, or set {TOKEN_VARIABLE}; or listen on 127.0.0.1"
        raise UserError(f"{host} can be reached from elsewhere, and there is no token", remedy=remedy)
    names = tuple(hosts) or (() if is_loopback(host) else ("*",))
    return replace(GUARDS, token=token, hosts=names)


def _has_window() -> bool:
    """Whether a browser has a place to open in; one that runs in the terminal would take it over."""
    return sys.platform in ("win32", "darwin") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
