"""Change the rules of a task file and nothing else: every other byte stays as it was written.

The parser tells where each value begins and ends; new text is put between. So comments, quotes, blank lines and line
ends outlive the change, which they would not if the file were parsed and written again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ruamel.yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode, SequenceNode

from ruletune.config.yaml_text import (
    child_of,
    closed,
    content_end,
    flow,
    line_end,
    newline_of,
    place_of,
    root_of,
    set_key,
)
from ruletune.errors import Location, UserError

__all__ = ["add_rules", "begin_rules", "change_rule", "rule_yaml", "set_labels"]


def rule_yaml(entry: Mapping[str, Any]) -> str:
    r"""A rule as the task file writes it, a key a line.

    >>> print(rule_yaml({"name": "asks", "keywords": ["how", "why"], "vote": "question"}))
    name: asks
    keywords: [how, why]
    vote: question
    """
    return "\n".join(f"{key}: {flow(value, quote=key == 'regex')}" for key, value in entry.items())


def add_rules(source: str, entries: Sequence[Mapping[str, Any]], *, file: str) -> str:
    """The task file with further entries at the end of ``rules:``.

    Raises:
        UserError: The file is written in a way that leaves no place for them.
    """
    if not entries:
        return source
    found = child_of(root_of(source, file), "rules")
    if found and isinstance(found[1], SequenceNode) and found[1].value and not _aliased(found):
        return _append(source, found[1], entries)
    inner = ", ".join(flow(entry) for entry in entries)
    return begin_rules(source, lambda indent: _block(entries, indent), inner, file=file)


def begin_rules(source: str, lines: Callable[[int], list[str]], inner: str, *, file: str) -> str:
    """The task file with the first entries of ``rules:``, which are missing or empty.

    Args:
        lines: The entries as lines of a block, indented by so many characters.
        inner: The entries as they stand between brackets.

    Raises:
        UserError: The file is written in a way that leaves no place for them.
    """
    root = root_of(source, file)
    found = child_of(root, "rules")
    newline = newline_of(source)
    if found is None:
        if root.flow_style:
            remedy = "write  rules: []  into it"
            raise UserError("the file has no rules: to add to", where=Location(file), remedy=remedy)
        padding = " " * root.start_mark.column
        written = [f"{padding}rules:", *lines(root.start_mark.column + 2)]
        return closed(source, newline) + newline.join(written) + newline
    key, rules = found
    if _aliased(found):
        raise UserError("rules: is an alias", where=place_of(key, file), remedy="write the list out")
    if isinstance(rules, SequenceNode) and root.flow_style:
        return source[: rules.start_mark.index + 1] + inner + source[rules.start_mark.index + 1 :]
    nothing = isinstance(rules, ScalarNode) and rules.value in ("", "~", "null", "Null", "NULL")
    if not (isinstance(rules, SequenceNode) or nothing) or root.flow_style:
        raise UserError("rules: is no list", where=place_of(key, file), remedy="write a list of rules")
    # What stands behind the colon goes, a comment behind it stays.
    colon = source.index(":", key.end_mark.index) + 1
    if source[rules.start_mark.index : rules.end_mark.index].strip():
        source = source[:colon] + source[rules.end_mark.index :]
    end = line_end(source, colon)
    block = newline.join(lines(root.start_mark.column + 2))
    return closed(source[:end], newline) + block + newline + source[end:]


def _aliased(found: tuple[Node, Node]) -> bool:
    """Whether a key's value is one that stands elsewhere."""
    key, value = found
    return bool(value.start_mark.index < key.end_mark.index)


def set_labels(source: str, name: str, *, file: str) -> str:
    """The task file with ``data.labels``.

    Raises:
        UserError: ``data:`` is written in a way that it cannot be put into.
    """
    found = child_of(root_of(source, file), "data")
    if found is None or not isinstance(found[1], MappingNode) or not found[1].value or _aliased(found):
        where = place_of(found[0], file) if found else Location(file)
        raise UserError("data.labels cannot be set in place", where=where, remedy=f"add it by hand: labels: {name}")
    return set_key(source, found[1], "labels", name)


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
        source = set_key(source, _entry(source, position, file), key, value)
    for key, values in (extend or {}).items():
        entry = _entry(source, position, file)
        found = child_of(entry, key)
        if found is None:
            source = set_key(source, entry, key, list(values))
        elif isinstance(found[1], SequenceNode) and found[1].value:
            source = _append(source, found[1], values)
        else:  # one condition that stands for a list of one
            start, end = found[1].start_mark.index, content_end(found[1])
            if isinstance(found[1], CollectionNode) and not found[1].flow_style:
                raise UserError(
                    f"{key}: cannot be added to in place", where=place_of(found[0], file), remedy="write it as a list"
                )
            inner = ", ".join([source[start:end], *map(flow, values)])
            source = f"{source[:start]}[{inner}]{source[end:]}"
    return source


def _entry(source: str, position: int, file: str) -> MappingNode:
    found = child_of(root_of(source, file), "rules")
    entries = found[1].value if found and isinstance(found[1], SequenceNode) else []
    entry = entries[position] if 0 <= position < len(entries) else None
    if not isinstance(entry, MappingNode):
        raise UserError("there is no such rule", where=Location(file))
    return entry


def _append(source: str, sequence: SequenceNode, items: Sequence[Any]) -> str:
    """Further items at the end of a list that has some, in its own style."""
    end = content_end(sequence.value[-1])
    if sequence.flow_style:
        return source[:end] + "".join(f", {flow(item)}" for item in items) + source[end:]
    newline = newline_of(source)
    end = line_end(source, end)
    return (
        closed(source[:end], newline) + newline.join(_block(items, sequence.start_mark.column)) + newline + source[end:]
    )


def _block(items: Sequence[Any], indent: int) -> list[str]:
    """Lines of list items; a rule has a key a line."""
    padding = " " * indent
    lines = []
    for item in items:
        if isinstance(item, Mapping) and "vote" in item:
            first, *rest = rule_yaml(item).split("\n")
            lines += [f"{padding}- {first}", *(f"{padding}  {line}" for line in rest)]
        else:
            lines.append(f"{padding}- {flow(item)}")
    return lines
