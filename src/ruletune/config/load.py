"""Read a task file and say everything that is wrong with it, with the line."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.representer import RoundTripRepresenter

from ruletune.bad_rows import BadRows
from ruletune.config.clozes import cloze_problems
from ruletune.config.confined import outside_files
from ruletune.config.messages import explain
from ruletune.config.renderings import mismatches, rendering_of
from ruletune.config.schema import TaskFile
from ruletune.config.tree import Tree, read_tree
from ruletune.config.understanding import halves_of, joined_rules
from ruletune.errors import Location, Problem, UserError, nearest
from ruletune.rules import KINDS, SAYINGS, Prompt, Rule, RuleContext, RuleEntry, build_rules, kind_of
from ruletune.rules.base import Ordered, Typed, Within, heard, parts
from ruletune.rules.code import Allow
from ruletune.rules.contradictions import text_problems
from ruletune.rules.entry import read_text
from ruletune.sources import existing, files_of
from ruletune.tasks import TASKS, UNDERSTANDING, Task
from ruletune.templates import Rendering, Template
from ruletune.types import Text

__all__ = ["TaskSpec", "load_task", "parse_task", "to_yaml", "with_seed"]

_LARGEST = 1 << 20
"""Bytes; a task file beyond it is some other file. The parser reads about 150 kB in a second."""


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """A task file that was found right, with everything it names read and compiled.

    Attributes:
        file: As written, defaults filled in.
        task: The kind of task.
        rules: Every rule that is heard; an entry of the file may stand for many.
        rendering: How inputs are shown.
        path, source: Where the file is, and its text.
        test_places: The line of each of the file's tests.
        slots: Where the file asks for slots beside intents, the task of finding those; the rest of this is about the intents.
        written: Every rule, muted ones too, as it would say what it says if it were heard.
        bad_rows: Takes the bad rows of the task's data where these are left out; ``None`` where they are an error.
    """

    file: TaskFile
    task: Task
    rules: tuple[Rule, ...]
    rendering: Rendering
    path: Path
    source: str
    test_places: tuple[Location, ...] = ()
    slots: TaskSpec | None = None
    written: tuple[Rule, ...] = ()
    bad_rows: BadRows | None = field(default=None, compare=False, repr=False)

    @property
    def muted(self) -> tuple[str, ...]:
        """Names of the rules that are not heard."""
        return tuple(rule.name for rule in self.written if rule.muted)

    @property
    def halves(self) -> tuple[TaskSpec, ...]:
        """The tasks of the file, each by itself: one, or that of the intents and that of the slots."""
        return (self,) if self.slots is None else (replace(self, slots=None), self.slots)

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(self.file.labels)

    @property
    def folder(self) -> Path:
        """What paths in the file are relative to."""
        return self.path.parent


def load_task(path: str | Path, *, check_data: bool = True, allow: Allow | None = None) -> TaskSpec:
    """Read, validate and compile a task file.

    Args:
        check_data: Whether the data files must be there; a finished run does without them.
        allow: Which code may run, where the file is that of a run folder: it then names no files outside of it, either.

    Raises:
        UserError: Everything that is wrong, each with file, line and what would be right.
    """
    path = Path(path)
    where = Location(str(path))
    try:
        large = path.stat().st_size > _LARGEST
    except (OSError, ValueError):
        large = False  # reading it says what is wrong
    if large:
        remedy = "name the task file, not the data; keep long lists of terms in files of their own"
        raise UserError("too large for a task file", where=where, remedy=remedy)
    return parse_task(read_text(path, where=where), path=path, check_data=check_data, allow=allow)


def parse_task(
    source: str, *, path: Path, check_data: bool = True, tree: Tree | None = None, allow: Allow | None = None
) -> TaskSpec:
    """As :func:`load_task`, from text; ``path`` is where it stands or would stand.

    Args:
        tree: The text as it was parsed, where it was.
    """
    tree = read_tree(source, file=str(path)) if tree is None else tree
    if tree.values.get("task") != UNDERSTANDING:
        return _specified(tree, source, path, check_data=check_data, allow=allow)
    problems: list[Problem] = []
    specs = []
    for half in halves_of(tree, path.parent, problems, allow=allow) or ():
        try:
            specs.append(_specified(half, source, path, check_data=check_data, allow=allow))
        except UserError as error:
            problems += error.problems
    if problems:
        raise UserError.of(_in_order(problems, path))
    intents, slots = specs
    return replace(intents, slots=replace(slots, bad_rows=intents.bad_rows))


def _specified(tree: Tree, source: str, path: Path, *, check_data: bool, allow: Allow | None = None) -> TaskSpec:
    """One task, from the values of its file."""
    problems = list(unusable_rules(tree))
    file: TaskFile | None = None
    kept = list(range(len(_entries(tree.values))))
    try:
        file = TaskFile.model_validate(tree.values)
    except ValidationError as error:
        problems += explain(error, tree)
        file, kept = _salvage(tree.values, error)
    if file is None:
        raise UserError.of(_in_order(problems, path))
    if allow is not None and (elsewhere := list(outside_files(file, tree, kept, path.parent))):
        raise UserError.of(_in_order([*problems, *elsewhere], path))  # before any of them is opened
    written = _rules(file, kept, tree, path.parent, problems, allow)
    rules = heard(written)
    problems += _wrong_tests(file, [rule.name for rule in written], tree)
    if file.negative is not None and file.negative not in file.labels:
        where = tree.at("negative")
        problems.append(Problem(f"unknown label {file.negative!r}", where, nearest(file.negative, file.labels)))
    rendering = rendering_of(file, tree, path.parent, problems)
    problems += cloze_problems(file, rendering.templates, rules, tree)
    if check_data:
        problems += _missing_data(file, tree, path.parent)
    if problems:
        raise UserError.of(_in_order(problems, path))
    places = tuple(tree.at("tests", position) for position in range(len(file.tests)))
    bad_rows = BadRows() if file.data.skip_bad else None
    return TaskSpec(file, TASKS[file.task], rules, rendering, path, source, places, written=written, bad_rows=bad_rows)


def with_seed(spec: TaskSpec, seed: int) -> TaskSpec:
    """The same task under another seed."""
    slots = None if spec.slots is None else with_seed(spec.slots, seed)
    return replace(spec, file=spec.file.model_copy(update={"seed": seed}), slots=slots)


def to_yaml(spec: TaskSpec) -> str:
    """The task file with every default written out; read again it says the same."""
    value = _dumped(spec.file)
    if spec.slots is not None:
        slots = _dumped(spec.slots.file)
        rules = joined_rules(value.pop("rules"), slots["rules"])
        value = {"task": UNDERSTANDING, "intents": value.pop("labels"), "slots": slots["labels"]} | {
            key: kept for key, kept in value.items() if key != "task"
        }
        value["rules"] = rules
    stream = io.StringIO()
    yaml = YAML()
    yaml.Representer = _Representer
    yaml.width = 4096
    yaml.dump(value, stream)
    return stream.getvalue()


def _dumped(file: TaskFile) -> dict[str, Any]:
    value = file.model_dump(mode="json")
    value["rules"] = [rule.model_dump(mode="json", exclude_none=True, by_alias=True) for rule in file.rules]
    return value


class _Representer(RoundTripRepresenter):
    """Writes null as ``null``, where ruamel leaves the place empty."""

    def represent_null(self, value: None) -> Any:
        return self.represent_scalar("tag:yaml.org,2002:null", "null")


_Representer.add_representer(type(None), _Representer.represent_null)


def _entries(values: dict[Any, Any]) -> list[Any]:
    entries = values.get("rules")
    return entries if isinstance(entries, list) else []


def unusable_rules(tree: Tree) -> Iterator[Problem]:
    """Rules without a kind, or of one that the task cannot use; pydantic would say it less well."""
    task = TASKS.get(str(tree.values.get("task")))
    for position, entry in enumerate(_entries(tree.values)):
        where = tree.at("rules", position)
        if not isinstance(entry, dict):
            yield Problem("a rule is a mapping of keys to values", where, f"begin it with one of {', '.join(KINDS)}")
            continue
        try:
            kind = kind_of(entry)
        except ValueError as error:
            yield Problem(str(error), where)
            continue
        if task is not None and kind not in task.rule_kinds:
            message = f"the task {task.name!r} cannot use a rule of kind {kind!r}"
            yield Problem(message, where, f"choose one of {', '.join(sorted(task.rule_kinds))}")
        for key in SAYINGS:
            if task is not None and entry.get(key) not in (None, []) and key not in task.says:
                message = f"a rule of the task {task.name!r} cannot {key!r}"
                choices = ", ".join(said for said in SAYINGS if said in task.says)
                yield Problem(message, tree.at("rules", position, key), f"it can say {choices}")


STAND_IN = "hf:stand-in"
"""Training data where the file names none: a hub's, which nobody looks up while checking."""


