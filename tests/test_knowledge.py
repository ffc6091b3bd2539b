"""Knowledge comes in where a term occurs, as a keyword rule would find it, and nowhere else."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ruletune.errors import Location, UserError
from ruletune.knowledge import Injected, Knowledge, Place, inject, read_entries

TSV = Location("terms.tsv")


def terms(text: str, **entries: str) -> list[str]:
    return [term for _, term, _ in Knowledge(entries).find(text)]


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("prefix", Injected("Paris: a city Go to paris.")),
        ("suffix", Injected("Go to paris. Paris: a city")),
        ("insert", Injected("Go to paris (a city).")),
        ("field", Injected("Go to paris.", "Paris: a city")),
    ],
)
def test_each_place(place: Place, expected: Injected) -> None:
    assert inject([Knowledge({"Paris": "a city"}, place=place)], "Go to paris.") == expected


@pytest.mark.parametrize("place", ["prefix", "suffix", "insert", "field"])
def test_nothing_comes_in_where_no_term_occurs(place: Place) -> None:
    for text in ("", "comparison", "🙂", "巴黎"):
        assert inject([Knowledge({"Paris": "a city"}, place=place)], text) == Injected(text)


def test_terms_are_whole_words_in_any_case_and_without_boundaries_in_chinese() -> None:
    assert terms("CAT", cat="x") == ["cat"]
    assert terms("concatenate", cat="x") == []
    assert terms("我喜欢巴黎的春天", 巴黎="x") == ["巴黎"]
    assert terms("say 🙂!", **{"🙂": "a smile"}) == ["🙂"]


def test_longest_term_counts_and_only_the_first_occurrence_is_explained() -> None:
    knowledge = Knowledge({"York": "in England", "New York": "in America"}, place="insert")
    assert inject([knowledge], "New York, New York").text == "New York (in America), New York"
    assert inject([knowledge], "New York or York").text == "New York (in America) or York (in England)"


def test_limit_keeps_the_first_in_the_text() -> None:
    knowledge = Knowledge({"a": "1", "b": "2", "c": "3"}, limit=2, separator=" | ")
    assert inject([knowledge], "c b a").text == "c b a | c: 3 | b: 2"


def test_sources_do_not_read_each_other() -> None:
    sources = [Knowledge({"a": "b"}, place="prefix"), Knowledge({"b": "c"}, place="insert"), Knowledge({"a": "d"})]
    assert inject(sources, "a") == Injected("a: b a a: d")


def test_what_lies_beyond_the_cut_brings_nothing_in() -> None:
    knowledge = Knowledge({"cat": "animal", "dog": "animal too"}, place="insert")
    assert inject([knowledge], "cat dog", length=5).text == "cat (animal) d"
    assert inject([knowledge], "catalogue", length=3).text == "cat"
    assert inject([knowledge], "cat", length=0) == Injected("")


@given(st.text(st.sampled_from("ab \n巴🙂{}"), max_size=40), st.integers(1, 4))
def test_removing_what_was_inserted_gives_the_text_back(text: str, limit: int) -> None:
    knowledge = Knowledge({"a": "#1", "b a": "#2", "巴": "#3", "🙂": "#4"}, place="insert", limit=limit)
    shown = inject([knowledge], text).text
    assert shown.count("(") <= limit
    for meaning in knowledge.entries.values():
        shown = shown.replace(f" ({meaning})", "")
    assert shown == text


def test_long_text_and_many_insertions_stay_quick() -> None:
    knowledge = Knowledge({f"w{n}": "x" for n in range(5000)}, place="insert", limit=5000)
    text = " ".join(f"w{n % 7000}" for n in range(150_000))
    started = time.process_time()
    assert inject([knowledge], text).text.count("(x)") == 5000
    assert time.process_time() - started < 5


@given(st.dictionaries(st.text(min_size=1).filter(str.strip), st.text(min_size=1), min_size=1, max_size=4))
def test_json_round_trip(entries: dict[str, str]) -> None:
    knowledge = Knowledge(entries, place="field", limit=7, separator="; ")
    assert Knowledge.from_json(json.loads(json.dumps(knowledge.to_json()))) == knowledge


def test_three_formats_say_the_same() -> None:
    expected = {"MRSA": "a bacterium", "巴黎": "法国首都"}
    tsv = "# comment\r\n\r\nMRSA\ta bacterium\r\n 巴黎 \t法国首都\r\n"
    jsonl = "".join(json.dumps({"term": term, "text": text}) + "\n" for term, text in expected.items())
    assert read_entries(tsv, where=TSV) == expected
    assert read_entries(tsv, where=Location("terms.txt")) == expected
    assert read_entries(jsonl, where=Location("terms.JSONL")) == expected
    assert read_entries(json.dumps(expected, indent=1), where=Location("terms.json")) == expected


def test_term_may_begin_with_a_hash() -> None:
    assert read_entries("#MeToo\ta movement\n", where=TSV) == {"#MeToo": "a movement"}


def problems(text: str, file: str) -> list[str]:
    with pytest.raises(UserError) as caught:
        read_entries(text, where=Location(file))
    return [str(problem) for problem in caught.value.problems]


def test_all_bad_lines_of_a_table_come_together() -> None:
    assert problems("a\t1\nno tab\n\t2\nb\t \nA\t3\nc\t4\t5\n", "t.tsv") == [
        "t.tsv:2: no TAB on this line; write term TAB meaning",
        "t.tsv:3: the term is blank; write a term and what it means",
        "t.tsv:4: the text is blank; write a term and what it means",
        "t.tsv:5: the term 'A' stands on line 1 already; keep one of them",
        "t.tsv:6: 2 TABs on this line; write term TAB meaning",
    ]


def test_all_bad_lines_of_json_lines_come_together() -> None:
    lines = [
        '{"term": "a", "text": "1"}',
        "{",
        "[1]",
        '{"term": "b"}',
        '{"term": 1, "text": "x"}',
        '{"term":"A","text":"2"}',
    ]
    found = problems("\n".join(lines), "t.jsonl")
    assert [line.split(";")[0] for line in found] == [
        "t.jsonl:2: not JSON: Expecting property name enclosed in double quotes at character 2",
        "t.jsonl:3: not an object",
        "t.jsonl:4: there is no text",
        "t.jsonl:5: the term is int, not text",
        "t.jsonl:6: the term 'A' stands on line 1 already",
    ]


@pytest.mark.parametrize(
    ("text", "file", "message"),
    [
        ("", "t.tsv", "the file has no entries; write term TAB meaning"),
        ("# only a comment\n", "t.tsv", "the file has no entries"),
        ("", "t.json", "not JSON"),
        ("{}", "t.json", "the file has no entries"),
        ("[]", "t.json", "not one object of terms"),
        ('{"a": "1", "a": "2"}', "t.json", "the term 'a' stands already"),
        ('{"a": ["1"]}', "t.json", "the text is list, not text"),
        ('{"term": "a", "text": "1"}\n{"term": "b", "text": "2"}', "t.json", "belong in a file that ends in .jsonl"),
        ("[" * 100_000, "t.json", "nested too deeply"),
        ('{"a": "\\ud800"}', "t.json", "the text holds something that is no character"),
        ("a\tnul \0\n", "t.tsv", "the text holds something that is no character"),
    ],
)
def test_files_that_say_nothing_or_nonsense(text: str, file: str, message: str) -> None:
    [problem] = problems(text, file)
    assert message in problem
