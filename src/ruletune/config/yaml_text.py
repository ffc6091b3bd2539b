"""YAML as text: where values stand in it, and how new ones are written, so that every other byte stays as it is."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedSeq
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.scalarstring import SingleQuotedScalarString

from ruletune.errors import Location, UserError

__all__ = [
    "child_of",
    "closed",
    "content_end",
    "flow",
    "line_end",
    "line_start",
    "newline_of",
    "place_of",
    "root_of",
    "set_key",
    "unset_key",
]


def root_of(source: str, file: str) -> MappingNode:
    """The file's mapping with the places of its values.

    Raises:
        UserError: It is not YAML, or no mapping.
    """
    try:
        root = YAML().compose(io.StringIO(source))
    except YAMLError as error:
        raise UserError(f"not YAML: {error}", where=Location(file)) from error
    if not isinstance(root, MappingNode):
        raise UserError("a task file is a mapping of keys to values", where=Location(file, 1))
    return root


def child_of(node: MappingNode, name: str) -> tuple[Node, Node] | None:
    """A key of a mapping, and its value."""
    for key, value in node.value:
        if isinstance(key, ScalarNode) and key.value == name:
            return key, value
    return None


def place_of(node: Node, file: str) -> Location:
    """The line that a value begins in."""
    return Location(file, node.start_mark.line + 1)


def set_key(source: str, entry: MappingNode, key: str, value: Any) -> str:
    """A key of an entry, replaced or added at its end."""
    found = child_of(entry, key)
    if found is not None:
        start, end = found[1].start_mark.index, content_end(found[1])
        space = " " if start == end and source[start - 1 : start] == ":" else ""
        return source[:start] + space + flow(value) + source[end:]
    end = content_end(entry.value[-1][1])
    if entry.flow_style:
        return f"{source[:end]}, {key}: {flow(value)}{source[end:]}"
    newline = newline_of(source)
    end = line_end(source, end)
    line = f"{' ' * entry.start_mark.column}{key}: {flow(value)}"
    return closed(source[:end], newline) + line + newline + source[end:]


def unset_key(source: str, entry: MappingNode, key: str) -> str:
    """A mapping without one of its keys; the only one there is becomes false."""
    found = child_of(entry, key)
    if found is None:
        return source
    place = next(n for n, (each, _) in enumerate(entry.value) if each is found[0])
    start, end = found[0].start_mark.index, content_end(found[1])
    if place:
        before = content_end(entry.value[place - 1][1])
        if entry.flow_style:
            return source[:before] + source[end:]
        if "\n" in source[before:start]:
            return source[: line_start(source, start)] + source[line_end(source, end) :]
    elif len(entry.value) > 1:
        after = int(entry.value[1][0].start_mark.index)
        if "#" not in source[end:after]:
            return source[:start] + source[after:]
        # A comment stays, before or below what is then the first key.
        return source[:start] + source[source.index(",", end) + 1 if entry.flow_style else end :]
    return source[: found[1].start_mark.index] + "false" + source[end:]


def content_end(node: Node) -> int:
    """Where a value's own text ends; the parser counts the comments behind a block to it."""
    if isinstance(node, SequenceNode) and not node.flow_style and node.value:
        return content_end(node.value[-1])
    if isinstance(node, MappingNode) and not node.flow_style and node.value:
        return content_end(node.value[-1][1])
    if isinstance(node, ScalarNode) and node.style in ("|", ">"):
        return int(node.end_mark.index) - 1  # the line break that ends its last line
    return int(node.end_mark.index)


def line_start(source: str, index: int) -> int:
    """Where the line begins that ``index`` is in."""
    return source.rfind("\n", 0, index) + 1


def line_end(source: str, index: int) -> int:
    """Behind the line break of the line that ``index`` is in."""
    found = source.find("\n", index)
    return len(source) if found < 0 else found + 1


def newline_of(source: str) -> str:
    """How the file ends its lines."""
    return "\r\n" if "\r\n" in source else "\n"


def closed(source: str, newline: str) -> str:
    """With a line break at its end."""
    return source if not source or source.endswith("\n") else source + newline


def flow(value: Any, *, quote: bool = False) -> str:
    """A value on one line, quoted where it must be; expressions in single quotes, where a backslash is a backslash."""
    match value:
        case Mapping():
            return (
                "{" + ", ".join(f"{flow(key)}: {flow(item, quote=key == 'regex')}" for key, item in value.items()) + "}"
            )
        case None:
            return "null"
        case list() | tuple():
            return "[" + ", ".join(map(flow, value)) + "]"
        case str() if not value.isprintable():
            escaped = (c if c.isprintable() and c not in '"\\' else f"\\U{ord(c):08x}" for c in value)
            return f'"{"".join(escaped)}"'
        case str() if quote or "\\" in value:
            value = SingleQuotedScalarString(value)
    yaml = YAML()
    yaml.width = 1 << 30
    holder = CommentedSeq([value])
    holder.fa.set_flow_style()
    stream = io.StringIO()
    yaml.dump(holder, stream)
    return stream.getvalue().strip().removeprefix("[").removesuffix("]")
