"""The workbench over HTTP: edits, conflicts, guards, pages, news."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from starlette.testclient import TestClient

from ruletune.serve.events import Hub
from ruletune.serve.listening import listen
from ruletune.serve.workbench import GUARDS, Desk, create_app, guarded
from ruletune.workbench.live import Live
from ruletune.workbench.project import Project
from tests.workbench.conftest import TASK, rows

SEND = {"x-ruletune": "1"}
NEW = "# why\nregex: 'call (now|me)'\nvote: spam"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    data: list[dict[str, Any]] = [{"text": text} for text in ("a prize", "hello", "你好 😀", "WIN")]
    data[3]["label"] = "spam"
    (tmp_path / "train.jsonl").write_text(rows(*data), encoding="utf-8")
    (tmp_path / "rules.py").write_text("def shouts(text):\n    return text.isupper()\n", encoding="utf-8")
    (tmp_path / "task.yaml").write_text(TASK, encoding="utf-8")
    return tmp_path / "task.yaml"


@pytest.fixture
def static(tmp_path: Path) -> Path:
    folder = tmp_path / "page"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>page</title>", encoding="utf-8")
    (folder / "assets" / "index-abc.js").write_text("1", encoding="utf-8")
    (folder / "assets" / "index-abc.css").write_text("a{}", encoding="utf-8")
    return folder


@pytest.fixture
def app(path: Path, static: Path) -> FastAPI:
    project = Project(path)
    return create_app(project, Live(project), static=static)  # not started: nothing is embedded behind


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(guarded(app), base_url="http://localhost", headers=SEND) as client:
        yield client


def state(client: TestClient) -> dict[str, Any]:
    answer = client.get("/api/state")
    assert answer.status_code == 200
    return dict(answer.json())


def hashes(client: TestClient) -> list[str]:
    return [rule["hash"] for rule in state(client)["rules"]]


def test_the_state_is_what_the_page_needs(client: TestClient, path: Path) -> None:
    found = state(client)
    assert set(found) == {
        "revision", "task", "rules", "problems", "undo", "redo", "labels_file", "counts", "training", "ready", "report",
    }  # fmt: skip
    assert found["task"] == {
        "kind": "classification", "name": "", "description": "", "path": str(path), "readout": "label", "shape": "label",
        "labels": [{"name": "ham", "description": ""}, {"name": "spam", "description": ""}], "multi_label": False, "negative": None,
    }  # fmt: skip
    rule = found["rules"][0]
    assert {
        "position",
        "hash",
        "name",
        "kind",
        "says",
        "labels",
        "muted",
        "line",
        "written",
        "entry",
        "locked",
        "rules",
        "tests",
    } <= set(rule)
    assert rule["tests"][2] == {"text": "my prize", "expect": "ham", "ok": False, "got": "votes for 'spam'", "line": 11}
    assert found["rules"][2]["locked"] == "it runs Python code: change it in the file"
    assert found["labels_file"].endswith("task.labels.jsonl") and found["training"]["state"] == "idle"


def test_rules_are_edited_and_the_answer_is_what_is_on_disk(client: TestClient, path: Path) -> None:
    added = client.post("/api/rules", json={"written": NEW})
    assert added.status_code == 200 and added.json()["rules"][3]["written"] == NEW
    assert "call (now|me)" in path.read_text("utf-8")
    entry = {"name": "first", "regex": "x", "vote": "ham"}
    assert client.post("/api/rules", json={"entry": entry, "position": 0}).json()["rules"][0]["entry"] == entry
    changed = client.put("/api/rules/0", json={"hash": hashes(client)[0], "entry": {**entry, "regex": "y"}})
    assert changed.json()["rules"][0]["entry"]["regex"] == "y"
    assert client.patch("/api/rules/0", json={"hash": hashes(client)[0], "muted": True}).json()["rules"][0]["muted"]
    moved = client.patch("/api/rules/0", json={"hash": hashes(client)[0], "to": 4}).json()
    assert [rule["name"] for rule in moved["rules"]] == ["prize", "greets", "code", "regex_4", "first"]
    left = client.request("DELETE", "/api/rules/4", json={"hash": hashes(client)[4]}).json()
    assert len(left["rules"]) == 4 and left["undo"] == "delete the rule 'first'"
    while (now := state(client))["undo"]:
        assert client.post("/api/undo", json={"revision": now["revision"]}).status_code == 200
    assert path.read_text("utf-8") == TASK
    again = client.post("/api/redo", json={"revision": state(client)["revision"]}).json()
    assert again["rules"][3]["written"] == NEW


def test_a_conflict_shows_what_is_there_now(client: TestClient, path: Path) -> None:
    known = hashes(client)
    path.write_text(TASK.replace("[hello]", "[hi]"), encoding="utf-8")
    for method, body in (
        ("PUT", {"written": "{name: greets, keywords: [hey], vote: ham}"}),
        ("PATCH", {"muted": True}),
        ("PATCH", {"to": 0}),
        ("DELETE", {}),
    ):
        answer = client.request(method, "/api/rules/1", json={"hash": known[1], **body})
        assert answer.status_code == 409
        assert answer.json()["current"]["entry"]["keywords"] == ["hi"]
        assert answer.json()["problems"][0]["message"] == "the rule was changed meanwhile"
    gone = client.request("DELETE", "/api/rules/7", json={"hash": "nothing"})
    assert gone.status_code == 409 and gone.json()["current"] is None
    stale = client.post("/api/undo", json={"revision": "nothing"})
    assert stale.status_code == 409
    assert "[hi]" in path.read_text("utf-8")


def test_a_broken_file_is_shown_and_nothing_is_edited(client: TestClient, path: Path) -> None:
    path.write_text("task: [", encoding="utf-8")
    answer = client.post("/api/rules", json={"written": NEW})
    assert answer.status_code == 409
    found = state(client)
    assert found["problems"][0]["file"] == str(path) and len(found["rules"]) == 3
    assert path.read_text("utf-8") == "task: ["


@pytest.mark.parametrize(
    "body",
    [
        {"written": "regex: '('\nvote: spam"},
        {"written": "function: 'os:remove'\nvote: spam"},
        {"written": "gazetteer: /etc/passwd\nvote: spam"},
        {"entry": {"any": [{"gazetteer": "../x.txt"}], "vote": "spam"}},
        {"entry": {"snorkel": "rules.py"}},
        {"written": "a: 1", "entry": {"regex": "a"}},
        {"written": 3},
        {"written": NEW, "position": -1},
        {"written": NEW, "position": True},
        {"written": NEW, "surprise": 1},
        {},
        [],
        None,
        "text",
    ],
)
def test_what_is_wrong_is_told_as_problems(client: TestClient, path: Path, body: Any) -> None:
    answer = client.post("/api/rules", json=body)
    assert answer.status_code == 422
    assert answer.json()["problems"] and set(answer.json()["problems"][0]) == {"message", "file", "line", "remedy"}
    assert path.read_text("utf-8") == TASK


@pytest.mark.parametrize(
    "draft", [{"written": "- a\n" * 25_001}, {"entry": {"keywords": ["w"] * 20_001, "vote": "spam"}}]
)
def test_a_draft_of_any_length_is_not_read(client: TestClient, draft: dict[str, Any]) -> None:
    for path in ("/api/trial", "/api/rules"):
        answer = client.post(path, json=draft)
        assert answer.status_code == 422 and "at most 100,000 characters" in answer.json()["problems"][0]["message"]


def test_a_draft_is_told_by_its_own_lines(client: TestClient) -> None:
    answer = client.post("/api/rules", json={"written": "# c\nname: x\nregex: a\nvote: spma"})
    [problem] = answer.json()["problems"]
    assert (problem["file"], problem["message"]) == ("draft", "unknown label 'spma'")
    assert problem["line"] is not None and problem["line"] <= 4


@pytest.mark.parametrize(
    ("content", "status"), [(b"{", 422), (b"\xff", 400), (b'{"written": "' + b"x" * (3 << 20), 413), (b"[" * 100, 422)]
)
def test_a_body_that_is_no_json_is_refused(client: TestClient, content: bytes, status: int) -> None:
    answer = client.post("/api/rules", content=content, headers={"content-type": "application/json"})
    assert answer.status_code == status
    assert answer.json()["problems"]


# -- texts and labels


def test_texts_are_shown_and_labelled(client: TestClient, path: Path) -> None:
    page = client.get("/api/texts", params={"filter": "unlabelled", "limit": 2}).json()
    assert (page["total"], [row["text"] for row in page["rows"]]) == (3, ["a prize", "hello"])
    assert page["rows"][0]["weak"]["answer"] == "spam" and 0 < page["rows"][0]["weak"]["probability"] <= 1
    assert client.get("/api/texts/3").json()["text"] == "你好 😀"
    labelled = client.post("/api/labels", json={"id": "2", "was": None, "answer": "ham"}).json()
    assert (labelled["row"]["gold"], labelled["row"]["hand"], labelled["counts"]["hand"]) == ("ham", True, 1)
    assert labelled["counts"]["gold"] == 2
    stale = client.post("/api/labels", json={"id": "2", "was": None, "answer": "spam"})
    assert (stale.status_code, stale.json()["current"]) == (409, "ham")
    taken = client.post("/api/labels", json={"id": "2", "was": "ham", "answer": None}).json()
    assert (taken["row"]["gold"], taken["row"]["hand"], taken["undo"]) == (
        None,
        False,
        "take away the label of 'hello'",
    )
    over = client.post("/api/labels", json={"id": "4", "was": "spam", "answer": "ham"}).json()
    assert (over["row"]["gold"], over["row"]["hand"]) == ("ham", True)
    assert client.post("/api/undo", json={"revision": over["revision"]}).json()["counts"]["hand"] == 0


@pytest.mark.parametrize(
    "body",
    [
        {"id": "99", "was": None, "answer": "ham"},
        {"id": "2", "was": None, "answer": "hum"},
        {"id": "2", "was": None, "answer": ["ham"]},
        {"id": 2, "was": None, "answer": "ham"},
        {"was": None, "answer": "ham"},
    ],
)
def test_a_label_that_makes_no_sense_is_refused(client: TestClient, path: Path, body: Any) -> None:
    assert client.post("/api/labels", json=body).status_code == 422
    assert path.read_text("utf-8") == TASK


@pytest.mark.parametrize("query", ["filter=none", "limit=501", "offset=-1", "query=/(/", "query=" + "x" * 1001])
def test_a_wrong_question_is_refused(client: TestClient, query: str) -> None:
    answer = client.get(f"/api/texts?{query}")
    assert answer.status_code == 422 and answer.json()["problems"]


def test_spans_of_a_long_text_are_those_of_the_piece_that_is_shown(tmp_path: Path, static: Path) -> None:
    text = "Paris " + "x " * 1500 + "Rome and Oslo"
    place = text.index("Rome")
    (tmp_path / "train.jsonl").write_text(rows({"text": text, "spans": [[0, 5, "LOC"]]}), encoding="utf-8")
    source = "task: ner\nlabels: [LOC]\ndata: {train: train.jsonl, split: {test: 0}}\n"
    path = tmp_path / "task.yaml"
    path.write_text(source + "rules: [{keywords: [Rome], vote: LOC}]\n", encoding="utf-8")
    project = Project(path)
    app = create_app(project, Live(project), static=static)
    with TestClient(guarded(app), base_url="http://localhost", headers=SEND) as client:
        row = client.get("/api/texts/1").json()
        assert row["cut"] and row["gold"] == [] and "Rome" in row["text"]
        start = row["text"].index("Oslo")
        oslo = [{"start": start, "end": start + 4, "label": "LOC"}]
        answer = client.post("/api/labels", json={"id": "1", "was": [], "answer": oslo})
        assert answer.json()["row"]["gold"] == oslo
    [given] = project.hand_labels().by_key.values()
    assert [(span.start, span.end) for span in given.answer.spans] == [(0, 5), (place + 9, place + 13)]  # type: ignore[union-attr]


def test_a_draft_is_tried_and_not_saved(client: TestClient, path: Path) -> None:
    found = client.post("/api/trial", json={"written": "keywords: [hello, 你好]\nvote: spam", "position": None}).json()
    assert (found["matched"], len(found["matches"]), found["gained"]) == (2, 2, 1)
    assert found["before"]["coverage"] < found["after"]["coverage"]
    wrong = client.post("/api/trial", json={"written": "regex: '('\nvote: spam", "position": None})
    assert wrong.status_code == 200 and wrong.json()["problems"]
    assert path.read_text("utf-8") == TASK


def test_numbers_and_next_are_json(client: TestClient) -> None:
    numbers = client.get("/api/numbers").json()
    assert {"revision", "table", "totals", "estimate", "curve", "confusion", "shares"} == set(numbers)
    assert {"ready", "rows", "note"} <= set(client.get("/api/next?count=2").json())
    assert client.post("/api/suggestions/refuse", json={"title": "no"}).json() == {}


# -- guards and pages


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    "headers",
    [
        {"x-ruletune": "0"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"host": "evil.example"},
    ],
)
def test_pages_from_elsewhere_change_nothing(
    client: TestClient, path: Path, method: str, headers: dict[str, str]
) -> None:
    places = {"POST": "/api/rules", "PUT": "/api/rules/1", "PATCH": "/api/rules/1", "DELETE": "/api/rules/1"}
    body = {"hash": hashes(client)[1], "written": NEW}
    answer = client.request(method, places[method], json=body, headers=headers)
    assert answer.status_code == 403 and answer.json()["problems"]
    assert path.read_text("utf-8") == TASK


def test_reading_needs_a_host_of_this_machine(client: TestClient) -> None:
    assert client.get("/api/state", headers={"host": "evil.example"}).status_code == 403
    assert client.get("/api/state", headers={"host": "127.0.0.1:8765"}).status_code == 200


def test_the_page_is_served_under_a_strict_policy(client: TestClient) -> None:
    answer = client.get("/")
    assert answer.text.startswith("<!doctype html>") and answer.headers["cache-control"] == "no-store"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
    script = client.get("/assets/index-abc.js")
    assert (
        script.headers["content-type"].startswith("text/javascript") and "immutable" in script.headers["cache-control"]
    )
    assert client.get("/assets/index-abc.css").headers["content-type"].startswith("text/css")


@pytest.mark.parametrize(
    "place",
    [
        "/assets/nothing.js", "/assets/../index.html", "/assets/%2e%2e/%2e%2e/task.yaml", "/assets/..%2ftask.yaml", "/task.yaml", "/docs",
        "/openapi.json", "/static/../task.yaml", "/assets//etc/passwd", "/report/", "/report/../task.yaml", "/assets/index-abc.js%00",
    ],
)  # fmt: skip
def test_nothing_else_is_served(client: TestClient, place: str) -> None:
    answer = client.get(place)
    assert answer.status_code == 404 and answer.json()["problems"]


def test_the_report_is_a_page_without_scripts(
    client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "report.html").write_text("<h1>你好</h1>", encoding="utf-8")
    monkeypatch.setattr(Live, "report", property(lambda self: tmp_path / "report.html"))
    answer = client.get("/report/")
    assert answer.text == "<h1>你好</h1>"
    assert (
        "sandbox" in answer.headers["content-security-policy"]
        and "script-src" not in answer.headers["content-security-policy"]
    )
    assert state(client)["report"] == "/report/"


def test_a_page_that_was_not_built_is_told(path: Path, tmp_path: Path) -> None:
    project = Project(path)
    app = create_app(project, Live(project), static=tmp_path / "none")
    with TestClient(guarded(app), base_url="http://localhost") as client:
        assert client.get("/").status_code == 404


def test_a_token_is_asked_for(app: FastAPI) -> None:
    with TestClient(guarded(app, replace(GUARDS, token="t" * 20)), base_url="http://localhost") as client:
        assert client.get("/api/state").status_code == 401
        assert client.get("/", headers={"authorization": f"Bearer {'t' * 20}"}).status_code == 200
        assert client.get("/", auth=("anybody", "t" * 20)).status_code == 200


def test_an_error_of_ours_is_answered_too(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Live) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Live, "numbers", broken)
    with TestClient(guarded(app), base_url="http://localhost", raise_server_exceptions=False) as client:
        answer = client.get("/api/numbers")
    assert (answer.status_code, answer.json()["problems"][0]["message"][:20]) == (500, "something went wrong")


# -- news


def test_pages_are_told_the_newest_of_each_kind() -> None:
    async def listen_once() -> list[str]:
        hub = Hub()
        hub.open()
        stream = hub.stream({"state": {"revision": "0"}})
        first = await anext(stream)
        for number in range(1000):
            hub.tell("state", {"revision": str(number)})
        hub.tell("training", {"state": "done"})
        await asyncio.sleep(0)
        news = [await anext(stream) for _ in range(2)]
        hub.close()
        rest = [each async for each in stream]
        assert not hub._boxes
        return [each.decode() for each in (first, *news, *rest)]

    assert asyncio.run(listen_once()) == [
        'event: state\ndata: {"revision": "0"}\n\n',
        'event: state\ndata: {"revision": "999"}\n\n',
        'event: training\ndata: {"state": "done"}\n\n',
    ]


def test_only_so_many_pages_listen(client: TestClient, app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Hub, "full", property(lambda self: True))
    assert client.get("/api/events").status_code == 503


def test_a_change_by_another_program_is_told(app: FastAPI, path: Path) -> None:
    """A real server: the client of the tests cannot read a stream that does not end."""
    with listen("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        server = uvicorn.Server(
            uvicorn.Config(guarded(app), log_config=None, lifespan="on", timeout_graceful_shutdown=1)
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            told: list[dict[str, Any]] = []
            with httpx.stream("GET", f"http://127.0.0.1:{port}/api/events", timeout=60) as stream:
                assert stream.headers["content-type"].startswith("text/event-stream")
                for line in stream.iter_lines():
                    if line.startswith("data: ") and "revision" in line:
                        told.append(json.loads(line[6:]))
                        if len(told) == 1:
                            path.write_text(TASK + "seed: 5\n", encoding="utf-8")
                    if len(told) == 2:
                        break
            desk: Desk = app.state.desk
            assert told[0] != told[1] and told[1] == {"revision": desk.project.revision}
        finally:
            server.should_exit = True
            app.state.desk.hub.close()
            thread.join()
