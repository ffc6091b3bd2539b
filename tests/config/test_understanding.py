"""Task files of intents and slots: which half a rule belongs to, and what is said where nobody can tell."""

from __future__ import annotations

from pathlib import Path

import pytest

from ruletune.config import TaskSpec, load_task, parse_task, to_yaml, with_seed
from tests.conftest import Complaints, Write

HEAD = """task: understanding
intents: {Play: wants music, Weather: asks about the sky}
slots: {artist: who plays, city: a town}
data: {train: train.jsonl}
"""


def parse(rules: str = "", *, head: str = HEAD, path: Path = Path("task.yaml")) -> TaskSpec:
    return parse_task(head + rules, path=path, check_data=False)


def names(spec: TaskSpec) -> list[list[str]]:
    return [[rule.name for rule in half.rules] for half in spec.halves]


def test_a_rule_belongs_to_the_half_that_has_its_label() -> None:
    spec = parse("""rules:
  - {name: plays, keywords: [play], vote: Play}
  - {name: by, regex: '\\bby (?P<entity>\\w+)', vote: artist}
  - {name: no town, keywords: [march], veto: city}
  - {name: as a question, keywords: [rain], prompt: 'weather? {text}'}
  - {name: double names, regex: '[A-Z]\\w+-[A-Z]\\w+', link: together}
""")
    assert [half.task.name for half in spec.halves] == ["classification", "ner"]
    assert [half.labels for half in spec.halves] == [("Play", "Weather"), ("artist", "city")]
    assert names(spec) == [["plays", "as a question"], ["by", "no town", "double names"]]
    assert [rule.where.line for half in spec.halves for rule in half.rules if rule.where] == [6, 9, 7, 8, 10]


def test_a_task_of_one_kind_is_its_only_half() -> None:
    spec = parse(head="task: classification\nlabels: [a, b]\ndata: {train: t.jsonl}\n")
    assert spec.slots is None
    assert spec.halves == (spec,)


def test_rules_without_a_name_keep_that_of_their_place() -> None:
    spec = parse("""rules:
  - {keywords: [play], vote: Play}
  - {regex: 'by (\\w+)', vote: artist}
  - {keywords: [rain], vote: Weather}
""")
    assert names(spec) == [["keywords_1", "keywords_3"], ["regex_2"]]


def test_a_rule_that_the_other_half_refers_to_is_a_condition_there() -> None:
    spec = parse("""rules:
  - {name: loud, keywords: [loud]}
  - {name: plays, all: [{keywords: [play]}, {not: loud}], vote: Play}
  - {name: by, all: [{regex: 'by (?P<entity>\\w+)'}, plays], vote: artist}
""")
    assert names(spec) == [["loud", "plays"], ["loud", "plays", "by"]]
    assert [rule.sign for rule in spec.halves[1].rules] == [0, 0, 1]


def test_tables_are_placed_by_their_labels(write: Write) -> None:
    write("slots.tsv", "artist\tby (?P<entity>\\w+)\ncity\tin (?P<entity>\\w+)\n")
    path = write("task.yaml", HEAD + "rules:\n  - {table: slots.tsv}\n")
    assert names(load_task(path, check_data=False)) == [[], ["slots:1", "slots:2"]]


def test_written_out_it_says_the_same() -> None:
    spec = parse("""tests: [{text: play x, expect: Play}]
rules:
  - {name: plays, keywords: [play], vote: Play, tests: [{text: play x, expect: Play}]}
  - {name: by, regex: 'by (?P<entity>\\w+)', vote: artist, unless: rainy}
  - {name: rainy, keywords: [rain], vote: Weather}
seed: 3
""")
    written = to_yaml(spec)
    again = parse_task(written, path=Path("task.yaml"), check_data=False)
    assert to_yaml(again) == written
    assert [sorted(half) for half in names(again)] == [["plays", "rainy"], ["by", "rainy"]] == names(spec)
    assert [half.file.seed for half in with_seed(again, 8).halves] == [8, 8]


