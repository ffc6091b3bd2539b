"""A rule as it is written, and the texts behind its numbers, as a terminal shows them."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console, RenderableType

from ruletune.config import TaskSpec, load_task
from ruletune.errors import UserError
from ruletune.labeling.show import show, written
from ruletune.report.terminal import printable, shown_rule
from ruletune.types import Example, Label

SOURCE = """\
task: classification
labels: [ham, spam]
data: {train: train.jsonl}
rules:
  - name: prize
    keywords: [prize, 中奖]   # what they promise
    vote: spam

    unless: {keywords: [surprise]}
  # the next one is a helper
  - {name: money, regex: '(?i)cash|£'}
  - {name: both, all: [prize, money], vote: spam, priority: 1}
  - {name: lexicon, table: rules.tsv}
  - {name: never, keywords: [mum], veto: spam}
"""


@pytest.fixture
def spec(tmp_path: Path) -> TaskSpec:
    rows = [
        {"text": "a prize", "label": "spam"},
        {"text": "a prize of cash", "label": "spam"},
        {"text": "see you", "label": "ham"},
        {"text": "urgent", "label": "spam"},
        {"text": "mum, a prize", "label": None},
        {"text": "bye", "label": "ham"},
    ]
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (tmp_path / "rules.tsv").write_text("ham\tbye\tbye then\nspam\tw[io]n\n", encoding="utf-8")
    (tmp_path / "task.yaml").write_text(SOURCE, encoding="utf-8")
    return load_task(tmp_path / "task.yaml")


def printed(renderable: RenderableType, width: int = 80) -> str:
    console = Console(width=width, highlight=False, record=True, file=io.StringIO())
    console.print(renderable)
    return console.export_text(styles=True)


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        (
            "prize",
            [
                "- name: prize", "  keywords: [prize, 中奖]   # what they promise", "  vote: spam", "",
                "  unless: {keywords: [surprise]}",
            ],
        ),
        ("money", ["- {name: money, regex: '(?i)cash|£'}"]),
        ("never", ["- {name: never, keywords: [mum], veto: spam}"]),
        ("lexicon:1", ["ham\tbye\tbye then"]),
    ],
)  # fmt: skip
def test_a_rule_is_shown_as_it_is_written(spec: TaskSpec, name: str, lines: list[str]) -> None:
    [rule] = [rule for rule in spec.rules if rule.name == name]
    assert written(spec, rule).splitlines() == lines
    assert show(spec, name).written.splitlines() == lines


def test_a_rule_whose_table_is_gone_is_shown_without_its_line(spec: TaskSpec) -> None:
    (spec.folder / "rules.tsv").unlink()
    assert show(spec, "lexicon:1").written == ""


def ids(spec: TaskSpec, name: str, view: str) -> list[str]:
    return [text.id for text in show(spec, name, view=view).texts]  # type: ignore[arg-type]


def test_texts_that_no_rule_speaks_of_come_with_the_rules_own_gold_first(spec: TaskSpec) -> None:
    assert ids(spec, "prize", "uncovered") == ["4", "3"]
    assert ids(spec, "lexicon:1", "uncovered") == ["3", "4"]
    assert ids(spec, "never", "uncovered") == ["3", "4"], "a veto misses nothing"


def test_right_and_wrong_share_what_can_be_judged(spec: TaskSpec) -> None:
    shown = {view: ids(spec, "prize", view) for view in ("fires", "right", "wrong")}
    assert shown == {"fires": ["1", "5"], "right": ["1"], "wrong": []}, "on 2 a rule of higher priority is heard"


def test_a_helper_shows_what_it_matched(spec: TaskSpec) -> None:
    [text] = show(spec, "money").texts
    assert (text.id, text.spans, text.says) == ("2", ((11, 15),), "")


def test_a_composed_rule_shows_what_its_parts_matched(spec: TaskSpec) -> None:
    [text] = show(spec, "both").texts
    assert (text.spans, text.says) == (((2, 7), (11, 15)), "spam")


def test_an_empty_list_of_gold_labels_is_not_unknown_gold(spec: TaskSpec) -> None:
    texts = [Example("1", "prize", answer=Label.of()), Example("2", "prize")]
    assert [text.gold for text in show(spec, "prize", examples=texts).texts] == ["(none)", ""]


def test_a_rule_that_fails_everywhere_can_be_looked_at(spec: TaskSpec) -> None:
    (spec.folder / "odd.py").write_text("def odd(text):\n    raise OSError('no disk')\n", encoding="utf-8")
    spec.path.write_text(SOURCE + "  - {function: 'odd.py:odd', vote: ham}\n", encoding="utf-8")
    odd = load_task(spec.path)
    found = show(odd, "odd", view="faults", count=2)
    assert (found.found, len(found.texts)) == (6, 2) and "no disk" in found.failure
    assert "no disk" in printed(shown_rule(found)) and "6 texts on which it fails, the first of them:" in printed(
        shown_rule(found)
    )
    with pytest.raises(UserError, match="'odd' fails on every text"):
        show(odd, "odd")


def test_a_task_without_rules_has_none_to_show(spec: TaskSpec) -> None:
    spec.path.write_text(SOURCE.partition("rules:")[0], encoding="utf-8")
    with pytest.raises(UserError, match=r"no rule 'prize'; write rules under rules:"):
        show(load_task(spec.path), "prize")


# -- on a terminal


def test_what_matched_is_underlined_where_it_stands(spec: TaskSpec) -> None:
    texts = [Example("é1", "👍 中奖 [bold]x[/bold]\tprize")]
    shown = printed(shown_rule(show(spec, "prize", examples=texts)))
    assert "\x1b[1;4m中奖\x1b[0m [bold]x[/bold] \x1b[1;4mprize\x1b[0m" in shown


def test_a_long_text_is_cut_around_its_first_match(spec: TaskSpec) -> None:
    texts = [Example("1", "x " * 500_000 + "prize " + "y " * 500_000)]
    shown = printed(shown_rule(show(spec, "prize", examples=texts)))
    assert "\x1b[1;4mprize\x1b[0m" in shown and len(shown) < 3000
    assert shown.count("...") == 2


def test_a_text_cannot_steer_the_terminal(spec: TaskSpec) -> None:
    texts = [Example("\x1b[2J", "prize \x1b]0;title\x07\r\n\u202egnp\ud800")]
    plain = printed(shown_rule(show(spec, "prize", examples=texts)))
    for character in ("\x1b[2J", "\x1b]", "\x07", "\r", "\u202e", "\ud800"):
        assert character not in plain


@pytest.mark.parametrize("text", ["", "a", "a\tb\x00c\u2028d", "é́👍🏽中"])
def test_printing_keeps_every_character_in_its_place(text: str) -> None:
    shown = printable(text)
    assert len(shown) == len(text) and shown.isprintable()
    assert all(a == b for a, b in zip(text, shown, strict=True) if a.isprintable())


@pytest.mark.parametrize("width", [40, 80, 200])
def test_every_width_will_do(spec: TaskSpec, width: int) -> None:
    shown = printed(shown_rule(show(spec, "prize")), width)
    assert "prize" in shown
