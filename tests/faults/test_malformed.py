"""Ten thousand bad rows: each is reported by its line, all together, and none stops the program in another way."""

from __future__ import annotations

import json
import os
import socket
from collections import Counter
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ruletune.bad_rows import BadRows
from ruletune.cli import app
from ruletune.data.pieces import pieces, read_piece
from ruletune.data.readers import Columns, Labels, read_all
from ruletune.errors import Problem, UserError
from tests.faults.fuzz_data import ANSWERS
from tests.faults.fuzzing import check_message
from tests.faults.malformed import FILES, KINDS, bomb, files, sheets


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("malformed")


def test_every_bad_row_is_reported_by_its_line(folder: Path) -> None:
    """10,000 of them, over all tasks and the formats of rows; the good rows between them are read where bad ones may be left out."""
    assert len({kind.name for kind in KINDS}) > 100
    assert {kind.task for kind in KINDS} == set(ANSWERS)
    count = 0
    for sheet in sheets(folder, rows=10_000):
        with pytest.raises(UserError) as caught:
            read_all(str(sheet.path), sheet.columns, labels=sheet.answers)
        error = caught.value
        check_message(error)
        lines = [problem.where.line for problem in error.problems if problem.where]
        assert set(lines) == set(sheet.bad), _difference(sheet.bad, lines)
        assert len(lines) == len(set(lines)) and error.exit_code == 2
        assert str(error).count("\n") <= 20 and str(error).endswith(f"... and {len(lines) - 20} more")
        bad_rows = BadRows()
        kept = read_all(str(sheet.path), sheet.columns, labels=sheet.answers, on_bad=bad_rows.of("x"))
        assert len(kept) == sheet.good and bad_rows.count == len(sheet.bad)
        assert len(bad_rows.to_json()["sources"]["x"]["reasons"]) <= 51  # type: ignore[index]
        count += len(lines)
    assert count >= 10_000


def _difference(bad: dict[int, str], lines: list[int | None]) -> Counter[str]:
    return Counter(
        [f"missed: {bad[n]}" for n in set(bad) - set(lines)] + [f"no bad row: {n}" for n in set(lines) - set(bad)]
    )  # type: ignore[list-item]


def test_pieces_report_the_same_rows(folder: Path) -> None:
    for sheet in sheets(folder, rows=500, seed=1):
        if sheet.task not in ("classification", "no answers") or sheet.path.suffix == ".conll":
            continue
        whole: list[Problem] = []
        columns = Columns(label=None)
        kept = read_all(str(sheet.path), columns, on_bad=whole.append)
        found = [
            read_piece(piece, columns) for piece in pieces(str(sheet.path), columns, folder=Path(), count=50, size=5000)
        ]
        assert [example.text for one in found for example in one.examples] == [example.text for example in kept]
        assert [str(problem) for one in found for problem in one.problems] == [str(problem) for problem in whole]


def test_whole_files_that_are_wrong(folder: Path) -> None:
    """Archives, pickles, bombs, other encodings, damaged Parquet, in place of data of every format: a sentence for each."""
    (folder / "short.out").write_bytes(b"O O\n")
    (folder / "wrong.out").write_bytes(b"O\nO\n")
    labels = Labels(("spam", "ham"))
    for path in files(folder):
        with pytest.raises(UserError) as caught:
            read_all(str(path), labels=labels)
        check_message(caught.value)
        if path.name.startswith("bomb"):
            continue
        for task in ("ner", "qa", "dialogue", "relation"):  # of another task some are right
            try:
                read_all(str(path), labels=ANSWERS[task])
            except UserError as error:
                check_message(error)
    assert len(FILES) > 60