def _salvage(values: dict[Any, Any], error: ValidationError) -> tuple[TaskFile | None, list[int]]:
    """What is left of a file without its wrong parts, so that the rest can be checked all the same.

    Returns:
        The file and the positions of the rules that it kept; ``None`` where too little is left.
    """
    left = deepcopy(values)
    wrong_rules: set[object] = set()
    for found in error.errors():
        match found["loc"]:
            case ():  # the file as a whole: a name in it is no text
                return None, []
            case ("rules", int(position), *_):
                wrong_rules.add(position)
            case ("data", str(key), *_) if isinstance(left.get("data"), dict):
                left["data"].pop(key, None)
            case (key, *_):
                left.pop(key, None)
        if found["loc"][:1] in [("templates",), ("knowledge",)] or found["loc"][:2] == ("data", "columns"):
            # These are judged together: one of them alone would be found wrong for want of the others.
            left.pop("templates", None)
            left.pop("knowledge", None)
    kept = [position for position in range(len(_entries(left))) if position not in wrong_rules]
    left["rules"] = [_entries(left)[position] for position in kept]
    left.setdefault("task", next(iter(TASKS)))
    left.setdefault("data", {}).setdefault("train", STAND_IN)
    try:
        return TaskFile.model_validate(left), kept
    except ValidationError:
        return None, []


