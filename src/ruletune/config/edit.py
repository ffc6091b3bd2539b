"""Change the rules of a task file and nothing else: every other byte stays as it was written.

The parser tells where each value begins and ends; new text is put between. So comments, quotes, blank lines and line
ends outlive the change, which they would not if the file were parsed and written again.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedSeq
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.scalarstring import SingleQuotedScalarString

from ruletune.errors import Location, UserError

__all__ = ["add_rules", "change_rule", "rule_yaml"]


def rule_yaml(entry: Mapping[str, Any]) -> str:
    r"""A rule as the task file writes it, a key a line.

    >>> print(rule_yaml({"name": "asks", "keywords": ["how", "why"], "vote": "question"}))
    name: asks
    keywords: [how, why]
    vote: question
    """
    return "\n".join(f"{key}: {_flow(value, quote=key == 'regex')}" for key, value in entry.items())


def add_rules(source: str, entries: Sequence[Mapping[str, Any]], *, file: str) -> str:
    """The task file with further entries at the end of ``rules:``.

    Raises:
        UserError: The file is written in a way that leaves no place for them.
    """
    if not entries:
        return source
    root = _root(source, file)
    found = _child(root, "rules")
    newline = _newline(source)
    if found is None:
        if root.flow_style:
            raise UserError(
                "the file has no rules: to add to", where=Location(file), remedy="write  rules: []  into it"
            )
        padding = " " * root.start_mark.column
        lines = [f"{padding}rules:", *_block(entries, root.start_mark.column + 2)]
        return _closed(source, newline) + newline.join(lines) + newline
    key, rules = found
    if rules.start_mark.index < key.end_mark.index:
        raise UserError("rules: is an alias", where=_at(key, file), remedy="write the list out")
    if isinstance(rules, SequenceNode):
        if rules.value:
            return _append(source, rules, entries)
        if root.flow_style:
            inner = ", ".join(_flow(entry) for entry in entries)
            return source[: rules.start_mark.index + 1] + inner + source[rules.start_mark.index + 1 :]
    elif not (isinstance(rules, ScalarNode) and rules.value in ("", "~", "null", "Null", "NULL")) or root.flow_style:
        raise UserError("rules: is no list", where=_at(key, file), remedy="write a list of rules")
    # An empty list, or nothing: what stands behind the colon goes, a comment behind it stays.
    colon = source.index(":", key.end_mark.index) + 1
    if source[rules.start_mark.index : rules.end_mark.index].strip():
        source = source[:colon] + source[rules.end_mark.index :]
    end = _line_end(source, colon)
    block = newline.join(_block(entries, root.start_mark.column + 2))
    return _closed(source[:end], newline) + block + newline + source[end:]


def change_rule(
    source: str,
    position: int,
    *,
    file: str,
    extend: Mapping[str, Sequence[Any]] | None = None,
    replace: Mapping[str, Any] | None = None,
) -> str:
    """The task file with one rule changed.

    Args:
        position: Of the entry in ``rules:``, from 0.
        extend: Lists of the entry, and what is added at their ends. A list that is missing is made.
        replace: Keys of the entry, and their new values.

    Raises:
        UserError: The entry is written in a way that cannot be changed in place.
    """
    for key, value in (replace or {}).items():
        source = _set(source, _entry(source, position, file), key, value)
    for key, values in (extend or {}).items():
        entry = _entry(source, position, file)
        found = _child(entry, key)
        if found is None:
            source = _set(source, entry, key, list(values))
        elif isinstance(found[1], SequenceNode) and found[1].value:
            source = _append(source, found[1], values)
        else:  # one condition that stands for a list of one
            start, end = found[1].start_mark.index, _content_end(found[1])
            if isinstance(found[1], CollectionNode) and not found[1].flow_style:
                raise UserError(
                    f"{key}: cannot be added to in place", where=_at(found[0], file), remedy="write it as a list"
                )
            inner = ", ".join([source[start:end], *map(_flow, values)])
            source = f"{source[:start]}[{inner}]{source[end:]}"
    return source


def _root(source: str, file: str) -> MappingNode:
    try:
        root = YAML().compose(io.StringIO(source))
    except YAMLError as error:
        raise UserError(f"not YAML: {error}", where=Location(file)) from error
    if not isinstance(root, MappingNode):
        raise UserError("a task file is a mapping of keys to values", where=Location(file, 1))
    return root


def _entry(source: str, position: int, file: str) -> MappingNode:
    found = _child(_root(source, file), "rules")
    entry = found[1].value[position] if found and isinstance(found[1], SequenceNode) else None
    if not isinstance(entry, MappingNode):
        raise UserError("there is no such rule", where=Location(file))
    return entry


def _child(node: MappingNode, name: str) -> tuple[Node, Node] | None:
    for key, value in node.value:
        if isinstance(key, ScalarNode) and key.value == name:
            return key, value
    return None


def _at(node: Node, file: str) -> Location:
    return Location(file, node.start_mark.line + 1)


def _append(source: str, sequence: SequenceNode, items: Sequence[Any]) -> str:
    """Further items at the end of a list that has some, in its own style."""
    end = _content_end(sequence.value[-1])
    if sequence.flow_style:
        return source[:end] + "".join(f", {_flow(item)}" for item in items) + source[end:]
    newline = _newline(source)
    end = _line_end(source, end)
    return (
        _closed(source[:end], newline)
        + newline.join(_block(items, sequence.start_mark.column))
        + newline
        + source[end:]
    )


def _set(source: str, entry: MappingNode, key: str, value: Any) -> str:
    """A key of an entry, replaced or added at its end."""
    found = _child(entry, key)
    if found is not None:
        start, end = found[1].start_mark.index, _content_end(found[1])
        return source[:start] + _flow(value) + source[end:]
    end = _content_end(entry.value[-1][1])
    if entry.flow_style:
        return f"{source[:end]}, {key}: {_flow(value)}{source[end:]}"
    newline = _newline(source)
    end = _line_end(source, end)
    line = f"{' ' * entry.start_mark.column}{key}: {_flow(value)}"
    return _closed(source[:end], newline) + line + newline + source[end:]


def _content_end(node: Node) -> int:
    """Where a value's own text ends; the parser counts the comments behind a block to it."""
    if isinstance(node, SequenceNode) and not node.flow_style and node.value:
        return _content_end(node.value[-1])
    if isinstance(node, MappingNode) and not node.flow_style and node.value:
        return _content_end(node.value[-1][1])
    if isinstance(node, ScalarNode) and node.style in ("|", ">"):
        return int(node.end_mark.index) - 1  # the line break that ends its last line
    return int(node.end_mark.index)


def _line_end(source: str, index: int) -> int:
    """Behind the line break of the line that ``index`` is in."""
    found = source.find("\n", index)
    return len(source) if found < 0 else found + 1


def _newline(source: str) -> str:
    return "\r\n" if "\r\n" in source else "\n"


def _closed(source: str, newline: str) -> str:
    """With a line break at its end."""
    return source if not source or source.endswith("\n") else source + newline


def _block(items: Sequence[Any], indent: int) -> list[str]:
    """Lines of list items; a rule has a key a line."""
    padding = " " * indent
    lines = []
    for item in items:
        if isinstance(item, Mapping) and "vote" in item:
            first, *rest = rule_yaml(item).split("\n")
            lines += [f"{padding}- {first}", *(f"{padding}  {line}" for line in rest)]
        else:
            lines.append(f"{padding}- {_flow(item)}")
    return lines


def _flow(value: Any, *, quote: bool = False) -> str:
    """A value on one line, quoted where it must be; expressions in single quotes, where a backslash is a backslash."""
    match value:
        case Mapping():
            return "{" + ", ".join(f"{key}: {_flow(item, quote=key == 'regex')}" for key, item in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(map(_flow, value)) + "]"
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
