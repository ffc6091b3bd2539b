"""Rules about two entities: what a pattern matches, where conditions look, of what types entities are."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ruletune.config import TaskSpec, parse_task
from ruletune.data.columns import Columns
from ruletune.data.labels import Labels
from ruletune.data.pairs import Pairs, marked_example
from ruletune.errors import UserError
from ruletune.labeling.apply import RuleSet
from ruletune.labeling.votes import ABSTAIN
from ruletune.types import Example, Span

Load = Callable[[str], TaskSpec]
LABELS = ("works for", "founded", "none")


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def loaded(rules: str, head: str = "task: relation\nnegative: none") -> TaskSpec:
        source = f"{head}\nlabels: [works for, founded, none]\ndata: {{train: t.jsonl}}\nrules:\n{rules}"
        return parse_task(source, path=tmp_path / "task.yaml", check_data=False)

    return loaded


def fired(spec: TaskSpec, *texts: str) -> list[list[bool]]:
    """Whether each rule fires on each text."""
    examples = [marked_example(str(n), text) for n, text in enumerate(texts)]
    rules = RuleSet(spec.rules, labels=spec.labels)
    together = rules.apply(examples).matrix
    alone = np.concatenate([rules.apply([example]).matrix for example in examples])
    assert (together == alone).all()
    return (together != ABSTAIN).tolist()


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("SUBJ works for OBJ", "Yes: <e1>Ann</e1> works  for\n<e2>Acme</e2>.", True),
        ("SUBJ works for OBJ", "<e2>Ann</e2> works for <e1>Acme</e1>", False),
        ("OBJ works for SUBJ", "<e2>Ann</e2> works for <e1>Acme</e1>", True),
        ("SUBJ Works FOR OBJ", "<e1>Ann</e1> works for <e2>Acme</e2>", True),
        ("SUBJ works for OBJ", "<e1>Ann</e1> now works for <e2>Acme</e2>", False),
        ("SUBJ works for OBJ", "<e1>Ann</e1>works for <e2>Acme</e2>", False),
        ("SUBJ , head of OBJ", "<e1>Ann</e1>, head of <e2>Acme</e2>", True),
        ("SUBJ , head of OBJ", "<e1>Ann</e1> , head of <e2>Acme</e2>", True),
        ("SUBJ 's boss is OBJ", "<e1>Ann</e1>'s boss is <e2>Bob</e2>", True),
        ("SUBJ * for OBJ", "<e1>Ann</e1> works for <e2>Acme</e2>", True),
        ("SUBJ * for OBJ", "<e1>Ann</e1> has worked for <e2>Acme</e2>", False),
        ("SUBJ ... for OBJ", "<e1>Ann</e1> has worked for <e2>Acme</e2>", True),
        ("SUBJ ... for OBJ", "<e1>Ann</e1> thereafter <e2>Acme</e2>", False),
        ("SUBJ ... OBJ", "<e1>Ann</e1><e2>Acme</e2>", True),
        ("hired SUBJ ... OBJ", "They hired <e1>Ann</e1> at <e2>Acme</e2>", True),
        ("hired SUBJ ... OBJ", "They rehired <e1>Ann</e1> at <e2>Acme</e2>", False),
        ("SUBJ of OBJ left", "<e1>Ann</e1> of <e2>Acme</e2> lefty", False),
        ("SUBJ 创办了 OBJ", "<e1>王芳</e1>创办了<e2>海星</e2>", True),
        ("SUBJ (the boss) OBJ", "<e1>Ann</e1> (the boss) <e2>Acme</e2>", True),
        ("SUBJ 😀 OBJ", "<e1>Ann</e1>😀<e2>Acme</e2>", True),
        ("SUBJ-PERSON at OBJ-O", "<e1:PERSON>Ann</e1> at <e2>Acme</e2>", True),
        ("SUBJ-PERSON at OBJ-O", "<e1:O>Ann</e1> at <e2:O>Acme</e2>", False),
        ("SUBJ-PERSON at OBJ-O", "<e1:PERSON>Ann</e1> at <e2:ORG>Acme</e2>", False),
        ("SUBJ at OBJ", "<e1:PERSON>Ann</e1> at <e2:ORG>Acme</e2>", True),
    ],
)
def test_what_a_pattern_matches(load: Load, pattern: str, text: str, matches: bool) -> None:
    spec = load(f"  - {{pattern: {json.dumps(pattern, ensure_ascii=False)}, vote: works for}}\n")
    assert fired(spec, text) == [[matches]]


def test_it_shows_the_words_and_not_the_entities(load: Load) -> None:
    spec = load(
        "  - {pattern: SUBJ works for OBJ, vote: works for}\n  - {regex: 'w\\w+', scope: between, vote: works for}\n"
    )
    example = marked_example("1", "<e1>Ann</e1> works for <e2>Acme</e2>")
    found = RuleSet(spec.rules, labels=spec.labels).firings(example)
    assert [[example.text[s.start : s.end] for s in firing.spans] for firing in found] == [[" works for "], ["works"]]


def test_signs_for_entities_in_a_text_are_not_entities(load: Load) -> None:
    spec = load("  - {pattern: SUBJ of OBJ, vote: works for}\n")
    assert fired(spec, "\x02 of \x03 <e1>Ann</e1> met <e2>Bob</e2>") == [[False]]


def test_scopes_order_distance_and_composition(load: Load) -> None:
    spec = load(
        """
  - {name: before, keywords: [boss], scope: before, vote: works for}
  - {name: between, gazetteer: terms.txt, scope: between, vote: works for}
  - {name: after, regex: 'boss$', scope: after, vote: works for}
  - {name: near, length: words, scope: between, at_most: 2, vote: works for}
  - {name: subject first, order: subject first, vote: works for}
  - {name: both, all: [near, {types: {subject: [PERSON, DOG]}}], unless: before, vote: works for}
