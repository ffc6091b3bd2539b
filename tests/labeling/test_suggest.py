"""Suggesting rules: candidates, beliefs, scores, proposals, repairs."""

from __future__ import annotations

import random
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ruletune.config import parse_task
from ruletune.errors import UserError
from ruletune.labeling.suggest import Pool, of_proposals, propose, repair, study
from ruletune.labeling.suggest.beliefs import believe
from ruletune.labeling.suggest.candidates import SHAPES, candidates, entry_of, gap, negated, start
from ruletune.labeling.suggest.proposals import holds
from ruletune.labeling.suggest.scoring import evidence, score
from ruletune.labeling.suggest.task import suggest_rules
from ruletune.rules.base import Pattern, Terms

FILLER = ("the", "film", "story", "about", "people", "with", "music", "and", "scenes", "tonight", "again", "maybe")
WORDS = {0: ("awful", "dull", "stale"), 1: ("superb", "lovely", "great")}


def texts(n: int, *, seed: int = 0) -> tuple[list[str], np.ndarray]:
    """Sentences with one telling word each, labels in turn."""
    rng = random.Random(seed)
    made = []
    for number in range(n):
        words = [rng.choice(WORDS[number % 2]), *rng.choices(FILLER, k=6)]
        rng.shuffle(words)
        made.append(" ".join(words))
    return made, np.arange(n) % 2


def pool(n: int = 400, *, shots: int = 10, seed: int = 0) -> tuple[Pool, np.ndarray]:
    made, target = texts(n, seed=seed)
    gold = np.full((n, 2), np.nan)
    gold[: 2 * shots] = np.eye(2)[target[: 2 * shots]]
    return Pool(tuple(made), gold, np.zeros(n, dtype=bool)), target


def test_telling_words_are_proposed_and_filler_is_not() -> None:
    made, target = pool()
    proposals = propose(made, study(made), count=10, min_precision=0.7)
    assert {proposal.label for proposal in proposals} == {0, 1}
    covered = np.zeros(len(target), dtype=bool)
    for proposal in proposals:
        assert (target[proposal.rows] == proposal.label).mean() > 0.9
        assert proposal.low <= proposal.precision <= proposal.high
        covered[proposal.rows] = True
    assert covered.mean() > 0.8


def test_each_proposal_adds_to_those_before() -> None:
    made, _ = pool()
    free = np.ones(len(made.texts), dtype=bool)
    for proposal in propose(made, study(made), count=10, min_precision=0.7):
        assert proposal.new_coverage == pytest.approx(free[proposal.rows].sum() / len(free))
        assert proposal.new_coverage > 0
        free[proposal.rows] = False


def test_texts_that_rules_cover_are_not_new() -> None:
    made, target = pool()
    covered = Pool(made.texts, made.gold, target == 0)
    assert {p.label for p in propose(covered, study(covered), count=10, min_precision=0.7)} == {1}


def test_the_same_pool_gives_the_same_list() -> None:
    made, _ = pool()
    first, second = (propose(made, study(made), count=10, min_precision=0.7) for _ in range(2))
    assert [p.condition for p in first] == [p.condition for p in second]


def test_one_label_only() -> None:
    made, _ = pool()
    assert {p.label for p in propose(made, study(made), count=5, min_precision=0.7, labels=[1])} == {1}


def test_random_labels_give_no_confident_rules() -> None:
    made, _ = pool(600, shots=15, seed=3)
    gold = made.gold.copy()
    gold[:30] = np.eye(2)[np.random.default_rng(1).permutation(np.arange(30) % 2)]
    noise = Pool(made.texts, gold, made.covered)
    proposals = propose(noise, study(noise), count=20, min_precision=0.9)
    assert all(proposal.low < 0.9 for proposal in proposals)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(max_size=60), min_size=4, max_size=12))
def test_candidates_hold_where_the_engine_says(made: list[str]) -> None:
    """Words may be broken off at odd characters; never is a text counted that a shape or a start does not match."""
    found = candidates(made, support=2)
    for position, condition in enumerate(found.conditions[:40]):
        if found.families[position] == "shape":
            rows = found.matrix[:, [position]].nonzero()[0]
            assert holds(condition, made)[rows].all()


