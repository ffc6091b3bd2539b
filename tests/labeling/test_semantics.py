"""What rules say and how they combine: votes, vetoes, prompts, all / any / not, unless, priority, structure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ruletune.config import TaskSpec, parse_task
from ruletune.errors import UserError
from ruletune.labeling.apply import RuleSet, needs_embedding
from ruletune.rules.base import AllOf, AnyOf, Call, Condition, Named, Not, Pattern, Rule, Veto, Vote
from ruletune.types import Example, Firing, Label, Span

HEADER = """
task: classification
labels: {ham: friends talking, spam: offers and prizes}
data: {train: train.csv}
rules:
"""


def parsed(rules: str, folder: Path = Path("/nowhere")) -> TaskSpec:
    return parse_task(HEADER + rules, path=folder / "task.yaml", check_data=False)


def rule_set(rules: str, folder: Path = Path("/nowhere")) -> RuleSet:
    spec = parsed(rules, folder)
    return RuleSet(spec.rules, labels=spec.labels, embed=embed)


def embed(texts: Sequence[str]) -> np.ndarray:
    """Two directions: talk of prizes, talk of friends."""
    raw = np.array([["prize" in t or "offer" in t, "friend" in t] for t in texts], dtype=float) + 1e-3
    return raw / np.linalg.norm(raw, axis=1, keepdims=True)


def said(rules: str, *texts: str | Example) -> list[list[int]]:
    examples = [t if isinstance(t, Example) else Example(str(n), t) for n, t in enumerate(texts)]
    return [[int(v) for v in row] for row in rule_set(rules).apply(examples).matrix]


def refused(rules: str) -> str:
    with pytest.raises(UserError) as caught:
        parsed(rules)
    return str(caught.value)


# -- composition


def test_parts_are_rules_by_name_or_conditions_in_place() -> None:
    rules = """
  - {name: money, keywords: [cash, prize]}
  - {name: urgent, regex: '(?i)\\bnow\\b'}
  - {name: both, all: [money, urgent], vote: spam}
  - {name: either, any: [money, {regex: '!$'}], vote: spam}
  - {name: neither, not: either, vote: ham}
