"""From a label as data has it to an answer, or to a sentence."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ruletune.data.labels import Labels
from ruletune.types import Label

WORDS = Labels(("neg", "pos", "好"))
NUMBERS = Labels(("1", "0", "10"))
SEVERAL = Labels(("a", "b", "c"), multi=True)


@pytest.mark.parametrize("labels", [WORDS, SEVERAL])
@pytest.mark.parametrize("value", [None, "", "  \t", math.nan, float("nan")])
def test_nothing_is_no_answer(labels: Labels, value: object) -> None:
    assert labels.parse(value) is None


@pytest.mark.parametrize("value", [-1, -1.0, "-1", " -1 ", "-1.0"])
def test_minus_one_is_no_answer_but_where_it_is_a_label(value: object) -> None:
    """Data sets of integers write -1 where nobody gave a label."""
    for labels in (WORDS, NUMBERS, SEVERAL, Labels(("only",), multi=True)):
        assert labels.parse(value) is None
    for names in (("-1", "1"), ("a", "-1.0")):
        assert Labels(names).parse(value) == Labels(names, multi=True).parse(value) == Label.of(min(names))


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("pos", "pos"),
        (" pos ", "pos"),
        ("好", "好"),
        (0, "neg"),
        (2, "好"),
        ("1", "pos"),
        (1.0, "pos"),
        ("02", "好"),
        ("2.0", "好"),
    ],
)
def test_a_name_or_a_position(value: object, name: str) -> None:
    assert WORDS.parse(value) == Label.of(name)


@pytest.mark.parametrize(("value", "name"), [(1, "1"), (0, "0"), ("0", "0"), (10, "10"), (10.0, "10"), (" 1", "1")])
def test_where_labels_are_numbers_a_number_is_a_name(value: object, name: str) -> None:
    assert NUMBERS.parse(value) == Label.of(name)


@pytest.mark.parametrize("names", [("1", "0"), ("1.0", "0.0"), ("+1", "-1"), ("2", "1.5"), ("one", "1")])
@pytest.mark.parametrize("value", [1, 0, -1, 2, 1.0, 0.0, -1.0, 1.5, "1", "0", "-1", "1.0", "0.0", "+1", "01"])
def test_where_labels_are_numbers_no_position_is_guessed(names: tuple[str, ...], value: float | str) -> None:
    numbers = {float(name): name for name in names if name != "one"}
    if float(value) in numbers:
        assert Labels(names).parse(value) == Label.of(numbers[float(value)])
    elif float(value) == -1:
        assert Labels(names).parse(value) is None
    else:
        with pytest.raises(ValueError, match="unknown label"):
            Labels(names).parse(value)


def test_a_name_as_it_is_written_comes_before_a_number() -> None:
    assert Labels(("1.0", "1")).parse("1") == Label.of("1")
    assert Labels(("1", "1.0")).parse("1.0") == Label.of("1.0")


def test_truth_values_are_names_or_nothing() -> None:
    assert Labels(("false", "true")).parse(True) == Label.of("true")
    assert Labels(("false", "true")).parse(False) == Label.of("false")
    with pytest.raises(ValueError, match="unknown label 'true'"):
        WORDS.parse(True)


@pytest.mark.parametrize(
    "value", [3, -2, -1.5, "-2", "3", 1.5, "1.5", "Pos", "posi", "x" * 10_000, "9" * 30, "²", b"pos"]
)
def test_what_is_no_label_is_told_in_a_short_sentence(value: object) -> None:
    with pytest.raises(ValueError, match="unknown label") as caught:
        WORDS.parse(value)
    assert len(str(caught.value)) < 200


def test_the_nearest_label_is_named() -> None:
    with pytest.raises(ValueError, match=r"unknown label 'negg'; did you mean 'neg'\?"):
        WORDS.parse("negg")


@pytest.mark.parametrize("value", [["pos"], ["pos", "neg"], (), {"pos": 1}])
def test_several_in_a_task_for_one_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="multi_label: true"):
        WORDS.parse(value)


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("b", "b"),
        ("b|a", "ab"),
        (" a | c |", "ac"),
        (["c", "a", "c"], "ac"),
        (("b",), "b"),
        ([], ""),
        (1, "b"),
        ([2], "c"),
        ([0, 2], "ac"),
        (["0", "2"], "ac"),
        ([0, 0, 1], "c"),
        ([1, 1, 0], "ab"),
        ([0, 0, 0], ""),
        ([False, True, True], "bc"),
        ([0.0, 1.0, 0.0], "b"),
    ],
)
def test_several_labels(value: object, names: str) -> None:
    assert SEVERAL.parse(value) == Label.of(*names)


@pytest.mark.parametrize("value", [["a", "d"], "a|d", [3], {"a": 1}, [["a"]], [None], [-1]])
def test_one_wrong_among_several_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="unknown label"):
        SEVERAL.parse(value)


@given(st.sets(st.sampled_from("abc")))
def test_names_positions_strings_and_flags_mean_the_same(names: set[str]) -> None:
    expected = Label.of(*names)
    assert SEVERAL.parse(sorted(names)) == expected
    flags = [int(name in names) for name in "abc"]
    assert SEVERAL.parse(flags) == SEVERAL.parse([float(flag) for flag in flags]) == expected
    assert SEVERAL.parse([bool(flag) for flag in flags]) == expected
    if names:
        assert SEVERAL.parse("|".join(sorted(names))) == expected


@pytest.mark.parametrize("value", [1, 1.0, True, "1", " true ", "True", [1], [True], ["1"], "only", ["only"]])
def test_one_label_that_holds(value: object) -> None:
    assert Labels(("only",), multi=True).parse(value) == Label.of("only")


@pytest.mark.parametrize("value", [0, 0.0, False, "0", "false", [0], [0.0], [False], ["0"], []])
def test_one_label_that_does_not_hold(value: object) -> None:
    assert Labels(("only",), multi=True).parse(value) == Label.of()


def test_one_label_that_is_called_like_a_flag() -> None:
    assert Labels(("0",), multi=True).parse("0") == Label.of("0")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(["a", "b"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=5,
)


@given(VALUES, st.sampled_from([WORDS, NUMBERS, SEVERAL, Labels(("only",), multi=True)]))
def test_any_value_is_an_answer_or_a_sentence(value: object, labels: Labels) -> None:
    try:
        answer = labels.parse(value)
    except ValueError as error:
        assert str(error)
    else:
        assert answer is None or set(answer.names) <= set(labels.names)
        assert answer is None or labels.multi or len(answer.names) == 1
