#!/usr/bin/env python
"""Kill the work of every kind at random moments: python -m tests.faults.kills [--moments 50] [--seed S] [--only KIND].

A process is killed with SIGKILL, and what it left is looked at: nothing that is published is half-written, what is gone on with ends
as what was left alone, and nothing that was acknowledged is lost. Results go to ``benchmarks/results/faults/kills.json``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

from tests.faults.dying import Ended, Moment, moments, run

SHARES = {"training": 14, "labelling": 10, "saving": 10, "exporting": 6, "workbench": 10}
"""Of fifty moments, those for each kind of work."""


class BrokenError(AssertionError):
    """A promise that was not kept."""


@dataclass(slots=True)
class Tally:
    """What came of killing one kind of work."""

    moments: int = 0
    killed: int = 0
    interrupted: int = 0
    failures: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        return {
            "moments": self.moments,
            "killed before the end": self.killed,
            "failed": len(self.failures),
            "failures": self.failures,
            "seconds": round(self.seconds, 1),
        }


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of work.

    Attributes:
        prepare: Makes what the work needs in a new folder.
        work: Is killed; given the folder, and whether it is gone on with.
        result: What the undisturbed work leaves, hashed.
        check: Looks at what a killed process left, before anything else is done.
        timed: Whether it takes long enough to be killed by the clock.
    """

    prepare: Callable[[Path], None]
    work: Callable[[Path, bool], None]
    result: Callable[[Path], dict[str, str]]
    check: Callable[[Path], None]
    timed: bool = True


def need(holds: bool, message: str) -> None:
    if not holds:
        raise BrokenError(message)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "absent"


def whole(folder: Path) -> None:
    """Every file that has its name for good can be read to its end."""
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.suffix in (".tmp", ".lock") or path.name.startswith("."):
            continue
        content = path.read_bytes()
        if path.suffix == ".json":
            json.loads(content)
        elif path.suffix == ".jsonl":
            need(content.endswith(b"\n") or not content, f"{path.name}: a line is cut off")
            for line in content.splitlines():
                json.loads(line)
        elif path.suffix == ".safetensors":
            from safetensors import safe_open

            with safe_open(path, framework="np") as file:
                need(len(list(file.keys())) > 0, f"{path.name}: no tensors")


# -- training


def write_tiny_task(folder: Path) -> Path:
    from tests.model_fixtures import build_checkpoint, write_task
    from tests.tiny_runs import _QUICK

    if not (folder / "checkpoint").exists():
        build_checkpoint(folder / "checkpoint")
    task = write_task(folder, folder / "checkpoint", test=20)
    unlabeled = folder / "unlabeled.jsonl"
    unlabeled.write_text("".join(unlabeled.read_text("utf-8").splitlines(keepends=True)[:48]), "utf-8")
    text = task.read_text("utf-8")
    before, after = text.index("training:"), text.index("rules:")
    task.write_text(text[:before] + _QUICK + text[after:], "utf-8")
    return task


def _train(folder: Path, resume: bool) -> None:
    import ruletune
    from ruletune.config import load_task
    from ruletune.pipeline import fits
    from ruletune.types import Example

    fits._SAVE_EVERY = 0.0  # a position behind every step
    if not (folder / "run").exists():
        ruletune.fit(load_task(folder / "task.yaml"), out=folder / "run", resume=resume)
    run = ruletune.load(folder / "run")
    texts = ("a superb film", "an awful cast", "two people")
    answers = [(p.answer, p.score) for p in run.predict([Example(str(n), text) for n, text in enumerate(texts)])]
    (folder / "answers").write_text(repr(answers), "utf-8")


def _trained(folder: Path) -> dict[str, str]:
    names = ("run/model/model.safetensors", "run/metrics.json", "run/rules.json", "answers")
    return {name: digest(folder / name) for name in names}


def _run_whole(name: str) -> Callable[[Path], None]:
    def check(folder: Path) -> None:
        target = folder / name
        whole(folder / f".{name}.partial" / "parts")
        if target.exists():
            need((target / "ruletune.json").is_file(), "the run folder is not whole")
            whole(target)

    return check


# -- labelling


def write_texts(folder: Path) -> None:
    words = ("prize", "hello", "win", "film", "review", "中奖")
    rows = (json.dumps({"text": f"{words[n % 6]} {words[n % 5]} number {n}"}, ensure_ascii=False) for n in range(6000))
    (folder / "texts.jsonl").write_text("\n".join(rows) + "\n", "utf-8")
    (folder / "task.yaml").write_text(
        "task: classification\nlabels: [ham, spam]\ndata: {train: texts.jsonl, split: {test: 0}}\nrules:\n"
        "  - {name: a, keywords: [prize, 中奖], vote: spam}\n  - {name: b, regex: 'hello|film', vote: ham}\n",
        "utf-8",
    )