"""
    #                                    money urgent both either neither
    assert said(rules, "cash now", "now", "hi!", "hi") == [
        [0, 0, 1, 1, -1],
        [-1, 0, -1, -1, 0],
        [-1, -1, -1, 1, -1],
        [-1, -1, -1, -1, 0],
    ]


def test_a_rule_may_refer_to_a_table_and_to_what_stands_further_down(tmp_path: Path) -> None:
    (tmp_path / "t.tsv").write_text("spam\tcash\nham\tmum\n", encoding="utf-8")
    rules = rule_set(
        "  - {name: x, all: ['t:1', later], vote: spam}\n  - {table: t.tsv}\n  - {name: later, regex: now}\n", tmp_path
    )
    assert rules.apply([Example("1", "cash now"), Example("2", "cash")]).matrix[:, 0].tolist() == [1, -1]


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ("  - {all: [mony], vote: spam}\n  - {name: money, regex: a, vote: spam}\n", "there is no rule 'mony'; did you mean 'money'?"),
        ("  - {name: a, not: b, vote: ham}\n  - {name: b, any: [a], vote: ham}\n", "rules refer to each other in a circle: a -> b -> a"),
        ("  - {name: a, regex: x, unless: a, vote: ham}\n", "circle: a -> a"),
        ("  - {name: a, regex: x}\n", "the rule 'a' says nothing; add vote: LABEL"),
        ("  - {regex: x, vote: ham, veto: spam}\n", "a rule says one thing, this one has 'vote' and 'veto'"),
        ("  - {regex: x, require: y}\n", "a rule of the task 'classification' cannot 'require'; it can say vote, veto, prompt"),
        ("  - {regex: x, veto: spma}\n", "unknown label 'spma'; did you mean 'spam'?"),
        ("  - {regex: x, veto: spam, weight: 2}\n", "only a vote and a link have a weight"),
        ("  - {all: [], vote: ham}\n", "'all' must not be empty"),
        ("  - {any: [{regex: '('}], vote: ham}\n", "bad regular expression '('"),
        ("  - {any: [{regex: a, vote: ham}], vote: ham}\n", "a condition inside a rule has no 'vote'"),
        ("  - {any: [{regex: a, ignorecase: true}], vote: ham}\n", "unknown key 'ignorecase'"),
        ("  - {any: [{table: a.tsv}], vote: ham}\n", "a condition cannot be of the kind 'table'"),
        ("  - {any: [{}], vote: ham}\n", "the rule has no kind"),
        ("  - {regex: a, unless: {word: b}, vote: ham}\n", "in a condition: the rule has no kind"),
        ("  - {regex: a, prompt: 'about {txt}'}\n", "unknown field {txt}"),
        ("  - {regex: a, prompt: '{text}{sep}{name}'}\n", "differ in {sep}"),
        ("  - {length: words, vote: ham}\n", "say how long: at_least or at_most"),
        ("  - {length: words, at_least: 5, at_most: 3, vote: ham}\n", "at_least 5 is more than at_most 3"),
        ("  - {field: source, vote: ham}\n", "say what the field must be"),
        ("  - {casing: loud, vote: ham}\n", "'casing' cannot be 'loud'"),
        ("  - {similarity: 2}\n", "'similarity' must be 1 or less"),
        ("  - {similarity: 0.5, veto: ham}\n", "say which label's description is meant"),
        ("  - {similarity: 0.5, label: hm}\n", "unknown label 'hm'; did you mean 'ham'?"),
        ("  - {regex: x, vote: ham, priority: high}\n", "'priority' must be a whole number"),
        ("  - {regex: x, vote: ham, tests: [{text: x, expect: hm}]}\n", "unknown label 'hm'"),
    ],
)  # fmt: skip
def test_mistakes_are_named_with_their_line(rules: str, message: str) -> None:
    found = refused(rules)
    assert message in found
    assert found.startswith(str(Path("/nowhere/task.yaml:6")))


def test_a_similarity_rule_needs_descriptions() -> None:
    source = HEADER.replace("{ham: friends talking, spam: offers and prizes}", "{ham: '', spam: offers}")
    with pytest.raises(UserError, match=r"6: a similarity rule needs a description of 'ham'"):
        parse_task(source + "  - {similarity: 0.5}\n", path=Path("task.yaml"), check_data=False)


# -- exceptions


def test_exceptions_silence_a_rule() -> None:
    rules = """
  - {name: free, keywords: [free], vote: spam, unless: [{regex: free time}, quoted]}
  - {name: quoted, regex: '^>'}
  - {name: echo, all: [free], vote: spam}
"""
    assert [row[0] for row in said(rules, "free!", "free time", "> free")] == [1, -1, -1]
    assert [row[2] for row in said(rules, "free!", "free time", "> free")] == [
        1,
        -1,
        -1,
    ]  # whoever refers to it sees so


def test_exceptions_hold_for_tables_functions_and_columns_too(tmp_path: Path) -> None:
    (tmp_path / "t.tsv").write_text("spam\tfree\n", encoding="utf-8")
    (tmp_path / "f.py").write_text("def f(text):\n    return 'ham' if 'x' in text else None\n", encoding="utf-8")
    rules = rule_set(
        "  - {table: t.tsv, unless: {regex: '^>'}}\n"
        "  - {function: 'f.py:f', unless: {regex: '^>'}}\n"
        "  - {votes: v, count: 1, unless: {regex: '^>'}}\n"
        "  - {similarity: 0.5, unless: {regex: '^>'}}\n",
        tmp_path,
    )
    examples = [Example("1", "free x prize", fields={"v": [0]}), Example("2", "> free x prize", fields={"v": [0]})]
    assert rules.apply(examples).matrix.tolist() == [[1, 0, 0, 1], [-1, -1, -1, -1]]


# -- priority, vetoes, prompts


def test_only_the_highest_priority_is_heard() -> None:
    rules = """
  - {name: low, regex: a, vote: ham}
  - {name: high, regex: b, vote: spam, priority: 2}
  - {name: middle, regex: c, veto: spam, priority: 1}
  - {name: prompt, regex: a, prompt: 'x {text}', priority: -1}
