"""Answering over HTTP, against a Transformers pipeline behind FastAPI, as people write it.

Run: ``python -m benchmarks.serving``. One model, trained briefly on film reviews (the demo's data and rules), is served three
ways on loopback: by a pipeline behind FastAPI in a plain function and in a coroutine, and by ``ruletune serve`` with and
without the rules that fired. ``wrk`` (1 thread) posts reviews in turn, a text a request, each other than the last ones, and nothing is remembered.
All servers have the same number of processor threads for the model; the servers take turns. wrk and the servers' event loops
run on the same processor. An export of the run in 8-bit integers is served, too.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

import ruletune
from benchmarks.record import ROOT, write
from ruletune.config import load_task
from ruletune.pipeline.export import export

CLIENTS = (1, 8, 32)
_COMPARED = 200
LUA = Path(__file__).with_suffix(".lua")
EXAMPLE = ROOT / "examples" / "movie_reviews"
RULETUNE, WITH_RULES = "Ruletune", "Ruletune, with the rules that fired"
INT8 = "Ruletune, exported in 8-bit integers"
PLAIN, COROUTINE = "pipeline behind FastAPI, function", "pipeline behind FastAPI, coroutine"


def prepare(folder: Path) -> Path:
    """The demo's data cut, and a run trained on it; how good it is, is no matter here."""
    subprocess.run([sys.executable, EXAMPLE / "prepare.py", folder / "data"], check=True, stdout=subprocess.DEVNULL)
    shutil.copytree(EXAMPLE, folder / "task")
    task = folder / "task" / "task.yaml"
    source = task.read_text("utf-8").replace("../../runs/movie_reviews/data", str(folder / "data"))
    source = source.replace("  curve: {repeats: 1}", "  curve: {shares: []}\n  baselines: false")
    task.write_text(source, "utf-8")
    return ruletune.fit(load_task(task), out=folder / "run").folder