def _in_order(problems: list[Problem], path: Path) -> list[Problem]:
    """By line; what is wrong in other files comes after, file by file."""

    def key(problem: Problem) -> tuple[bool, str, int]:
        file, line = (problem.where.file, problem.where.line or 0) if problem.where else ("", 0)
        return file != str(path), file, line

    return sorted(dict.fromkeys(problems), key=key)


def _rules(
    file: TaskFile, positions: list[int], tree: Tree, folder: Path, problems: list[Problem], allow: Allow | None
) -> tuple[Rule, ...]:
    """All rules, muted ones too."""
    numbered = zip(file.rules, positions, strict=True)
    contexts = [context_of(file, entry, tree, n, folder, allow=allow) for entry, n in numbered]
    try:
        rules = build_rules(zip(file.rules, contexts, strict=True))
    except UserError as error:
        problems += error.problems
        return ()
    problems += unfitting(file, rules)
    if TASKS[file.task].answer is Text:
        problems += text_problems(heard(rules))
    return rules


def context_of(
    file: TaskFile,
    entry: RuleEntry,
    tree: Tree,
    place: int,
    folder: Path,
    *,
    position: int | None = None,
    allow: Allow | None = None,
) -> RuleContext:
    """Where an entry stands.

    Args:
        place: In the tree.
        position: In the list of the file's rules, where the tree does not know it.
        allow: Which code may run; ``None``: all of it.
    """
    tests = tuple(tree.at("rules", place, "tests", t) for t in range(len(getattr(entry, "tests", ()))))
    number = int(str(tree.place("rules", place)[1])) + 1 if position is None else position + 1
    texts = TASKS[file.task].answer is Text
    labels = tuple(file.labels)
    return RuleContext(folder, labels, tree.at("rules", place), number, file.labels, tests, texts, allow)


def unfitting(file: TaskFile, rules: Sequence[Rule]) -> Iterator[Problem]:
    """Rules that the task's texts, or how they are shown, have no use for."""
    for rule in rules:
        if isinstance(rule.says, Prompt):
            try:
                yield from mismatches(Template.parse(rule.says.template, where=rule.where), file, rule.where)
            except UserError as error:
                yield from error.problems
    yield from _without_pair(file, rules)


def _without_pair(file: TaskFile, rules: Sequence[Rule]) -> Iterator[Problem]:
    """Rules that look at two entities where texts have none."""
    if TASKS[file.task].readout == "pair":
        return
    for rule in rules:
        if any(
            isinstance(part, Within | Typed | Ordered) for when in (rule.when, *rule.unless) for part in parts(when)
        ):
            message = f"the rule {rule.name!r} looks at two entities, and texts of the task {file.task!r} have none"
            yield Problem(message, rule.where, "leave scope out")


def _wrong_tests(file: TaskFile, names: Sequence[str], tree: Tree) -> Iterator[Problem]:
    """Tests that expect an unknown label, or name an unknown rule."""
    for position, test in enumerate(file.tests):
        where = tree.at("tests", position)
        if test.expect is not None and test.expect not in file.labels:
            yield Problem(f"unknown label {test.expect!r}", where, nearest(test.expect, file.labels))
        if test.rule is not None and names and test.rule not in names:
            yield Problem(f"there is no rule {test.rule!r}", where, nearest(test.rule, names))


def _missing_data(file: TaskFile, tree: Tree, folder: Path) -> Iterator[Problem]:
    """Data files that are not there. Hub ids (``hf:``) are not looked up: checking must not use the network."""
    for part in ("train", "validation", "test", "calibration", "unlabeled"):
        name = getattr(file.data, part)
        if name is None or name.startswith("hf:"):
            continue
        where = tree.at("data", part)
        try:
            for each in files_of(name, folder, where=where):
                existing(each, folder, shown=each, where=where)
        except UserError as error:
            yield from error.problems
