"""Reading scores: SQuAD's definition written out a second time, and crafted answers worked out by hand."""

from __future__ import annotations

import json
import string
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ruletune.metrics.intervals import mean_interval
from ruletune.metrics.reading import exact_match, f1, normalized, per_example, score


def plain(text: str) -> list[str]:
    """Words after SQuAD's normalization, by other means than the module's."""
    kept = text.lower().translate(str.maketrans("", "", string.punctuation))
    return [word for word in kept.split() if word not in ("a", "an", "the")]


def best_overlap(references: list[str], predicted: str) -> float:
    found, scores = plain(predicted), []
    for reference in [words for words in map(plain, references) if words] or [[]]:
        rest, common = list(reference), 0
        for word in found:
            if word in rest:
                rest.remove(word)
                common += 1
        nothing = not found and not reference
        scores.append(1.0 if nothing else 2 * common / (len(found) + len(reference)))
    return max(scores)


WORDS = st.sampled_from(
    ["the", "A", "an", "cat", "Cat's", "dog", "über", "42", "3.5%", "-", "U.S.", "\u00a0", "😀", ","]
)
TEXTS = st.lists(WORDS, max_size=6).map(" ".join)


@settings(max_examples=200)
@given(st.lists(TEXTS, max_size=3), TEXTS)
def test_scores_follow_the_definition(references: list[str], predicted: str) -> None:
    assert f1(references, predicted) == pytest.approx(best_overlap(references, predicted))
    expected = [words for words in map(plain, references) if words] or [[]]
    assert exact_match(references, predicted) == float(plain(predicted) in expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        (" \t\n", ""),
        ("The", ""),
        ("an A the", ""),
        ("!?", ""),
        ("The Beatles", "beatles"),
        ("Anthem of the Ant", "anthem of ant"),
        ("U.S.", "us"),
        ("the-end", "theend"),
        ("1,000.5", "10005"),
        ("don’t", "don’t"),  # not ASCII: the official scorer keeps it
        ("ÜBER  a\u00a0b", "über b"),
        ("《红楼梦》，曹雪芹。", "红楼梦曹雪芹"),
        ("😀 a", "😀"),
    ],
)
def test_normalization(text: str, expected: str) -> None:
    assert normalized(text) == expected


@pytest.mark.parametrize(
    ("references", "predicted", "exact", "overlap"),
    [
        (["Denver Broncos"], "the Denver Broncos!", 1.0, 1.0),
        (["Denver Broncos"], "Broncos", 0.0, 2 / 3),
        (["Denver Broncos"], "Carolina Panthers", 0.0, 0.0),
        (["Denver Broncos"], "", 0.0, 0.0),
        (["in 1999", "1999"], "1999", 1.0, 1.0),  # the best of several
        (["a b c d e", "b c"], "b c d", 0.0, 6 / 7),  # three words, and four without the article
        (["to be or not to be"], "to to to", 0.0, 2 * (2 / 3) * (2 / 6) / (2 / 3 + 2 / 6)),  # as often as it occurs
        ([], "", 1.0, 1.0),
        ([""], "", 1.0, 1.0),
        ([], "Denver", 0.0, 0.0),
        ([], "the", 1.0, 1.0),  # nothing is left of it
        (["the", "Denver"], "", 0.0, 0.0),  # one reference says something
        (["%"], "", 1.0, 1.0),
    ],
)
def test_answers_by_hand(references: list[str], predicted: str, exact: float, overlap: float) -> None:
    assert exact_match(references, predicted) == exact
    assert f1(references, predicted) == pytest.approx(overlap)


@pytest.mark.parametrize(
    ("reference", "predicted", "overlap"),
    [
        ("长江大桥", "长江", 2 / 3),
        ("长江大桥", "大桥。", 2 / 3),
        ("2008年8月8日", "2008年", 4 / 8),  # six words: 2008 年 8 月 8 日
        ("とうきょう", "きょう", 6 / 8),
        ("iPhone手机", "iPhone", 1 / 2),  # three words, one of them found: 2 * 1 / (1 + 3)
        ("ไทย", "ไทย", 1.0),
        ("서울 특별시", "서울", 2 / 3),  # Korean has spaces
    ],
)
def test_scripts_without_spaces_are_compared_by_characters(reference: str, predicted: str, overlap: float) -> None:
    assert f1([reference], predicted) == pytest.approx(overlap)


def test_both_kinds_of_question_are_also_scored_apart() -> None:
    references = [["Paris"], ["the sea", "ocean"], [], [""]]
    result = score(references, ["Paris", "deep sea", "", "Rome"])
    assert result == pytest.approx(
        {"exact_match": 2 / 4, "f1": (1 + 2 / 3 + 1 + 0) / 4, "has_answer_f1": 5 / 6, "no_answer_accuracy": 1 / 2}
    )


@pytest.mark.parametrize("references", [[["Paris"], ["Rome"]], [[], []]])
def test_one_kind_of_question_has_no_scores_apart(references: list[list[str]]) -> None:
    assert score(references, ["Paris", ""]).keys() == {"exact_match", "f1"}


def test_a_reference_of_which_nothing_is_left_is_an_answer_all_the_same() -> None:
    assert score([["%"], []], ["%", "x"])["has_answer_f1"] == 1.0


def test_nothing_asked_and_everything_wrong() -> None:
    assert score([], []) == {"exact_match": 0.0, "f1": 0.0}
    assert per_example([], []).shape == (0, 2)
    wrong = score([["x"], []], ["y", "y"])
    assert wrong == dict.fromkeys(["exact_match", "f1", "has_answer_f1", "no_answer_accuracy"], 0.0)


def test_the_scores_of_each_question_give_an_interval() -> None:
    table = per_example([["the sea"]] * 40, ["sea", "deep sea"] * 20)
    assert table.shape == (40, 2)
    assert table.mean(axis=0) == pytest.approx([0.5, 5 / 6])
    low, high = mean_interval(table[:, 1], seed=0)
    assert low < 5 / 6 < high


def test_more_answers_than_questions_are_refused() -> None:
    with pytest.raises(ValueError, match="longer"):
        score([["x"]], ["x", "y"])


def test_scores_are_plain_numbers_that_json_takes() -> None:
    result = score([["x"], []], ["x y", ""])
    assert json.loads(json.dumps(result)) == result
    assert all(type(value) is float for value in result.values())


def test_a_megabyte() -> None:
    text = "the cat, " * 120_000
    assert exact_match([text], text) == 1.0
    assert f1([text], "cat") == pytest.approx(2 / 120_001)


def test_gold_answers_score_one_and_other_questions_answers_hardly(shared: Path) -> None:
    articles = json.loads((shared / "squad_qa" / "xquad_en_first24.json").read_text(encoding="utf-8"))["data"]
    questions = [one for article in articles for part in article["paragraphs"] for one in part["qas"]]
    references = [[answer["text"] for answer in one["answers"]] for one in questions]
    first = [right[0] for right in references]
    assert score(references, first) == {"exact_match": 1.0, "f1": 1.0}
    assert score(references, list(np.roll(first, 1)))["f1"] < 0.1
