"""A YAML file as plain values that know their lines."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.composer import Composer
from ruamel.yaml.constructor import ConstructorError, DuplicateKeyError, RoundTripConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode
from ruamel.yaml.scalarbool import ScalarBoolean
from ruamel.yaml.scanner import RoundTripScanner
from ruamel.yaml.tokens import Token

from ruletune.errors import Location, UserError

__all__ = ["Layout", "Tree", "read_tree"]

_MOST_VALUES = 100_000
"""Values after aliases are followed; more is an alias bomb, not a task."""

_DEEPEST = 40

_CORE_TAGS = re.compile(r"tag:yaml\.org,2002:(map|seq|str|int|float|bool|null)")


_YAML_REMEDIES = {
    "another document": "a task file is one document, without ---",
    "character '\\t'": "indent with spaces, not with TABs",
    "cannot start any token": "put quotes around the text",
    "mapping values are not allowed": "put quotes around text that has a colon in it, and indent keys evenly",
    "unknown escape character": "write expressions in single quotes: there a backslash is only a backslash",
    "<stream end>": "a bracket or a quote is never closed",
    "expected ',' or": "close the bracket, or put quotes around text that has brackets in it",
    "end of stream": "a quote is never closed",
}
"""Part of the parser's message to what most likely mends it."""


@dataclass(frozen=True, slots=True)
class Layout:
    """A mapping with the places of its values, and the tokens that it was read from."""

    root: MappingNode
    tokens: tuple[Token, ...]


@dataclass(frozen=True, slots=True)
class Tree:
    """A mapping as read.

    Attributes:
        values: As plain dicts, lists and scalars. Dates are text. A number's text is what was written, so that
            the keyword 0800 is not 800.
        file: For messages.
        layout: Where everything stands in the source, if that was asked for.
    """

    values: dict[Any, Any]
    file: str
    _nodes: CommentedMap
    _moved: Mapping[tuple[object, ...], tuple[object, ...]] = field(default_factory=dict)
    layout: Layout | None = None

    def part(self, values: dict[Any, Any], moved: Mapping[tuple[object, ...], tuple[object, ...]]) -> Tree:
        """Other values made of these, which know their lines as well.

        Args:
            moved: The beginning of a place in the new values to where that is in the file.

        >>> read_tree("a: 1\\nb: [x, y]\\n", file="t.yaml").part({"c": ["y"]}, {("c", 0): ("b", 1)}).at("c", 0)
        Location(file='t.yaml', line=2)
        """
        return Tree(values, self.file, self._nodes, moved)

    def place(self, *steps: object) -> tuple[object, ...]:
        """Where in the file a place is: the same keys and positions, but for what was moved."""
        for length in range(len(steps), 0, -1):
            if steps[:length] in self._moved:
                return (*self._moved[steps[:length]], *steps[length:])
        return steps

    def at(self, *steps: object) -> Location:
        """The line of a place, given as keys and positions from the outside in.

        Steps that lead nowhere (a key that is missing, a name that is no key) are passed over, so
        that the nearest line around the place comes out.
        """
        node, line = self._nodes, 1
        for step in self.place(*steps):
            key = _key(node, step)
            if key is None:
                continue
            line = _line(node, key) or line
            node = node[key]
        return Location(self.file, line)


def read_tree(source: str, *, file: str, layout: bool = False) -> Tree:
    """Parse YAML 1.2 that holds one mapping. No tag constructs anything; comments are passed over.

    Args:
        layout: Keep the places of everything, for changes to the source.

    Raises:
        UserError: It is not YAML, not a mapping, a key stands twice, or aliases blow it up.

    >>> read_tree("a: 1\\nb: [x]\\n", file="t.yaml").at("b", 0)
    Location(file='t.yaml', line=2)
    """
    yaml = _reader(layout=layout)
    nodes = _parse(yaml, source, file)
    if nodes is None:
        raise UserError("the task file is empty", where=Location(file), remedy="make one with: ruletune init")
    if not isinstance(nodes, CommentedMap):
        remedy = "begin with task: and labels:"
        raise UserError("a task file is a mapping of keys to values", where=Location(file, 1), remedy=remedy)
    values = _Copier(file).copy(nodes, 0, 1)
    return Tree(values, file, nodes, layout=_layout(yaml) if layout else None)


class _Int(int):
    """A whole number that was not written as Python would write it."""

    written: str

    def __str__(self) -> str:
        return self.written


class _Float(float):
    """A number that was not written as Python would write it."""

    written: str

    def __str__(self) -> str:
        return self.written


class _Constructor(RoundTripConstructor):
    """Makes numbers that remember how they were written, and no dates."""

    def whole_number(self, node: Any) -> int:
        return _written(node, self.construct_yaml_int, int, _Int)

    def number(self, node: Any) -> float:
        return _written(node, self.construct_yaml_float, float, _Float)


_Constructor.add_constructor("tag:yaml.org,2002:int", _Constructor.whole_number)
_Constructor.add_constructor("tag:yaml.org,2002:float", _Constructor.number)
_Constructor.add_constructor("tag:yaml.org,2002:timestamp", _Constructor.construct_scalar)

_Number = TypeVar("_Number", int, float)


