"""The built page of the workbench belongs to its sources, and asks nobody outside for anything."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest

import ruletune

BUILT = Path(ruletune.__file__).parent / "serve" / "static" / "workbench"
SOURCES = Path(__file__).parents[2] / "frontend"
_NAMESPACES = {
    "http://www.w3.org/2000/svg",
    "http://www.w3.org/1998/Math/MathML",
    "http://www.w3.org/1999/xhtml",
    "http://www.w3.org/1999/xlink",
    "http://www.w3.org/XML/1998/namespace",
    "http://www.w3.org/2000/xmlns/",
}


def _files() -> list[Path]:
    return sorted(path for path in BUILT.rglob("*") if path.is_file())


def _sources() -> list[Path]:
    """As ``scripts/build_frontend`` lists them."""
    left_out = ("node_modules/", "mock/")
    paths = (path.relative_to(SOURCES) for path in SOURCES.rglob("*") if path.is_file())
    return sorted(
        (
            path
            for path in paths
            if not path.as_posix().startswith(left_out)
            and not path.name.startswith(".")
            and not path.name.endswith((".test.ts", ".md"))
        ),
        key=lambda path: path.as_posix().encode(),
    )


def test_the_page_is_built_from_the_sources_in_this_checkout() -> None:
    if not SOURCES.is_dir():
        pytest.skip("no sources of the page here: this is an installed package")
    lines = [f"{hashlib.sha256((SOURCES / path).read_bytes()).hexdigest()}  {path.as_posix()}\n" for path in _sources()]
    expected = hashlib.sha256("".join(lines).encode()).hexdigest()
    built = json.loads((BUILT / "BUILD.json").read_text())["sources_sha256"]
    assert built == expected, "the page's sources were changed: run scripts/build_frontend"


def test_every_file_of_the_page_is_used_and_there() -> None:
    page = (BUILT / "index.html").read_text()
    named = set(re.findall(r'(?:src|href)="\./([^"]+)"', page))
    assert {path.relative_to(BUILT).as_posix() for path in _files()} == named | {"index.html", "BUILD.json"}
    assert {Path(name).suffix for name in named} >= {".js", ".css"}
    assert all(re.search(r"-[\w-]{8}\.\w+$", name) for name in named), "names change with what is in the file"


def test_nothing_is_asked_of_another_host() -> None:
    for path in _files():
        text = path.read_text(encoding="utf-8")
        urls = set(re.findall(r"""(?:https?|wss?):/{1,2}[^\s"'`)<>\\]*""", text)) - _NAMESPACES
        assert not urls, f"{path.name}: {urls}"
        assert not re.search(r"""(?:src|href|url|import)\s*[=(]\s*["']?//""", text), path.name


def test_the_page_runs_no_script_of_its_own_text() -> None:
    page = (BUILT / "index.html").read_text()
    assert re.findall(r"<script[^>]*>(.*?)</script>", page, re.S) == [""]
    assert not re.search(r"<style|\son\w+=|\sstyle=|javascript:", page)
    for path in BUILT.glob("assets/*.js"):
        script = path.read_text(encoding="utf-8")
        assert "eval(" not in script.replace("_eval(", "") and "new Function" not in script


def test_texts_never_become_html() -> None:
    if not SOURCES.is_dir():
        pytest.skip("no sources of the page here: this is an installed package")
    for path in _sources():
        if path.suffix in (".ts", ".tsx"):
            text = (SOURCES / path).read_text()
            assert not re.search(
                r"dangerouslySetInnerHTML|innerHTML|outerHTML|insertAdjacentHTML|document\.write", text
            ), path


def test_the_lock_file_names_no_registry() -> None:
    lock = SOURCES / "package-lock.json"
    if not lock.is_file():
        pytest.skip("no sources of the page here: this is an installed package")
    assert '"resolved"' not in lock.read_text()
