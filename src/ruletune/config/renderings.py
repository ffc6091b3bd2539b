"""How a task file says that inputs are shown: its templates, and the knowledge that goes into them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ruletune.config.schema import TaskFile
from ruletune.config.tree import Tree
from ruletune.errors import Location, Problem, UserError
from ruletune.knowledge import Knowledge, read_entries
from ruletune.rules.entry import read_text
from ruletune.rules.terms import read_terms
from ruletune.tasks import DIALOGUE, TASKS
from ruletune.templates import DIALOGUE_FIELDS, PAIR_FIELDS, Rendering, Template, default_template, writing_template
from ruletune.types import Label

__all__ = ["mismatches", "rendering_of"]


def rendering_of(file: TaskFile, tree: Tree, folder: Path, problems: list[Problem]) -> Rendering:
    """How a task's inputs are shown, from what is right in its templates and its knowledge.

    Args:
        problems: Gets what is wrong with them.
    """
    templates = []
    for position, written in enumerate(file.templates):
        where = tree.at("templates", position)
        try:
            templates.append(Template.parse(written, where=where))
            problems += mismatches(templates[-1], file, where)
        except UserError as error:
            problems += error.problems
    template, *others = templates or [_default_template(file)]
    knowledge = []
    for position, source in enumerate(file.knowledge):
        where = tree.at("knowledge", position)
        try:
            text = read_text(folder / source.file, where=where)
            named = Location(str(folder / source.file))
            if source.meaning is None:
                entries = read_entries(text, where=named)
            else:
                entries = dict.fromkeys(read_terms(text, where=named), source.meaning)
            knowledge.append(Knowledge(entries, source.place, source.limit, source.separator))
        except UserError as error:
            problems += error.problems
        if source.place == "field" and all("knowledge" not in t.fields for t in (template, *others)):
            problems.append(Problem("the template has no {knowledge}", where, "put it there, or choose another place"))
    types = dict(file.entities)
    return Rendering(template, tuple(knowledge), file.name, file.description, dict(file.labels), tuple(others), types)


def _default_template(file: TaskFile) -> Template:
    if TASKS[file.task].readout == "generate":
        return writing_template(file.task, described=bool(file.description.strip()))
    asked = TASKS[file.task].readout == "extract"
    return default_template(pair=file.data.columns.text_pair is not None, asked=asked)


def mismatches(template: Template, file: TaskFile, where: Location | None) -> Iterator[Problem]:
    """Fields of the template that nothing fills, and inputs that it does not show."""
    pair = file.data.columns.text_pair is not None or TASKS[file.task].readout == "extract"
    of_pairs = TASKS[file.task].readout == "pair"
    unfilled = [] if of_pairs else sorted(template.fields & PAIR_FIELDS)
    if unfilled:
        yield Problem(
            f"the template shows {{{unfilled[0]}}}, and texts of the task {file.task!r} have no entities", where
        )
    of_turns = [] if file.task == DIALOGUE.name else sorted(template.fields & DIALOGUE_FIELDS)
    if of_turns:
        message = (
            f"the template shows {{{of_turns[0]}}}, and texts of the task {file.task!r} are no turns of a dialogue"
        )
        yield Problem(message, where, "take it out of the template")
    if "sep" in template.fields and TASKS[file.task].readout == "generate":
        yield Problem(f"inputs of the task {file.task!r} have one segment", where, "take {sep} out of the template")
        return
    if template.cloze and TASKS[file.task].answer is not Label:
        yield Problem(f"the task {file.task!r} fills in no {{mask}}", where, "take it out of the template")
    if "text_pair" in template.fields and not pair:
        yield Problem("the template shows {text_pair}", where, "name its column: data.columns.text_pair")
    own = _default_template(file) if not file.templates else None
    divided = "sep" in own.fields if own else "{sep}" in file.templates[0]
    if ("sep" in template.fields) != divided:
        yield Problem(
            "the template and the task's first one differ in {sep}", where, "put {sep} into both, or into neither"
        )
    if pair and "text_pair" not in template.fields:
        yield Problem("the template does not show the second text", where, "put {text_pair} into it")
    if "knowledge" in template.fields and all(source.place != "field" for source in file.knowledge):
        yield Problem("the template shows {knowledge}, and there is none", where, "add an entry with place: field")
