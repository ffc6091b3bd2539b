"""Files appear whole or not at all, and what was there stays until then."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ruletune.data.readers import fingerprint, read_all, write_jsonl
from ruletune.data.writing import write_lines
from ruletune.errors import RuletuneError, UserError
from ruletune.types import Example, Label

Complaints = Callable[..., list[str]]


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_what_is_written_can_be_read(tmp_path: Path) -> None:
    texts = ["plain", "好 😀", 'a "quote"\n\ttab', "a\u2028\x85b"]
    write_jsonl(tmp_path / "out.jsonl", ({"text": text, "n": n} for n, text in enumerate(texts)))
    examples = read_all("out.jsonl", folder=tmp_path)
    assert [example.text for example in examples] == texts
    assert "好 😀" in (tmp_path / "out.jsonl").read_text(encoding="utf-8")
    assert names(tmp_path) == ["out.jsonl"]


def test_an_old_file_is_replaced(tmp_path: Path) -> None:
    for text in ("old", "new"):
        write_jsonl(tmp_path / "out.jsonl", [{"text": text}])
    assert json.loads((tmp_path / "out.jsonl").read_text(encoding="utf-8")) == {"text": "new"}


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_disk_that_fails_leaves_the_old_file_and_nothing_else(
    failing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "out.jsonl"
    path.write_text("old\n", encoding="utf-8")

    def fail(*args: object, **options: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os if failing == "fsync" else Path, failing, fail)
    with pytest.raises(RuletuneError, match=r"out\.jsonl: cannot write: No space left on device") as caught:
        write_jsonl(path, [{"text": "new"}])
    assert caught.value.exit_code == 1
    assert path.read_text(encoding="utf-8") == "old\n"
    assert names(tmp_path) == ["out.jsonl"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_values_that_break_off_leave_the_old_file(error: type[BaseException], tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.write_text("old\n", encoding="utf-8")

    def lines() -> Iterator[str]:
        yield "new\n" * 10_000
        raise error

    with pytest.raises(error):
        write_lines(path, lines())
    assert path.read_text(encoding="utf-8") == "old\n"
    assert names(tmp_path) == ["out.jsonl"]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1}, object()])
def test_what_json_cannot_say_is_not_written(value: object, tmp_path: Path) -> None:
    with pytest.raises((ValueError, TypeError)):
        write_jsonl(tmp_path / "out.jsonl", [{"fine": 1}, {"value": value}])
    assert names(tmp_path) == []


def test_a_folder_that_is_not_there(tmp_path: Path, complaints: Complaints) -> None:
    [complaint] = complaints(write_jsonl, tmp_path / "no" / "out.jsonl", [{"a": 1}])
    assert complaint.startswith("no/out.jsonl: cannot write")


def test_a_name_that_no_file_can_have(tmp_path: Path, complaints: Complaints) -> None:
    [complaint] = complaints(write_jsonl, tmp_path / ("x" * 300 + ".jsonl"), [{"a": 1}])
    assert complaint.endswith(": cannot write: File name too long")


def test_a_folder_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "out.jsonl").mkdir()
    with pytest.raises(UserError, match="cannot write"):
        write_jsonl(tmp_path / "out.jsonl", [{"a": 1}])
    assert names(tmp_path) == ["out.jsonl"]


def test_a_link_still_leads_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "real.jsonl").write_text("old\n", encoding="utf-8")
    (tmp_path / "out.jsonl").symlink_to(tmp_path / "there" / "real.jsonl")
    write_jsonl(tmp_path / "out.jsonl", [{"a": 1}])
    assert (tmp_path / "out.jsonl").is_symlink()
    assert (tmp_path / "there" / "real.jsonl").read_text(encoding="utf-8") == '{"a": 1}\n'


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    """As with ``--out /dev/stdout``."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_jsonl(path, [{"a": 1}])
        assert os.read(reader, 100) == b'{"a": 1}\n'
    finally:
        os.close(reader)
    assert path.is_fifo() and names(tmp_path) == ["pipe"]


@pytest.mark.skipif(not Path("/dev/fd").is_dir(), reason="this system has no /dev/fd")
@pytest.mark.parametrize("name", ["/dev/fd/{}", "/proc/self/fd/{}"])
def test_an_open_stream_goes_on_where_it_is(name: str, tmp_path: Path) -> None:
    """As with ``--out /dev/stdout >> out.jsonl``: what stands in the file stays, and so does the file."""
    path = tmp_path / "out.jsonl"
    with path.open("w", encoding="utf-8") as file:
        file.write("before\n")
        file.flush()
        write_jsonl(name.format(file.fileno()), [{"a": 1}])
        file.write("after\n")
    assert path.read_text(encoding="utf-8") == 'before\n{"a": 1}\nafter\n'
    assert names(tmp_path) == ["out.jsonl"]


@pytest.mark.skipif(not Path("/dev/stdout").exists(), reason="this system has no /dev/stdout")
def test_the_standard_output(capfd: pytest.CaptureFixture[str]) -> None:
    write_jsonl("/dev/stdout", [{"a": 1}])
    assert capfd.readouterr().out == '{"a": 1}\n'
    assert Path("/dev/stdout").exists()


def test_a_stream_that_is_not_open(complaints: Complaints) -> None:
    assert complaints(write_jsonl, "/dev/fd/987654", [{"a": 1}]) == [
        "/dev/fd/987654: cannot write: Bad file descriptor"
    ]


def test_links_that_lead_nowhere_and_in_circles(tmp_path: Path) -> None:
    (tmp_path / "out.jsonl").symlink_to(tmp_path / "new.jsonl")
    write_jsonl(tmp_path / "out.jsonl", [{"a": 1}])
    assert (tmp_path / "new.jsonl").is_file() and (tmp_path / "out.jsonl").is_symlink()
    (tmp_path / "one").symlink_to(tmp_path / "two")
    (tmp_path / "two").symlink_to(tmp_path / "one")
    write_jsonl(tmp_path / "one", [{"a": 1}])
    assert names(tmp_path) == ["new.jsonl", "one", "out.jsonl", "two"]


EXAMPLES = st.lists(
    st.builds(
        Example,
        st.text(max_size=3),
        st.text(max_size=5),
        st.none() | st.text(max_size=5),
        st.none() | st.sets(st.sampled_from("abc")).map(lambda names: Label.of(*names)),
    ),
    max_size=3,
)


@given(EXAMPLES, EXAMPLES)
def test_fingerprints_are_equal_exactly_where_the_data_is(one: list[Example], other: list[Example]) -> None:
    assert (fingerprint(one) == fingerprint(other)) == (one == other)
    assert len(fingerprint(one)) == 64