"""
    assert said(rules, "a", "ab", "abc", "ac") == [
        [0, -1, -1, 0],
        [-1, 1, -1, 0],
        [-1, 1, -1, 0],
        [-1, -1, 1, 0],
    ]


def test_vetoes_are_no_votes_and_cover() -> None:
    rules = rule_set("  - {regex: a, veto: spam}\n  - {regex: b, vote: spam}\n  - {regex: c, veto: ham}\n")
    votes = rules.apply([Example("1", "ab"), Example("2", "z"), Example("3", "ac")])
    assert votes.signs.tolist() == [-1, 1, -1]
    assert votes.covered.tolist() == [True, False, True]
    assert votes.vetoed.tolist() == [[False, True], [False, False], [False, False]]  # the last two cancel out
    assert rules.firings(Example("1", "a")) == (Firing("regex_1", Label.of("spam"), (Span(0, 1),), veto=True),)


def test_a_helper_and_a_prompt_cover_nothing_and_only_the_prompt_is_shown() -> None:
    rules = rule_set("  - {name: h, regex: a}\n  - {any: [h], prompt: '{text}!'}\n")
    assert rules.apply([Example("1", "a")]).covered.tolist() == [False]
    assert rules.firings(Example("1", "a")) == (Firing("any_2", None, (Span(0, 1),)),)


# -- structure


def test_metadata() -> None:
    rules = """
  - {field: source, equals: [bbc, 7, true], vote: ham}
  - {field: stars, at_least: 2, at_most: 4.5, vote: ham}
  - {field: subject, matches: '^re:', ignore_case: true, vote: ham}
