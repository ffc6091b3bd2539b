"""What a right task file means, and that everything wrong with a wrong one is said at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ruletune.config import load_task, parse_task, to_yaml, with_seed
from ruletune.errors import UserError
from ruletune.rules import Terms, Vote
from ruletune.templates import Rendered
from ruletune.types import Example
from tests.config.conftest import BASE, Parse, Problems

FULL = """\
task: classification
name: 2024
description: Is it spam?
labels: {ham: wanted, spam: "not: wanted"}
data:
  train: train.jsonl
  unlabeled: hf:owner/name#train
  columns: {text: body, id: key}
  split: {validation: 0.25, test: 0}
  sample: {shots: 8, method: diverse}
  limit_unlabeled: 5000
rules:
  - {name: prizes, gazetteer: spam.txt, vote: spam, weight: 2}
  - {regex: '\\bnot (good|great)\\b', vote: ham, ignore_case: true}
  - {votes: votes, count: 2}
templates: ["{description} {text} {knowledge}"]
knowledge: [{file: terms.tsv, place: field, limit: 1, separator: " | "}]
model: {checkpoint: minilm, adapter: lora, dropout: null, lora: {rank: 4}}
training: {learning_rate: 5e-5, weak: {max_texts: null}, curve: {shares: [0.5]}}
seed: 3
"""


def test_least_file_has_defaults(parse: Parse, folder: Path) -> None:
    spec = parse(BASE)
    assert spec.labels == ("ham", "spam")
    assert spec.task.name == "classification"
    assert spec.rules == ()
    assert spec.folder == folder
    assert spec.source == BASE
    assert spec.rendering.render(Example("1", "a b")) == Rendered("a b")


def test_full_file(parse: Parse) -> None:
    spec = parse(FULL)
    assert spec.file.name == "2024"
    assert spec.file.labels == {"ham": "wanted", "spam": "not: wanted"}
    assert [rule.name for rule in spec.rules] == ["prizes", "regex_2", "votes:1", "votes:2"]
    assert spec.rules[0].when == Terms(("prize", "winner"))
    assert spec.rules[0].says == Vote("spam", 2)
    assert spec.rules[1].where is not None
    assert spec.rules[1].where.line == 14
    assert spec.file.training.learning_rate == 5e-5
    assert spec.rendering.render(Example("1", "Mrsa?")).first == "Is it spam? Mrsa? MRSA: a bacterium"


@pytest.mark.parametrize("source", [BASE, FULL])
def test_resolved_file_says_the_same(parse: Parse, source: str) -> None:
    spec = parse(source)
    again = parse(to_yaml(spec))
    assert again.file == spec.file
    assert again.rendering == spec.rendering
    assert to_yaml(again) == to_yaml(spec)


def test_resolved_file_writes_out_defaults_and_meaningful_nulls(parse: Parse) -> None:
    text = to_yaml(parse(FULL))
    assert "max_length: 128" in text
    assert "dropout: null" in text
    assert "max_texts: null" in text


def test_seed_can_be_replaced(parse: Parse) -> None:
    assert with_seed(parse(FULL), 9).file.seed == 9
    assert with_seed(parse(FULL), 9).rules == parse(FULL).rules


def test_keys_with_nothing_behind_them_have_their_defaults(parse: Parse) -> None:
    empty = "rules:\ntemplates:\nknowledge:\nmodel:\ntraining:\n  weak:\n  patience:\nname:\nseed:\n"
    assert parse(BASE + empty).file == parse(BASE).file


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        ("[b, a]", ("b", "a")),
        ("{b: x, a: }", ("b", "a")),
        ("[0, 1]", ("0", "1")),
        ("{7: x, 2.5: y, true: z, no: n, 2024-01-01: d}", ("7", "2.5", "true", "no", "2024-01-01")),
        ("[' a ', 好, 🙂]", ("a", "好", "🙂")),
    ],
)
def test_labels_are_names_in_their_order(parse: Parse, labels: str, names: tuple[str, ...]) -> None:
    assert parse(BASE.replace("[ham, spam]", labels)).labels == names


def test_votes_are_named_as_labels_are(parse: Parse) -> None:
    source = (
        BASE.replace("[ham, spam]", "[true, 1]") + "rules: [{keywords: [a], vote: true}, {keywords: [b], vote: 1}]\n"
    )
    assert [rule.says for rule in parse(source).rules] == [Vote("true"), Vote("1")]


def test_one_label_is_enough_where_any_number_may_hold(parse: Parse) -> None:
    assert parse(BASE.replace("[ham, spam]", "[spam]") + "multi_label: true\n").labels == ("spam",)


def test_text_pairs_are_two_segments(parse: Parse) -> None:
    spec = parse(BASE.replace("train.jsonl", "train.jsonl, columns: {text_pair: other}"))
    assert spec.rendering.render(Example("1", "a", text_pair="b")) == Rendered("a", "b")


def test_byte_order_mark_and_windows_lines_do_not_matter(folder: Path) -> None:
    path = folder / "task.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + FULL.replace("\n", "\r\n").encode())
    assert load_task(path).file == parse_task(FULL, path=path).file


def test_data_need_not_be_there_where_it_is_not_wanted(folder: Path) -> None:
    (folder / "train.jsonl").unlink()
    path = folder / "task.yaml"
    path.write_text(BASE, encoding="utf-8")
    assert load_task(path, check_data=False).labels == ("ham", "spam")
    with pytest.raises(UserError, match=r"no data at 'train\.jsonl'"):
        load_task(path)


def test_everything_wrong_is_said_at_once_in_the_order_of_the_lines(problems: Problems, folder: Path) -> None:
    (folder / "bad.tsv").write_text("no tab\n", encoding="utf-8")
    source = """\
