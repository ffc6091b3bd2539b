"""Every mistake is told in a sentence, with its line and what would be right."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from ruletune import tasks
from ruletune.config.schema import TaskFile
from ruletune.config.training import Training
from ruletune.rules import KINDS
from tests.config.conftest import BASE, Parse, Problems

CASES = [
    # Keys
    ("foo: 1", "4: unknown key 'foo'; choose one of 'task', 'name',"),
    ("batch_size: 1", "4: unknown key 'batch_size'; it belongs to 'training'"),
    ("training: {seed: 1}", "4: unknown key 'seed'; it belongs to the top level"),
    ("model:\n  lora:\n    rnk: 3", "6: unknown key 'rnk'; did you mean 'rank'?"),
    ("rules:\n- regex: a\n  vote: ham\n  whole_words: true", "7: unknown key 'whole_words'; choose one of 'name',"),
    ("rules:\n- {keywords: [a]}", "5: the rule 'keywords_1' says nothing; add vote: LABEL"),
    ("knowledge: [{place: prefix}]", "4: the key 'file' is missing from 'knowledge'"),
    ("? [a, b]\n: c", "4: unknown key"),
    ("3: 4", "4: a key must be text"),
    ("rules:\n- {regex: a, vote: ham, 3: 4}", "5: a key must be text"),
    # Types
    ("seed: 2147483648", "4: 'seed' must be less than 2147483648"),
    ("training: {learning_rate: 1.5}", "4: 'learning_rate' must be 1 or less"),
    ("seed: 1.5", "4: 'seed' must be a whole number"),
    ("seed: true", "4: 'seed' must be a whole number"),
    ("multi_label: 1", "4: 'multi_label' must be true or false"),
    ("multi_label: maybe", "4: 'multi_label' must be true or false"),
    ("training: {learning_rate: fast}", "4: 'learning_rate' must be a number"),
    ("training: {learning_rate: '1e-3'}", "4: 'learning_rate' must be a number"),
    ("model: minilm", "4: 'model' must be a mapping of keys to values"),
    ("rules: {keywords: [a], vote: ham}", "4: 'rules' must be a list; begin each of its entries with a dash"),
    ("rules:\n- keywords: great\n  vote: ham", "5: 'keywords' must be a list; write [\"great\"]"),
    ("rules: [a]", "4: a rule is a mapping of keys to values; begin it with one of regex"),
    ("templates: '{text}'", "4: 'templates' must be a list; write [\"{text}\"]"),
    ("templates: [{text}]", "4: 'templates' must be text; put quotes around it"),
    ("name: [a]", "4: 'name' must be text"),
    # Ranges
    ("training: {learning_rate: 0}", "4: 'learning_rate' must be greater than 0"),
    ("training: {learning_rate: .nan}", "4: 'learning_rate' must be a finite number"),
    ("training: {clip: .inf}", "4: 'clip' must be a finite number"),
    ("model: {dropout: 1}", "4: 'dropout' must be less than 1"),
    ("model: {checkpoint: ''}", "4: 'checkpoint' must not be empty"),
    ("training: {batch_size: 0}", "4: 'batch_size' must be 1 or more"),
    ("training: {curve: {shares: [0.5, 2]}}", "4: 'shares' must be less than 1"),
    ("seed: -1", "4: 'seed' must be 0 or more"),
    ("training: {optimizer: adam2}", "4: 'optimizer' cannot be 'adam2'; did you mean 'adam'?"),
    ("training: {schedule: 3}", "4: 'schedule' cannot be '3'; choose one of 'linear', 'cosine', 'constant'"),
    # Meaning
    ("rules:\n- {keywords: [a], vote: sapm}", "5: unknown label 'sapm'; did you mean 'spam'?"),
    ("rules:\n- {keywords: [a], regex: b, vote: ham}", "5: a rule has one kind, this one has 'regex' and 'keywords'"),
    ("rules:\n- {}", "5: the rule has no kind; choose one of 'regex'"),
    (
        "rules:\n- {name: x, keywords: [a], vote: ham}\n- {name: x, keywords: [b], vote: ham}",
        "6: two rules are called 'x'",
    ),
    ("templates: ['{text}', '{text}']", "4: a template stands twice; keep one of them"),
    ("templates: ['{text} {mask} {mask}']", "4: the template has {mask} twice; there is one blank to fill in"),
    ("templates: ['{text} {mask}', '{text}']", "4: some templates have {mask}, others not; put it into all or none"),
    ("templates: ['{text}{sep}{name}', '{text}']", "4: the template and the task's first one differ in {sep}"),
    ("model: {head: cloze}", "4: the head 'cloze' needs a template with {mask}; add one, for instance"),
    ("model: {head: sequenze}", "4: 'head' cannot be 'sequenze'; did you mean 'sequence'?"),
    ("templates: ['{text} {mask}']\nmodel: {head: sequence}", "5: the head 'sequence' fills in no {mask}"),
    ("verbalizer: {ham: [friend]}", "4: there is a verbalizer, and no template with {mask}; add such a template"),
    ("templates: ['{text} {mask}']\nverbalizer: {hma: [a]}", "5: unknown label 'hma'; did you mean 'ham'?"),
    ("templates: ['{text} {mask}']\nverbalizer: {ham: []}", "5: the label 'ham' has no word; name one at least"),
    (
        "templates: ['{text} {mask}']\nverbalizer:\n  ham: [a]\n  spam: [b, a]",
        "7: the word 'a' stands for 'ham' and 'spam'; leave it to one",
    ),
    ("rules: [{regex: a, prompt: '{text} {mask}'}]", "4: the prompt has {mask}, and the task's template has none"),
    (
        "templates: ['{text} {mask}']\nrules: [{regex: a, prompt: '{text}'}]",
        "5: the prompt has no {mask}, and the task's template has one; put {mask} into both",
    ),
    ("rules: [{regex: a, vote: ham, verbalizer: {ham: [b]}}]", "4: a verbalizer says what fills the {mask}"),
    ("rules: [{regex: a, prompt: '{text}', verbalizer: {ham: [b]}}]", "4: the prompt has a verbalizer, and no {mask}"),
    (
        "templates: ['{text} {mask}']\nrules: [{regex: a, prompt: '{mask} {text}', verbalizer: {hma: [b]}}]",
        "5: unknown label 'hma'; did you mean 'ham'?",
    ),
    ("templates: ['{text_pair} {text}']", "4: the template shows {text_pair}; name its column: data.columns.text_pair"),
    ("templates: ['{text} {knowledge}']", "4: the template shows {knowledge}, and there is none; add an entry"),
    ("knowledge: [{file: terms.tsv, place: field}]", "4: the template has no {knowledge}; put it there"),
    ("knowledge: [{file: trems.tsv}]", "4: cannot read"),
    ('knowledge: [{file: "a\\0b"}]', "4: cannot read"),
    ('rules: [{table: "a\\0b"}]', "4: cannot read"),
    (f"rules: [{{gazetteer: {'x' * 5000}, vote: ham}}]", "4: cannot read"),
    ("rules: [{regex: '(?a)(?u)x', vote: ham}]", "4: bad regular expression"),
]


@pytest.mark.parametrize(("added", "message"), CASES, ids=[added for added, _ in CASES])
def test_mistake_below_the_least_file(problems: Problems, added: str, message: str) -> None:
    [problem] = problems(f"{BASE}{added}\n")
    assert problem.startswith(f"task.yaml:{message}")
    assert "pydantic" not in problem.lower()
    assert "Input should" not in problem
    assert len(problem) < 1500


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ("[ham]", "there is nothing to choose between with one label; name two at least;"),
        ("[]", "'labels' must not be empty"),
        ("ham", "'labels' must name the labels; write a list of names"),
        ("[ham, ham]", "the label 'ham' stands twice"),
        ("{1: a, '1': b}", "the label '1' stands twice"),
        ("[ham, ' ']", "a label has no name"),
        ("{null: a, b: c}", "a label is null; put quotes around the name"),
        ("[{ham: wanted}, {spam: not}]", "a label in the list is no name; write a list of names"),
        ("{ham: [a], spam: b}", "'ham' must be text"),
    ],
)
def test_labels(problems: Problems, labels: str, message: str) -> None:
    found = problems(BASE.replace("[ham, spam]", labels))
    assert len(found) == 1
    assert found[0].startswith(f"task.yaml:2: {message}")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("train.jsonl", "'data' must be a mapping of keys to values"),
        ("{}", "the key 'train' is missing from 'data'"),
        ("{train: trian.jsonl}", "no data at 'trian.jsonl'; did you mean 'train.jsonl'?"),
        ("{train: 'a\\0b'}", "no data at"),
        ("{train: ~no such user/x.csv}", "no data at"),
        (f"{{train: {'x' * 5000}}}", "no data at 'xxx"),
        ("{train: train.jsonl, test: nowhere/x.csv}", "no data at 'nowhere/x.csv'"),
        (
            "{train: train.jsonl, split: {validation: 0.5, test: 0.5}}",
            "validation, test and calibration together leave nothing",
        ),
        ("{train: train.jsonl, split: {test: 1}}", "'test' must be less than 1"),
        ("{train: train.jsonl, sample: {}}", "the key 'shots' is missing from 'sample'"),
        ("{train: train.jsonl, limit_unlabeled: 0}", "'limit_unlabeled' must be 1 or more"),
    ],
)
def test_data(problems: Problems, data: str, message: str) -> None:
    [problem] = problems(BASE.replace("{train: train.jsonl}", data))
    assert problem.startswith(f"task.yaml:3: {message}")
    assert len(problem) < 500


@pytest.mark.parametrize(
    ("section", "key", "least", "most"),
    [
        ("data.sample", "shots", 1, None),
        ("data", "limit_unlabeled", 1, None),
        ("model", "max_length", 8, 8192),
        ("model.lora", "rank", 1, None),
        ("model.lora", "alpha", 1, None),
        ("training", "batch_size", 1, 1024),
        ("training", "patience", 1, None),
        ("training.weak", "epochs", 1, None),
        ("training.weak", "max_texts", 1, None),
        ("training.gold", "epochs", 1, None),
        ("training.curve", "repeats", 1, 20),
        ("", "seed", 0, 2**31 - 1),
    ],
)
def test_whole_numbers_have_bounds(
    section: str, key: str, least: int, most: int | None, parse: Parse, problems: Problems
) -> None:
    def source(value: int) -> str:
        text = f"{key}: {value}"
        for name in reversed([name for name in section.split(".") if name]):
            text = f"{name}: {{{text}}}"
        if section.startswith("data"):
            return BASE.replace("train.jsonl}", f"train.jsonl, {text.removeprefix('data: {')}")
        return f"{BASE}{text}\n"

    parse(source(least))
    [below] = problems(source(least - 1))
    assert f"{key!r} must be {least} or more" in below
    if most is not None:
        parse(source(most))
        [above] = problems(source(most + 1))
        assert f"{key!r} must be {most} or less" in above or f"{key!r} must be less than {most + 1}" in above


def test_label_with_a_bar_cannot_be_one_of_several(problems: Problems, parse: Parse) -> None:
    source = BASE.replace("[ham, spam]", "['a|b', c]")
    assert parse(source).labels == ("a|b", "c")
    assert "has a | in its name" in problems(source + "multi_label: true\n")[0]


def test_missing_keys_are_all_named(problems: Problems) -> None:
    assert problems("name: x\n") == [
        "task.yaml:1: the key 'task' is missing",
        "task.yaml:1: the key 'labels' is missing",
        "task.yaml:1: the key 'data' is missing",
    ]


def test_rule_of_a_kind_that_the_task_cannot_use(problems: Problems, monkeypatch: pytest.MonkeyPatch) -> None:
    narrow = replace(tasks.CLASSIFICATION, rule_kinds=frozenset({"regex", "votes"}))
    monkeypatch.setitem(tasks.TASKS, "classification", narrow)
    assert problems(BASE + "rules:\n- {keywords: [a], vote: ham}\n") == [
        "task.yaml:5: the task 'classification' cannot use a rule of kind 'keywords'; choose one of regex, votes"
    ]


def models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Every model that is part of a type."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        for info in annotation.model_fields.values():
            yield from models(info.annotation)
    for part in get_args(annotation):
        yield from models(part)


def test_every_key_has_a_description() -> None:
    found = [(model, name, info) for model in models(TaskFile) for name, info in model.model_fields.items()]
    assert {model for model, _, _ in found} >= {TaskFile, Training, *KINDS.values()}
    assert [(model.__name__, name) for model, name, info in found if not info.description] == []
