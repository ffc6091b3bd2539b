"""Weak labels of entities and answers, piece by piece: the same as all at once, and gone on with after an interruption."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ruletune.config import TaskSpec, load_task, skipping_bad_rows
from ruletune.data.pieces import pieces
from ruletune.errors import Location, UserError
from ruletune.labeling.corpus import columns_of, texts_of
from ruletune.labeling.piecework import ApplyRules, Job, rules_digest, rules_of
from ruletune.labeling.span_apply import SpanRules
from ruletune.labeling.stream import label_file
from tests.engine import tasks

KINDS = ("entities", "answers")


class Folder:
    """A task with texts to label."""

    def __init__(self, path: Path, kind: str) -> None:
        self.path = path
        self.spec: TaskSpec = load_task(tasks.write(path, kind))
        self.data = tasks.write_rows(path / "texts.jsonl", tasks.texts(kind, 40))

    def label(self, out: str = "weak.jsonl", **options: Any) -> bytes:
        label_file(self.spec, str(self.data), self.path / out, **options)
        return (self.path / out).read_bytes()

    @property
    def hidden(self) -> list[str]:
        return sorted(path.name for path in self.path.glob(".*.partial"))


@pytest.fixture(params=KINDS)
def folder(tmp_path: Path, request: pytest.FixtureRequest) -> Folder:
    return Folder(tmp_path, request.param)


def rows(written: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in written.decode().splitlines()]


def test_pieces_make_no_difference(folder: Folder) -> None:
    whole = folder.label()
    assert folder.label(rows=3) == whole
    assert [row["id"] for row in rows(whole)] == [str(n) for n in range(1, 41)]
    assert any(row["label"] for row in rows(whole)) and any(row["votes"] for row in rows(whole))


def test_a_folder_of_files_is_labelled_into_one(folder: Folder) -> None:
    lines = folder.data.read_text(encoding="utf-8").splitlines(keepends=True)
    (folder.path / "in").mkdir()
    for name, part in {"a.jsonl": lines[:17], "b.jsonl": lines[17:]}.items():
        (folder.path / "in" / name).write_text("".join(part), encoding="utf-8")
    label_file(folder.spec, str(folder.path / "in"), f"{folder.path}/out/", rows=3)
    parts = [(folder.path / "out" / name).read_bytes() for name in ("a.jsonl", "b.jsonl")]
    assert [len(rows(part)) for part in parts] == [17, 23]
    assert [row["label"] for row in rows(b"".join(parts))] == [row["label"] for row in rows(folder.label())]


@pytest.mark.parametrize("done", [1, 5, 13])
def test_what_was_done_is_not_done_again(folder: Folder, done: int, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = folder.label("whole.jsonl", rows=3)

    def cut_off(fn: Any, items: Iterable[Any]) -> Iterator[Any]:
        for number, item in enumerate(items):
            if number == done:
                raise KeyboardInterrupt
            yield fn(item)

    with pytest.raises(KeyboardInterrupt):
        folder.label(rows=3, map=cut_off)
    assert not (folder.path / "weak.jsonl").exists() and folder.hidden == [".weak.jsonl.partial"]
    with pytest.raises(UserError, match="--resume"):
        folder.label(rows=3)
    applied: list[int] = []
    apply = SpanRules.apply

    def counting(self: SpanRules, examples: Any, **options: Any) -> Any:
        applied.append(len(examples))
        return apply(self, examples, **options)

    monkeypatch.setattr(SpanRules, "apply", counting)
    assert folder.label(rows=3, resume=True) == whole and not folder.hidden
    # The gold text, and of fourteen pieces those that were missing: the first was done before the others.
    assert len(applied) == 1 + 13 - done


def test_of_many_texts_the_label_model_sees_some(folder: Folder) -> None:
    every = rows(folder.label())
    drawn = rows(folder.label(fitted=10))
    assert [row["votes"] for row in drawn] == [row["votes"] for row in every]
    assert folder.label(fitted=10, rows=3) == folder.label(fitted=10), (
        "which texts are drawn does not depend on the pieces"
    )
    likely = [(one["probability"], other["probability"]) for one, other in zip(drawn, every, strict=True)]
    assert max(abs(one - other) for one, other in likely if one is not None and other is not None) < 0.2


def test_bad_rows_are_told_with_their_lines_or_left_out(folder: Folder) -> None:
    lines = [json.loads(line) for line in folder.data.read_text(encoding="utf-8").splitlines()]
    for number, line in enumerate(lines):
        line["id"] = f"n{number % 39}"
    text = next(name for name in ("text", "context") if name in lines[0])
    lines[20][text] = 7
    tasks.write_rows(folder.data, lines)
    source = folder.spec.source.replace("train.jsonl}", "train.jsonl, columns: {id: id}}")
    tasks.write_rows(
        folder.path / "train.jsonl", [{**row, "id": "g"} for row in rows((folder.path / "train.jsonl").read_bytes())]
    )
    (folder.path / "task.yaml").write_text(source, encoding="utf-8")
    folder.spec = load_task(folder.path / "task.yaml")
    with pytest.raises(UserError) as caught:
        folder.label(rows=3)
    assert [p.where and p.where.line for p in caught.value.problems] == [21, 40]
    assert not folder.hidden and not (folder.path / "weak.jsonl").exists()
    folder.spec = skipping_bad_rows(folder.spec)
    assert [row["id"] for row in rows(folder.label(rows=3))] == [f"n{n}" for n in range(39) if n != 20]


def test_a_text_that_two_processes_died_over_is_told(folder: Folder) -> None:
    spec, source = folder.spec, str(folder.data)
    columns = columns_of(spec, source)
    [piece] = pieces(source, columns, folder=Path(), count=100, size=1 << 20, answers=texts_of(spec))
    work = ApplyRules(spec, rules_of(spec), digest=rules_digest(spec), columns=columns, folder=folder.path)
    left = {"piece": piece.fingerprint(), "deadly": [], "suspect": 4, "at": 4}
    (folder.path / "000000000.journal").write_text(json.dumps(left), encoding="utf-8")
    [problem] = work(Job(0, piece)).problems
    assert problem.where == Location(source, 4) and "text '4' dies" in problem.message


def test_a_column_that_no_row_has_is_a_mistake_in_the_rule(tmp_path: Path) -> None:
    folder = Folder(tmp_path, "entities")
    source = folder.spec.source + "  - {name: field, regex: Bo, unless: [{field: kind, equals: x}], vote: ORG}\n"
    (tmp_path / "task.yaml").write_text(source, encoding="utf-8")
    folder.spec = load_task(tmp_path / "task.yaml")
    with pytest.raises(UserError, match="reads the column 'kind', which is not there"):
        folder.label(rows=3)
    assert not folder.hidden


def test_no_texts_are_no_rows(folder: Folder) -> None:
    folder.data.write_text("", encoding="utf-8")
    with pytest.raises(UserError, match="there are no rows"):
        folder.label()
