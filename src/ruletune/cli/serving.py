"""Serve a model over HTTP."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ruletune.cli.console import AllowCode
from ruletune.errors import MissingExtraError, UserError

if TYPE_CHECKING:
    from ruletune.serve.guarding import Guards

__all__ = ["serve"]


def serve(
    run: Annotated[Path, typer.Argument(help="A run folder that `ruletune train` wrote.")],
    host: Annotated[str, typer.Option(help="The address to listen on. Off loopback a token is needed.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0: any that is free.")] = 8000,
    token_file: Annotated[
        Path | None, typer.Option(help="A file with the token that clients must show; else RULETUNE_TOKEN is asked.")
    ] = None,
    allow_host: Annotated[
        list[str] | None, typer.Option(help="A further name by which clients ask; may be repeated, * is every name.")
    ] = None,
    allow_origin: Annotated[
        list[str] | None, typer.Option(help="An origin whose pages may ask, such as https://example.org.")
    ] = None,
    max_batch: Annotated[
        int | None, typer.Option(min=1, help="Most texts in a batch. [default: 64; 8 to write]")
    ] = None,
    max_tokens: Annotated[int, typer.Option(min=1, help="Most tokens in a batch, roughly.")] = 4096,
    wait: Annotated[float, typer.Option(min=0, max=1000, help="Milliseconds to wait for more texts under load.")] = 2.0,
    queue: Annotated[
        int, typer.Option(min=1, help="Most texts that wait; beyond it requests are refused (429).")
    ] = 1024,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds after which a request is given up (504).")] = 30.0,
    max_texts: Annotated[int, typer.Option(min=1, help="Most texts in one request.")] = 64,
    max_text: Annotated[int, typer.Option(min=1, help="Most characters of a text.")] = 20_000,
    max_body: Annotated[float, typer.Option(min=0.001, help="Most megabytes of a request.")] = 2.0,
    cache: Annotated[int, typer.Option(min=0, help="Answers that are remembered; 0: none.")] = 1024,
    allow_code: AllowCode = None,
    window: Annotated[int, typer.Option(min=200, help="Texts over which drift is watched.")] = 1000,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Processor threads of one batch. [default: PyTorch's]")
    ] = None,
) -> None:
    """Answer over HTTP: predict, explain, health, metrics, a model card; texts of many clients in one batch."""
    guards = _guards(
        host, token_file, allow_host or [], allow_origin or [], body=int(max_body * 1_000_000), seconds=timeout
    )
    try:
        import fastapi  # noqa: F401
        import prometheus_client  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError:
        raise MissingExtraError("serving", "serve") from None
    if max_texts > queue:
        raise UserError(f"a request may have {max_texts} texts, and only {queue} may wait", remedy="raise --queue")
    from ruletune.cli.modelling import open_run
    from ruletune.serve.batching import Budget
    from ruletune.serve.listening import listen
    from ruletune.serve.memory import sparing
    from ruletune.serve.model import Service, Settings
    from ruletune.serve.running import serve as run_server
    from ruletune.serve.schema import Limits

    sparing(large=False)
    opened = open_run(run, allow_code)
    texts = max_batch or (8 if opened.task.readout == "generate" else 64)
    settings = Settings(
        limits=Limits(texts=max_texts, characters=max_text),
        budget=Budget(texts=texts, tokens=max_tokens, queue=queue, wait=wait / 1000, cache=cache),
        timeout=timeout,
        threads=threads,
        window=window,
    )
    with listen(host, port) as listener:
        _log()
        sys.stderr.write(f"loading {run}\n")
        service = Service(opened, settings)
        service.warm()
        shown = f"[{host}]" if ":" in host else host
        address = f"http://{shown}:{listener.getsockname()[1]}"
        sys.stderr.write(f"serving {opened.name} on {address}/\nhow to ask: {address}/docs\n")
        sys.stderr.flush()
        run_server(service, listener, guards)


def _guards(
    host: str, token_file: Path | None, hosts: list[str], origins: list[str], *, body: int, seconds: float
) -> Guards:
    from ruletune.serve.guarding import Guards, is_loopback
    from ruletune.serve.tokens import TOKEN_VARIABLE, read_token

    token = read_token(token_file)
    if token is None and not is_loopback(host):
        remedy = f"give --token-file, or set {TOKEN_VARIABLE}; or listen on 127.0.0.1"
        raise UserError(f"{host} can be reached from elsewhere, and there is no token", remedy=remedy)
    # With a token a foreign name does no harm: whoever made up the name does not know the token.
    names = tuple(hosts) or (("*",) if not is_loopback(host) else ())
    return Guards(
        hosts=names,
        origins=tuple(origins),
        token=token,
        open_paths=("/health/live", "/health/ready"),
        body=body,
        reading=min(seconds, 30.0),
        seconds=None,  # the service itself gives up what is late, and says so
    )


def _log() -> None:
    """What the server has to say, on standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    for name, level in (("ruletune", logging.INFO), ("uvicorn", logging.WARNING)):
        logger = logging.getLogger(name)
        logger.addHandler(handler)
        logger.setLevel(level)
        logger.propagate = False