def test_candidates_of_plain_text_hold_exactly() -> None:
    made, _ = texts(100)
    found = candidates(made, support=3)
    assert len(found.conditions) > 20
    for position, condition in enumerate(found.conditions):
        if found.families[position] in ("word", "phrase", "start"):
            counted = np.zeros(len(made), dtype=bool)
            counted[found.matrix[:, [position]].nonzero()[0]] = True
            assert (counted == holds(condition, made)).all(), condition


@pytest.mark.parametrize("made", [[], [""], ["", "😀", " "], ["x" * 1_000_000, "a b", "a b", "a b"]])
def test_odd_texts_are_survived(made: list[str]) -> None:
    assert candidates(made, support=3).matrix.shape[0] == len(made)


def test_chinese_gives_runs_of_characters() -> None:
    made = ["这部电影很好看", "真的很好看", "很好看的电影", "太差了不看", "差", "好"]
    found = candidates(made, support=3)
    assert Terms(("很好看",)) in found.conditions


def test_numbers_letters_and_stop_words_alone_are_no_candidates() -> None:
    found = candidates(["the 5 of x"] * 5 + ["zebra crossing"] * 6, support=3)
    words = {term for c in found.conditions if isinstance(c, Terms) for term in c.terms}
    assert words == {"zebra", "crossing", "zebra crossing"}


@pytest.mark.parametrize(
    "regex", [*SHAPES.values(), start("how many").regex, gap("a", "b").regex, negated("good").regex]
)
def test_expressions_compile_and_are_quick(regex: str) -> None:
    import time

    began = time.process_time()
    re.search(regex, "a1-." * 5000 + "!", re.IGNORECASE)
    assert time.process_time() - began < 2


def test_negated_words() -> None:
    compiled = re.compile(negated("good").regex, re.IGNORECASE)
    assert (
        compiled.search("not very good") and compiled.search("It isn't good") and not compiled.search("good, not bad")
    )


def test_an_entry_is_what_the_task_file_reads() -> None:
    assert entry_of(Pattern("^a", int(re.IGNORECASE))) == {"regex": "^a", "ignore_case": True}
    assert entry_of(Pattern("^a")) == {"regex": "^a"}


def test_beliefs_find_the_shares_of_the_labels() -> None:
    rng = np.random.default_rng(0)
    target = (rng.random(1000) < 0.1).astype(int)
    vectors = rng.normal(size=(1000, 4)) + 3 * target[:, None]
    gold = np.full((1000, 2), np.nan)
    for label in (0, 1):  # drawn evenly, which says nothing of the shares
        rows = np.flatnonzero(target == label)[:10]
        gold[rows] = np.eye(2)[label]
    beliefs = believe([vectors], gold, multi=False, seed=0)
    assert beliefs.prior[1] == pytest.approx(target.mean(), abs=0.04)
    assert beliefs.probability.sum(axis=1) == pytest.approx(1)


def test_several_labels_at_once() -> None:
    made, target = pool()
    gold = made.gold.copy()
    gold[:20, 1] = 1 - gold[:20, 0]
    several = Pool(made.texts, gold, made.covered, multi=True)
    proposals = propose(several, study(several), count=6, min_precision=0.7)
    assert proposals
    assert all((target[p.rows] == p.label).mean() > 0.9 for p in proposals)


def test_more_gold_makes_the_interval_narrower() -> None:
    made, _ = pool(shots=10)
    found = study(made)
    matrix = np.ones((len(made.texts), 1))
    few = score(matrix, found.evidence, label=0)
    gold = np.eye(2)[np.arange(len(made.texts)) % 2]
    many = score(matrix, evidence(believe([found.vectors], gold, multi=False, seed=0), gold, multi=False), label=0)
    assert many.high[0] - many.low[0] < few.high[0] - few.low[0]


