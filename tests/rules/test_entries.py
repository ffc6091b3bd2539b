"""Every way of writing a rule: what it becomes, and what it says when it is wrong."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError

from ruletune.errors import Location, UserError
from ruletune.rules import KINDS, Column, Condition, Pattern, RuleContext, Terms, Vote, build_rules, kind_of
from ruletune.rules.regex import RegexEntry
from ruletune.rules.table import TableEntry, unmatched_exemplars
from ruletune.rules.terms import GazetteerEntry, KeywordsEntry
from ruletune.rules.votes import VotesEntry


def message(error: pytest.ExceptionInfo[UserError]) -> str:
    return str(error.value)


# -- the table of kinds


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_each_kind_is_found_by_its_key_and_described(kind: str) -> None:
    assert kind_of({"name": "n", kind: "x", "vote": "spam"}) == kind
    assert kind in {field.alias or name for name, field in KINDS[kind].model_fields.items()}
    assert KINDS[kind].kind == kind
    assert KINDS[kind].__doc__
    for name, field in KINDS[kind].model_fields.items():
        assert field.description, f"{kind}.{name} has no description"


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"vote": "spam"}, "no kind; choose one of 'regex'"),
        ({}, "no kind; choose one of"),
        ({"keyword": ["a"], "vote": "spam"}, "did you mean 'keywords'?"),
        ({"regex": "a", "keywords": ["a"]}, "'regex' and 'keywords'; write two rules"),
    ],
)
def test_an_entry_has_exactly_one_kind(entry: dict[object, object], said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        kind_of(entry)


@pytest.mark.parametrize("weight", [0, -1, float("nan"), float("inf"), "much"])
def test_a_weight_is_a_positive_number(weight: object) -> None:
    with pytest.raises(ValidationError):
        RegexEntry.model_validate({"regex": "a", "vote": "spam", "weight": weight})


def test_unknown_keys_are_refused_and_entries_are_frozen() -> None:
    with pytest.raises(ValidationError, match="ignorecase"):
        RegexEntry.model_validate({"regex": "a", "vote": "spam", "ignorecase": True})
    entry = RegexEntry(regex="a", vote="spam")
    with pytest.raises(ValidationError):
        entry.regex = "b"  # type: ignore[misc]


# -- expressions


def test_an_expression_becomes_a_pattern(context: RuleContext) -> None:
    [rule] = RegexEntry(regex=r"\bfree\b", vote="spam", weight=2).rules(context)
    assert (rule.name, rule.kind, rule.where) == ("regex_3", "regex", Location("task.yaml", 7))
    assert (rule.when, rule.says) == (Pattern(r"\bfree\b", 0), Vote("spam", 2.0))
    [rule] = RegexEntry(name="free", regex="free", vote="spam", ignore_case=True).rules(context)
    assert (rule.name, rule.when) == ("free", Pattern("free", re.IGNORECASE))


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("a(b", "missing ), unterminated subpattern at position 1"),
        ("*", "nothing to repeat at position 0"),
        ("(?<=a+)b", "look-behind requires fixed-width pattern"),
        ("[[a]", "Possible nested set at position 1"),
        ("a{99999999999}", "the repetition number is too large"),
        ("(" * 5000 + ")" * 5000, "nested too deeply"),
    ],
)
def test_an_expression_that_does_not_compile(context: RuleContext, expression: str, said: str) -> None:
    with pytest.raises(UserError) as caught:
        RegexEntry(regex=expression, vote="spam").rules(context)
    assert message(caught).startswith("task.yaml:7: bad regular expression")
    assert said in message(caught)
    assert len(message(caught)) < 250


def test_an_unknown_label_is_refused_with_the_nearest(context: RuleContext) -> None:
    for entry in (RegexEntry(regex="a", vote="spma"), KeywordsEntry(keywords=("a",), vote="spma")):
        with pytest.raises(UserError, match=r"task\.yaml:7: unknown label 'spma'; did you mean 'spam'\?"):
            entry.rules(context)


# -- terms


def test_keywords_become_terms(context: RuleContext) -> None:
    [rule] = KeywordsEntry(keywords=("win", "cash", "win"), vote="spam").rules(context)
    assert (rule.name, rule.kind, rule.when) == ("keywords_3", "keywords", Terms(("win", "cash")))
    [rule] = KeywordsEntry(keywords=("win",), vote="spam", ignore_case=False, whole_words=False).rules(context)
    assert rule.when == Terms(("win",), ignore_case=False, whole_words=False)


@pytest.mark.parametrize("terms", [[], ["a", " "], [""], "win", [None]])
def test_keywords_that_are_none(terms: object) -> None:
    with pytest.raises(ValidationError):
        KeywordsEntry.model_validate({"keywords": terms, "vote": "spam"})


def test_a_gazetteer_is_read_from_its_file(context: RuleContext) -> None:
    content = "# prizes\r\ncash\r\n\r\n 现金 \r\nnew car\r\ncash\r\n"
    (context.folder / "prizes.txt").write_bytes(b"\xef\xbb\xbf" + content.encode("utf-8"))
    [rule] = GazetteerEntry(gazetteer="prizes.txt", vote="spam").rules(context)
    assert (rule.name, rule.kind) == ("gazetteer_3", "gazetteer")
    assert rule.when == Terms(("cash", "现金", "new car"))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "prizes.txt: the file has no terms; write one term a line"),
        (b"# only a comment\n\n", "prizes.txt: the file has no terms"),
        (b"cash\ncaf\xe9\n", "prizes.txt:2: not UTF-8: byte 0xe9; save the file as UTF-8"),
        ("cash\n".encode("utf-16"), "prizes.txt:1: not UTF-8"),
    ],
)
def test_a_gazetteer_without_readable_terms(context: RuleContext, content: bytes, said: str) -> None:
    (context.folder / "prizes.txt").write_bytes(content)
    with pytest.raises(UserError, match=re.escape(said)):
        GazetteerEntry(gazetteer="prizes.txt", vote="spam").rules(context)


def test_a_gazetteer_that_is_not_there(context: RuleContext) -> None:
    (context.folder / "prizes.txt").write_text("cash", encoding="utf-8")
    with pytest.raises(UserError) as caught:
        GazetteerEntry(gazetteer="prices.txt", vote="spam").rules(context)
    assert message(caught).startswith("task.yaml:7: cannot read")
    assert message(caught).endswith("did you mean 'prizes.txt'?")
    with pytest.raises(UserError, match="cannot read"):
        GazetteerEntry(gazetteer=".", vote="spam").rules(context)
    for name in ("a\0b", "x" * 5000, "x" * 5000 + "/y"):
        with pytest.raises(UserError, match=r"^task\.yaml:7: cannot read"):
            GazetteerEntry(gazetteer=name, vote="spam").rules(context)


# -- tables


def table(context: RuleContext, content: str) -> Path:
    path = context.folder / "rules.tsv"
    path.write_text(content, encoding="utf-8", newline="")
    return path


def test_a_table_is_one_rule_a_line(context: RuleContext) -> None:
    path = table(context, "SPAM\tfree\tIt is free\r\n\r\nham\t^ok\n")
    first, second = TableEntry(table="rules.tsv", weight=0.5).rules(context)
    assert (first.name, first.where, first.kind) == ("rules:1", Location(str(path), 1), "table")
    assert (first.when, first.says) == (Pattern("free", re.IGNORECASE), Vote("spam", 0.5))
    assert (second.name, second.says) == ("rules:3", Vote("ham", 0.5))
    [named, _] = TableEntry(table="rules.tsv", name="sms", ignore_case=False).rules(context)
    assert (named.name, named.when) == ("sms:1", Pattern("free", 0))


def test_a_tables_own_spelling_of_labels(context: RuleContext) -> None:
    table(context, "JUNK\ta\nham\tb\nHAM\tc\n")
    rules = TableEntry(table="rules.tsv", labels={"JUNK": "spam"}).rules(context)
    assert [rule.says.label for rule in rules if rule.says] == ["spam", "ham", "ham"]
    cased = replace(context, labels=("HAM", "ham", "spam"))
    rules = TableEntry(table="rules.tsv", labels={"JUNK": "spam"}).rules(cased)
    assert [rule.says.label for rule in rules if rule.says] == ["spam", "ham", "HAM"]
    with pytest.raises(UserError, match=r"^task\.yaml:7: unknown label 'spm'; did you mean 'spam'\?$"):
        TableEntry(table="rules.tsv", labels={"JUNK": "spm"}).rules(context)


def test_all_bad_lines_of_a_table_are_reported_where_they_stand(context: RuleContext) -> None:
    path = table(context, "spam\tfree\nspma\tfree\nham\t(\nham\nspam\ta\tb\tc\nspam\t\tx\n")
    with pytest.raises(UserError) as caught:
        TableEntry(table="rules.tsv").rules(context)
    lines = [problem.where.line for problem in caught.value.problems if problem.where]
    assert lines == [2, 3, 4, 5, 6]
    assert f"{path}:2: unknown label 'spma'; did you mean 'spam'?" in message(caught)


@pytest.mark.parametrize("content", ["", "\n \n"])
def test_a_table_without_rules(context: RuleContext, content: str) -> None:
    table(context, content)
    with pytest.raises(UserError, match="the table has no rules"):
        TableEntry(table="rules.tsv").rules(context)


def test_exemplars_that_their_own_expression_does_not_match(context: RuleContext) -> None:
    path = table(context, "spam\tfree\tFREE!\nspam\tfree\tfee\nham\tok\nham\tok\t\n")
    where = Location(str(path))
    assert len(TableEntry(table="rules.tsv").rules(context)) == 4  # no error
    assert unmatched_exemplars(path, ignore_case=True, where=where) == [2]
    assert unmatched_exemplars(path, ignore_case=False, where=where) == [1, 2]


# -- votes in the data


def test_votes_in_the_data_become_columns(context: RuleContext) -> None:
    rules = VotesEntry(votes="weak", count=2, weight=3).rules(context)
    assert [rule.name for rule in rules] == ["weak:1", "weak:2"]
    assert rules[1].when == Column("weak", 1, ("ham", "spam"), size=2)
    assert (rules[1].says, rules[1].weight, rules[1].kind) == (None, 3.0, "votes")
    assert [rule.name for rule in VotesEntry(votes="weak", names=("a", "b")).rules(context)] == ["a", "b"]


@pytest.mark.parametrize(
    "options", [{}, {"names": ["a"], "count": 1}, {"names": ["a", "a"]}, {"count": 0}, {"count": 1, "vote": "spam"}]
)
def test_votes_need_names_or_a_count(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        VotesEntry.model_validate({"votes": "weak", **options})


# -- all together


def test_rules_keep_their_order_and_all_problems_are_told(context: RuleContext) -> None:
    good = RegexEntry(regex="a", vote="spam")
    bad = RegexEntry(regex="(", vote="spam")
    contexts = [replace(context, where=Location("task.yaml", line), position=line) for line in (1, 2, 3, 4)]
    rules = build_rules([(good, contexts[2]), (VotesEntry(votes="v", count=1), contexts[0]), (good, contexts[1])])
    assert [rule.name for rule in rules] == ["regex_3", "v:1", "regex_2"]
    with pytest.raises(UserError) as caught:
        build_rules([(bad, contexts[0]), (good, contexts[1]), (RegexEntry(regex="a", vote="x"), contexts[3])])
    assert [problem.where and problem.where.line for problem in caught.value.problems] == [1, 4]
    assert build_rules([]) == ()


def test_names_are_unique(context: RuleContext) -> None:
    twice = [RegexEntry(name="a", regex=e, vote="spam") for e in "xy"]
    with pytest.raises(UserError, match=r"task\.yaml:9: two rules are called 'a'; give one of them another name"):
        build_rules([(twice[0], context), (twice[1], replace(context, where=Location("task.yaml", 9)))])


def test_every_condition_is_of_a_known_shape(context: RuleContext) -> None:
    table(context, "ham\tb\n")
    (context.folder / "terms.txt").write_text("a", encoding="utf-8")
    (context.folder / "f.py").write_text("def f(text): return True", encoding="utf-8")
    (context.folder / "s.py").write_text("def score(source, answer): return 1", encoding="utf-8")
    (context.folder / "terms.tsv").write_text("a\tb", encoding="utf-8")
    (context.folder / "p.jsonl").write_text('{"label": "ham", "pattern": "a"}', encoding="utf-8")
    (context.folder / "pattern.json").write_text('[["ham", "SUBJ of OBJ"]]', encoding="utf-8")
    stand_in = "class F:\n    name = 'f'\n    __call__ = _f = lambda self, x: -1\n\nf = F()\n"
    (context.folder / "lf.py").write_text(stand_in, encoding="utf-8")
    written: dict[str, dict[str, object]] = {
        "regex": {"regex": "a", "vote": "ham"},
        "keywords": {"keywords": ["a"], "vote": "ham"},
        "gazetteer": {"gazetteer": "terms.txt", "vote": "ham"},
        "function": {"function": "f.py:f", "vote": "ham"},
        "table": {"table": "rules.tsv"},
        "votes": {"votes": "v", "count": 1},
        "field": {"field": "source", "equals": "bbc", "vote": "ham"},
        "length": {"length": "words", "at_most": 3, "vote": "ham"},
        "casing": {"casing": "upper", "vote": "ham"},
        "similarity": {"similarity": 0.5, "vote": "ham"},
        "all": {"all": [{"regex": "a"}], "vote": "ham"},
        "any": {"any": [{"regex": "a"}], "vote": "ham"},
        "not": {"not": {"regex": "a"}, "vote": "ham"},
        "span": {"span": [{"lower": "a"}], "vote": "ham"},
        "patterns": {"patterns": "p.jsonl"},
        "snorkel": {"snorkel": "lf.py"},
        "pattern": {"pattern": "SUBJ of OBJ", "vote": "ham"},
        "pattern_file": {"pattern_file": "pattern.json"},
        "types": {"types": {"subject": "PERSON"}, "vote": "ham"},
        "arguments": {"arguments": {"ham": {"subject": "PERSON"}}},
        "order": {"order": "object first", "vote": "ham"},
        "shape": {"shape": "Xx+", "vote": "ham"},
        "trigger": {"trigger": ["Mr"], "right": 2, "vote": "ham"},
        "question": {"question": "who", "type": "person", "vote": "ham"},
        "sentence": {"sentence": "words", "vote": "ham"},
        "glossary": {"glossary": "terms.tsv"},
        "copy": {"copy": "numbers"},
        "invented": {"invented": ["numbers", "names"]},
        "slots": {"slots": "all"},
        "answer": {"answer": "[.]$"},
        "answer_length": {"answer_length": "words", "at_most": 3},
        "score": {"score": "s.py:score", "at_least": 0.5},
        "always": {"always": True, "veto": "ham"},
    }
    context = replace(context, descriptions={"ham": "normal talk", "spam": "offers"})
    assert set(written) == set(KINDS)
    for kind, entry in written.items():
        [rule] = KINDS[kind].model_validate(entry).rules(context)
        assert rule.kind == kind
        assert isinstance(rule.when, Condition)