def test_a_bomb_of_lines_is_given_up(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl.gz"
    path.write_bytes(bomb(40, line=b'{"text": "' + b"a" * 1000 + b'"}\n'))
    assert path.stat().st_size < 150_000
    for read in (lambda: read_all(str(path)), lambda: _through(path)):
        with pytest.raises(UserError, match="more than 200 times its size"):
            read()


def _through(path: Path) -> None:
    for _ in pieces(str(path), Columns(), folder=Path(), count=100_000, size=1 << 22):
        pass


def test_what_is_no_file(tmp_path: Path) -> None:
    """Pipes and devices would be waited for, or read without end."""
    os.mkfifo(tmp_path / "pipe.jsonl")
    (tmp_path / "zero.jsonl").symlink_to("/dev/zero")
    (tmp_path / "loop.jsonl").symlink_to(tmp_path / "loop.jsonl")
    (tmp_path / "gone.jsonl").symlink_to(tmp_path / "nothing")
    (tmp_path / "folder.jsonl").mkdir()
    with socket.socket(socket.AF_UNIX) as listening:
        os.chdir(tmp_path)  # the name of a socket may not be long
        listening.bind("socket.jsonl")
        expected = {
            "pipe.jsonl": "this is a pipe, not a file",
            "zero.jsonl": "this is a device, not a file",
            "socket.jsonl": "this is a socket, not a file",
            "loop.jsonl": "no data at",
            "gone.jsonl": "no data at",
            "folder.jsonl": "cannot load the dataset",
            "x" * 5000 + ".jsonl": "no data at",
            "a\0b.jsonl": "no data at",
        }
        for name, message in expected.items():
            with pytest.raises(UserError, match=message) as caught:
                read_all(name)
            check_message(caught.value)


def test_a_line_of_ten_megabytes(tmp_path: Path) -> None:
    """It may be a text; and it may be wrong, and is then not repeated in the message."""
    path = tmp_path / "long.jsonl"
    long = "中" * 3_500_000
    path.write_text(
        json.dumps({"text": long}, ensure_ascii=False) + "\n" + json.dumps({"text": "a", "label": long}) + "\n",
        encoding="utf-8",
    )
    with pytest.raises(UserError) as caught:
        read_all(str(path), labels=Labels(("spam", "ham")))
    [problem] = caught.value.problems
    assert problem.where and problem.where.line == 2
    check_message(caught.value)


@pytest.mark.parametrize("command", ["label", "rules", "export"])
def test_commands_end_with_exit_code_2(command: str, folder: Path, tmp_path: Path) -> None:
    """Exit code 2 and the places on stderr, whatever reads the rows."""
    task = tmp_path / "task.yaml"
    task.write_text(
        "task: classification\nlabels: [spam, ham]\ndata: {train: good.jsonl}\nrules:\n  - {keywords: [free], vote: spam}\n"
    )
    (tmp_path / "good.jsonl").write_text('{"text": "free", "label": "spam"}\n{"text": "hi", "label": "ham"}\n')
    out = tmp_path / ("out.npz" if command == "export" else "out.jsonl")
    arguments = {
        "label": ["label", str(task), "{}", "-o", str(out), "--jobs", "1"],
        "rules": ["rules", str(task), "--data", "{}"],
        "export": ["rules", "export", str(task), "{}", "-o", str(out)],
    }[command]
    suffix = {"label": ".jsonl", "rules": ".csv", "export": ".tsv"}[command]
    for sheet in sheets(folder, rows=400, seed=2):
        if (sheet.task, sheet.path.suffix) != ("classification", suffix):
            continue
        result = CliRunner().invoke(app, [argument.format(sheet.path) for argument in arguments])
        assert isinstance(result.exception, UserError) and result.exception.exit_code == 2
        assert not out.exists()
        listed = tmp_path / "bad.jsonl"
        said = CliRunner().invoke(
            app, [*(a.format(sheet.path) for a in arguments), "--skip-bad", "--bad-rows", str(listed), "--json"]
        )
        assert said.exit_code == 0, said.output
        rows = [json.loads(line) for line in listed.read_text(encoding="utf-8").splitlines()]
        assert {"file", "line", "reason", "message", "remedy"} == set(rows[0])
        known = {row["line"] for row in rows if Path(row["file"]).name == sheet.path.name}
        assert known <= set(sheet.bad) and (command == "label" or known == set(sheet.bad))
        assert json.loads(said.stdout)["bad_rows"]["count"] == len(rows)
        assert "bad rows of" in said.stderr
