"""Look at the page: pictures of its states in frontend/shots, and what axe finds wrong in them.

Run in the repository with the environment's Python: ``python frontend/mock/look.py [NAME ...]``. It starts the stand-in for the
server by itself, and needs Node, Chromium and playwright. ``FONTS`` may name a folder with a ``fonts.css`` for scripts that
the machine has no fonts for.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

HERE = Path(__file__).parent
SHOTS = HERE.parent / "shots"
AXE = (HERE.parent / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
FIRST = 8891
SHAPES = ("classification", "ner", "relation", "qa", "translation")
seen: set[str] = set()
SMALL, LARGE = (1280, 720), (1600, 1000)


@contextmanager
def server() -> Iterator[None]:
    process = subprocess.Popen(["node", str(HERE / "server.mjs"), str(FIRST)], stdout=subprocess.PIPE, text=True)
    try:
        for _ in SHAPES:
            assert process.stdout is not None and process.stdout.readline()
        yield
    finally:
        process.terminate()
        process.wait()


def opened(
    browser: Browser, shape: str, size: tuple[int, int] = SMALL, *, dark: bool = False, chinese: bool = False
) -> Page:
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if dark else "light",
        locale="zh-CN" if chinese else "en-US",
        bypass_csp="FONTS" in os.environ,
    )
    page = context.new_page()
    page.on("console", lambda message: print("CONSOLE", message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: print("ERROR", error))
    page.goto(f"http://127.0.0.1:{FIRST + SHAPES.index(shape)}/")
    page.wait_for_selector(".rule-table tbody tr")
    if "FONTS" in os.environ:
        page.route(
            "**/fonts/**",
            lambda route: route.fulfill(path=Path(os.environ["FONTS"]) / route.request.url.split("/fonts/")[1]),
        )
        page.add_style_tag(url="fonts/fonts.css")
        page.add_style_tag(
            content=":root { --sans: 'DejaVu Sans', 'Noto Sans SC', 'Noto Emoji', sans-serif !important; }"
        )
    page.wait_for_timeout(400)
    return page


def looked(page: Page, name: str) -> int:
    """A picture, and the number of things that axe finds wrong."""
    page.evaluate("document.fonts.ready.then(() => null)")
    page.wait_for_timeout(250)
    page.screenshot(path=SHOTS / f"{name}.png")
    page.evaluate(AXE)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations', 'incomplete']})")
    for violation in found["violations"]:
        nodes = [
            node["html"][:160] + " :: " + node["failureSummary"].replace("\n", " ")[:200]
            for node in violation["nodes"][:3]
        ]
        print(f"AXE {name}: {violation['id']} ({violation['impact']}): {violation['help']}")
        for node in nodes:
            if node not in seen:
                print(f"    {node}")
                seen.add(node)
    return len(found["violations"])


def mischief(page: Page, kind: str) -> None:
    page.evaluate(
        "kind => fetch('api/mischief', {method: 'POST', headers: {'X-Ruletune': '1'}, body: JSON.stringify({kind})})",
        kind,
    )
    page.wait_for_timeout(700)


def rules(page: Page) -> None:
    page.locator(".rule-main").first.click()


def new(page: Page) -> None:
    page.keyboard.press("n")
    page.keyboard.type("worth watching\nwaste")
    page.wait_for_timeout(700)


def wrong(page: Page) -> None:
    page.keyboard.press("n")
    page.get_by_label("Expression").first.check(force=True)
    page.locator("[data-first]").fill("(unfinished")
    page.wait_for_timeout(700)


def yaml(page: Page) -> None:
    rules(page)
    page.keyboard.press("Enter")
    page.get_by_role("tab", name="As YAML").click()
    page.wait_for_timeout(600)


def conflict(page: Page) -> None:
    rules(page)
    page.keyboard.press("Enter")
    page.locator("[data-first]").fill("funny\nmoving\ngripping")
    page.wait_for_timeout(700)
    mischief(page, "outside")
    page.keyboard.press("Control+Enter")
    page.wait_for_timeout(500)


def words(page: Page) -> None:
    page.locator("article.row").nth(2).click()
    for key in ("ArrowRight", "ArrowRight", "ArrowRight", "Shift+ArrowRight"):
        page.keyboard.press(key)


def next_(page: Page) -> None:
    page.get_by_role("tab", name="Label next").click()
    page.locator("article.row").first.click()
    page.keyboard.press("1")
    page.wait_for_timeout(300)
    page.keyboard.press("2")


def suggestions(page: Page) -> None:
    page.get_by_role("tab", name="Suggestions").click()
    page.wait_for_timeout(300)
    if page.get_by_role("button", name="See its effect").count():
        page.get_by_role("button", name="See its effect").first.click()
        page.wait_for_timeout(500)


def training(page: Page) -> None:
    page.get_by_role("button", name="Train", exact=True).click()
    page.wait_for_timeout(1500)
    page.get_by_text("Log", exact=True).click()
    page.mouse.wheel(0, 0)


def help_(page: Page) -> None:
    page.keyboard.press("?")


def deleted(page: Page) -> None:
    rules(page)
    page.keyboard.press("Delete")
    page.wait_for_timeout(300)


def target(page: Page) -> None:
    page.locator("article.row").first.click()
    page.keyboard.press("Enter")


def bottom(page: Page) -> None:
    page.evaluate("document.querySelector('#numbers .column-scroll').scrollTo(0, 1e6)")


STATES: dict[str, tuple[str, Callable[[Page], Any] | None]] = {
    "rule": ("classification", rules), "new": ("classification", new), "wrong": ("classification", wrong), "yaml": ("classification", yaml),
    "conflict": ("classification", conflict), "words": ("classification", words), "next": ("classification", next_),
    "suggestions": ("classification", suggestions), "training": ("classification", training), "help": ("classification", help_),
    "deleted": ("classification", deleted), "bottom": ("classification", bottom), "broken": ("relation", lambda page: mischief(page, "break")),
    "ner-words": ("ner", words), "ner-edit": ("ner", yaml), "qa-words": ("qa", words), "qa-new": ("qa", lambda page: page.keyboard.press("n")),
    "target": ("translation", target), "translation-new": ("translation", lambda page: page.keyboard.press("n")),
}  # fmt: skip


def main(names: list[str]) -> None:
    SHOTS.mkdir(exist_ok=True)
    started, found = time.monotonic(), 0
    with server(), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        for shape in SHAPES:
            for size, dark, chinese in ((SMALL, False, False), (LARGE, True, False), (SMALL, False, True)):
                name = f"{shape}-{size[0]}{'-dark' if dark else ''}{'-zh' if chinese else ''}"
                if not names or name in names:
                    page = opened(browser, shape, size, dark=dark, chinese=chinese)
                    found += looked(page, name)
                    page.context.close()
        for name, (shape, act) in STATES.items():
            for dark in (False, True):
                full = f"{name}{'-dark' if dark else ''}"
                if not names or full in names:
                    page = opened(browser, shape, dark=dark)
                    if act:
                        act(page)
                    found += looked(page, full)
                    if name == "broken":
                        mischief(page, "mend")
                    page.context.close()
        browser.close()
    print(f"{found} violations, {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main(sys.argv[1:])