task: clasification
labels: [ham, spam]
nam: x
data:
  train: trian.jsonl
  colums: {}
rules:
  - {keywords: [a], vote: spma}
  - {keywords: [b], vote: ham, ignorecase: true}
  - {keyword: [c], vote: ham}
  - {regex: '(', vote: ham}
  - {gazetteer: spam.tx, vote: ham}
templates: ["{txet}"]
knowledge: [{file: bad.tsv}]
model: {adapter: lorra}
training:
  learning_rate: -1
  epochs: 3
"""
    found = problems(source)
    assert [line.split(": ", 1) for line in found[:-1]] == [
        ["task.yaml:1", "unknown task 'clasification'; did you mean 'classification'?"],
        ["task.yaml:3", "unknown key 'nam'; did you mean 'name'?"],
        ["task.yaml:5", "no data at 'trian.jsonl'; did you mean 'train.jsonl'?"],
        ["task.yaml:6", "unknown key 'colums'; did you mean 'columns'?"],
        ["task.yaml:8", "unknown label 'spma'; did you mean 'spam'?"],
        ["task.yaml:9", "unknown key 'ignorecase'; did you mean 'ignore_case'?"],
        ["task.yaml:10", "the rule has no kind; did you mean 'keywords'?"],
        ["task.yaml:11", "bad regular expression '(': missing ), unterminated subpattern at position 0"],
        ["task.yaml:12", "cannot read 'spam.tx': No such file or directory; did you mean 'spam.txt'?"],
        ["task.yaml:13", "unknown field {txet} in the template; did you mean 'text'?"],
        ["task.yaml:15", "'adapter' cannot be 'lorra'; did you mean 'lora'?"],
        ["task.yaml:17", "'learning_rate' must be greater than 0"],
        ["task.yaml:18", "unknown key 'epochs'; it belongs to 'training.weak' or 'training.gold'"],
    ]
    assert found[-1].startswith("bad.tsv:1: no TAB")


def test_wrong_parts_do_not_make_the_rest_look_wrong(problems: Problems) -> None:
    source = BASE.replace("train.jsonl", "train.jsonl, columns: {text_pair: [1]}")
    assert problems(source + 'templates: ["{text} {text_pair}"]\n') == [
        "task.yaml:3: 'text_pair' must be text; put quotes around it"
    ]
    source = BASE + 'templates: ["{text} {knowledge}"]\nknowledge: [{file: terms.tsv, place: feld}]\n'
    assert problems(source) == ["task.yaml:5: 'place' cannot be 'feld'; did you mean 'field'?"]


def test_file_that_is_no_task(folder: Path) -> None:
    for name, data, message in [
        ("empty.yaml", b"", "the task file is empty"),
        ("blank.yaml", b"# nothing\n", "the task file is empty"),
        ("list.yaml", b"- a\n", "a mapping of keys to values"),
        ("latin.yaml", "name: caf\u00e9".encode("latin-1"), "not UTF-8"),
        ("half.yaml", b'"\\ud800": 1\ndata: []\n', "half a character"),
        ("binary.yaml", b"PAR1\x00\x01\x02", "not valid YAML"),
        ("large.yaml", b"#" * (1 << 21), "too large for a task file"),
    ]:
        (folder / name).write_bytes(data)
        with pytest.raises(UserError, match=message) as caught:
            load_task(folder / name)
        assert caught.value.problems[0].where is not None
        assert name in caught.value.problems[0].where.file
    for missing in (folder / "tusk.yaml", folder, "a\0b", "x" * 5000, "x" * 5000 + "/y.yaml"):
        with pytest.raises(UserError, match="cannot read"):
            load_task(missing)


def test_reading_a_task_imports_nothing_slow() -> None:
    slow = ["torch", "transformers", "sklearn", "scipy", "pyarrow", "altair", "jinja2", "rich", "typer"]
    code = f"import sys, ruletune.config; print([name for name in {slow} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_a_list_of_terms_has_one_meaning(parse: Parse) -> None:
    source = BASE + "knowledge: [{file: spam.txt, meaning: a bait, place: insert}]\n"
    spec = parse(source)
    assert spec.rendering.render(Example("1", "a prize")).first == "a prize (a bait)"
    assert parse(to_yaml(spec)).rendering == spec.rendering
    with pytest.raises(UserError, match=r"spam\.txt:1: no TAB on this line"):
        parse(source.replace("meaning: a bait, ", ""))


def test_parallel_files_must_both_be_there(folder: Path, parse: Parse, problems: Problems) -> None:
    source = "task: translation\ndescription: to German\ndata: {train: 'a.{en,de}'}\n"
    (folder / "a.en").write_text("x\n", encoding="utf-8")
    assert problems(source) == ["task.yaml:3: no data at 'a.de'; did you mean 'a.en'?"]
    (folder / "a.de").write_text("y\n", encoding="utf-8")
    assert parse(source).rendering.template.source == "{description} {text}"
    [problem] = problems(source.replace("{en,de}", "{en}"))
    assert problem.startswith("task.yaml:3: cannot tell two files from 'a.{en}'; put two endings into one pair")


@pytest.mark.parametrize(
    ("task", "template", "said"),
    [
        ("translation", "{history} {text}", "shows {history}, and texts of the task 'translation' are no turns"),
        ("classification\nlabels: [a, b]", "{act} {text}", "shows {act}, and texts of the task 'classification'"),
        ("dialogue", "{history}", "the template does not show the text"),
        ("dialogue", "{text}{sep}{act}", "inputs of the task 'dialogue' have one segment"),
        ("summarization", "{text} {mask}", "fills in no {mask}"),
    ],
)
def test_templates_that_a_task_cannot_fill(problems: Problems, task: str, template: str, said: str) -> None:
    [problem] = problems(f"task: {task}\ndata: {{train: train.jsonl}}\ntemplates: ['{template}']\n")
    assert said in problem