"""
    rows: list[dict[str, object]] = [
        {"source": "bbc", "stars": 2, "subject": "RE: hi"},
        {"source": 7, "stars": "4.5", "subject": "hi re:"},
        {"source": True, "stars": 5, "subject": None},
        {"source": None, "stars": None, "subject": ""},
    ]
    assert said(rules, *(Example(str(n), "t", fields=row) for n, row in enumerate(rows))) == [
        [0, 0, 0],
        [0, 0, -1],
        [0, -1, -1],
        [-1, -1, -1],
    ]


def test_a_value_that_is_no_number_is_a_fault_and_a_missing_column_an_error() -> None:
    rules = rule_set("  - {name: stars, field: stars, at_least: 3, vote: ham}\n")
    votes = rules.apply([Example("1", "t", fields={"stars": "n/a"}), Example("2", "t", fields={"stars": "3"})])
    assert votes.matrix[:, 0].tolist() == [-2, 0]
    assert "column 'stars' holds 'n/a', which is no number" in votes.faults[0].traceback
    with pytest.raises(
        UserError, match=r"rule 'stars' reads the column 'stars', which is not there; did you mean 'star'"
    ):
        rules.apply([Example("1", "t", fields={"star": 1})])
    assert rules.apply([Example("1", "t")], strict=False).matrix.tolist() == [[-1]]


def test_a_condition_may_read_the_second_text() -> None:
    rules = rule_set("  - {field: text_pair, matches: yes, vote: ham}\n")
    votes = rules.apply([Example("1", "no", "yes"), Example("2", "yes", "no")])
    assert votes.matrix[:, 0].tolist() == [0, -1]


@pytest.mark.parametrize(
    ("rule", "text", "fires"),
    [
        ("length: words, at_most: 2", "don't", True),  # don, t
        ("length: words, at_least: 6", "今天天气好吗", True),
        ("length: words, at_least: 4", "我 like 茶", False),
        ("length: words, at_least: 1", "", False),
        ("length: characters, at_most: 2", "😀", True),
        ("length: lines, at_least: 2", "a\n\nb", True),
        ("length: lines, at_least: 3", "a\n\nb", False),
        ("casing: upper", "WIN 100 £", True),
        ("casing: upper, at_least: 0.5", "Win", False),
        ("casing: upper", "123", False),
        ("casing: upper, at_most: 0.5", "好", False),
        ("casing: lower", "e. e. cummings", True),
        ("casing: title, at_least: 0.6", "The Lord of the Rings", True),
        ("casing: title", "Paris 2024", True),
    ],
)
def test_length_and_casing(rule: str, text: str, fires: bool) -> None:
    assert said(f"  - {{{rule}, vote: ham}}\n", text) == [[0 if fires else -1]]


def test_similarity_votes_for_the_nearest_description_or_for_the_label_named() -> None:
    rules = "  - {similarity: 0.9}\n  - {similarity: 0.5, vote: spam}\n  - {all: [{similarity: 0.5, label: ham}], veto: spam}\n"
    assert said(rules, "a prize", "a friend", "a friend with a prize", "nothing") == [
        [1, 1, -1],
        [0, -1, 1],
        [-1, 1, 1],
        [-1, 1, 1],
    ]
    assert needs_embedding(parsed(rules).rules)
    assert not needs_embedding(parsed("  - {regex: a, vote: ham}\n").rules)
    spec = parsed(rules)
    with pytest.raises(UserError, match="compares embeddings, and there is no model"):
        RuleSet(spec.rules, labels=spec.labels)


# -- three values


def test_what_a_failing_part_leaves_open_is_a_fault_and_what_it_cannot_change_is_not(tmp_path: Path) -> None:
    (tmp_path / "f.py").write_text("def f(text):\n    return int(text) > 5\n", encoding="utf-8")
    rules = rule_set(
        "  - {name: n, function: 'f.py:f', vote: spam}\n"
        "  - {all: [n, {regex: x}], vote: spam}\n"
        "  - {any: [n, {regex: x}], vote: spam}\n"
        "  - {not: n, vote: ham}\n"
        "  - {regex: x, unless: n, vote: spam}\n",
        tmp_path,
    )
    votes = rules.apply([Example("1", "9"), Example("2", "x"), Example("3", "y")])
    assert votes.matrix.tolist() == [[1, -1, 1, -1, -1], [-2, -2, 1, -2, -2], [-2, -1, -2, -2, -1]]
    assert {fault.rule: fault.count for fault in votes.faults} == {
        "n": 2,
        "all_2": 1,
        "any_3": 1,
        "not_4": 2,
        "regex_5": 1,
    }
    assert all("invalid literal" in fault.traceback for fault in votes.faults)


_ATOMS = ("a", "b", "c")


def _conditions() -> st.SearchStrategy[Condition]:
    leaf: st.SearchStrategy[Condition] = st.sampled_from([Pattern(atom) for atom in _ATOMS])
    return st.recursive(
        leaf,
        lambda inner: st.one_of(
            st.lists(inner, min_size=1, max_size=3).map(lambda parts: AllOf(tuple(parts))),
            st.lists(inner, min_size=1, max_size=3).map(lambda parts: AnyOf(tuple(parts))),
            inner.map(Not),
        ),
        max_leaves=8,
    )


def _truth(condition: Condition, text: str) -> bool:
    match condition:
        case Pattern(regex=atom):
            return atom in text
        case AllOf(parts=parts):
            return all(_truth(part, text) for part in parts)
        case AnyOf(parts=parts):
            return any(_truth(part, text) for part in parts)
        case Not(part=part):
            return not _truth(part, text)
    raise AssertionError


@given(condition=_conditions(), texts=st.lists(st.text("abcx", max_size=3), max_size=6))
def test_conditions_mean_what_logic_means(condition: Condition, texts: list[str]) -> None:
    rules = RuleSet([Rule("r", condition, Vote("spam")), Rule("v", Named("r"), Veto("ham"))], labels=("ham", "spam"))
    matrix = rules.apply([Example(str(n), text) for n, text in enumerate(texts)]).matrix
    expected = [_truth(condition, text) for text in texts]
    assert (matrix[:, 0] == 1).tolist() == expected
    assert (matrix[:, 1] == 0).tolist() == expected


def test_a_long_chain_of_references_and_many_shared_conditions() -> None:
    rules = [Rule("r0", Pattern("a"))]
    rules += [Rule(f"r{n}", Named(f"r{n - 1}")) for n in range(1, 200)]
    rules += [Rule("last", AllOf((Named("r199"), Pattern("a"))), Vote("spam"))]
    assert RuleSet(rules, labels=("ham", "spam")).apply([Example("1", "a")]).matrix[0, -1] == 1


def test_a_function_inside_a_condition_is_a_yes_or_no() -> None:
    rule = Rule("r", Not(Call("f.py:f", str.isupper)), Vote("spam"))
    assert RuleSet([rule], labels=("ham", "spam")).apply([Example("1", "A"), Example("2", "a")]).matrix.tolist() == [
        [-1],
        [1],
    ]
