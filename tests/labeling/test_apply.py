"""Applying rules: votes where they should be, faults counted, and nothing wrong passed over."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ruletune.errors import Location, UserError
from ruletune.labeling.apply import RuleSet
from ruletune.labeling.values import answer_value
from ruletune.rules.base import Call, Column, Pattern, Rule, Terms, Vote
from ruletune.types import Example, Firing, Label, Span, Spans, Text

LABELS = ("ham", "spam")
WHERE = Location("task.yaml", 5)


def texts(*values: str) -> list[Example]:
    return [Example(str(number), value) for number, value in enumerate(values, start=1)]


def function(f: Callable[..., object], vote: str | None = "spam", name: str = "f") -> Rule:
    says = None if vote is None else Vote(vote)
    return Rule(name, Call("rules.py:f", f), says, where=WHERE)


def column(position: int, *, size: int | None = None) -> Rule:
    return Rule(f"votes:{position + 1}", Column("votes", position, LABELS, size), where=WHERE)


def voted(*votes: object) -> list[Example]:
    return [Example(f"row-{n}", "t", fields={"votes": value}) for n, value in enumerate(votes, start=1)]


def refusal(rules: list[Rule], examples: list[Example]) -> str:
    with pytest.raises(UserError) as caught:
        RuleSet(rules, labels=LABELS).apply(examples)
    return str(caught.value)


MIXED = [
    Rule("free", Pattern(r"\bfree\b"), Vote("spam")),
    Rule("thanks", Terms(("thanks", "好的")), Vote("ham")),
    function(str.isupper, "spam", "shouts"),
    function(lambda text: "ham" if "?" in text else None, None, "asks"),
]


def test_every_rule_votes_in_its_own_column() -> None:
    votes = RuleSet(MIXED, labels=LABELS).apply(texts("free?", "THANKS", "好的", "", "😀"))
    assert votes.matrix.tolist() == [[1, -1, -1, 0], [-1, 0, 1, -1], [-1, 0, -1, -1], [-1] * 4, [-1] * 4]
    assert votes.matrix.dtype == "int16"
    assert votes.covered.tolist() == [True, True, True, False, False]
    assert votes.faults == ()
    assert votes.take([2, 0]).matrix.tolist() == [[-1, 0, -1, -1], [1, -1, -1, 0]]


def test_all_at_once_is_the_same_as_one_by_one() -> None:
    values = ["free", "Thanks?", "FREE", "好的好的", "", "a" * 5000, "free thanks"] * 400
    rules = RuleSet(MIXED, labels=LABELS)
    together = rules.apply(texts(*values)).matrix
    assert together.shape == (2800, 4)
    for row in range(0, 2800, 97):
        assert rules.apply_one(Example("1", values[row]))[0].tolist() == together[row].tolist()


def test_progress_adds_up() -> None:
    done: list[int] = []
    RuleSet(MIXED, labels=LABELS).apply(texts(*["free"] * 10_000), progress=done.append)
    assert sum(done) == 10_000
    assert len(done) > 1


def test_no_rules_and_no_texts() -> None:
    assert RuleSet([], labels=LABELS).apply(texts("a")).matrix.shape == (1, 0)
    assert not RuleSet([], labels=LABELS).apply(texts("a")).covered.any()
    assert RuleSet(MIXED, labels=LABELS).apply([]).matrix.shape == (0, 4)


def test_rules_that_match_all_or_nothing() -> None:
    rules = [Rule("all", Pattern(""), Vote("ham")), Rule("nothing", Pattern(r"(?!)"), Vote("spam"))]
    assert RuleSet(rules, labels=LABELS).apply(texts("", "a", "\n")).matrix.tolist() == [[0, -1]] * 3


def test_a_rule_for_an_unknown_label_is_refused() -> None:
    with pytest.raises(UserError, match=r"task\.yaml:5: rule 'f' votes for the unknown label 'spma'; did you mean"):
        RuleSet([function(str.isupper, "spma")], labels=LABELS)
    with pytest.raises(UserError, match="rule 'p' votes for no label"):
        RuleSet([Rule("p", Pattern("a"))], labels=LABELS)


# -- functions


def test_a_function_that_fails_is_a_fault_and_not_an_abstain() -> None:
    def first_number(text: str) -> bool:
        return int(text.split()[0]) > 10

    votes = RuleSet([function(first_number), MIXED[0]], labels=LABELS).apply(texts("99 free", "free", "x", "1"))
    assert votes.matrix.tolist() == [[1, 1], [-2, 1], [-2, -1], [-1, -1]]
    [fault] = votes.faults
    assert (fault.rule, fault.count, fault.example_id) == ("f", 2, "2")
    assert "first_number" in fault.traceback
    assert "ValueError: invalid literal for int() with base 10: 'free'" in fault.traceback


def test_a_truth_value_that_fails_is_a_fault() -> None:
    class Neither:
        def __bool__(self) -> bool:
            raise TypeError("neither true nor false")

    votes = RuleSet([function(lambda text: Neither() if text else True)], labels=LABELS).apply(texts("", "a"))
    assert votes.matrix.tolist() == [[1], [-2]]
    assert votes.faults[0].count == 1


def test_a_function_that_fails_on_every_text_is_refused() -> None:
    said = refusal([function(lambda text: text.nothing, "spam", "broken")], texts("a", "b"))
    assert (
        said
        == "task.yaml:5: rule 'broken' fails on every text: AttributeError: 'str' object has no attribute 'nothing'"
    )


def test_a_function_that_returns_no_label_is_refused_once_for_all_its_texts() -> None:
    said = refusal([function(lambda text: "spma" if text else None, None)], texts("", *"abcdefg"))
    assert said == (
        "task.yaml:5: rule 'f' returned 'spma', which is no label (texts '2', '3', '4', '5', '6' and 2 more); "
        "did you mean 'spam'? or return None to abstain"
    )
    said = refusal([function(lambda text: len(text), None)], texts("a"))
    assert "rule 'f' returned a value of type 'int' (text '1'); return a label's name, or None to abstain" in said


def test_a_keyboard_interrupt_goes_through() -> None:
    def stop(text: str) -> bool:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        RuleSet([function(stop)], labels=LABELS).apply(texts("a"))


# -- columns of votes


def test_votes_by_position_by_name_and_abstaining() -> None:
    votes = RuleSet([column(0, size=2), column(1, size=2)], labels=LABELS).apply(
        voted([0, -1], [-1, 1], ["spam", None], (1, "ham"))
    )
    assert votes.matrix.tolist() == [[0, -1], [-1, 1], [1, -1], [1, 0]]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ([0], "the column 'votes' holds 1 votes, for 2 rules (text 'row-2')"),
        ([0, 0, 0], "the column 'votes' holds 3 votes, for 2 rules (text 'row-2')"),
        ("[0, 0]", "the column 'votes' holds no list of votes but str (text 'row-2'); a list needs"),
        (None, "the column 'votes' holds no list of votes but NoneType (text 'row-2')"),
        ([0, 2], "rule 'votes:2' votes 2, which is no label and no position of one (text 'row-2')"),
        ([0, -2], "votes -2, which is no label"),
        ([0, True], "votes True, which is no label"),
        ([0, 0.5], "votes 0.5, which is no label"),
        ([0, "spma"], "votes 'spma', which is no label and no position of one (text 'row-2'); did you mean 'spam'?"),
    ],
)
def test_bad_votes_name_their_text(value: object, said: str) -> None:
    assert said in refusal([column(0, size=2), column(1, size=2)], voted([0, 0], value, [1, 1]))


def test_a_missing_column_is_said_once() -> None:
    examples = [Example(str(n), "t", fields={"vote": [1, 1]}) for n in range(3000)]
    said = refusal([column(0), column(1)], examples)
    ids = "'0', '1', '2', '3', '4' and 2995 more"
    assert said == f"task.yaml:5: there is no column 'votes' of votes (texts {ids}); did you mean 'vote'?"


def test_one_rule_of_a_longer_list_may_be_used_alone() -> None:
    assert RuleSet([column(1)], labels=LABELS).apply(voted([0, 1, 0, 0])).matrix.tolist() == [[1]]


# -- expressions without end


def test_backtracking_without_end_is_a_fault_of_its_rule() -> None:
    slow = Rule("slow", Pattern(r"(a+)+\1$"), Vote("ham"), where=WHERE)
    rules = RuleSet([MIXED[0], slow], labels=LABELS, budget=lambda characters: 0.1)
    votes = rules.apply([*texts("free", "aaa"), Example("tweet-17", "free " + "a" * 50 + "b")])
    assert votes.matrix.tolist() == [[1, -1], [-1, 0], [1, -2]]
    [fault] = votes.faults
    assert (fault.rule, fault.count, fault.example_id) == ("slow", 1, "tweet-17")
    assert fault.traceback.startswith("worked for more than 0.1 s on one text of 56 characters")


def test_an_expression_that_is_hopeless_is_given_up() -> None:
    slow = Rule("slow", Pattern(r"(a+)+\1$"), Vote("ham"), where=WHERE)
    rules = RuleSet([slow], labels=LABELS, budget=lambda characters: 0.05)
    bad = [Example(f"bad-{n}", "a" * 50 + "b") for n in range(50)]
    votes = rules.apply([*texts("aaa"), *bad], whole=False)
    assert votes.matrix[:, 0].tolist().count(-1) == 0
    [fault] = votes.faults
    assert fault.count == 50


# -- what fired


def test_firings_show_what_triggered_them() -> None:
    rules = RuleSet([*MIXED, column(0)], labels=LABELS)
    example = Example("1", "free 好的, free?")
    assert rules.firings(example) == (
        Firing("free", Label.of("spam"), (Span(0, 4), Span(9, 13))),
        Firing("thanks", Label.of("ham"), (Span(5, 7),)),
        Firing("asks", Label.of("ham"), ()),
    )
    assert rules.firings(Example("2", "nothing here")) == ()
    [firing] = rules.firings(Example("3", "t", fields={"votes": [1]}))
    assert firing == Firing("votes:1", Label.of("spam"), ())


def test_a_function_that_fails_says_nothing_about_one_text() -> None:
    rules = RuleSet([function(lambda text: text.nothing), MIXED[0]], labels=LABELS)
    assert [firing.rule for firing in rules.firings(Example("1", "free"))] == ["free"]


@pytest.mark.parametrize("text", ["", "😀" * 10, "中文" * 10, "free " * 200_000, "\ud83d half", "\x00\x1b[31m"])
def test_every_kind_of_rule_survives_every_text(text: str) -> None:
    rules = RuleSet([*MIXED, column(0)], labels=LABELS)
    votes = rules.apply([Example("1", text, fields={"votes": [-1]})])
    assert votes.matrix.shape == (1, 5)
    fired = [firing.rule for firing in rules.firings(Example("1", text))]
    assert ("free" in fired) == ("free" in text)


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        (Label.of("spam"), "spam"),
        (Label.of("b", "a"), ["a", "b"]),
        (Label(()), []),
        (Spans((Span(0, 2, "PER"),)), [{"start": 0, "end": 2, "label": "PER"}]),
        (Text("hm"), "hm"),
    ],
)
def test_answers_as_json(answer: Label | Spans | Text, value: object) -> None:
    assert answer_value(answer) == value


def test_an_expression_that_ends_at_first_and_not_again_shows_nothing() -> None:
    """A first match is found at once; looking for the next one to show backtracks."""
    slow = Rule("slow", Pattern(r"^x|(a+)+\1$"), Vote("ham"), where=WHERE)
    rules = RuleSet([slow], labels=LABELS, budget=lambda characters: 0.1)
    example = Example("tweet-18", "x" + "a" * 50 + "b")
    assert rules.apply([example]).matrix.tolist() == [[0]]
    assert rules.firings(example) == (Firing("slow", Label.of("ham"), ()),)
