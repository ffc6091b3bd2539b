"""The command that serves the workbench, as far as it goes without serving."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from ruletune.cli import app, workbench
from ruletune.errors import UserError
from ruletune.serve.tokens import TOKEN_VARIABLE
from ruletune.serve.workbench import GUARDS


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "example.org"])
def test_other_hosts_need_a_token(host: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    result = CliRunner().invoke(app, ["workbench", str(tmp_path / "task.yaml"), "--host", host])
    assert isinstance(result.exception, UserError)
    assert "there is no token" in str(result.exception) and "--token-file" in str(result.exception)


def test_a_token_lets_other_hosts_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, "t" * 20)
    guards = workbench._guards("0.0.0.0", None, [])
    assert (guards.token, guards.hosts, guards.header) == ("t" * 20, ("*",), GUARDS.header)
    assert workbench._guards("0.0.0.0", None, ["bench.example.org"]).hosts == ("bench.example.org",)
    monkeypatch.delenv(TOKEN_VARIABLE)
    assert workbench._guards("127.0.0.1", None, []) == GUARDS


def test_a_task_file_must_be_there(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["workbench", str(tmp_path / "none.yaml"), "--no-browser"])
    assert isinstance(result.exception, UserError)
    assert "cannot read the task file" in str(result.exception)


def test_no_browser_is_opened_where_there_is_no_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbench.sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    assert not workbench._has_window()
    monkeypatch.setenv("DISPLAY", ":0")
    assert workbench._has_window()
