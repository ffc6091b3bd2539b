"""The model card: figures of the report, the Hub's front matter, and no word of a stranger read as markup."""

from __future__ import annotations

import ast
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ruletune.report.card import Facts, card
from ruletune.report.markdown import plain, quoted
from ruletune.report.model import Reliance, Report, Truncation
from tests.report.samples import binary, many, nearly_empty

huggingface_hub = pytest.importorskip("huggingface_hub")

FACTS = Facts(
    task="classification",
    base="minilm",
    base_model="sentence-transformers/all-MiniLM-L6-v2",
    readout="text",
    multi=False,
    cloze=False,
    templates=("Film review: {text}",),
    max_length=128,
    data={"gold": "ab" * 32, "test": "cd" * 32},
    promises=True,
)

NASTY = (
    "---\nlicense: mit\n---",
    "<script>alert(1)</script>",
    "](javascript:alert(1))",
    "| cell | break |",
    "``` \n# heading",
    "![x](http://evil.example/a.png)",
    "*bold* _it_ ~~no~~ `code` $x$ @somebody",
    "评论 😀 \u202eevil",
    "a" * 5000,
    "'\": {} [] & * ! % @",
)


def read(text: str) -> huggingface_hub.ModelCard:
    return huggingface_hub.ModelCard(text)


def test_the_hub_reads_the_front_matter() -> None:
    data = read(card(binary(), FACTS)).data
    assert data.library_name == "transformers"
    assert data.pipeline_tag == "text-classification"
    assert data.base_model == "sentence-transformers/all-MiniLM-L6-v2"
    assert {"ruletune", "classification"} <= set(data.tags)
    assert data.license is None
    values = {result.metric_type: result.metric_value for result in data.eval_results}
    assert values == {"accuracy": 0.8123, "macro_f1": 0.8106}
    assert {result.dataset_split for result in data.eval_results} == {"test"}


def test_it_says_what_the_report_says() -> None:
    text = card(binary(), FACTS)
    for said in (
        "Film reviews", "| rules alone | 16 | 65.1% |", "| labels alone |", "| rules + labels | 32 | 81.2% |", "78.7% to 83.5%",
        "about 71 ", "Expected calibration error", "| negative | 83.1% | 78.1% |", "Where no rule fires its accuracy is 77.4%",
        "ab" * 32, "AutoModelForSequenceClassification", "ruletune.load", "| torch |", "Film review: {text}", "--max-error",
    ):  # fmt: skip
        assert said in text, said


def test_limits_are_facts() -> None:
    report = binary()
    assert "texts only" not in card(report, FACTS)
    small = replace(report, parts={**report.parts, "test": 40})
    assert "measured on 40 texts only" in card(small, FACTS)
    cut = replace(report, truncation=(Truncation("test", 100, 7, 900, 300),), warnings=("Rule 'x' failed.",))
    assert "7 of 100 held-out texts were longer than 128 tokens; 900 tokens of them" in card(cut, FACTS)
    assert "Rule 'x' failed." in card(cut, FACTS)
    leaning = replace(report, reliance=Reliance(50, 0.9, 0.6, 0.85, (0.1, 0.4)))
    assert "Rule reliance" in card(leaning, FACTS)


def test_nothing_measured_is_said() -> None:
    text = card(nearly_empty(), replace(FACTS, base_model=None, base="a checkpoint", promises=False))
    assert "Nothing was measured" in text
    assert "Nothing is known of how good it is" in text
    data = read(text).data
    assert data.eval_results is None
    assert data.base_model is None


def test_long_tables_are_cut() -> None:
    text = card(many(), FACTS)
    assert "The 50 of 141 rules that fire most" in text
    assert text.count("\n| rule") < 60


@pytest.mark.parametrize(
    ("task", "readout", "said"),
    [
        ("ner", "tokens", "AutoModelForTokenClassification"),
        ("relation", "pair", "AutoModelForTokenClassification"),
        ("qa", "extract", "AutoModelForQuestionAnswering"),
        ("translation", "generate", "AutoModelForSeq2SeqLM"),
        ("dialogue", "generate", "AutoModelForSeq2SeqLM"),
        ("summarization", "generate", "AutoModelForSeq2SeqLM"),
    ],
)
def test_every_task_is_loaded_its_own_way(task: str, readout: str, said: str) -> None:
    text = card(binary(), replace(FACTS, task=task, readout=readout))
    assert said in text
    assert read(text).data.pipeline_tag
    code = re.findall(r"```python\n(.*?)```", text, flags=re.S)
    assert len(code) == 2
    for block in code:
        compile(block, "card", "exec")


def hostile(report: Report, word: str) -> Report:
    rule = replace(report.rules[0], name=word, labels=(word,), kind=word)
    return replace(
        report,
        title=word,
        description=word,
        labels=(word, "b"),
        rules=(rule,),
        per_label={word: next(iter(report.per_label.values()))},
        warnings=(word,),
        versions={"python": word},
    )


@pytest.mark.parametrize("word", NASTY)
def test_what_users_wrote_is_no_markup(word: str) -> None:
    facts = replace(FACTS, templates=(word + " {text}",), base=word)
    text = card(hostile(binary(), word), facts)
    front, body = text.split("\n---\n", 1)
    assert read(text).data.to_dict().get("license") is None
    assert "\nlicense:" not in front
    outside = re.sub(r"```python\n.*?\n```", "", body, flags=re.S)
    unescaped = re.sub(r"\\.", "", re.sub(r"`[^`\n]*`", "", outside))
    assert "<script" not in unescaped
    assert "](javascript" not in unescaped
    assert "![" not in unescaped
    assert "\u202e" not in outside
    assert len(re.findall(r"^# ", outside, flags=re.M)) == 1
    widths = {
        line.count("|") for line in re.sub(r"\\.", "", body).splitlines() if line.startswith("| ") and "SHA" in line
    }
    assert len(widths) <= 1
    for block in re.findall(r"```python\n(.*?)\n```", body, flags=re.S):
        compile(block, "card", "exec")


@given(st.text())
def test_plain_is_one_line_without_markup(text: str) -> None:
    line = plain(text)
    assert "\n" not in line and "\r" not in line
    assert not re.search(r"[|<`\[]", re.sub(r"\\.", "", line))


@given(st.text())
def test_quoted_is_a_string_of_python(text: str) -> None:
    assert ast.literal_eval(quoted(text)) == text
    assert "`" not in quoted(text)
