"""An explanation for a terminal: it says the same with colours and without."""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ruletune.report.explanation import Attribution, Explanation, Neighbour, Word
from ruletune.report.explanation_words import (
    LEGEND,
    in_words,
    marked,
    measure_sentence,
    others_sentence,
    reliability_sentence,
    signed,
    strongest,
    without_sentence,
)
from ruletune.report.terminal import printable

__all__ = ["explanation_text"]

_STYLES = {
    3: "bold underline green", 2: "underline green", 1: "underline",
    -1: "strike", -2: "strike red", -3: "bold strike red",
}  # fmt: skip
"""How words are shown, by their level."""

_LABELS = 12
"""Labels that the table of beliefs has a line for, at most."""

_EXCERPT = 160
"""Characters of an example that are shown."""


def explanation_text(found: Explanation) -> RenderableType:
    """Everything that an explanation says."""
    if found.both is not None:
        parts: list[RenderableType] = []
        for name, half in (("Intent", found.both.intent), ("Slots", found.both.slots)):
            parts += [Text(name, style="bold reverse"), explanation_text(half)]
        return Group(*parts)
    parts = [Text(printable(f"{in_words(found.answer, found.text)}  {found.score:.0%}"), style="bold")]
    spans = [span for rule in found.rules for span in rule.spans]
    parts += [part for each in found.attributions for part in _attribution(found, each, spans)]
    if not found.attributions:
        parts.append(_text(found.text, (), spans))
    if found.attributions or spans:
        parts.append(Text(LEGEND, style="dim"))
    parts += [*_beliefs(found), *_rules(found)]
    if found.examples:
        parts += [Text(), Text("Nearest gold examples", style="italic")]
        parts += [_example(each) for each in found.examples]
    parts += [Text(f"Note: {printable(note)}", style="dim") for note in found.notes]
    return Group(*parts)


def _attribution(found: Explanation, each: Attribution, spans: Sequence[tuple[int, int]]) -> list[RenderableType]:
    """The text with its words marked, and the strongest of them with numbers."""
    parts: list[RenderableType] = [Text()]
    if len(found.attributions) > 1 or each.answer != found.answer:
        parts.append(Text(printable(in_words(each.answer, found.text)), style="italic"))
    parts.append(_text(found.text, each.words, spans))
    if found.pair is not None:
        parts.append(_text(found.pair, each.pair, ()))
    for text, words in ((found.text, each.words), (found.pair or "", each.pair)):
        for what, listed in zip(("for", "against"), strongest(text, words), strict=True):
            if listed:
                shown = ", ".join(f"{printable(word)} {signed(weight)}" for word, weight in listed)
                parts.append(Text(f"  {what}: {shown}"))
    if said := others_sentence(each):
        parts.append(Text(f"  {said}"))
    if each.cut:
        parts.append(
            Text(f"  The model was not shown {sum(b - a for a, b in each.cut)} characters of the text.", style="yellow")
        )
    return [*parts, Text(f"  {measure_sentence(each)}", style="dim")]


def _text(text: str, words: Sequence[Word], spans: Sequence[tuple[int, int]]) -> Text:
    shown = Text()
    stretches = marked(text, words, spans)
    for number, each in enumerate(stretches):
        before = number > 0 and stretches[number - 1].fired
        after = number + 1 < len(stretches) and stretches[number + 1].fired
        opening, closing = "[" if each.fired and not before else "", "]" if each.fired and not after else ""
        shown.append(opening, style="dim")
        shown.append(printable(each.words), style=_STYLES.get(each.level, ""))
        shown.append(closing, style="dim")
    return shown


def _beliefs(found: Explanation) -> list[RenderableType]:
    """Who believes what: label by label, or what rules and model would each answer."""
    if found.shape in ("spans", "passage"):
        rows = [("rules alone", found.label_model), ("model alone", found.alone), ("both", found.answer)]
        table = Table("who", "says", box=SIMPLE_HEAD, show_edge=False)
        for who, answer in rows:
            table.add_row(who, Text("-" if answer is None else printable(in_words(answer, found.text))))
        return [Text(), table]
    if found.shape == "text":
        parts: list[RenderableType] = [Text(printable(f"without rules: {found.without_rules}"))]
        demands = Table("rule", "the answer", "kept", box=SIMPLE_HEAD, show_edge=False)
        for row in found.demands:
            demands.add_row(
                Text(printable(row["rule"])), Text(printable(row["demands"])), "yes" if row["kept"] else "no"
            )
        return [*parts, demands if found.demands else Text("No rule demands anything.")]
    table = Table("label", box=SIMPLE_HEAD, show_edge=False)
    for heading in ("rules", "model", "calibrated", "answer"):
        table.add_column(heading, justify="right")
    ordered = sorted(found.beliefs, key=lambda b: -max(b.answer, b.rules or 0.0))[:_LABELS]
    for each in (b for b in found.beliefs if b in ordered):
        rules = "-" if each.rules is None else f"{each.rules:.3f}"
        table.add_row(
            Text(printable(each.label)), rules, f"{each.model:.3f}", f"{each.calibrated:.3f}", f"{each.answer:.3f}"
        )
    return [Text(), table]


def _rules(found: Explanation) -> list[RenderableType]:
    """The rules that fired."""
    if not found.rules:
        return [Text("No rule fired.")]
    table = Table(title="rules that fired", title_justify="left", box=SIMPLE_HEAD, show_edge=False)
    for heading, ratio in (("rule", 2), ("says", 2), ("where it fired", 3), ("reliability", 4), ("without it", 5)):
        table.add_column(heading, overflow="fold", ratio=ratio)
    for rule in found.rules:
        words = ", ".join(f"“{printable(found.text[start:end][:60])}”" for start, end in rule.spans[:4])
        cells = (rule.rule, rule.says, words, reliability_sentence(rule), without_sentence(rule, found))
        table.add_row(*(Text(printable(cell)) for cell in cells))
    return [Text(), table]


def _example(each: Neighbour) -> Text:
    text = printable(each.text[:_EXCERPT]) + ("…" if len(each.text) > _EXCERPT else "")
    asked = f"  ({printable(each.pair[:_EXCERPT])})" if each.pair else ""
    return Text(f"  {each.similarity:.2f}  {printable(in_words(each.answer, each.text))[:_EXCERPT]}  “{text}”{asked}")
