#!/usr/bin/env python
"""Fill the examples' task files, rows and outputs into docs/gallery.md and docs/weaknesses.md.

``--check`` only says whether task files and rows are as in ``examples/``, which needs no data and takes no time. Outputs are made anew
from the run folders below ``runs/``; where one is missing the block stays as it is, and ``--train`` makes it first, with all that the
other examples need, as ``make demo`` does. Outputs belong to the machine and the versions that made them; what changes with either
(times, paths) is left out.
"""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from marked import filled, update

ROOT = Path(__file__).resolve().parent.parent
GALLERY, WEAKNESSES = ROOT / "docs" / "gallery.md", ROOT / "docs" / "weaknesses.md"
RUNS = ROOT / "runs"

EXAMPLES = {
    "classification": "movie_reviews",
    "ner": "named_entities",
    "relation": "relations",
    "qa": "reading",
    "translation": "translation",
    "summarization": "summarization",
    "dialogue": "dialogue",
    "understanding": "assistant",
}
"""The example of each task."""

WIDTH = 96
RULES_SHOWN = 8
"""Lines of a rule table that an excerpt has."""

LONGEST = 70
"""Lines of a task file that are shown; of a longer one the beginning, up to a whole rule."""


@dataclass(frozen=True, slots=True)
class Output:
    """What a program printed.

    Attributes:
        made: Makes it.
        needs: The example whose run folder it takes, if it takes one.
    """

    made: Callable[[], str]
    needs: str | None = None


def printed(*arguments: str) -> str:
    """What a command writes to standard output, in a terminal of this width."""
    environment = os.environ | {"COLUMNS": str(WIDTH), "HF_HUB_OFFLINE": "1", "NO_COLOR": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "ruletune", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )  # fmt: skip
    return _clean(done.stdout)


def _clean(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip("\n").splitlines())


def task(name: str) -> str:
    return f"examples/{EXAMPLES[name]}/task.yaml"


def rules(name: str, *options: str, shown: int = RULES_SHOWN) -> str:
    """The first lines of the rule tables of a task, and what is said below each."""
    parts: list[str] = []
    for table in re.split(r"\n(?=rule  )", printed("rules", task(name), *options)):
        lines = table.splitlines()
        below = next(n for n, line in enumerate(lines) if re.match(r"\d+ texts", line))
        cut = lines[: shown + 2]
        while len(cut) < below and re.match(r" {4}", lines[len(cut)]):  # the row goes on
            cut.append(lines[len(cut)])
        parts += [*cut, *(["…"] if len(cut) < below else []), *lines[below:]] if below > shown + 2 else lines
    return "\n".join(parts)


def predictions(name: str) -> str:
    [new] = (ROOT / "examples" / EXAMPLES[name]).glob("new.*")
    return printed("predict", str((RUNS / EXAMPLES[name] / "run").relative_to(ROOT)), str(new.relative_to(ROOT)))


def comparison(name: str) -> str:
    """The table that ``ruletune train`` ends with, of the run folder."""
    from rich.console import Console

    import ruletune
    from ruletune.report.terminal import comparison_table

    report = ruletune.load(RUNS / EXAMPLES[name] / "run").report
    console = Console(file=io.StringIO(), width=WIDTH, highlight=False, color_system=None)
    console.print(comparison_table(report.scores, report.metric, report.labels_saved))
    assert isinstance(console.file, io.StringIO)
    return _clean(console.file.getvalue())


def sentence(name: str, which: str) -> str:
    """What the report of a run says of its ``guard`` or its ``reliance``."""
    import ruletune
    from ruletune.report import words

    report = ruletune.load(RUNS / EXAMPLES[name] / "run").report
    said = (
        words.guard_sentence(report.guard, report.shape)
        if which == "guard"
        else words.reliance_sentence(report.reliance, report.shape)
    )
    return "\n".join(_wrapped(str(said)))


def _wrapped(text: str) -> list[str]:
    import textwrap

    return textwrap.wrap(text, WIDTH, break_long_words=False)


