"""Rules that might be written, without those that were refused before."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any

from ruletune.config import TaskSpec
from ruletune.errors import UserError
from ruletune.labeling.evaluate import Embed
from ruletune.labeling.suggest.suggestion import Figures, Suggestion
from ruletune.labeling.suggest.task import suggest_rules
from ruletune.store import write_json
from ruletune.types import Example
from ruletune.workbench.values import Suggested, Suggestions

__all__ = ["Refused", "suggestions"]

_COUNT = 20
_FILE = "refused.json"
_KEPT = 1000
"""Titles that are remembered: the newest."""


class Refused:
    """Titles of suggestions that somebody did not want, kept in the workbench's hidden folder."""

    def __init__(self, hidden: Path) -> None:
        self._path, self._lock = hidden / _FILE, Lock()

    def titles(self) -> tuple[str, ...]:
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):  # not there, or damaged: nothing worth an error
            return ()
        return tuple(str(title) for title in found) if isinstance(found, list) else ()

    def add(self, title: str) -> None:
        """Remember one; each once."""
        with self._lock:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_json(self._path, [*(known for known in self.titles() if known != title), title][-_KEPT:])


def suggestions(
    spec: TaskSpec, examples: Sequence[Example], *, rule: str | None, embed: Embed | None, refused: Refused
) -> Suggestions:
    """Suggest rules for a task whose answers are labels, or changes to one of its rules.

    Args:
        examples: The texts to look at, gold and others.
        embed: Their sentence embeddings; without it the words alone must do.
    """
    try:
        found = suggest_rules(spec, embed=embed, rule=rule, count=_COUNT, examples=examples)
    except UserError as error:  # too little to learn from: to be said, and no failure
        return Suggestions(True, tuple(str(problem) for problem in error.problems), ())
    unwanted = set(refused.titles())
    several = [_suggested(spec, one, examples) for one in found.suggestions]
    return Suggestions(True, found.notes, tuple(one for one in several if one.title not in unwanted))


def _suggested(spec: TaskSpec, one: Suggestion, examples: Sequence[Example]) -> Suggested:
    if one.entry:
        title, why, position, entry = one.name, f"votes for {one.label}", None, dict(one.entry)
    else:
        title, why = f"{one.name}: {one.reason}", one.reason
        position = next(rule.entry - 1 for rule in spec.rules if rule.name == one.name)
        entry = _changed(spec, position, one)
    figures: dict[str, Any] = _figures(one.figures)
    if one.before is not None:
        figures["before"] = _figures(one.before)
    shown = tuple({"text": each.text, "spans": _spans(each.text, each.matched)} for each in one.examples)
    return Suggested(one.number, title, why, entry, position, figures, shown)


def _figures(figures: Figures) -> dict[str, Any]:
    names = ("precision", "low", "high", "coverage", "new_coverage", "correct", "judged")
    return {name: getattr(figures, name) for name in names}


def _changed(spec: TaskSpec, position: int, one: Suggestion) -> dict[str, Any]:
    """The entry as it would be."""
    entry = spec.file.rules[position].model_dump(mode="json", by_alias=True, exclude_unset=True)
    for key, values in one.extend.items():
        have = entry.get(key, [])
        entry[key] = [*(have if isinstance(have, list) else [have]), *values]
    return {**entry, **one.replace}


def _spans(text: str, words: Sequence[str]) -> list[list[int]]:
    """Where the words that matched stand, each where it comes first."""
    places = ((text.find(word), len(word)) for word in words if word)
    return sorted([at, at + size] for at, size in places if at >= 0)
