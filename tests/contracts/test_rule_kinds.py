"""What holds for every kind of rule: it loads from a task file, and any text that data can hold goes through it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ruletune.config import TaskSpec, parse_task, to_yaml
from ruletune.errors import UserError
from ruletune.labeling.apply import RuleSet
from ruletune.labeling.demanding import Demanding
from ruletune.labeling.span_apply import SpanRules
from ruletune.labeling.span_votes import SpanVotes
from ruletune.labeling.votes import ABSTAIN
from ruletune.rules import KINDS
from ruletune.rules.demands import met, unmet
from ruletune.types import Example, Label, Span

ENTRIES = {
    "regex": r"{regex: '\bnot\b|好|😀$', vote: bad}",
    "keywords": "{keywords: [not, 好, '😀'], vote: bad}",
    "gazetteer": "{gazetteer: terms.txt, vote: bad}",
    "function": "{function: 'contract_rules.py:short', vote: bad}",
    "table": "{table: table.tsv}",
    "votes": "{votes: weak, count: 2}",
    "field": "{field: stars, at_least: 3, matches: '[345]', vote: bad}",
    "length": "{length: words, at_most: 3, vote: bad}",
    "casing": "{casing: lower, at_least: 0.5, vote: bad}",
    "similarity": "{similarity: -1.0}",
    "all": "{all: [{keywords: [not]}, {length: characters, at_most: 100}], veto: bad}",
    "any": "{any: [{regex: '好|😀$'}, {keywords: [not]}], vote: bad}",
    "not": "{not: {regex: '好|^$'}, vote: bad}",
    "span": "{span: [{lower: [not, 好, '😀']}, {op: '?'}], vote: bad}",
    "patterns": "{patterns: patterns.jsonl}",
    "snorkel": "{snorkel: contract_lfs.py}",
    "shape": "{shape: ['xxx xx+', XX+, 好], vote: bad}",
    "trigger": "{trigger: [not, 部], entity: {span: [{}]}, right: 3, left: 1, vote: bad}",
    "pattern": "{pattern: ['SUBJ not OBJ', 'OBJ * SUBJ 好'], vote: bad}",
    "pattern_file": "{pattern_file: pattern.json}",
    "types": "{types: {subject: [PERSON, DOG]}, vote: bad}",
    "arguments": "{arguments: {bad: {subject: PERSON, object: PLACE}}}",
    "order": "{order: subject first, vote: bad}",
}

PAIRS = {"pattern", "pattern_file", "types", "arguments", "order"}
"""Kinds that look at two entities of a text."""

FILES = {
    "glossary.tsv": "not\tnicht\n好\tgut | schön\n😀\t😀\n",
    "contract_scores.py": "def share(example, answer):\n    return len(answer) / (1 + len(example.text))\n",
    "patterns.jsonl": '{"label": "bad", "pattern": "not"}\n{"label": "GOOD", "pattern": [{"TEXT": "好"}, {"OP": "?"}]}\n',
    "contract_lfs.py": "class LF:\n    name = 'long'\n    def _f(self, x):\n        return int(len(x.text) > 5)\n    __call__ = _f\n\n\nlf = LF()\n",
    "pattern.json": '[["bad", "SUBJ not OBJ"], ["good", "SUBJ-PERSON ... OBJ"]]',
    "terms.txt": "not\n好\n😀\n",
    "contract_rules.py": "def short(text):\n    return len(text) < 10\n",
    "table.tsv": "bad\tnot\tnot good\nGOOD\t好|😀\n",
}

TEXTS = [
    "not good",
    "",
    " \n\t",
    "这部电影很好看",
    "👩‍👩‍👧 😀",
    "İ ß ſ ẞ",
    "e\u0301\u200b\u202e",
    "\ud800",
    "x" * 1_000_000,
]


def task(kind: str, extra: str = "") -> str:
    return f"""
task: {"relation" if kind in PAIRS else "classification"}
labels: {{bad: unpleasant, good: pleasant}}
data: {{train: train.csv}}
rules:
  - {ENTRIES[kind].removesuffix("}")}{extra}}}