def test_a_rule_is_widened_and_excepted() -> None:
    made, target = texts(600)
    made = [text.replace("superb", "superbly") if n % 3 == 0 else text for n, text in enumerate(made)]
    gold = np.full((600, 2), np.nan)
    gold[:60] = np.eye(2)[target[:60]]
    base = Pool(tuple(made), gold, np.zeros(600, dtype=bool))
    found = study(base)
    reasons = [change.reason for change in repair(Terms(("superb",)), 1, pool=base, found=found, count=20)]
    assert any("'superbly'" in reason and "inflection" in reason for reason in reasons)
    changes = repair(Pattern(r"\b(?:superb|lovely|stale)\b"), 1, pool=base, found=found, count=20)
    exception = next(change for change in changes if change.reason == "except where 'stale' occurs")
    assert exception.extend == {"unless": [{"keywords": ["stale"]}]}
    assert exception.after.precision > exception.before.precision
    assert exception.after.coverage < exception.before.coverage


def test_names_are_unique_and_examples_show_the_words() -> None:
    made, _ = pool()
    proposals = propose(made, study(made), count=2, min_precision=0.7)
    plain = of_proposals(proposals, made, labels=["bad", "good"], taken=[])
    again = of_proposals(proposals, made, labels=["bad", "good"], taken=[one.name for one in plain])
    assert [one.name for one in again] == [f"{one.name} (2)" for one in plain]
    for one in plain:
        assert one.examples
        assert all(word in shown.text for shown in one.examples for word in shown.matched)


def task(folder: Path, lines: list[str], extra: str = "") -> Path:
    (folder / "train.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    path = folder / "task.yaml"
    source = f"task: classification\nlabels: [bad, good]\ndata: {{train: train.jsonl, split: {{test: 0.0}}}}\n{extra}"
    path.write_text(source, encoding="utf-8")
    return path


def line(text: str, label: str | None) -> str:
    import json

    return json.dumps({"text": text, "label": label})


@pytest.mark.parametrize(
    ("labels", "message"),
    [((None, None), "no text of the training part has a label"), (("good", None), "every gold label is 'good'")],
)
def test_too_little_gold_is_said(tmp_path: Path, labels: tuple[str | None, str | None], message: str) -> None:
    path = task(tmp_path, [line(text, labels[n % 2]) for n, text in enumerate(texts(40)[0])])
    spec = parse_task(path.read_text("utf-8"), path=path)
    with pytest.raises(UserError, match=message) as caught:
        suggest_rules(spec)
    assert "ruletune sample" in str(caught.value)


def test_without_unlabelled_texts_a_note_says_so(tmp_path: Path) -> None:
    path = task(tmp_path, [line(text, ("bad", "good")[n % 2]) for n, text in enumerate(texts(60)[0])])
    found = suggest_rules(parse_task(path.read_text("utf-8"), path=path))
    assert found.suggestions
    assert any("no unlabelled texts" in note for note in found.notes)


def test_unknown_rules_and_labels_are_said(tmp_path: Path) -> None:
    path = task(
        tmp_path, [line(text, "bad") for text in texts(4)[0]], "rules: [{name: praise, keywords: [a], vote: good}]\n"
    )
    spec = parse_task(path.read_text("utf-8"), path=path)
    with pytest.raises(UserError, match="did you mean 'praise'"):
        suggest_rules(spec, rule="prais")
    with pytest.raises(UserError, match="there is no label 'god'"):
        suggest_rules(spec, labels=["god"])


def test_texts_of_the_test_file_are_never_seen(tmp_path: Path) -> None:
    made, target = texts(80)
    lines = [
        line(text, ("bad", "good")[label] if n < 20 else None)
        for n, (text, label) in enumerate(zip(made, target, strict=True))
    ]
    path = task(tmp_path, lines)
    (tmp_path / "test.jsonl").write_text("\n".join(line(text, "bad") for text in made[40:]) + "\n", encoding="utf-8")
    source = path.read_text("utf-8").replace("train: train.jsonl", "train: train.jsonl, test: test.jsonl")
    found = suggest_rules(parse_task(source, path=path))
    assert found.texts == len(set(made[:40]) - set(made[40:])) or found.texts == sum(
        t not in set(made[40:]) for t in made
    )


def test_rules_that_compare_embeddings_need_a_model(tmp_path: Path) -> None:
    path = task(tmp_path, [line("a", "bad")], "rules: [{similarity: 0.5}]\n")
    source = path.read_text("utf-8").replace("[bad, good]", "{bad: blames, good: praises}")
    spec = parse_task(source, path=path)
    with pytest.raises(UserError, match="leave out --fast"):
        suggest_rules(spec)
