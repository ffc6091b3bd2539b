"""Weak labels, piece by piece: the same as all at once, whatever the pieces, the processes and the interruptions."""

from __future__ import annotations

import errno
import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ruletune.config import TaskSpec, load_task
from ruletune.data.readers import read_all
from ruletune.engine.local import LocalEngine
from ruletune.errors import RuletuneError, UserError
from ruletune.labeling.apply import RuleSet
from ruletune.labeling.corpus import columns_of
from ruletune.labeling.piecework import ApplyRules
from ruletune.labeling.stream import Labelled, _drawn, label_file
from ruletune.labeling.table import fit_label_model
from ruletune.progress import Event

TASK = """
task: classification
labels: [ham, spam]
data: {train: train.csv}
rules:
  - {name: prize, keywords: [prize], vote: spam, weight: 2}
  - {name: free, regex: free, vote: spam}
  - {name: thanks, keywords: [thanks, 谢谢], vote: ham}
  - {name: silent, keywords: [nothing], vote: ham}
"""
TRAIN = "text,label\nfree prize,spam\nthanks for the prize,ham\nhello,\n"
WORDS = ("free", "prize", "thanks", "谢谢", "nothing", "of the 😀", "lunch")

Rows = list[dict[str, Any]]


class Folder:
    """A task with its data."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.out = path / "weak.jsonl"
        self.write("train.csv", TRAIN)

    def write(self, name: str, text: str) -> Path:
        (self.path / name).write_text(text, encoding="utf-8")
        return self.path / name

    def task(self, source: str = TASK) -> TaskSpec:
        return load_task(self.write("task.yaml", source))

    def label(self, texts: list[str] | Path, source: str = TASK, **options: Any) -> Labelled:
        data = texts if isinstance(texts, Path) else self.texts(texts)
        return label_file(self.task(source), str(data), self.out, **options)

    def texts(self, texts: list[str]) -> Path:
        return self.write("texts.jsonl", "".join(json.dumps({"text": text}) + "\n" for text in texts))

    @property
    def rows(self) -> Rows:
        return [json.loads(line) for line in self.out.read_text(encoding="utf-8").splitlines()]

    @property
    def left(self) -> list[str]:
        """Hidden files beside the output, but for the lock."""
        return sorted(path.name for path in self.path.glob(".*") if path.suffix != ".lock")


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def random_texts(n: int) -> list[str]:
    rng = np.random.default_rng(0)
    return [" ".join(rng.choice(WORDS, size=rng.integers(1, 4))) for _ in range(n)]


def test_rows_say_who_voted(folder: Folder) -> None:
    done = folder.label(["free prize", "thanks", "silence"])
    first, second, third = folder.rows
    assert first["id"] == "1" and first["votes"] == {"prize": "spam", "free": "spam"} and first["label"] == "spam"
    assert second["votes"] == {"thanks": "ham"} and second["label"] == "ham"
    assert 0.5 < second["probability"] < first["probability"] < 1.0
    assert third == {"id": "3", "votes": {}, "label": None, "probability": None}
    assert (done.texts, done.covered, done.faults) == (3, 2, ())
    assert folder.left == []


@pytest.mark.parametrize("rows", [1, 3, 1000])
def test_pieces_are_the_same_as_all_at_once(folder: Folder, rows: int) -> None:
    texts = random_texts(50)
    data = folder.texts(texts)
    spec = folder.task()
    folder.label(data, rows=rows)

    gold = read_all(str(folder.path / "train.csv"), columns_of(spec, "train.csv"))[:2]
    examples = [*read_all(str(data), columns_of(spec, str(data))), *gold]
    votes = RuleSet(spec.rules, labels=spec.labels).apply(examples).matrix
    known = np.full((len(examples), 2), np.nan)
    known[-2:] = [[0, 1], [1, 0]]
    beliefs = fit_label_model(spec, votes, known).posterior(votes)[:50]
    found = folder.rows
    assert [row["id"] for row in found] == [str(n) for n in range(1, 51)]
    for row, belief, vote in zip(found, beliefs, votes, strict=False):
        assert row["votes"] == {r.name: spec.labels[v] for r, v in zip(spec.rules, vote, strict=True) if v >= 0}
        assert row["probability"] == (None if (vote < 0).all() else belief.max())


def test_gold_of_the_task_moves_labels_and_their_own_does_not(folder: Folder) -> None:
    folder.label(folder.write("texts.csv", "text,label\nfree,ham\n"))
    [own] = folder.rows
    folder.label(["free"])
    [before] = folder.rows
    assert own == before and before["label"] == "spam"
    folder.write("train.csv", "text,label\n" + "".join(f"free {n},ham\n" for n in range(40)))
    folder.label(["free"])
    assert folder.rows[0]["label"] == "ham"  # whenever it fires, it is wrong


def test_several_labels(folder: Folder) -> None:
    folder.label(["free thanks", "silence"], TASK.replace("data:", "multi_label: true\ndata:"))
    both, none = folder.rows
    assert both["label"] == ["ham", "spam"] and 0.5 < both["probability"] <= 1.0
    assert none == {"id": "2", "votes": {}, "label": None, "probability": None}


def test_majority_and_weights(folder: Folder) -> None:
    folder.label(["free prize thanks"], TASK + "training: {label_model: majority}\n")
    [row] = folder.rows
    assert row["label"] == "spam" and row["probability"] == pytest.approx(3 / 4)  # weights 2 and 1 against one


def test_vetoes_helpers_and_faults_have_their_places(folder: Folder) -> None:
    folder.write("odd.py", "def odd(text):\n    return 1 / text.count('e') and None\n")
    done = folder.label(
        ["free", "unfree", "greeting", "lunch", "free greeting"],
        """