def _label(folder: Path, resume: bool) -> None:
    from ruletune.config import load_task
    from ruletune.labeling import stream

    if not (folder / "weak.jsonl").exists():
        spec = load_task(folder / "task.yaml")
        stream.label_file(spec, str(folder / "texts.jsonl"), str(folder / "weak.jsonl"), resume=resume)


def _labelled(folder: Path) -> dict[str, str]:
    return {"weak.jsonl": digest(folder / "weak.jsonl")}


# -- saving


def _saving(folder: Path) -> None:
    _write_run(folder / "run", "old")


def _write_run(run: Path, version: str) -> None:
    (run / "model").mkdir(parents=True, exist_ok=True)
    for name in ("ruletune.json", "metrics.json", "model/config.json"):
        (run / name).write_text(json.dumps({"version": version, "filler": "x" * 100_000}), "utf-8")


def _save(folder: Path, resume: bool) -> None:
    from ruletune.store import open_workspace

    with open_workspace(folder / "run", identity={"a": 1}, resume=resume, overwrite=True) as workspace:
        workspace.put("part", {"done": True})
        _write_run(workspace.files, "new")
        workspace.publish()


def _saved(folder: Path) -> dict[str, str]:
    return {path.name: digest(path) for path in (folder / "run").rglob("*") if path.is_file()}


def _save_whole(folder: Path) -> None:
    """The old run or the new one, in its place or, between two renames, beside it."""
    old = folder / ".run.partial" / "old"
    target = folder / "run" if (folder / "run").exists() else old
    files = [path for path in target.rglob("*") if path.is_file()]
    versions = {json.loads(path.read_bytes())["version"] for path in files}
    need(len(files) == 3 and len(versions) == 1, f"{len(files)} files of {versions}")


# -- exporting


def _exporting(folder: Path) -> None:
    write_tiny_task(folder)
    _train(folder, resume=False)


def _export(folder: Path, resume: bool) -> None:
    from ruletune.pipeline.export import export

    if not (folder / "export").exists():
        export(folder / "run", out=folder / "export")


def _exported(folder: Path) -> dict[str, str]:
    files = sorted(path for path in (folder / "export" / "model").rglob("*") if path.is_file() and path.suffix != ".md")
    return {path.name: digest(path) for path in files}


# -- the workbench


def _bench(folder: Path) -> None:
    write_texts(folder)


