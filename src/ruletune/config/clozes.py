"""What can be wrong with a task file's clozes before any model is looked at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ruletune.config.schema import TaskFile
from ruletune.config.tree import Tree
from ruletune.errors import Location, Problem, UserError, nearest
from ruletune.rules import Prompt, Rule
from ruletune.templates import Template

__all__ = ["cloze_problems"]


def cloze_problems(
    file: TaskFile, templates: Sequence[Template], rules: Sequence[Rule], tree: Tree
) -> Iterator[Problem]:
    """Templates and prompts of which some have a blank and some none, and label words that are none.

    Args:
        templates: The task's, as far as they could be parsed.
    """
    cloze = any(template.cloze for template in templates)
    yield from _templates(file, templates, tree)
    for rule in rules:
        if isinstance(rule.says, Prompt):
            yield from _prompt(rule.says, rule.where, cloze=cloze)
    yield from _words(file, tree, cloze=cloze)


def _prompt(prompt: Prompt, where: Location | None, *, cloze: bool) -> Iterator[Problem]:
    try:
        has = Template.parse(prompt.template).cloze
    except UserError:
        return  # reported with the rules
    if has != cloze:
        what = (
            "has no {mask}, and the task's template has one"
            if cloze
            else "has {mask}, and the task's template has none"
        )
        yield Problem(f"the prompt {what}", where, "put {mask} into both, or into neither")
    elif prompt.words and not has:
        yield Problem("the prompt has a verbalizer, and no {mask}", where, "put {mask} into the prompt")


def _templates(file: TaskFile, templates: Sequence[Template], tree: Tree) -> Iterator[Problem]:
    blanks = [template.cloze for template in templates]
    where = tree.at("model", "head")
    if any(blanks) and not all(blanks):
        position = blanks.index(not blanks[0])
        yield Problem(
            "some templates have {mask}, others not", tree.at("templates", position), "put it into all or none"
        )
    elif any(blanks) and file.model.head == "sequence":
        yield Problem(
            "the head 'sequence' fills in no {mask}", where, "choose head: cloze, or take {mask} out of the templates"
        )
    elif not any(blanks) and file.model.head == "cloze":
        remedy = "add one, for instance templates: ['{text} It was {mask}.']"
        yield Problem("the head 'cloze' needs a template with {mask}", where, remedy)


def _words(file: TaskFile, tree: Tree, *, cloze: bool) -> Iterator[Problem]:
    if file.verbalizer and not cloze:
        yield Problem(
            "there is a verbalizer, and no template with {mask}", tree.at("verbalizer"), "add such a template"
        )
    owner: dict[str, str] = {}
    for label, words in file.verbalizer.items():
        where = tree.at("verbalizer", label)
        if label not in file.labels:
            yield Problem(f"unknown label {label!r}", where, nearest(label, file.labels))
        if not words or not all(word.strip() for word in words):
            yield Problem(f"the label {label!r} has no word", where, "name one at least, or leave the label out")
        for word in dict.fromkeys(words):
            if owner.setdefault(word, label) != label:
                yield Problem(f"the word {word!r} stands for {owner[word]!r} and {label!r}", where, "leave it to one")