task: classification
labels: [ham, spam, other]
data: {train: train.csv}
rules:
  - {name: free, regex: free, vote: spam}
  - {name: helper, regex: unfree}
  - {name: no-spam, all: [helper], veto: spam}
  - {name: no-ham, regex: greeting, veto: ham}
  - {name: odd, function: 'odd.py:odd'}
""",
    )
    rows = folder.rows
    assert [set(row) - {"id", "votes", "label", "probability"} for row in rows] == [
        set(), {"vetoes"}, {"vetoes"}, {"faults"}, {"vetoes"},
    ]  # fmt: skip
    assert rows[1]["votes"] == {"free": "spam"} and rows[1]["vetoes"] == {"no-spam": "spam"}
    assert rows[1]["label"] != "spam"
    assert rows[2]["label"] is None, "a veto that leaves two labels does not tell which"
    assert rows[3]["faults"] == ["odd"]
    assert rows[4]["label"] == "spam"
    assert [(f.rule, f.count, f.example_id) for f in done.faults] == [("odd", 1, "4")]
    assert "ZeroDivisionError" in done.faults[0].traceback


def test_a_veto_that_leaves_one_label_names_it(folder: Folder) -> None:
    folder.label(["lunch"], TASK + "  - {name: never, regex: lunch, veto: ham}\n")
    [row] = folder.rows
    assert (row["label"], row["probability"], row["vetoes"]) == ("spam", 1.0, {"never": "ham"})


def test_faults_are_counted_over_all_pieces(folder: Folder) -> None:
    folder.write("odd.py", "def odd(text):\n    return 1 / (text != 'free')\n")
    done = folder.label(["free"] * 7 + ["thanks"], TASK + "  - {function: 'odd.py:odd', vote: ham}\n", rows=2)
    assert [(fault.count, fault.example_id) for fault in done.faults] == [(7, "1")]


def test_an_endless_expression_is_given_up_once(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int] = []

    def budget(characters: int) -> float:
        tried.append(characters)
        return 0.02

    monkeypatch.setattr("ruletune.rules.matching.guard.default_budget", budget)
    texts = ["lunch", *(f"{'a' * 60}b {n}" for n in range(40))]
    source = TASK + "  - {name: endless, regex: '^(a+)+\\1$', vote: ham}\n"
    done = folder.label(texts, source, rows=10)
    assert [(fault.rule, fault.count) for fault in done.faults] == [("endless", 40)]
    assert [row.get("faults") for row in folder.rows] == [None, *[["endless"]] * 40]
    alone = len(tried)
    tried.clear()
    folder.label(texts, source, rows=100)
    assert alone <= len(tried) + 3, "tried as often in five pieces as in one, or nearly"


def test_a_rule_that_fails_on_every_text_of_all_pieces(folder: Folder) -> None:
    folder.write("odd.py", "def odd(text):\n    return 1 / 0\n")
    with pytest.raises(UserError, match="'odd' fails on every text: ZeroDivisionError"):
        folder.label(["free", "thanks", "prize"], TASK + "  - {function: 'odd.py:odd', vote: ham}\n", rows=1)
    assert not folder.out.exists() and folder.left == []


def test_a_column_may_be_missing_in_a_piece_but_not_in_all(folder: Folder) -> None:
    source = TASK + "  - {name: short, field: tag, equals: [x], vote: ham}\n"
    data = folder.write("texts.jsonl", '{"text": "a"}\n{"text": "b"}\n{"text": "c", "tag": "x"}\n')
    folder.label(data, source, rows=1)
    assert [row["votes"] for row in folder.rows] == [{}, {}, {"short": "ham"}]
    with pytest.raises(UserError, match="reads the column 'tag', which is not there"):
        folder.label(["a", "b"], source, rows=1)


def test_many_texts_are_represented_by_some(folder: Folder) -> None:
    texts = random_texts(400)
    folder.label(texts, rows=30)
    exact = folder.rows
    folder.label(texts, rows=30, fitted=100)
    drawn = folder.rows
    assert [row["votes"] for row in drawn] == [row["votes"] for row in exact]
    assert drawn != exact, "the label model saw fewer texts"
    pairs = zip(drawn, exact, strict=True)
    assert max(abs(a["probability"] - b["probability"]) for a, b in pairs if b["label"]) < 0.15
    folder.label(texts, rows=17, fitted=100)
    assert folder.rows == drawn, "which texts are drawn does not depend on the pieces"


@pytest.mark.parametrize(("total", "most"), [(10, 10), (11, 10), (1000, 10), (10_000_000, 1000)])
def test_texts_are_drawn_from_everywhere(total: int, most: int) -> None:
    rows = _drawn(total, most, 0)
    assert most * 0.6 <= len(rows) <= most and len(np.unique(rows)) == len(rows)
    assert rows.min() >= 0 and rows.max() < total
    assert np.diff(rows).max(initial=0) <= 2 * total / most + 1


# -- several processes


@pytest.fixture(scope="module")
def engine() -> Iterator[LocalEngine]:
    with LocalEngine(2, patience=-1) as engine:
        yield engine


def write_formats(folder: Folder, texts: list[str]) -> dict[str, Path]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    jsonl = folder.texts(texts)
    compressed = folder.path / "texts.jsonl.gz"
    compressed.write_bytes(gzip.compress(jsonl.read_bytes()))
    parquet = folder.path / "texts.parquet"
    pq.write_table(pa.table({"text": texts}), parquet)
    return {
        "jsonl": jsonl,
        "gz": compressed,
        "parquet": parquet,
        "csv": folder.write("texts.csv", "text,n\n" + "".join(f'"{text}",{n}\n' for n, text in enumerate(texts))),
        "json": folder.write("texts.json", json.dumps([{"text": text} for text in texts])),
        "txt": folder.write("texts.txt", "\n\n".join(texts)),
    }


def test_processes_and_formats_make_no_difference(folder: Folder, engine: LocalEngine) -> None:
    folder.write("odd.py", "def odd(example):\n    return 1 / (example.id != '7') > 2\n")
    source = TASK + "  - {function: 'odd.py:odd', vote: ham}\n"
    sources = write_formats(folder, random_texts(60))
    folder.label(sources["jsonl"], source, rows=7)
    expected = folder.out.read_bytes()
    assert b'"faults": ["odd"]' in expected
    for data in sources.values():
        done = folder.label(data, source, rows=7, map=engine.map)
        assert folder.out.read_bytes() == expected, data
        assert (done.texts, [fault.count for fault in done.faults]) == (60, [1])


def test_a_row_of_a_million_characters(folder: Folder, engine: LocalEngine) -> None:
    texts = ["free " + "x" * 1_000_000, "y" * 1_000_000, "thanks"] * 3
    folder.label(texts, map=engine.map)
    assert [row["label"] for row in folder.rows] == ["spam", None, "ham"] * 3


def test_bad_rows_of_all_pieces_are_told_together(folder: Folder, engine: LocalEngine) -> None:
    lines = [json.dumps({"text": "free", "key": n % 30}) for n in range(31)]
    lines[3], lines[11], lines[20] = '{"text": 1}', "oops", '{"text": " "}'
    data = folder.write("texts.jsonl", "\n".join(lines))
    source = TASK.replace("{train: train.csv}", "{train: train.jsonl, columns: {id: key}}")
    folder.write("train.jsonl", '{"text": "free", "label": "spam", "key": "g"}\n')
    for options in ({}, {"map": engine.map}):
        folder.out.write_text("old", encoding="utf-8")
        with pytest.raises(UserError) as caught:
            folder.label(data, source, rows=4, **options)
        told = [str(problem).removeprefix(f"{data}:") for problem in caught.value.problems]
        assert told == [
            "4: column 'text' holds int, not text",
            "12: not valid JSON: Expecting value",
            "21: the text in column 'text' is blank",
            "31: the id '0' stands twice",
        ]
        assert folder.out.read_text(encoding="utf-8") == "old" and folder.left == []


def test_after_so_many_bad_rows_reading_stops(folder: Folder) -> None:
    data = folder.write("texts.jsonl", "oops\n" * 3000)
    with pytest.raises(UserError) as caught:
        folder.label(data, rows=300)
    assert len(caught.value.problems) == 1001
    assert str(caught.value.problems[0]) == f"{data}:1000: reading stopped after 1000 bad rows"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", "", "a.jsonl: there are no rows; one row for each text"),
        ("a.csv", "text\n", "a.csv: there are no rows; one row for each text"),
        (
            "a.csv",
            "txt\nfree\n",
            "a.csv:2: no column 'text'; did you mean 'txt'? Or set data.columns.text in the task file",
        ),
        ("a.xyz", "free\n", "cannot tell the format of 'a.xyz'"),
    ],
)
def test_data_that_does_not_do(folder: Folder, name: str, content: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        folder.label(folder.write(name, content))
    assert message in str(caught.value)
    assert not folder.out.exists() and folder.left == []


def test_outputs_that_do_not_do(folder: Folder) -> None:
    data = folder.texts(["free"])
    spec = folder.task()
    with pytest.raises(UserError, match="would replace the input"):
        label_file(spec, str(data), folder.path / "." / "texts.jsonl")
    with pytest.raises(UserError, match="is a folder"):
        label_file(spec, str(data), folder.path)
    with pytest.raises(UserError, match="no rules to label with"):
        folder.label(data, TASK.partition("rules:")[0])


def test_odd_ids_are_written_as_they_are(folder: Folder) -> None:
    source = TASK.replace("{train: train.csv}", "{train: train.jsonl, columns: {id: key}}")
    folder.write("train.jsonl", '{"text": "free", "label": "spam", "key": "g"}\n')
    ids = ["", "很好 😀", "a\nb", None, 7, '"']
    data = folder.write("texts.jsonl", "".join(json.dumps({"text": "free", "key": key}) + "\n" for key in ids))
    folder.label(data, source)
    assert [row["id"] for row in folder.rows] == ["1", "很好 😀", "a\nb", "4", "7", '"']


def test_progress_reaches_the_end(folder: Folder) -> None:
    for name in ("jsonl", "json", "parquet"):
        events: list[Event] = []
        folder.label(write_formats(folder, random_texts(20))[name], rows=3, listener=events.append)
        for work in ("applying rules", "writing labels"):
            steps = [event for event in events if event.name == work]
            assert (steps[-1].done, steps[-1].total) == (20, 20)
            assert [event.done for event in steps] == sorted(event.done for event in steps)
            assert all(event.done <= event.total for event in steps)


# -- interruptions


Stop = Callable[..., None]


@pytest.fixture
def interrupt(monkeypatch: pytest.MonkeyPatch) -> Stop:
    """Make the work fail at a piece, once."""

    def arrange(error: BaseException, *, piece: int) -> None:
        work = ApplyRules.__call__
        left = [error]

        def stopping(self: ApplyRules, job: Any) -> Any:
            if job.number == piece and left:
                raise left.pop()
            return work(self, job)

        monkeypatch.setattr(ApplyRules, "__call__", stopping)

    return arrange


def test_an_interrupted_run_is_gone_on_with(folder: Folder, interrupt: Stop, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = random_texts(40)
    folder.label(texts, rows=5)
    expected = folder.out.read_bytes()
    interrupt(KeyboardInterrupt(), piece=5)
    with pytest.raises(KeyboardInterrupt):
        folder.label(texts, rows=5)
    assert folder.out.read_bytes() == expected and folder.left == [".weak.jsonl.partial"]
    with pytest.raises(UserError, match=r"unfinished run of .*; go on with --resume, or begin anew with --overwrite"):
        folder.label(texts, rows=5)
    applied: list[int] = []
    apply = RuleSet.apply

    def counting(self: RuleSet, examples: Any, **options: Any) -> Any:
        applied.append(len(examples))
        return apply(self, examples, **options)

    monkeypatch.setattr(RuleSet, "apply", counting)
    folder.label(texts, rows=5, resume=True)
    assert folder.out.read_bytes() == expected and folder.left == []
    assert applied == [2, 5, 5, 5], "the gold texts, and the three pieces that were missing"


def test_a_run_is_not_gone_on_with_over_something_else(folder: Folder, interrupt: Stop) -> None:
    texts = random_texts(40)
    folder.write("odd.py", "def odd(text):\n    return False\n")
    source = TASK + "  - {function: 'odd.py:odd', vote: ham}\n"
    interrupt(KeyboardInterrupt(), piece=5)
    with pytest.raises(KeyboardInterrupt):
        folder.label(texts, source, rows=5)

    def refused(*what: Any, **options: Any) -> str:
        with pytest.raises(UserError) as caught:
            folder.label(*what, rows=5, resume=True, **options)
        assert "undo the change, or begin anew with --overwrite" in str(caught.value)
        return str(caught.value)

    assert "begun with another data" in refused([*texts, "more"], source)
    assert "begun with another task file" in refused(texts, source + "seed: 7\n")
    folder.write("odd.py", "def odd(text):\n    return True\n")
    assert "begun with another rules" in refused(texts, source)
    folder.write("odd.py", "def odd(text):\n    return False\n")
    assert folder.left == [".weak.jsonl.partial"], "what is done is kept"
    folder.label(texts, source, rows=5, resume=True)
    assert len(folder.rows) == 40


def test_a_change_in_the_middle_is_noticed(folder: Folder, interrupt: Stop, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [f"free {'x' * 5000} {n:03}" for n in range(40)]
    interrupt(KeyboardInterrupt(), piece=7)
    with pytest.raises(KeyboardInterrupt):
        folder.label(texts, rows=5)
    changed = [text.replace("030", "031") for text in texts]
    with pytest.raises(UserError, match=r"texts\.jsonl:31: the data changed since the unfinished run began"):
        folder.label(changed, rows=5, resume=True)
    folder.label(texts, rows=5, resume=True)
    assert len(folder.rows) == 40


def test_to_begin_anew(folder: Folder, interrupt: Stop) -> None:
    interrupt(KeyboardInterrupt(), piece=1)
    with pytest.raises(KeyboardInterrupt):
        folder.label(random_texts(40), rows=5)
    folder.label(["free", "thanks"], overwrite=True)
    assert [row["label"] for row in folder.rows] == ["spam", "ham"] and folder.left == []


def test_a_full_disk_loses_nothing(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = random_texts(40)
    folder.label(texts, rows=5)
    expected = folder.out.read_bytes()
    sync = os.fsync
    for count in (0, 1, 4, 9, 11):
        left = [count]

        def full(descriptor: int, left: list[int] = left) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise OSError(errno.ENOSPC, "No space left on device")
            sync(descriptor)

        with monkeypatch.context() as patched, pytest.raises(RuletuneError, match="No space left on device"):
            patched.setattr(os, "fsync", full)
            folder.label(texts, rows=5, overwrite=True)
        assert folder.out.read_bytes() == expected
        folder.label(texts, rows=5, resume=True)
        assert folder.out.read_bytes() == expected and folder.left == []


def test_files_of_rules_that_change_meanwhile(folder: Folder, engine: LocalEngine) -> None:
    folder.write("odd.py", "def odd(text):\n    return True\n")
    spec = folder.task(TASK + "  - {function: 'odd.py:odd', vote: ham}\n")
    digests = iter(["a" * 64])
    data = folder.texts(["free", "thanks"])
    with pytest.MonkeyPatch.context() as patched, pytest.raises(UserError, match="changed while they were applied"):
        patched.setattr("ruletune.labeling.stream.rules_digest", lambda spec: next(digests))
        label_file(spec, str(data), folder.out, map=engine.map, rows=1)


# -- memory


def peak(folder: Folder, texts: int) -> int:
    """Peak memory of a process that labels so many texts, in kB."""
    data = folder.write(f"{texts}.txt", "".join(f"free lunch {n} of many words\n" for n in range(texts)))
    program = (
        "import resource, sys\nfrom pathlib import Path\n"
        "from ruletune.config import load_task\nfrom ruletune.labeling.stream import label_file\n"
        f"label_file(load_task({str(folder.path / 'task.yaml')!r}), {str(data)!r}, Path({str(folder.out)!r}), "
        "rows=2000, fitted=2000)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, encoding="utf-8")
    return int(done.stdout)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no getrusage")
def test_memory_does_not_grow_with_the_texts(folder: Folder) -> None:
    folder.task()
    few, many = peak(folder, 10_000), peak(folder, 100_000)
    assert many < few * 1.05 + 2000