def _written(node: Any, construct: Callable[[Any], Any], plain: type[_Number], kind: type[_Number]) -> _Number:
    try:
        value = plain(construct(node))
        if str(value) == node.value:
            return value
    except (ValueError, IndexError):  # a tag says that it is a number, and it is none
        raise ConstructorError(None, None, f"{node.value[:60]!r} is no number", node.start_mark) from None
    value = kind(value)
    value.written = node.value  # type: ignore[attr-defined]
    return value


class _Composer(Composer):
    """Remembers the root of what it has composed."""

    root: Any = None

    def get_single_node(self) -> Any:
        self.root = super().get_single_node()
        return self.root


class _Scanner(RoundTripScanner):
    """Remembers the tokens that it has given away."""

    def get_token(self) -> Any:
        token = super().get_token()
        if token is not None:
            self.__dict__.setdefault("given", []).append(token)
        return token


def _reader(*, layout: bool) -> YAML:
    yaml = YAML(typ="rt")
    yaml.Constructor = _Constructor
    if layout:
        yaml.Composer, yaml.Scanner = _Composer, _Scanner
    return yaml


def _layout(yaml: YAML) -> Layout:
    root, tokens = yaml.composer.root, yaml.scanner.__dict__["given"]
    assert isinstance(root, MappingNode)
    return Layout(root, tuple(tokens))


def _parse(yaml: YAML, source: str, file: str) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of anchors that are used twice, and the like: for the parser's users
            return yaml.load(source)
    except DuplicateKeyError as error:
        key = re.search(r'key "(.*?)" with value', str(error.problem), re.DOTALL)
        message = f"the key {key[1][:60]!r} stands twice" if key else "a key stands twice"
        raise UserError(message, where=_mark(error, file), remedy="keep one of them") from None
    except MarkedYAMLError as error:
        problem = str(error.problem or error.context)
        remedy = next((remedy for part, remedy in _YAML_REMEDIES.items() if part in problem), None)
        raise UserError(f"not valid YAML: {problem}", where=_mark(error, file), remedy=remedy) from None
    except RecursionError:
        raise UserError("not valid YAML: nested too deeply", where=Location(file)) from None
    except YAMLError as error:
        # The reader, which has no marks: a character that YAML does not allow.
        position = getattr(error, "position", None)
        line = source.count("\n", 0, position) + 1 if isinstance(position, int) else None
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(f"not valid YAML: {reason}", where=Location(file, line)) from None
    except (ValueError, TypeError, AttributeError, KeyError, NotImplementedError, AssertionError) as error:
        # Tags put where they make no sense.
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(f"not valid YAML: {reason[:200]}", where=Location(file)) from None


def _mark(error: MarkedYAMLError, file: str) -> Location:
    mark = error.problem_mark or error.context_mark
    return Location(file, mark.line + 1 if mark else None)


class _Copier:
    """Copies nodes to plain values, and counts them."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._count = 0

    def copy(self, node: Any, depth: int, line: int) -> Any:
        self._count += 1
        if self._count > _MOST_VALUES or depth > _DEEPEST:
            raise UserError(
                "the task file expands to too many values",
                where=Location(self._file, line),
                remedy="write out YAML aliases, and keep long lists in files of their own",
            )
        tag = getattr(getattr(node, "tag", None), "value", None)
        if tag is not None and not _CORE_TAGS.fullmatch(str(tag)):
            raise UserError(f"the YAML tag {str(tag)[:60]!r} means nothing here", where=Location(self._file, line))
        if isinstance(node, CommentedMap):
            return {_scalar(key): self.copy(value, depth + 1, at) for key, value, at in _items(node, line)}
        if isinstance(node, CommentedSeq):
            return [self.copy(value, depth + 1, _line(node, n) or line) for n, value in enumerate(node)]
        if isinstance(node, bytes | set | dict | list) or not isinstance(node, _SCALARS):
            message = "the task file holds text, numbers, lists and mappings only"
            raise UserError(message, where=Location(self._file, line))
        return _scalar(node)


_SCALARS = (str, bool, int, float, type(None))


def _items(node: CommentedMap, line: int) -> Iterator[tuple[object, object, int]]:
    for key, value in node.items():
        yield key, value, _line(node, key) or line


def _scalar(value: Any) -> Any:
    """ruamel's own scalar types as Python's; keys that are collections as text."""
    if value is None or isinstance(value, int | float):
        return bool(value) if isinstance(value, ScalarBoolean) else value
    return str(value)


def _key(node: Any, step: object) -> Any:
    """The key or position in ``node`` that a step means, or ``None``. Keys may have become text."""
    if isinstance(node, CommentedSeq):
        return step if isinstance(step, int) and step < len(node) else None
    if not isinstance(node, CommentedMap):
        return None
    if isinstance(step, str | int) and step in node:
        return step
    return next((key for key in node if key is not None and str(_scalar(key)) == step), None)


def _line(node: CommentedMap | CommentedSeq, key: Any) -> int | None:
    """The line of a key; ``None`` where it came in by a merge (``<<``)."""
    try:
        place = node.lc.key(key) if isinstance(node, CommentedMap) else node.lc.item(key)
    except (KeyError, TypeError, AttributeError):
        return None
    return None if place is None else int(place[0]) + 1