"""


@pytest.fixture
def load(tmp_path: Path) -> Callable[[str], TaskSpec]:
    for name, content in FILES.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    return lambda source: parse_task(source, path=tmp_path / "task.yaml", check_data=False)


def examples(texts: list[str], kind: str) -> list[Example]:
    """Texts; for kinds that look at two entities, with one before and one behind what was there."""
    if kind not in PAIRS:
        fields = [{"weak": [n % 3 - 1, "bad"], "stars": 5 - n % 5} for n in range(len(texts))]
        return [Example(str(n), text, fields=fields[n]) for n, text in enumerate(texts)]
    found = []
    for n, text in enumerate(texts):
        first, second = f"Ann {text if n else 'not'} ", "Köln 好"
        types = ("PERSON", "DOG") if n % 2 == 0 else ("PLACE", "")
        entities = (Span(0, 3, types[0]), Span(len(first), len(first) + 4, types[1]))
        found.append(Example(str(n), first + second, entities=entities))
    return found


WITH_SPANS = {
    "span", "patterns", "regex", "keywords", "gazetteer", "table", "all", "any", "shape", "trigger", "pattern", "pattern_file",
}  # fmt: skip
"""Kinds that can show which characters made them fire."""


def embed(texts: Sequence[str]) -> np.ndarray:
    """A stand-in for sentence embeddings: whether a text is long, on the unit circle."""
    angle = np.array([min(len(text), 20) / 20 for text in texts])
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def rule_set(spec: TaskSpec) -> RuleSet:
    return RuleSet(spec.rules, labels=spec.labels, embed=embed)


ABOUT_QUESTIONS = {
    "question": r"{question: 'who|谁', type: [person, name], vote: answer}",
    "sentence": "{sentence: words, vote: answer}",
}
"""Kinds that make sense only where questions are asked about texts."""

ABOUT_ANSWERS = {
    "glossary": "{glossary: glossary.tsv}",
    "copy": r"{copy: [numbers, names, urls, emails, code, pattern], pattern: '好|😀$'}",
    "invented": "{invented: [numbers, names, urls, emails, code], ignore: [7]}",
    "slots": "{slots: all, say: {open: {yes: [open, 好]}}}",
    "answer": "{answer: '[.!?。]$'}",
    "answer_length": "{answer_length: sentences, at_least: 1, at_most: 2}",
    "score": "{score: 'contract_scores.py:share', at_least: 0.5}",
    "always": "{always: true, veto: [not, 好, '😀']}",
}
"""Kinds that make sense only where answers are texts."""


def test_every_kind_is_held_to_this_contract() -> None:
    assert {*ENTRIES, *ABOUT_QUESTIONS, *ABOUT_ANSWERS} == set(KINDS)


@pytest.mark.parametrize("kind", ABOUT_QUESTIONS)
def test_any_question_goes_through_and_batches_change_nothing(kind: str, load: Callable[[str], TaskSpec]) -> None:
    spec = load(f"task: qa\ndata: {{train: train.csv}}\nrules:\n  - {ABOUT_QUESTIONS[kind]}\n")
    again = load(to_yaml(spec))
    data = [Example(str(n), text, "谁 who is not good?") for n, text in enumerate([*TEXTS, "Ada Lund is 不 good."])]
    first, second = (SpanRules(s.rules, labels=s.labels) for s in (spec, again))
    together = first.apply(data)
    assert together.faults == ()
    assert together.covered[-1]
    for votes in (second.apply(data), SpanVotes.joined([first.apply([example]) for example in data])):
        for column in ("row", "rule", "start", "end"):
            assert (getattr(together, column) == getattr(votes, column)).all()


@pytest.mark.parametrize("kind", ABOUT_ANSWERS)
def test_any_source_and_any_answer_go_through(kind: str, load: Callable[[str], TaskSpec]) -> None:
    spec = load(f"task: dialogue\ndata: {{train: train.tsv}}\nrules:\n  - {ABOUT_ANSWERS[kind]}\n")
    again = load(to_yaml(spec))
    assert again.file == spec.file
    assert [rule.kind for rule in spec.rules] == [kind]
    slots = {"slots": (("name", "Ann 好"), ("open", "yes"), ("odd", "**"), ("none", ""))}
    data = [Example(str(n), f"{text} 1,5 a_b", fields=slots) for n, text in enumerate(TEXTS)]
    first, second = Demanding(spec.rules), Demanding(again.rules)
    together = first.demands(data)
    assert together.faults == ()
    assert together.fired.any()
    assert [len(d) for d in second.demands(data).by_example] == [len(d) for d in together.by_example]
    alone = [first.demands([example]).by_example[0] for example in data]
    assert together.by_example == alone
    for example, demands in zip(data, alone, strict=True):
        for answer in TEXTS:
            held = [met(demand, example, answer) for demand in demands]
            assert len(unmet(demands, example, answer)) == held.count(False)


@pytest.mark.parametrize("kind", ABOUT_ANSWERS)
def test_other_tasks_cannot_use_what_is_about_answers(kind: str, load: Callable[[str], TaskSpec]) -> None:
    source = (
        f"task: classification\nlabels: [bad, good]\ndata: {{train: train.tsv}}\nrules:\n  - {ABOUT_ANSWERS[kind]}\n"
    )
    with pytest.raises(UserError, match=f"cannot use a rule of kind '{kind}'"):
        load(source)


@pytest.mark.parametrize("kind", ENTRIES)
def test_it_knows_where_it_was_written_and_under_which_name(kind: str, load: Callable[[str], TaskSpec]) -> None:
    rules = load(task(kind)).rules
    assert rules
    for rule in rules:
        assert rule.kind == kind
        assert rule.name
        assert rule.where is not None
        assert str(rule.where).endswith(
            (
                "task.yaml:6",
                "table.tsv:1",
                "table.tsv:2",
                "patterns.jsonl:1",
                "patterns.jsonl:2",
                "pattern.json[1]",
                "pattern.json[2]",
            )
        )


@pytest.mark.parametrize("kind", ENTRIES)
def test_it_survives_the_way_through_the_run_folder(kind: str, load: Callable[[str], TaskSpec]) -> None:
    spec = load(task(kind))
    again = load(to_yaml(spec))
    assert again.file == spec.file
    data = examples(TEXTS, kind)
    first, second = (rule_set(s).apply(data) for s in (spec, again))
    assert (first.matrix == second.matrix).all()


@pytest.mark.parametrize("kind", ENTRIES)
def test_any_text_goes_through_and_batches_change_nothing(kind: str, load: Callable[[str], TaskSpec]) -> None:
    spec = load(task(kind))
    rules, data = rule_set(spec), examples(TEXTS, kind)
    together = rules.apply(data)
    assert together.faults == ()
    assert together.matrix.shape == (len(TEXTS), len(spec.rules))
    assert set(np.unique(together.matrix)) <= {ABSTAIN, 0, 1}
    alone = np.concatenate([rules.apply([example]).matrix for example in data])
    assert (together.matrix == alone).all()
    assert (together.matrix == np.concatenate([rules.apply_one(example) for example in data])).all()
    assert (together.matrix[0] != ABSTAIN).any()


@pytest.mark.parametrize("kind", ENTRIES)
def test_what_fires_is_what_votes_and_shows_where(kind: str, load: Callable[[str], TaskSpec]) -> None:
    spec = load(task(kind))
    rules, data = rule_set(spec), examples(TEXTS, kind)
    matrix = rules.apply(data).matrix
    for row, example in enumerate(data):
        firings = rules.firings(example)
        expected = {r.name: spec.labels[v] for r, v in zip(spec.rules, matrix[row], strict=True) if v != ABSTAIN}
        assert {firing.rule: firing.answer for firing in firings} == {k: Label.of(v) for k, v in expected.items()}
        for firing in firings:
            assert all(0 <= span.start <= span.end <= len(example.text) for span in firing.spans)
            assert bool(firing.spans) == (kind in WITH_SPANS)


@pytest.mark.parametrize("kind", ENTRIES)
def test_no_texts_give_no_votes(kind: str, load: Callable[[str], TaskSpec]) -> None:
    spec = load(task(kind))
    votes = rule_set(spec).apply([])
    assert votes.matrix.shape == (0, len(spec.rules))
    assert votes.covered.shape == (0,)


@pytest.mark.parametrize("kind", ENTRIES)
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.text(max_size=30), min_size=1, max_size=5))
def test_votes_do_not_depend_on_the_company(kind: str, load: Callable[[str], TaskSpec], texts: list[str]) -> None:
    spec = load(task(kind))
    rules, data = rule_set(spec), examples(texts, kind)
    forward, backward = rules.apply(data).matrix, rules.apply(data[::-1]).matrix
    assert (forward == backward[::-1]).all()


@pytest.mark.parametrize("kind", ENTRIES)
@pytest.mark.parametrize(
    ("extra", "complaint"),
    [
        ("wieght: 2", "did you mean 'weight'?"),
        ("weight: 0", "'weight' must be greater than 0"),
        ("weight: 100.5", "'weight' must be 100 or less"),
        ("weight: heavy", "'weight' must be a number"),
        ("weight: .inf", "'weight' must be"),
        ("name: ''", "'name' must not be empty"),
    ],
)
def test_wrong_keys_and_values_are_told_with_the_line(
    kind: str, extra: str, complaint: str, load: Callable[[str], TaskSpec]
) -> None:
    with pytest.raises(UserError) as caught:
        load(task(kind, f", {extra}"))
    assert len(caught.value.problems) == 1
    assert complaint in str(caught.value)
    assert "task.yaml:6: " in str(caught.value)


@pytest.mark.parametrize("kind", [kind for kind in ENTRIES if "vote: bad" in ENTRIES[kind]])
def test_an_unknown_label_is_told_with_the_line_and_the_nearest(kind: str, load: Callable[[str], TaskSpec]) -> None:
    with pytest.raises(UserError, match=r"task\.yaml:6: unknown label 'godo'; did you mean 'good'\?"):
        load(task(kind).replace("vote: bad", "vote: godo"))