def reviews(folder: Path) -> list[str]:
    """Reviews without a label, each other than the others."""
    with (folder / "data" / "unlabeled.jsonl").open(encoding="utf-8") as lines:
        return [json.loads(line)["text"] for line in lines]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def server(command: Sequence[str], port: int, probe: dict[str, Any]) -> Iterator[int]:
    """A server that answers, until the block ends; its process."""
    process = subprocess.Popen(list(command), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        while not _answers(port, probe):
            if process.poll() is not None:
                sys.exit(f"{' '.join(command)} ended")
            time.sleep(0.2)
        yield process.pid
    finally:
        process.terminate()
        process.wait()


def post(port: int, body: dict[str, Any]) -> dict[str, Any]:
    data = json.dumps(body).encode()
    with urlopen(Request(f"http://127.0.0.1:{port}/predict", data, {"Content-Type": "application/json"})) as answer:
        return dict(json.load(answer))


def _answers(port: int, probe: dict[str, Any]) -> bool:
    try:
        post(port, probe)
    except (URLError, ConnectionError):
        return False
    return True


def processor_seconds(process: int) -> float:
    """Time that a process has had on processors, all threads together."""
    fields = Path(f"/proc/{process}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def load(port: int, process: int, bodies: Path, *, clients: int, seconds: int, first: int) -> dict[str, float]:
    """What wrk finds, and what the server had of the processor."""
    began = processor_seconds(process)
    command = ["wrk", "-t1", f"-c{clients}", f"-d{seconds}s", "--timeout", "30s", "-s", str(LUA)]
    command += [f"http://127.0.0.1:{port}", "--", str(bodies), str(first)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"^figures (.*)$", said, flags=re.MULTILINE)
    assert found, said
    return dict(json.loads(found[1])) | {"processor": processor_seconds(process) - began}


def ways(
    run: Path, threads: int, texts: Sequence[str], int8: Path
) -> dict[str, tuple[list[str], list[dict[str, Any]]]]:
    """By name, the command of a server, its port left open, and the bodies that it is sent."""
    settings = json.loads((run / "ruletune.json").read_text("utf-8"))
    prefix = settings["rendering"]["template"].removesuffix("{text}")
    plain = [
        sys.executable,
        "-m",
        "benchmarks.peers.pipeline_server",
        str(run / "model"),
        "PORT",
        "--threads",
        str(threads),
    ]
    plain += ["--max-length", str(settings["max_length"]), "--prefix", prefix]
    ours = [
        sys.executable,
        "-m",
        "ruletune",
        "serve",
        str(run),
        "--port",
        "PORT",
        "--threads",
        str(threads),
        "--cache",
        "0",
    ]
    theirs = [{"text": text} for text in texts]
    alone: list[dict[str, Any]] = [{"inputs": [text], "with_rules": False} for text in texts]
    found: dict[str, tuple[list[str], list[dict[str, Any]]]] = {
        PLAIN: (plain, theirs),
        COROUTINE: ([*plain, "--asynchronous"], theirs),
        RULETUNE: (ours, alone),
        WITH_RULES: (ours, [{"inputs": [text]} for text in texts]),
    }
    found[INT8] = ([part.replace(str(run), str(int8)) for part in ours], alone)
    return found


def label(answer: dict[str, Any]) -> str:
    return str(answer["label"] if "label" in answer else answer["predictions"][0]["answer"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, help="a run with its data beside it, made by an earlier call with --keep")
    parser.add_argument("--keep", type=Path, help="where to keep the run")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--turns", type=int, default=3)
    arguments = parser.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("this benchmark needs wrk: apt-get install wrk")
    with tempfile.TemporaryDirectory() as place:
        folder = arguments.run.parent if arguments.run else (arguments.keep or Path(place))
        folder.mkdir(parents=True, exist_ok=True)
        run = arguments.run or prepare(folder)
        int8 = Path(place) / "int8"
        export(ruletune.load(run), out=int8, precision="int8")
        texts = reviews(folder)
        figures: dict[tuple[str, int], list[dict[str, float]]] = {}
        labels: dict[str, list[str]] = {}
        for turn in range(arguments.turns):
            for name, (command, bodies) in ways(run, arguments.threads, texts, int8).items():
                port, sent = free_port(), Path(place) / "bodies.jsonl"
                sent.write_text("".join(json.dumps(body) + "\n" for body in bodies), "utf-8")
                with server([part.replace("PORT", str(port)) for part in command], port, bodies[0]) as process:
                    labels[name] = labels.get(name) or [label(post(port, body)) for body in bodies[:_COMPARED]]
                    for clients in CLIENTS:
                        first = _COMPARED + 700 * turn
                        found = load(port, process, sent, clients=clients, seconds=arguments.seconds, first=first)
                        figures.setdefault((name, clients), []).append(found)
                        print(f"turn {turn + 1}: {name}, {clients} clients: {found}", flush=True)
    rows = [_row(name, clients, figures, labels) for clients in CLIENTS for name in labels]
    notes = [
        f"{arguments.threads} threads for the model in every server, {arguments.turns} turns of {arguments.seconds} s each; medians, and ratios of one turn's throughputs",
        "wrk posts one review a request; it and the event loops share the processor with the model",
        f"answers are compared on {_COMPARED} reviews sent one by one",
    ]
    called = f"python -m benchmarks.serving --seconds {arguments.seconds} --turns {arguments.turns}"
    print(write("serving", command=called, rows=rows, notes=notes).read_text("utf-8"))


def _row(
    name: str, clients: int, figures: dict[tuple[str, int], list[dict[str, float]]], labels: dict[str, list[str]]
) -> dict[str, Any]:
    mine = figures[name, clients]

    def pace(found: dict[str, float]) -> float:
        return found["requests"] / found["seconds"]

    def times(other: str) -> float:
        return round(
            statistics.median(pace(a) / pace(b) for a, b in zip(mine, figures[other, clients], strict=True)), 2
        )

    return {
        "clients": clients,
        "server": name,
        "texts a second": round(statistics.median(map(pace, mine)), 1),
        "p50, ms": round(statistics.median(each["p50"] for each in mine), 1),
        "p99, ms": round(statistics.median(each["p99"] for each in mine), 1),
        "processor ms a text": round(
            statistics.median(1e3 * each["processor"] / max(1, each["requests"]) for each in mine), 1
        ),
        "errors": int(sum(each["errors"] for each in mine)),
        "times the function": times(PLAIN),
        "times the coroutine": times(COROUTINE),
        "same answers": round(statistics.mean(a == b for a, b in zip(labels[name], labels[PLAIN], strict=True)), 4),
    }


if __name__ == "__main__":
    main()