@pytest.mark.parametrize(
    ("rules", "problem"),
    [
        (
            "  - {keywords: [x], vote: artst}",
            "task.yaml:6: unknown label 'artst'; did you mean 'artist'?",
        ),
        (
            "  - {votes: given, count: 3}",
            "task.yaml:6: the rule does not say whether it is about an intent or a slot; say vote: and the name of one of them",
        ),
        ("  - {keywords: [], vote: city}", "task.yaml:6: 'keywords' must not be empty"),
        ("  - {regex: 'a(b', vote: city}", "task.yaml:6: bad regular expression 'a(b': missing ), unterminated"),
        ("  - {glossary: t.tsv}", "task.yaml:6: the task 'classification' cannot use a rule of kind 'glossary'"),
        ("  - {keywords: [x], require: y}", "task.yaml:6: a rule of the task 'classification' cannot 'require'"),
        ("  - {keyword: [x], vote: Play}", "task.yaml:6: the rule has no kind; did you mean 'keywords'?"),
        ("  - {name: x, keywords: [x]}", "task.yaml:6: the rule 'x' says nothing"),
        ("  - {keywords: [x], vote: city, unless: y}", "task.yaml:6: there is no rule 'y'"),
        ("  - plain text", "task.yaml:6: a rule is a mapping of keys to values"),
        (
            "  - {name: a, keywords: [x], vote: city}\n  - {name: a, keywords: [x], vote: Play}",
            "task.yaml:7: two rules are called 'a'",
        ),
    ],
)
def test_wrong_rules_have_their_line(rules: str, problem: str, complaints: Complaints) -> None:
    found, *_ = complaints(parse, f"rules:\n{rules}\n")
    assert found.startswith(problem)


def test_a_table_of_both_is_refused(write: Write, complaints: Complaints) -> None:
    write("both.tsv", "artist\tby\nPlay\tplay\n")
    path = write("task.yaml", HEAD + "rules:\n  - {table: both.tsv}\n")
    assert complaints(load_task, path, check_data=False) == [
        "task.yaml:6: the entry has rules about intents and rules about slots; write an entry for each"
    ]


@pytest.mark.parametrize(
    ("head", "problems"),
    [
        (
            HEAD.replace("slots: {artist: who plays, city: a town}\n", ""),
            [
                "task.yaml:1: the key 'slots' is missing; write a list of names, or a mapping of names to descriptions",
            ],
        ),
        (
            HEAD.replace("{Play: wants music, Weather: asks about the sky}", "[]"),
            [
                "task.yaml:2: 'intents' must name the intents; write a list of names, or a mapping of names to descriptions"
            ],
        ),
        (
            HEAD.replace("city: a town", "Play: a game"),
            ["task.yaml:3: 'Play' is an intent and a slot; rename one of them, so that rules can tell which they mean"],
        ),
        (
            HEAD + "labels: [a]\n",
            ["task.yaml:5: a task of intents and slots has no 'labels'; name them under 'intents' and 'slots'"],
        ),
        (HEAD + "nme: x\n", ["task.yaml:5: unknown key 'nme'; did you mean 'name'?"]),
        (
            HEAD.replace("{Play: wants music, Weather: asks about the sky}", "[Play]"),
            [
                "task.yaml:2: there is nothing to choose between with one label; name two at least; for one label that holds or "
                "does not, set multi_label: true"
            ],
        ),
    ],
)
def test_wrong_files(head: str, problems: list[str], complaints: Complaints) -> None:
    assert complaints(parse, head=head) == problems


def test_what_is_wrong_with_both_halves_is_said_once_and_all_together(complaints: Complaints) -> None:
    head = HEAD + "training: {epohs: 3}\nrules:\n  - {keywords: [x], vote: Plya}\n  - {regex: 'x(', vote: city}\n"
    assert [problem.partition(";")[0] for problem in complaints(parse, head=head)] == [
        "task.yaml:5: unknown key 'epohs'",
        "task.yaml:7: unknown label 'Plya'",
        "task.yaml:8: bad regular expression 'x(': missing ), unterminated subpattern at position 1",
    ]


def test_an_unknown_task_may_be_meant(complaints: Complaints) -> None:
    [problem] = complaints(parse, head="task: understandin\nlabels: [a, b]\ndata: {train: t.jsonl}\n")
    assert problem.endswith("did you mean 'understanding'?")
