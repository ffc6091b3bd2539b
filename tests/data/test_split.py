"""Splits keep shares and lose nothing, and no text stands on two sides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ruletune.data.split import Splits, remove_leaks, same_text, same_turn, stratified_split
from ruletune.types import Example, Label, Text

TEXTS = st.sampled_from(["Good", "good ", "ｇｏｏｄ", "好看", "😀", "", " ", "bad", "a", "b", "c", "d", "e", "f"])
ANSWERS = st.none() | st.sets(st.sampled_from("xyz"), max_size=2).map(lambda names: Label.of(*names))
EXAMPLES = st.lists(
    st.builds(Example, id=st.just("1"), text=TEXTS, text_pair=st.none() | TEXTS, answer=ANSWERS), max_size=40
)
SHARES = st.tuples(st.sampled_from([0.0, 0.1, 0.2, 0.45]), st.sampled_from([0.0, 0.05, 0.3, 0.5]))


def labelled(counts: dict[str, int]) -> list[Example]:
    """So many different texts of each label; several labels are joined by a plus."""
    return [
        Example(f"{names}-{n}", f"{names} text {n}", answer=Label.of(*filter(None, names.split("+"))))
        for names, count in counts.items()
        for n in range(count)
    ]


def by_label(part: Iterable[Example]) -> Counter[str]:
    return Counter(str(example.answer) for example in part)


def parts(splits: Splits) -> list[tuple[Example, ...]]:
    return [splits.train, splits.validation, splits.test]


@settings(max_examples=150)
@given(EXAMPLES, SHARES, st.integers(0, 5))
def test_a_text_stands_on_one_side_and_nothing_labelled_is_lost(
    examples: list[Example], shares: tuple[float, float], seed: int
) -> None:
    splits = stratified_split(examples, validation=shares[0], test=shares[1], seed=seed)
    keys = [{same_text(example) for example in part} for part in parts(splits)]
    if any(shares):
        assert not keys[0] & keys[1] and not keys[0] & keys[2] and not keys[1] & keys[2]
    held = keys[1] | keys[2]
    kept = [e for e in examples if e.answer is not None or same_text(e) not in held]
    assert Counter(map(id, kept)) == Counter(id(e) for part in parts(splits) for e in part)
    assert all(example.answer is not None for part in parts(splits)[1:] for example in part)
    position = {id(example): n for n, example in enumerate(examples)}
    for part in parts(splits):
        assert [position[id(e)] for e in part] == sorted(position[id(e)] for e in part)


@settings(max_examples=100)
@given(
    st.dictionaries(st.sampled_from(["a", "b", "c", "a+b", "b+c", ""]), st.integers(1, 60), min_size=1),
    SHARES,
    st.integers(0, 3),
)
def test_shares_hold_for_the_whole_and_for_every_label(
    counts: dict[str, int], shares: tuple[float, float], seed: int
) -> None:
    splits = stratified_split(labelled(counts), validation=shares[0], test=shares[1], seed=seed)
    wanted = sum(share > 0 for share in shares)
    splittable = {n: c for n, c in counts.items() if c > wanted and not (n.count("+") and c < 10)}
    unsplit = sum(counts.values()) - sum(splittable.values())
    tight = sum(count * (1 - sum(shares)) < 1 for count in splittable.values())  # one of them is kept to train on
    for part, share in ((splits.validation, shares[0]), (splits.test, shares[1])):
        found = by_label(part)
        for names, count in splittable.items():
            key = ", ".join(sorted(filter(None, names.split("+"))))
            assert abs(found[key] - count * share) <= 1
        assert abs(len(part) - sum(splittable.values()) * share) <= 1 + unsplit + tight
    for name in by_label(labelled(counts)):
        assert by_label(splits.train)[name] or "+" in name or ", " in name


def test_the_sizes_are_those_asked_for() -> None:
    splits = stratified_split(labelled({"a": 95, "b": 25, "c": 30}), validation=0.1, test=0.2, seed=0)
    assert [len(part) for part in parts(splits)] == [105, 15, 30]
    assert by_label(splits.test) == {"a": 19, "b": 5, "c": 6}
    assert splits.warnings == ()


def test_what_is_left_over_goes_to_the_label_that_lost_most_by_rounding() -> None:
    splits = stratified_split(labelled({"a": 31, "b": 17, "c": 12}), validation=0.0, test=0.1, seed=0)
    assert by_label(splits.test) == {"a": 3, "b": 2, "c": 1}  # of 3.1, 1.7 and 1.2


def test_a_small_label_is_served_before_a_large_one() -> None:
    splits = stratified_split(labelled({"large": 96, "small": 4}), validation=0.0, test=0.1, seed=0)
    assert by_label(splits.test) == {"large": 9, "small": 1}


@pytest.mark.parametrize("count", [3, 4, 5, 7])
def test_something_is_left_to_train_on(count: int) -> None:
    splits = stratified_split(labelled({"a": count}), validation=0.45, test=0.5, seed=0)
    assert all(parts(splits))


def test_the_seed_decides() -> None:
    examples = labelled({"a": 50, "b": 50})
    one, same, other = (stratified_split(examples, validation=0.1, test=0.2, seed=seed) for seed in (1, 1, 2))
    assert one == same
    assert {e.id for e in one.test} != {e.id for e in other.test}


def test_without_shares_everything_is_for_training() -> None:
    examples = labelled({"a": 3})
    assert stratified_split(examples, validation=0.0, test=0.0, seed=0) == Splits(tuple(examples), (), ())
    assert stratified_split([], validation=0.1, test=0.2, seed=0) == Splits((), (), ())


@pytest.mark.parametrize("count", [1, 2])
def test_a_label_with_too_few_texts_stays_and_is_named(count: int) -> None:
    splits = stratified_split(labelled({"a": 40, "罕见": count}), validation=0.1, test=0.2, seed=0)
    assert by_label(splits.train)["罕见"] == count
    [warning] = splits.warnings
    assert "罕见" in warning and warning.endswith(".")


def test_one_example() -> None:
    splits = stratified_split(labelled({"a": 1}), validation=0.0, test=0.5, seed=0)
    assert [len(part) for part in parts(splits)] == [1, 0, 0]
    assert len(splits.warnings) == 1


def test_labels_that_a_part_could_not_get_are_named() -> None:
    counts = {f"label {n}": 3 for n in range(20)}
    splits = stratified_split(labelled(counts), validation=0.0, test=0.1, seed=0)
    assert len(splits.test) == 6
    [warning] = splits.warnings
    assert "test part" in warning and warning.endswith("and 6 more.")


def test_rare_combinations_are_split_together() -> None:
    pairs = {f"a+{name}": 2 for name in "bcdefghijk"}
    splits = stratified_split(labelled({"a": 30, **pairs}), validation=0.0, test=0.2, seed=0)
    assert by_label(splits.test)["a"] == 6
    assert sum(", " in str(example.answer) for example in splits.test) == 4
    assert splits.warnings == ()


def test_copies_count_once() -> None:
    copies = [Example(str(n), "The same" if n % 2 else "the  SAME", answer=Label.of("a")) for n in range(50)]
    splits = stratified_split(copies, validation=0.1, test=0.1, seed=0)
    assert len(splits.train) == 50 and len(splits.warnings) == 1


def test_the_pair_is_part_of_the_text() -> None:
    assert same_text(Example("1", "a", "b")) != same_text(Example("1", "a", "c"))
    assert same_text(Example("1", "a", "")) != same_text(Example("1", "a"))
    assert same_text(Example("1", "a\0b")) != same_text(Example("1", "a", "b"))


@pytest.mark.parametrize("other", ["STRASSE", "straße", "ｓｔｒａｓｓｅ", "\tStrasse\u3000\n"])
def test_the_same_to_a_reader(other: str) -> None:
    assert same_text(Example("1", "Strasse")) == same_text(Example("2", other))


@pytest.mark.parametrize(("one", "other"), [("good", "good."), ("a b", "ab"), ("好看", "好 看"), ("é", "e"), ("", "a")])
def test_not_the_same_to_a_reader(one: str, other: str) -> None:
    assert same_text(Example("1", one)) != same_text(Example("2", other))


def test_texts_without_a_label_stay_unless_they_are_held_out() -> None:
    examples = labelled({"a": 20})
    bare = [Example(f"bare {n}", example.text.upper()) for n, example in enumerate(examples)]
    splits = stratified_split([*bare, *examples, Example("other", "something else")], validation=0.0, test=0.2, seed=0)
    assert len(splits.test) == 4
    assert sum(example.answer is None for example in splits.train) == 16 + 1
    assert splits.warnings == ("Texts without a label that also stand, labelled, in a held-out part were left out: 4.",)


@pytest.mark.parametrize(("validation", "test"), [(0.5, 0.5), (-0.1, 0.2), (0.0, 1.0)])
def test_shares_that_leave_nothing_are_refused(validation: float, test: float) -> None:
    with pytest.raises(ValueError, match="train on"):
        stratified_split([], validation=validation, test=test, seed=0)


@given(EXAMPLES, EXAMPLES)
def test_no_leak_remains_and_nothing_else_goes(train: list[Example], held_out: list[Example]) -> None:
    kept, dropped = remove_leaks(train, held_out)
    taken = {same_text(example) for example in held_out}
    assert kept == [example for example in train if same_text(example) not in taken]
    assert len(kept) + len(dropped) == len(train)


def test_a_very_long_text() -> None:
    long = "好 " * 500_000
    kept, dropped = remove_leaks([Example("1", long)], [Example("2", long + " ")])
    assert (len(kept), len(dropped)) == (0, 1)


def test_answers_that_are_texts_are_split_at_random() -> None:
    data = [Example(str(n), f"text {n}", answer=Text(f"target {n}")) for n in range(20)]
    first, again, other = (stratified_split(data, validation=0.1, test=0.2, seed=seed) for seed in (0, 0, 1))
    assert (len(first.train), len(first.validation), len(first.test)) == (14, 2, 4)
    assert first == again != other
    assert first.warnings == ()


def test_turns_are_the_same_where_all_that_is_answered_is() -> None:
    train = [Example("1", "Yes.", fields={"history": "A taxi?"}), Example("2", "Yes.", fields={"history": "A hotel?"})]
    held_out = [Example("3", "yes.", fields={"history": "a hotel?", "intent": "x"})]
    kept, dropped = remove_leaks(train, held_out, key=same_turn)
    assert ([e.id for e in kept], [e.id for e in dropped]) == (["1"], ["2"])
    acts = [Example(str(n), "Hi.", fields={"act": act}) for n, act in enumerate(("a()", "b()"))]
    assert same_turn(acts[0]) != same_turn(acts[1])
