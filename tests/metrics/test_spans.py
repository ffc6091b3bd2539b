"""Strict scores against seqeval's on tags over words, lenient ones against nervaluate's; both by hand, too."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nervaluate import Evaluator
from seqeval.metrics import classification_report
from seqeval.scheme import IOB2

from ruletune.metrics.spans import counts, score
from ruletune.types import Span, Spans

NAMES = ["PER", "LOC", "组织"]
NONE = Spans(())
ZEROS = {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 0}
SCORES = ["precision", "recall", "f1", "macro_f1", "partial_f1", "boundary_f1", "type_f1"]


def spans(*places: tuple[int, int, str]) -> Spans:
    return Spans(tuple(Span(*place) for place in places))


def laid_out(pieces: list[tuple[int, int, str]]) -> Spans:
    """Spans one after the other: words skipped, words covered, label."""
    found, at = [], 0
    for skipped, covered, label in pieces:
        found.append(Span(at + skipped, at + skipped + covered, label))
        at += skipped + covered
    return Spans(tuple(found))


def tags(answer: Spans, length: int) -> list[str]:
    written = ["O"] * length
    for span in answer.spans:
        written[span.start : span.end] = [f"B-{span.label}"] + [f"I-{span.label}"] * (span.end - span.start - 1)
    return written


ANSWERS = st.lists(st.tuples(st.integers(0, 2), st.integers(1, 3), st.sampled_from(NAMES)), max_size=5).map(laid_out)
PAIRS = st.lists(st.tuples(ANSWERS, ANSWERS), min_size=1, max_size=6)


@settings(max_examples=150)
@given(PAIRS)
def test_strict_scores_are_seqevals_to_the_last_digit(pairs: list[tuple[Spans, Spans]]) -> None:
    gold, found = [g for g, _ in pairs], [f for _, f in pairs]
    result = score(gold, found, labels=NAMES)
    if not any(answer.spans for answer in (*gold, *found)):  # seqeval has no mean of nothing
        assert [result[name] for name in SCORES] == [0.0] * len(SCORES)
        return
    written = [[tags(answer, 25) for answer in answers] for answers in (gold, found)]
    report: dict[str, Any] = classification_report(
        *written, mode="strict", scheme=IOB2, output_dict=True, zero_division=0
    )
    micro = report["micro avg"]
    assert [result[name] for name in SCORES[:3]] == [micro[name] for name in ("precision", "recall", "f1-score")]
    assert result["macro_f1"] == report["macro avg"]["f1-score"]
    for label, row in result["per_label"].items():
        other = report.get(label, {"precision": 0, "recall": 0, "f1-score": 0, "support": 0})
        assert list(row.values()) == list(other.values())
    true, predicted, actual = counts(gold, found).sum(axis=0)
    assert result["f1"] == pytest.approx(2 * true / (predicted + actual))


@settings(max_examples=100)
@given(PAIRS)
def test_lenient_scores_are_nervaluates(pairs: list[tuple[Spans, Spans]]) -> None:
    def entities(answer: Spans) -> list[dict[str, Any]]:
        return [{"label": span.label, "start": span.start, "end": span.end - 1} for span in answer.spans]

    gold, found = [g for g, _ in pairs], [f for _, f in pairs]
    result = score(gold, found, labels=NAMES)
    evaluator = Evaluator([entities(a) for a in gold], [entities(a) for a in found], tags=NAMES, loader="dict")
    overall = evaluator.evaluate()["overall"]
    expected = [overall[name].f1 for name in ("partial", "exact", "ent_type")]
    assert [result[name] for name in SCORES[4:]] == expected


def test_each_kind_of_error_by_hand() -> None:
    gold = [spans((0, 4, "PER"), (10, 20, "LOC"), (30, 33, "组织"), (40, 44, "LOC"))]
    found = [
        spans((0, 4, "PER"), (10, 18, "LOC"), (30, 33, "LOC"), (50, 52, "PER"))
    ]  # right, short, mislabelled, made up
    result = score(gold, found, labels=NAMES)
    assert [result["precision"], result["recall"], result["f1"]] == [0.25, 0.25, 0.25]
    assert result["per_label"]["PER"] == {"precision": 0.5, "recall": 1.0, "f1": pytest.approx(2 / 3), "support": 1}
    assert result["per_label"]["LOC"] == {**ZEROS, "support": 2}
    assert result["per_label"]["组织"] == {**ZEROS, "support": 1}
    assert result["macro_f1"] == pytest.approx(2 / 9)
    assert result["partial_f1"] == pytest.approx(2.5 / 4)  # two with right ends, half of the short one
    assert result["boundary_f1"] == pytest.approx(2 / 4)
    assert result["type_f1"] == pytest.approx(2 / 4)
    assert counts(gold, found).tolist() == [[1, 4, 4]]


def test_the_same_span_in_another_text_is_not_the_same() -> None:
    result = score([spans((0, 2, "PER")), NONE], [NONE, spans((0, 2, "PER"))], labels=NAMES)
    assert [result[name] for name in SCORES] == [0.0] * len(SCORES)
    assert counts([spans((0, 2, "PER")), NONE], [NONE, spans((0, 2, "PER"))]).tolist() == [[0, 0, 1], [0, 1, 0]]


def test_everything_right() -> None:
    answers = [spans((0, 1, "PER"), (1, 2, "PER")), NONE, spans((3, 9, "LOC"))]
    result = score(answers, answers, labels=NAMES)
    assert [result[name] for name in SCORES] == [1.0] * len(SCORES)  # 组织 occurs nowhere and pulls no mean down
    assert result["per_label"]["组织"] == ZEROS


@pytest.mark.parametrize("answers", [[], [NONE], [NONE, NONE]])
def test_no_spans_at_all_score_zero_with_the_same_keys(answers: list[Spans]) -> None:
    result = score(answers, answers, labels=NAMES)
    assert result.keys() == score([spans((0, 1, "PER"))], [NONE], labels=NAMES).keys()
    assert [result[name] for name in SCORES] == [0.0] * len(SCORES)
    assert result["per_label"] == dict.fromkeys(NAMES, ZEROS)
    assert counts(answers, answers).tolist() == [[0, 0, 0]] * len(answers)


@pytest.mark.parametrize(("gold", "found"), [(NONE, spans((0, 1, "PER"))), (spans((0, 1, "PER")), NONE)])
def test_nothing_found_and_nothing_to_find(gold: Spans, found: Spans) -> None:
    result = score([gold], [found], labels=NAMES)
    assert [result[name] for name in SCORES] == [0.0] * len(SCORES)
    assert result["per_label"]["PER"]["support"] == len(gold.spans)


def test_spans_that_overlap_are_counted_each() -> None:
    gold, found = spans((0, 10, "LOC"), (0, 5, "PER")), spans((0, 10, "LOC"), (0, 10, "PER"))
    result = score([gold], [found], labels=NAMES)
    assert result["f1"] == 0.5
    assert counts([gold], [found]).tolist() == [[1, 2, 2]]


def test_a_span_said_twice_counts_once() -> None:
    result = score([spans((0, 2, "PER"))], [spans((0, 2, "PER"), (0, 2, "PER"))], labels=NAMES)
    assert [result[name] for name in SCORES] == [1.0] * len(SCORES)


def test_the_order_of_spans_does_not_matter() -> None:
    gold, places = spans((0, 6, "PER"), (8, 9, "LOC")), [(8, 9, "LOC"), (0, 2, "PER"), (3, 6, "PER")]
    assert score([gold], [spans(*places)], labels=NAMES) == score([gold], [spans(*sorted(places))], labels=NAMES)


def test_spans_without_characters_only_count_strictly() -> None:
    result = score([spans((5, 5, "PER"), (0, 9, "LOC"))], [spans((5, 5, "PER"))], labels=NAMES)
    assert result["recall"] == 0.5
    assert result["partial_f1"] == 0.0


def test_names_of_any_shape() -> None:
    names = ["-PER-", "PER", "micro avg", "B-O", ""]
    answers = [spans(*((k, k + 1, name) for k, name in enumerate(names)))]
    result = score(answers, [spans((0, 1, "PER"), *((k, k + 1, n) for k, n in enumerate(names) if k))], labels=names)
    assert result["per_label"]["-PER-"] == {**ZEROS, "support": 1}
    assert result["per_label"]["PER"] == {"precision": 0.5, "recall": 1.0, "f1": pytest.approx(2 / 3), "support": 1}
    assert [result["per_label"][name]["f1"] for name in names[2:]] == [1.0] * 3


def test_scores_are_plain_numbers_that_json_takes() -> None:
    result = score([spans((0, 2, "PER"))], [spans((0, 1, "PER"))], labels=NAMES)
    assert json.loads(json.dumps(result)) == result
    assert all(type(result[name]) is float for name in SCORES)


def test_a_long_text_with_many_spans() -> None:
    many = spans(*((k, k + 1, NAMES[k % 3]) for k in range(0, 40_000, 20)))
    assert score([many], [many], labels=NAMES)["f1"] == 1.0