def conflicts() -> str:
    table = rules("classification", "--sort", "conflict", shown=5)
    shown = printed("rules", "show", "praise", task("classification"), "--conflicts", "--count", "3")
    return f"{table}\n\n{shown[shown.index('texts on which') - 4 :].lstrip() if 'texts on which' in shown else shown}"


def suggestions() -> str:
    return printed("rules", "suggest", task("classification"), "--fast", "--count", "4")


OUTPUTS: dict[str, Output] = {
    **{f"{name} rules": Output(partial(rules, name)) for name in EXAMPLES},
    **{f"{name} scores": Output(partial(comparison, name), EXAMPLES[name]) for name in EXAMPLES},
    **{f"{name} predictions": Output(partial(predictions, name), EXAMPLES[name]) for name in EXAMPLES},
    "suggestions": Output(suggestions),
    "conflicts": Output(conflicts),
    "comparison": Output(partial(comparison, "classification"), "movie_reviews"),
    "reliance": Output(partial(sentence, "classification", "reliance"), "movie_reviews"),
    "guard": Output(partial(sentence, "classification", "guard"), "movie_reviews"),
}


def task_file(name: str) -> str:
    """The example's task file without its comments; of a long one the beginning, with a remark that says so."""
    lines = (ROOT / task(name)).read_text(encoding="utf-8").splitlines()
    kept = [re.sub(r"\s+# .*$", "", line) for line in lines if line.strip() and not line.lstrip().startswith("#")]
    if len(kept) > LONGEST:
        entries = [n for n, line in enumerate(kept) if line.startswith("  - ")]
        cut = max(n for n in entries if n < LONGEST // 2)
        rest, end = (
            sum(n >= cut for n in entries),
            next(n for n, line in enumerate(kept) if line.startswith("templates")),
        )
        kept = [*kept[:cut], f"  # and {rest} more rules", *kept[end:]]
    return f"```yaml\n# {task(name)}\n" + "\n".join(kept) + "\n```"


def rows(name: str) -> str:
    """The first rows of the example's training data."""
    folder = RUNS / EXAMPLES[name] / "data"
    match name:
        case "translation":
            pairs = [(folder / f"train.{side}").read_text("utf-8").splitlines()[:3] for side in ("en", "de")]
            return (
                "```text\n" + "\n".join(f"{source}\t{target}" for source, target in zip(*pairs, strict=True)) + "\n```"
            )
        case "qa":
            first = json.loads((folder / "train.json").read_text("utf-8"))["data"][0]["paragraphs"][0]
            shown = [json.dumps(first | {"qas": first["qas"][:2]}, ensure_ascii=False)]
        case _:
            shown = (folder / "train.jsonl").read_text("utf-8").splitlines()[:2]
    return "```json\n" + "\n".join(shown) + "\n```"


def output(name: str) -> str | None:
    """What stands in an output block; ``None`` where the run that it takes is missing."""
    made = OUTPUTS[name]
    if made.needs is not None and not (RUNS / made.needs / "run").is_dir():
        print(f"{name}: no run of {made.needs}; make demo TASK=..., or --train", file=sys.stderr)
        return None
    print(f"{name} ...", file=sys.stderr)
    return f"```text\n{made.made()}\n```"


def prepare(*, train: bool) -> None:
    """Write the examples' data where it is missing, and with ``train`` their runs."""
    for folder in EXAMPLES.values():
        if not (RUNS / folder / "data").is_dir():
            subprocess.run(
                [sys.executable, f"examples/{folder}/prepare.py", f"runs/{folder}/data"], cwd=ROOT, check=True
            )
        if train and not (RUNS / folder / "run").is_dir():
            command = ["train", f"examples/{folder}/task.yaml", "--out", f"runs/{folder}/run", "--overwrite"]
            subprocess.run([sys.executable, "-m", "ruletune", *command], cwd=ROOT, check=True)


def main(arguments: Sequence[str]) -> int:
    check = "--check" in arguments
    if not check:
        prepare(train="--train" in arguments)
    fine = True
    for page in (GALLERY, WEAKNESSES):
        written = filled(page.read_text(encoding="utf-8"), "task file", task_file)
        if not check:
            written = filled(filled(written, "rows", rows), "output", output)
        fine = update(page, written, check=check, again="make gallery") and fine
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
