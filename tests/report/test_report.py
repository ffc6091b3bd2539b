from __future__ import annotations

import io
import json
import re
from dataclasses import replace

import pytest
from rich.console import Console

from ruletune.report.model import Case, Effect, LabelsSaved, Report, RuleRow
from ruletune.report.page import from_json, render, rule_table_html, run_html, to_json
from ruletune.report.terminal import comparison_table, rule_table
from ruletune.report.words import effects_sentence, labels_saved_sentence
from tests.report.samples import binary, many, nearly_empty

MARKS = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "</style><script>x</script>",
    "{{ 7*7 }}",
    "]]><svg onload=alert(1)>",
)
FRAMES = ("{}", "'{}", '"{}', "a {} b", "&lt;{}")


@pytest.mark.parametrize("report", [binary(), many(), nearly_empty()], ids=["binary", "many", "nearly empty"])
def test_the_page_needs_nothing_else(report: Report) -> None:
    page = render(report)
    assert "<script" not in page and "javascript:" not in page
    addresses = set(re.findall(r"https?://[^\"'\s<)]+", page))
    assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert page.count("<section") == page.count("</section>")


def test_every_score_is_on_the_page() -> None:
    report = binary()
    page = render(report)
    for score in report.scores:
        assert score.name in page
        assert f"{score.metrics['accuracy'] * 100:.1f}%" in page and f"{score.metrics['macro_f1'] * 100:.1f}%" in page
    assert all(f'title="{row.where}"' in page for row in report.rules if row.where)


def test_the_page_is_the_same_every_time() -> None:
    assert render(binary()) == render(binary())


def hostile(text: str) -> Report:
    report = binary()
    row = RuleRow(text, text, text, (text,), 0.5, 0.1, 0.1, 3, 5, 0.7)
    case = Case(text, text, text, text, text, 0.5, (text,), ((0, len(text)),))
    score = replace(report.scores[0], name=text)
    losses = tuple(replace(point, stage=text) for point in report.losses[:5])
    return replace(
        report, title=text, description=text, labels=(text, "b"), rules=(row,), scores=(score,), disagreements=(case,),
        uncovered=(case,), warnings=(text,), settings={text: text}, versions={text: text}, losses=losses,
        per_label={text: {"precision": 0.5, "recall": 0.5, "f1": 0.5, "support": 3}}, parts={text: 1},
    )  # fmt: skip


@pytest.mark.parametrize("mark", MARKS)
def test_texts_from_strangers_stay_texts(mark: str) -> None:
    page = render(hostile("".join(frame.format(mark) for frame in FRAMES)))
    assert "<script" not in page and "<img" not in page and "<svg onload" not in page
    assert page.count("</style>") == 1
    assert "49" not in re.sub(r"<svg.*?</svg>", "", page, flags=re.S) or "{{" not in mark


def test_triggers_are_marked_and_long_texts_cut_around_them() -> None:
    text = "x" * 1_000_000 + " superb " + "y" * 1000
    case = Case("1", text, "good", "bad", None, 0.5, ("r",), ((1_000_001, 1_000_007), (1_000_003, 1_000_007)))
    page = render(replace(binary(), disagreements=(case,)))
    assert "<mark>superb</mark>" in page and len(page) < 1_000_000


def test_a_report_survives_json() -> None:
    for report in (binary(), many(), nearly_empty()):
        assert from_json(json.loads(json.dumps(to_json(report)))) == report


def test_notebooks_see_the_headline_and_the_rules() -> None:
    assert "rules + labels" in run_html(binary())
    shown = rule_table_html(hostile("<b>").rules)
    assert "&lt;b&gt;" in shown and "<b>" not in shown


def test_terminal_tables_fit_eighty_columns() -> None:
    report = binary()
    plain = Console(width=80, record=True, file=io.StringIO())
    plain.print(comparison_table(report.scores, report.metric, report.labels_saved))
    plain.print(rule_table(report.rules))
    text = plain.export_text()
    assert max(map(len, text.splitlines())) <= 80
    for score in report.scores:
        assert score.name in text and f"{score.metrics['accuracy']:.1%}" in text


@pytest.mark.parametrize(
    ("saved", "begins"),
    [
        (LabelsSaved(0.0, 0.0, 0.0, 100, "n."), "none"),
        (LabelsSaved(None, 40.0, None, 100, "n."), "more than 100"),
        (LabelsSaved(None, None, None, 100, "n."), "not known"),
        (LabelsSaved(12.4, 3.0, 90.0, 100, "n."), "about 12 (90% interval 3 to 90)"),
    ],
)
def test_labels_saved_in_words(saved: LabelsSaved, begins: str) -> None:
    assert labels_saved_sentence(saved).startswith(begins)


@pytest.mark.parametrize("character", ["\x00", "\x1b", "\x7f", "\u0085", "\u2028", "\u2029", "\n", "\ud800"])
def test_characters_that_cannot_be_drawn_do_not_end_the_run(character: str) -> None:
    assert "<svg" in render(hostile(f"a{character}b"))


def test_what_is_too_small_to_print_is_no_harm() -> None:
    said = effects_sentence([Effect("a", 0.02), Effect("b", -0.00001)])
    assert said.endswith("Worth most: a (+0.0200).")
    assert effects_sentence([Effect("b", -0.00001)]).endswith("None matters.")


def test_a_report_about_questions_shows_them_and_speaks_of_no_labels() -> None:
    report = replace(binary(), shape="passage", metric="f1", confusion=(), per_label={})
    case = replace(report.disagreements[0], asked="Who came <first>?")
    scores = tuple(replace(score, metrics={"f1": 0.5}) for score in report.scores)
    page = render(replace(report, disagreements=(case,), scores=scores))
    assert "Who came &lt;first&gt;?" in page
    assert "<h2>Labels</h2>" not in page and "macro-F1" not in page
    assert "gold questions" in page and "answered right" not in page
