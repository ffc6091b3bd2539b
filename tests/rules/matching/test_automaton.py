"""The automaton decides every cell as Python's re does, whatever the expression and the text."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ruletune.rules.base import Pattern, Terms
from ruletune.rules.matching import Matcher, automaton, matcher

ROOT = Path(__file__).parents[3]
SHARED = ROOT.parent / "shared" / "data"

pytestmark = pytest.mark.skipif(not automaton.available(), reason="hyperscan 0.7.8 has no wheel for this system")


@pytest.fixture(autouse=True)
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """The automaton even for a few texts."""
    monkeypatch.setattr(matcher, "_FEW", 0)


def cells(patterns: Sequence[Pattern], texts: Sequence[str]) -> set[tuple[int, int]]:
    matches = Matcher(patterns).match(texts)
    return set(zip(matches.rows.tolist(), matches.conditions.tolist(), strict=True))


def reference(patterns: Sequence[Pattern], texts: Sequence[str]) -> set[tuple[int, int]]:
    compiled = [re.compile(p.regex, p.flags) for p in patterns]
    return {(row, n) for n, p in enumerate(compiled) for row, text in enumerate(texts) if p.search(text)}


TRICKY = [
    "", "\n", "a", "a\n", "\na", "a\nb", "b\na\n", "\x1c", "\x1f", "\x85", "\xa0", "\u2028", "İ", "i", "ı", "I", "K", "k", "ſ", "S",
    "ß", "ẞ", "SS", "σ", "ς", "Σ", "café", "CAFÉ", "cafe\u0301", "中文", "中文a", "a中", "_", "a_b", "1", "١", "²", "Ⅷ", "😀", "\U0010ffff",
    "\ud800", "\udfffa", "é\n", "x y", "x\ty", "foo.bar", "aaab", "foobar", "barfoo", "abab", "\x00", "\x7f", "ÿ", "Ā",
]  # fmt: skip

EXPRESSIONS = [
    "a", "^a", "a$", r"a\Z", r"\Aa", "^a$", "a|^$b", "(?m)^a", "(?m)a$", "(?m)^b$", r"\ba\b", r"\Ba", r"a\B", ".a", "(?s).a", ".", r"\n",
    r"\w", r"\W", r"\d", r"\D", r"\s", r"\S", "[^a]", "[^\\W\\d]", "[a-z]", "[^a-z\n]", "é", "É", "ſ", "k", "K", "s", "i", "İ", "ı", "σ", "ß", "[à-ÿ]", "[中-龥]",
    "a{2,3}b", "a{2}", "a+?b", "(?:ab){2}", "(a+)+$", "a*b", "b*", "(a|b)+c?", "foo(?=bar)", "(?<=bar)foo", "foo(?!bar)", "(?<!bar)foo",
    r"(a)b\1", "(?>a+)b", "a++b", "(a)?b(?(1)a|c)", "a{70}", "a{0,70}b", "[k-s]", r"[\x00-\x1f]", "\x00", "[\ud800-\udfff]", "(?-i:k)", "(?i:k)a",
]  # fmt: skip


@pytest.mark.parametrize("flags", [0, re.I, re.A, re.I | re.A, re.S, re.M, re.I | re.M | re.S])
def test_every_construct_means_what_re_means(flags: int) -> None:
    patterns = [Pattern(source, int(flags)) for source in EXPRESSIONS]
    texts = [*TRICKY, *(f"{a}{b}" for a in ("a", "é", "\n", " ") for b in TRICKY)]
    assert cells(patterns, texts) == reference(patterns, texts)


@pytest.mark.parametrize(
    ("source", "engine", "reason"),
    [
        (r"\bfree\b", "automaton", None),
        ("(a+)+$", "automaton", None),
        ("foo(?=bar)", "automaton", None),
        ("foo(?!bar)", "prefilter", "a look-ahead"),
        ("(?<!x)foo", "prefilter", "a look-behind"),
        (r"(a)b\1", "prefilter", "a back-reference"),
        ("a{1000}b", "prefilter", "a repetition of more than 60"),
        ("b*", "plain", "it matches the empty string"),
        ("(?=a)(?!b)", "plain", "it matches the empty string"),
        (r"a(?a:\w)", "plain", "a group with an alphabet of its own"),
        ("a$b?\n", "plain", "$ inside an expression"),
    ],
)
def test_the_plan_says_how_and_why(source: str, engine: str, reason: str | None) -> None:
    [plan] = Matcher([Pattern(source)]).plans
    assert plan.engine == engine
    assert plan.reason is None if reason is None else (plan.reason or "").startswith(reason)


def test_two_kinds_of_word_and_more_kinds_of_character_than_bytes_get_automata_of_their_own() -> None:
    patterns = [Pattern(r"\bé"), Pattern(r"\bé", int(re.A)), *(Pattern(chr(0x4E00 + n)) for n in range(200))]
    texts = ["aé", "é", *(chr(0x4E00 + n) * 2 for n in range(0, 200, 7))]
    assert cells(patterns, texts) == reference(patterns, texts)
    assert {plan.engine for plan in Matcher(patterns).plans} == {"automaton"}


def test_matches_do_not_reach_into_the_next_text() -> None:
    patterns = [
        Pattern(source, int(re.S)) for source in ("a.b", "a[^x]b", r"a\sb", "a\nb", "ab", r"a\W?b", "a(?s:.*)b")
    ]
    assert cells(patterns, ["a", "b", "a", "\nb", "xa", "b"]) == set()


def test_cells_come_sorted_and_once_and_batches_change_nothing() -> None:
    patterns = [Pattern("a"), Pattern("b"), Pattern("(?!x)a")]
    texts = ["ab", "", "bbaa", "x"] * 50
    conditions = Matcher([*patterns, Terms(("ab",), whole_words=False)])
    together = conditions.match(texts)
    pairs = list(zip(together.rows.tolist(), together.conditions.tolist(), strict=True))
    assert pairs == sorted(set(pairs))
    alone = [(row, n) for row, text in enumerate(texts) for n in conditions.match([text]).conditions.tolist()]
    assert pairs == alone


def test_blocks_are_scanned_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(automaton, "_BLOCK", 10)
    texts = ["a" * n for n in (0, 3, 12, 1, 9, 10, 11, 0, 40)] + ["b"] * 30
    assert cells([Pattern("a{3}"), Pattern("b$")], texts) == reference([Pattern("a{3}"), Pattern("b$")], texts)


def test_a_megabyte_and_a_catastrophe_are_read_in_linear_time() -> None:
    text = "a" * 1_000_000 + "b"
    assert cells([Pattern("(a+)+$"), Pattern("(a|a)*c"), Pattern("b$")], [text]) == {(0, 2)}


def test_without_hyperscan_everything_goes_the_plain_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(automaton, "available", lambda: False)
    patterns = [Pattern(source) for source in EXPRESSIONS]
    assert cells(patterns, TRICKY) == reference(patterns, TRICKY)
    assert {plan.reason for plan in Matcher(patterns).plans} == {"hyperscan 0.7.8 is not installed"}


_atoms = st.one_of(
    st.characters().map(re.escape),
    st.sampled_from(
        [r"\w", r"\W", r"\s", r"\d", r"\b", r"\B", "^", "$", ".", "[a-z]", r"[^\w ]", "[à-ž]", "(?=a)", "(?<!b)"]
    ),
)
_expressions = st.recursive(
    _atoms,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=4).map("".join),
        st.lists(inner, min_size=1, max_size=3).map(lambda ways: f"(?:{'|'.join(ways)})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,3}", "*?"])).map(lambda p: f"(?:{p[0]}){p[1]}"),
    ),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(
    sources=st.lists(_expressions, min_size=1, max_size=4),
    texts=st.lists(st.text(st.characters(exclude_categories=()), max_size=12), max_size=12),
    flags=st.sampled_from([0, int(re.I), int(re.A), int(re.I | re.M | re.S)]),
)
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
def test_any_expression_on_any_text(sources: list[str], texts: list[str], flags: int) -> None:
    patterns = [Pattern(source, flags) for source in sources]
    texts = [*texts, *("".join(random.Random(n).choices("aAkſ é中\n_1", k=n)) for n in range(10))]
    assert cells(patterns, texts) == reference(patterns, texts)


def test_the_fuzzer_runs_and_finds_nothing() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "fuzz_matcher.py"), "20", "11"]
    done = subprocess.run(command, capture_output=True, text=True, env={"PYTHONPATH": str(ROOT / "src"), "PATH": ""})
    assert done.returncode == 0, done.stdout + done.stderr


def _strings(value: object) -> list[str]:
    match value:
        case str():
            return [value]
        case list():
            return (
                [" ".join(value)]
                if value and all(isinstance(v, str) for v in value)
                else [s for v in value for s in _strings(v)]
            )
        case dict():
            return [s for v in value.values() for s in _strings(v)]
    return []


def _public_texts(path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    texts: list[str] = []
    for line in lines[:: max(1, len(lines) // 400)]:
        try:
            texts += _strings(json.loads(line))[:20]
        except ValueError:
            texts.append(line)
    return texts


def test_no_disagreement_on_public_texts() -> None:
    if not SHARED.is_dir():
        pytest.skip("needs the public data sets, which are not part of the project")
    sources = [
        line.split("\t")[1]
        for name in ("trec", "sms")
        for line in (SHARED / name / "rules.tsv").read_text(encoding="utf-8").splitlines()
    ]
    patterns = [Pattern(source, int(re.I)) for source in sources]
    files = [
        p
        for p in sorted(SHARED.rglob("*"))
        if p.suffix in (".jsonl", ".json", ".csv", ".txt", ".tsv", ".out", ".in") and p.is_file()
    ]
    texts = [text for path in files for text in _public_texts(path) if len(text) < 2000][::5]
    assert len(texts) > 1000
    assert cells(patterns, texts) == reference(patterns, texts)


def test_another_release_of_hyperscan_is_not_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    automaton.available.cache_clear()
    monkeypatch.setattr(automaton, "version", lambda name: "0.9.1")
    try:
        assert not automaton.available()
    finally:
        automaton.available.cache_clear()


@pytest.mark.parametrize("source", ["(?:[g])+\n", "(?:[abd]){1,3}", r"\n(?:(?:a)*)*\n", "2(?:[12])*$"])
def test_what_another_release_of_hyperscan_lost_alone(source: str) -> None:
    texts = ["g\n", "a", "\n\n", "022", "x", "xg", "1"]
    assert cells([Pattern(source)], texts) == reference([Pattern(source)], texts)


def test_what_another_release_of_hyperscan_lost_in_company() -> None:
    """Release 0.9.1 lost the first of these in the second text, depending on the other expression and the text before."""
    lost = Pattern(r"( |^)(i)[^\w]* ([^\s]+ )*(miss|miss)[^\w]*( |$)", int(re.I))
    patterns = [lost, Pattern("[A-Z]{2,}")]
    texts = ["you bad girl. i can still remember them", "where's my boytoy? i miss you ... what happened?"]
    assert cells(patterns, texts) == reference(patterns, texts) == {(1, 0)}
