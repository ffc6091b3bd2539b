"""The workbench in a browser, on real files: rules and labels that are written there are on disk, and nothing typed is lost."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.model_fixtures import checkpoint, write_task  # noqa: F401 - a fixture

pytest.importorskip("fastapi", reason="needs ruletune[serve]")
pytest.importorskip("uvicorn", reason="needs ruletune[serve]")
sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright, which drives a browser")

CHROMIUM = next((path for path in ("/usr/bin/chromium", "/usr/bin/chromium-browser") if Path(path).exists()), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium in /usr/bin")

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip

TASK = """# mine
task: classification
labels: [ham, spam]
data: {train: train.jsonl, split: {test: 0}}
rules:
  # about prizes
  - name: prize
    keywords: [prize, win]  # the usual
    vote: spam
  - {name: greets, keywords: [hello], vote: ham}
"""

TEXTS = [
    ("You win a prize 😀 today", "spam"), ("hello old friend", "ham"), ("cash now, 😀😀 hello", None), ("claim your cash", None),
    ("see you at nine", None), ("中奖了 cash", None),
]  # fmt: skip


@dataclass
class Bench:
    """A workbench that is being served."""

    folder: Path
    url: str

    @property
    def task(self) -> str:
        return (self.folder / "task.yaml").read_text(encoding="utf-8")

    @property
    def labels(self) -> list[dict[str, Any]]:
        found = list(self.folder.glob("*labels*.jsonl"))
        return [json.loads(line) for path in found for line in path.read_text(encoding="utf-8").splitlines()]


Serving = Callable[..., Bench]


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    """Starts workbenches; their work behind is left out, so that no model is loaded."""
    import uvicorn

    from ruletune.serve.workbench import create_app, guarded
    from ruletune.workbench.live import Live
    from ruletune.workbench.project import Project

    stops: list[Callable[[], None]] = []

    def start(task: str = TASK, rows: list[dict[str, Any]] | None = None) -> Bench:
        folder = tmp_path / f"bench{len(stops)}"
        folder.mkdir()
        known = [{"text": text, **({"label": label} if label else {})} for text, label in TEXTS]
        lines = [json.dumps(row, ensure_ascii=False) for row in (known if rows is None else rows)]
        (folder / "train.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        (folder / "task.yaml").write_text(task, encoding="utf-8")
        project = Project(folder / "task.yaml")
        app = create_app(project, Live(project))
        config = uvicorn.Config(guarded(app), log_config=None, access_log=False, timeout_graceful_shutdown=1)
        server, listener = uvicorn.Server(config), socket.create_server(("127.0.0.1", 0))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()

        def stop() -> None:
            app.state.desk.hub.close()
            server.should_exit = True
            thread.join(30)
            listener.close()

        stops.append(stop)
        return Bench(folder, f"http://127.0.0.1:{listener.getsockname()[1]}/")

    yield start
    for stop in stops:
        stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Any) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1280, "height": 720}, locale="en-US")
    context.set_default_timeout(30_000)
    yield context
    context.close()


def opened(context: Any, bench: Bench) -> Any:
    """The page, with its numbers."""
    page = context.new_page()
    page.errors = []
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.goto(bench.url)
    page.wait_for_selector(".totals")
    page.wait_for_selector("article.row")
    return page


def until(holds: Callable[[], bool], what: str) -> None:
    """Wait for what is written on disk."""
    for _ in range(300):
        if holds():
            return
        time.sleep(0.05)
    raise AssertionError(what)


def row(page: Any, text: str) -> Any:
    return page.locator("article.row", has_text=text)


def new_rule(page: Any, words: str, label: str, name: str) -> None:
    page.keyboard.press("n")
    page.keyboard.type(words)
    page.get_by_role("radio", name=label, exact=True).check(force=True)
    page.get_by_label("Name").fill(name)


def test_a_rule_is_written_tried_and_saved(serving: Serving, context: Any) -> None:
    bench = serving()
    page = opened(context, bench)
    new_rule(page, "cash\n中奖", "spam", "money")
    page.get_by_role("heading", name="fires on 3 of 6 texts").wait_for()
    assert page.locator("article.row mark.fires").all_inner_texts() == ["cash", "cash", "中奖", "cash"]
    assert "money" not in bench.task
    page.keyboard.press("Control+Enter")
    page.locator(".rule-name", has_text="money").wait_for()
    assert "  # about prizes\n" in bench.task and "keywords: [cash, 中奖]" in bench.task
    page.locator(".rule", has_text="money").get_by_text("50.0%").wait_for()
    page.keyboard.press("Control+z")
    page.locator(".rule-name", has_text="money").wait_for(state="detached")
    assert bench.task == TASK
    page.keyboard.press("Control+Shift+z")
    page.locator(".rule-name", has_text="money").wait_for()
    assert "money" in bench.task
    assert page.errors == []


def test_a_rule_that_is_wrong_is_not_saved_and_says_why(serving: Serving, context: Any) -> None:
    bench = serving()
    page = opened(context, bench)
    page.keyboard.press("n")
    page.get_by_role("radio", name="Expression").check(force=True)
    page.locator("[data-first]").fill("(unfinished")
    page.locator(".found .problems").wait_for()
    page.keyboard.press("Control+Enter")
    assert page.get_by_role("button", name="Save").is_disabled()
    assert bench.task == TASK


def test_the_form_keeps_comments_and_what_it_does_not_know(serving: Serving, context: Any) -> None:
    bench = serving()
    page = opened(context, bench)
    page.locator(".rule-main").first.click()
    page.keyboard.press("Enter")
    page.locator("[data-first]").fill("prize\nwin\nlottery")
    page.get_by_role("heading", name="fires on 1 of 6 texts").wait_for()
    page.keyboard.press("Control+Enter")
    until(lambda: "lottery" in bench.task, bench.task)
    assert "# about prizes" in bench.task and "# the usual" in bench.task, bench.task


def test_a_text_is_labelled_with_a_key_and_undone(serving: Serving, context: Any) -> None:
    bench = serving()
    page = opened(context, bench)
    text = row(page, "see you at nine")
    text.click()
    page.keyboard.press("1")
    text.locator(".gold-belief", has_text="ham").wait_for()
    assert [(line["text"], line["label"]) for line in bench.labels] == [("see you at nine", "ham")]
    page.keyboard.press("2")
    text.locator(".gold-belief", has_text="spam").wait_for()
    assert [line["label"] for line in bench.labels] == ["spam"]
    page.keyboard.press("Backspace")
    text.locator(".gold-belief").wait_for(state="detached")
    assert bench.labels == []
    page.keyboard.press("Control+z")
    until(lambda: len(bench.labels) == 1, "the label is there again")
    assert page.errors == []


def test_words_chosen_with_the_keyboard_make_a_rule(serving: Serving, context: Any) -> None:
    page = opened(context, serving())
    row(page, "cash now").click()
    for key in ["ArrowRight"] * 4 + ["Shift+ArrowRight"]:  # cash, now, the comma, and both emoji
        page.keyboard.press(key)
    chosen = page.locator(".from-words q").inner_text()
    page.keyboard.press("r")
    assert page.locator("[data-first]").input_value() == chosen.strip("“”")
    assert "😀" in chosen


def test_drafts_survive_a_reload(serving: Serving, context: Any) -> None:
    bench = serving()
    page = opened(context, bench)
    new_rule(page, "half-written", "spam", "unfinished business")
    page.wait_for_timeout(200)
    page.reload()
    page.get_by_role("button", name="Go on with “unfinished business”").click()
    assert page.locator("[data-first]").input_value() == "half-written"
    page.get_by_role("button", name="Discard").click()
    page.wait_for_selector(".rules")
    assert page.locator(".drafts").count() == 0 and bench.task == TASK


def test_two_pages_see_each_other_and_do_not_overwrite(serving: Serving, context: Any) -> None:
    bench = serving()
    first, second = opened(context, bench), opened(context, bench)
    first.locator(".rule-main").first.click()
    first.keyboard.press("Enter")
    first.locator("[data-first]").fill("prize\nours")
    second.locator(".rule-main").first.click()
    second.keyboard.press("Enter")
    second.locator("[data-first]").fill("prize\ntheirs")
    second.keyboard.press("Control+Enter")
    first.get_by_text("The task was changed in another tab.").wait_for()
    first.locator("[data-first]").focus()
    first.keyboard.press("Control+Enter")
    first.get_by_role("alertdialog").wait_for()
    assert "theirs" in first.locator(".versions").inner_text() and "ours" not in bench.task
    first.get_by_role("button", name="Keep mine").click()
    first.locator("[data-first]").focus()
    first.keyboard.press("Control+Enter")
    until(lambda: "ours" in bench.task, bench.task)
    assert "theirs" not in bench.task
    second.get_by_text("The task was changed in another tab.").wait_for()


def test_a_file_changed_outside_is_seen_and_a_broken_one_explained(serving: Serving, context: Any) -> None:
    bench = serving()
    page = opened(context, bench)
    path = bench.folder / "task.yaml"
    path.write_text(TASK + "  - {name: outsider, keywords: [cash], vote: spam}\n", encoding="utf-8")
    page.locator(".rule-name", has_text="outsider").wait_for()
    page.get_by_text("The task file was changed outside the workbench.").wait_for()
    path.write_text(TASK.replace("vote: ham", "voote: ham"), encoding="utf-8")
    banner = page.locator(".banner.bad")
    banner.get_by_text("line 10").wait_for()
    page.locator(".rule-main").first.click()
    assert page.get_by_role("button", name="Delete", exact=True).is_disabled()
    path.write_text(TASK, encoding="utf-8")
    banner.wait_for(state="detached")
    page.locator(".rule-name", has_text="outsider").wait_for(state="detached")
    assert page.errors == []


def test_rules_are_moved_muted_and_deleted_with_keys(serving: Serving, context: Any) -> None:
    bench = serving()
    page = opened(context, bench)
    page.locator(".rule-main").first.focus()
    page.keyboard.press("Alt+ArrowDown")
    until(lambda: bench.task.index("greets") < bench.task.index("prize"), bench.task)
    page.locator(".rule-main").nth(1).get_by_text("prize").wait_for()
    page.keyboard.press("m")
    until(lambda: "muted: true" in bench.task, bench.task)
    page.locator(".rule.muted").wait_for()
    page.keyboard.press("Delete")
    until(lambda: "name: prize" not in bench.task, bench.task)
    page.locator(".toast").get_by_role("button", name="Undo").click()
    until(lambda: "name: prize" in bench.task and "# the usual" in bench.task, bench.task)


def test_nothing_is_lost_when_the_server_goes_away(serving: Serving, context: Any) -> None:
    page = opened(context, serving())
    page.keyboard.press("n")
    page.keyboard.type("cash")
    page.route("**/*", lambda route: route.abort())
    page.keyboard.type("\nmoney")
    page.get_by_text("The server does not answer.").wait_for()
    page.unroute("**/*")
    page.get_by_text("The server is back.").wait_for()
    assert page.locator("[data-first]").input_value() == "cash\nmoney"


PAYLOADS = [
    body.replace("PWN", f"document.documentElement.dataset.owned='{number}-{kind}'")
    for number in range(10)
    for kind, body in enumerate((
        "<script>PWN</script>",
        "<img src=x onerror=\"PWN\">",
        "<svg onload=PWN>",
        "\"><script>PWN</script>",
        "' onmouseover='PWN' x='",
        "javascript:PWN",
        "<iframe srcdoc=\"<script>parent.PWN</script>\">",
        "{{constructor.constructor('PWN')()}}",
        "</textarea><script>PWN</script>",
        "<math><mtext><style><img src=x onerror=PWN></style>",
    ))
]  # fmt: skip


def test_texts_names_and_labels_never_become_code(serving: Serving, context: Any) -> None:
    assert len(PAYLOADS) == 100
    labels = [f"{number} {payload}" for number, payload in enumerate(PAYLOADS[:8])]
    rules = [
        {"name": f"{number} {payload}", "keywords": ["trigger", payload], "vote": labels[number % 8]}
        for number, payload in enumerate(PAYLOADS[:40])
    ]
    task = {
        "task": "classification",
        "labels": labels,
        "data": {"train": "train.jsonl", "split": {"test": 0}},
        "rules": rules,
    }
    rows = [{"text": f"trigger {payload}", "label": labels[n % 8]} for n, payload in enumerate(PAYLOADS)]
    page = opened(context, serving(json.dumps(task), rows))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    shown = page.locator("#texts").inner_text()
    assert "<script>" in shown and "onerror=" in shown
    page.locator(".rule-main").nth(3).click()
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="fires on 100 of 100 texts").wait_for()
    page.get_by_role("tab", name="As YAML").click()
    page.keyboard.press("Escape")
    page.get_by_role("tab", name="Texts").click()
    page.get_by_role("button", name="Next page").click()
    page.wait_for_selector("text=51–100 of 100")
    for number in range(5):
        page.locator("article.row").nth(number).hover()
    page.locator("#search").fill(PAYLOADS[1])
    page.wait_for_timeout(600)
    assert page.evaluate("document.documentElement.dataset.owned") is None
    assert page.locator("#texts script, #texts img, #texts iframe, #rules script, #rules img").count() == 0
    assert all(url.startswith(page.url) for url in asked)
    assert page.errors == []


@pytest.mark.slow
def test_from_a_rule_to_the_report(context: Any, tmp_path: Path, checkpoint: Path) -> None:  # noqa: F811
    """The command itself, as a user starts it: a rule, its numbers, a label, the training, the report."""
    task = write_task(tmp_path, checkpoint, rules="rules:\n  - {name: blame, regex: 'awful|dull', vote: bad}\n")
    command = [sys.executable, "-m", "ruletune", "workbench", str(task), "--no-browser", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            assert process.stdout is not None
            said = ""
            while (address := re.search(r"http://\S+", said)) is None:
                line = process.stdout.readline()
                assert line, said
                said += line
            page = opened(context, Bench(tmp_path, address[0]))
            new_rule(page, "superb\nlovely\ngreat", "good", "praise")
            page.get_by_role("heading", name=re.compile(r"fires on \d+ of \d+ texts")).wait_for()
            page.keyboard.press("Control+Enter")
            page.locator(".rule", has_text="praise").get_by_text(re.compile(r"\d\.\d%")).first.wait_for()
            text = page.locator("article.row").first
            text.click()
            page.keyboard.press("2")
            text.locator(".gold-belief", has_text="good").wait_for()
            page.get_by_role("button", name="Train", exact=True).click()
            link = page.get_by_role("link", name="Open the report")
            link.wait_for(timeout=300_000)
            with context.expect_page() as opening:
                link.click()
            report = opening.value
            report.get_by_text("rules + labels").first.wait_for()
            assert "praise" in report.inner_text("body")
            assert page.errors == []
        finally:
            process.terminate()
            process.wait(60)
    assert "superb" in task.read_text("utf-8")
    assert [json.loads(line)["label"] for line in (tmp_path / "task.labels.jsonl").read_text("utf-8").splitlines()]
    assert (tmp_path / "runs" / "task-1" / "report.html").is_file()