""".replace("gazetteer: terms.txt", "keywords: [boss]")
    )
    assert fired(
        spec,
        "boss <e1>Ann</e1> x <e2>Bo</e2>",
        "<e1>Ann</e1> boss <e2>Bo</e2>",
        "<e2>Ann</e2> x y z <e1>Bo</e1> boss",
        "<e1:DOG>Ann</e1> , <e2>Bo</e2>",
    ) == [
        [True, False, False, True, True, False],
        [False, True, False, True, True, False],
        [False, False, True, False, False, False],
        [False, False, False, True, True, True],
    ]


def test_entities_in_each_other_have_nothing_between_and_no_pattern(load: Load) -> None:
    spec = load(
        "  - {pattern: SUBJ ... OBJ, vote: works for}\n  - {length: characters, scope: between, at_most: 0, vote: none}\n"
    )
    nested = Example("1", "Bank of Rome", entities=(Span(0, 12), Span(8, 12)))
    assert (RuleSet(spec.rules, labels=spec.labels).apply([nested]).matrix >= 0).tolist() == [[False, True]]


def test_nothing_holds_without_entities(load: Load) -> None:
    spec = load(
        "  - {pattern: SUBJ ... OBJ, vote: works for}\n  - {regex: '^', scope: between, vote: none}\n  - {order: object first, vote: none}\n"
    )
    assert (RuleSet(spec.rules, labels=spec.labels).apply([Example("1", "text")]).matrix == ABSTAIN).all()


def test_impossible_types_are_vetoed_where_types_are_known(load: Load) -> None:
    spec = load("  - {arguments: {works for: {subject: PERSON, object: [ORG, SHOP]}, founded: {object: ORG}}}\n")
    assert fired(
        spec,
        "<e1:PERSON>Ann</e1> <e2:SHOP>A</e2>",
        "<e1:ORG>Ann</e1> <e2:ORG>A</e2>",
        "<e1:ORG>Ann</e1> <e2>A</e2>",
        "<e1>Ann</e1> <e2>A</e2>",
    ) == [[False, True], [True, False], [True, False], [False, False]]
    assert [rule.name for rule in spec.rules] == ["arguments_1: works for", "arguments_1: founded"]


def test_a_file_of_patterns(load: Load, tmp_path: Path) -> None:
    rows = [["works", "SUBJ-O of OBJ-O"], ["founded", "SUBJ * OBJ"]]
    (tmp_path / "pattern.json").write_text(json.dumps(rows), encoding="utf-8")
    spec = load("  - {pattern_file: pattern.json, labels: {works: works for}}\n")
    assert [rule.name for rule in spec.rules] == ["pattern:1", "pattern:2"]
    assert fired(spec, "<e1>Ann</e1> of <e2>A</e2>") == [[True, True]]


def test_the_public_patterns_load(load: Load, shared: Path, tmp_path: Path) -> None:
    folder = shared / "semeval_re"
    labels = sorted(json.loads((folder / "rel2id.json").read_text("utf-8")))
    source = {"task": "relation", "labels": labels, "negative": "Other", "data": {"train": "t.jsonl"}}
    rules = {"rules": [{"pattern_file": str(folder / "pattern.json")}]}
    spec = parse_task(json.dumps(source | rules), path=tmp_path / "task.yaml", check_data=False)
    assert len(spec.rules) == 164


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ("{pattern: SUBJ works, vote: none}", "the pattern 'SUBJ works' has no OBJ; write SUBJ and OBJ once each"),
        ("{pattern: 'SUBJ SUBJ-A OBJ', vote: none}", "has SUBJ twice; write it once"),
        ("{pattern: works, vote: none}", "has no SUBJ and no OBJ"),
        (
            "{order: backwards, vote: none}",
            "'order' cannot be 'backwards'; choose one of 'subject first', 'object first'",
        ),
        ("{types: {}, vote: none}", "say of which types the entities are"),
        ("{arguments: {wroks for: {subject: A}}}", "unknown label 'wroks for'; did you mean 'works for'?"),
        (
            "{regex: a, scope: betwen, vote: none}",
            "'scope' cannot be 'betwen'; did you mean 'between'?",
        ),
        ("{pattern_file: bad.json}", "bad.json:1: no JSON"),
        ("{pattern_file: object.json}", "no list of patterns; write [[label, pattern], ...]"),
        ("{pattern_file: rows.json}", "rows.json[1]: ['none'] is no pattern; write [label, pattern]"),
        ("{pattern_file: empty.json}", "the file has no patterns"),
    ],
)
def test_what_is_wrong_is_said(load: Load, tmp_path: Path, rules: str, said: str) -> None:
    for name, content in (("bad", "{"), ("object", "{}"), ("rows", '[["none"]]'), ("empty", "[]")):
        (tmp_path / f"{name}.json").write_text(content, encoding="utf-8")
    with pytest.raises(UserError) as caught:
        load(f"  - {rules}\n")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "rule", ["{regex: a, scope: between, vote: none}", "{not: {length: words, scope: after, at_most: 1}, vote: none}"]
)
def test_other_tasks_have_no_entities_to_look_between(load: Load, rule: str) -> None:
    with pytest.raises(UserError, match="looks at two entities, and texts of the task 'classification' have none"):
        load(f"  - {rule}\n", head="task: classification")


def test_a_pattern_that_backtracks_without_end_is_a_fault_of_its_rule(load: Load) -> None:
    spec = load(
        "  - {regex: '(a+)+b\\1$', scope: between, vote: none}\n  - {keywords: [c], scope: after, vote: founded}\n"
    )
    rules = RuleSet(spec.rules, labels=spec.labels, budget=lambda size: 0.05)
    votes = rules.apply(
        [marked_example("1", f"<e1>x</e1> {'a' * 40} <e2>y</e2> c"), marked_example("2", "<e1>x</e1> z <e2>y</e2> c")]
    )
    assert [fault.rule for fault in votes.faults] == ["regex_1"]
    assert votes.matrix[:, 1].tolist() == [1, 1]


def test_the_public_patterns_match_what_a_comparison_word_by_word_finds(shared: Path, tmp_path: Path) -> None:
    folder = shared / "semeval_re"
    written = json.loads((folder / "pattern.json").read_text("utf-8"))
    rows = [json.loads(line) for line in (folder / "train.txt").read_text("utf-8").splitlines()[::4]]
    source = {
        "task": "relation",
        "labels": sorted(json.loads((folder / "rel2id.json").read_text("utf-8"))),
        "data": {"train": "t.jsonl"},
        "rules": [{"pattern_file": str(folder / "pattern.json")}],
    }
    spec = parse_task(json.dumps(source), path=tmp_path / "task.yaml", check_data=False)
    reader = Pairs(Labels(spec.labels))
    parsed = [reader.parse_row(row, Columns(), file="train.txt") for row in rows]
    examples = [Example(str(n), str(p.text), entities=p.entities) for n, p in enumerate(parsed)]
    found = RuleSet(spec.rules, labels=spec.labels).apply(examples).matrix >= 0

    def expected(words: list[str], row: dict[str, Any]) -> bool:
        first, second = ("h", "t") if words[0].startswith("SUBJ") else ("t", "h")
        between = row["token"][row[first]["pos"][1] : row[second]["pos"][0]]
        untyped = words[0].endswith("-O") and words[-1].endswith("-O")
        same = len(between) == len(words) - 2 and row[first]["pos"][1] <= row[second]["pos"][0]
        return untyped and same and all(w in ("*", b) for w, b in zip(words[1:-1], between, strict=True))

    wanted = np.array([[expected(pattern.split(), row) for _, pattern in written] for row in rows])
    assert wanted.any(axis=0).sum() > 60
    assert (found == wanted).all()
