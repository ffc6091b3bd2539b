"""An explanation as a page: one file that needs nothing else, no script and no network. Texts are escaped."""

from __future__ import annotations

from collections.abc import Sequence

from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup

from ruletune.report.explanation import Attribution, Explanation
from ruletune.report.explanation_words import (
    LEGEND,
    Marked,
    in_words,
    marked,
    measure_sentence,
    others_sentence,
    reliability_sentence,
    signed,
    strongest,
    without_sentence,
)
from ruletune.report.page import resource

__all__ = ["fragment", "render"]


def render(found: Explanation | Sequence[Explanation]) -> str:
    """The page of one explanation, or of several under each other."""
    several = [found] if isinstance(found, Explanation) else list(found)
    return _environment().from_string(resource("explanation.html.j2")).render(several=several, style=_style())


def fragment(found: Explanation) -> str:
    """An explanation for a notebook."""
    source = "{% from 'explanation' import explanation %}<style>{{ style }}</style><div class=\"ruletune-explanation\">{{ explanation(one) }}</div>"
    return _environment().from_string(source).render(one=found, style=Markup(resource("explanation.css")))


def _style() -> Markup:
    return Markup(resource("page.css") + resource("explanation.css"))


def _environment() -> Environment:
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=DictLoader({"explanation": resource("explanation_macros.html.j2")}),
    )
    environment.filters |= {"signed": signed, "percent": lambda value: "–" if value is None else f"{value:.1%}"}
    environment.globals |= {
        "in_words": in_words,
        "legend": LEGEND,
        "measured": measure_sentence,
        "others": others_sentence,
        "reliability": reliability_sentence,
        "strongest": strongest,
        "stretches": _stretches,
        "without": without_sentence,
        "not_shown": lambda each: sum(end - start for start, end in each.cut),
    }
    return environment


def _stretches(found: Explanation, each: Attribution | None, which: str) -> list[Marked]:
    """One of an explanation's texts as stretches."""
    if which == "pair":
        return marked(found.pair or "", each.pair if each else (), ())
    spans = [span for rule in found.rules for span in rule.spans]
    return marked(found.text, each.words if each else (), spans)