def _edit(folder: Path, resume: bool) -> None:
    """Write rules and labels, and acknowledge each; stops after a number of them."""
    from ruletune.types import Example
    from ruletune.workbench.project import Project

    project = Project(folder / "task.yaml")
    acknowledged = os.open(folder / "acknowledged", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    known = set((folder / "acknowledged").read_text("utf-8").splitlines())
    there = {view.name for view in project.snapshot.views}
    for number in range(12):
        if (name := f"r{number}") not in there:
            project.add({"name": name, "keywords": [f"word{number}"], "vote": "spam"})
        os.write(acknowledged, f"rule {name}\n".encode())
        text = f"hello number {number}"
        if f"label {text}" not in known:
            example = Example(f"e{number}", text)
            project.label(example, project.answer(example), "ham" if number % 2 else "spam")
        os.write(acknowledged, f"label {text}\n".encode())


def _edited(folder: Path) -> dict[str, str]:
    """Not the ids of rows: what was given by hand, and the rules."""
    from ruletune.workbench.project import Project

    project = Project(folder / "task.yaml")
    labels = sorted((example.text, str(example.answer)) for example in project.hand_labels().by_key.values())
    return {"rules": repr(sorted(view.name for view in project.snapshot.views)), "labels": repr(labels)}


def _nothing_lost(folder: Path) -> None:
    from ruletune.workbench.project import Project

    whole(folder)
    project = Project(folder / "task.yaml")
    rules = {view.name for view in project.snapshot.views}
    labels = {example.text for example in project.hand_labels().by_key.values()}
    acknowledged = folder / "acknowledged"
    for line in acknowledged.read_text("utf-8").splitlines() if acknowledged.exists() else ():
        what, _, name = line.partition(" ")
        need(name in (rules if what == "rule" else labels), f"the {what} {name!r} was acknowledged and is lost")
    journal = project.hidden / "journal.json"
    if journal.exists() and project.undoable is None and len(rules) > 2:
        raise BrokenError("the last edit cannot be undone")


KINDS: dict[str, Kind] = {
    "training": Kind(lambda folder: (write_tiny_task(folder), None)[1], _train, _trained, _run_whole("run")),
    "labelling": Kind(write_texts, _label, _labelled, whole),
    "saving": Kind(_saving, _save, _saved, _save_whole, timed=False),
    "exporting": Kind(_exporting, _export, _exported, _run_whole("export")),
    "workbench": Kind(_bench, _edit, _edited, _nothing_lost),
}


def kill(kind: Kind, place: Path, wanted: int, *, seed: int, interrupt: bool = False) -> Tally:
    """Kill one kind of work at some moments.

    Args:
        interrupt: Ctrl-C in place of SIGKILL, by the clock only.
    """
    tally, began = Tally(), time.monotonic()
    ready = place / "ready"
    ready.mkdir(parents=True)
    _need_lives(run(lambda: kind.prepare(ready), ready))
    plain_folder = _copy(ready, place / "work")
    plain = run(lambda: kind.work(plain_folder, False), plain_folder)
    _need_lives(plain)
    expected = kind.result(plain_folder)
    planned = moments(wanted * 2 if interrupt else wanted, plain, seed=seed, timed=kind.timed)[:wanted]
    for moment in planned:
        sent = replace(moment, signal=signal.SIGINT) if interrupt else moment
        tally.moments += 1
        try:
            _once(kind, _copy(ready, place / "work"), sent, expected, tally)
        except Exception as error:
            tally.failures.append(f"{moment}: {type(error).__name__}: {error}")
        sys.stderr.write("!" if tally.failures else ".")
        sys.stderr.flush()
    tally.seconds = time.monotonic() - began
    return tally


def _copy(ready: Path, folder: Path) -> Path:
    """In the same place each time, for paths are part of what a run is made from."""
    if folder.exists():
        shutil.rmtree(folder)
    shutil.copytree(ready, folder)
    return folder


def _once(kind: Kind, folder: Path, moment: Moment, expected: dict[str, str], tally: Tally) -> None:
    ended = run(lambda: kind.work(folder, False), folder, moment)
    tally.killed += ended.killed
    if moment.signal == signal.SIGINT:
        tally.interrupted += ended.code == 130
        need(ended.code in (0, 130), f"exit code {ended.code}: {ended.said}")
    else:
        need(ended.killed or ended.code == 0, f"exit code {ended.code}: {ended.said}")
    kind.check(folder)
    _need_lives(run(lambda: kind.work(folder, True), folder))
    found = kind.result(folder)
    other = [name for name in expected if found.get(name) != expected[name]]
    need(
        not other and set(found) == set(expected),
        f"gone on with, it ends with another {', '.join(other) or set(found)}",
    )
    kind.check(folder)


def _need_lives(ended: Ended) -> None:
    need(ended.code == 0, f"undisturbed, it ends with {ended.code}: {ended.said}")


def shares(total: int, only: str | None = None) -> Iterator[tuple[str, int]]:
    """So many moments for each kind."""
    if only is not None:
        yield only, total
        return
    for name, share in SHARES.items():
        yield name, max(1, round(total * share / sum(SHARES.values())))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--moments", type=int, default=50)
    parser.add_argument("--interrupts", type=int, default=20, help="Ctrl-C in training, so often.")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--only", choices=sorted(KINDS))
    parser.add_argument("--no-record", action="store_true", help="Write no results.")
    asked = parser.parse_args()
    if asked.only in (None, "training", "exporting"):
        import ruletune.pipeline.export  # so that no fork has to
        import ruletune.pipeline.fit  # noqa: F401
    tallies: dict[str, Tally] = {}
    with tempfile.TemporaryDirectory(prefix="kills-") as folder:
        numbers = count()
        for name, wanted in shares(asked.moments, asked.only):
            tallies[name] = kill(KINDS[name], Path(folder) / str(next(numbers)), wanted, seed=asked.seed)
            _show(name, tallies[name])
        if asked.only is None and asked.interrupts:
            name, place = "training, Ctrl-C", Path(folder) / "interrupts"
            tallies[name] = kill(KINDS["training"], place, asked.interrupts, seed=asked.seed, interrupt=True)
            _show(name, tallies[name])
    if not asked.no_record and asked.only is None:
        from benchmarks import record

        command = f"python -m tests.faults.kills --moments {asked.moments} --seed {asked.seed}"
        rows = [{"work": name, **tally.to_json()} for name, tally in tallies.items()]
        record.write("faults/kills", command=command, rows=rows)
    return 1 if any(tally.failures for tally in tallies.values()) else 0


def _show(name: str, tally: Tally) -> None:
    sys.stderr.write(f"{name}: {tally.moments} moments, {tally.killed} before the end, {len(tally.failures)} failed\n")
    for failure in tally.failures:
        sys.stderr.write(f"  {failure}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    raise SystemExit(main())
