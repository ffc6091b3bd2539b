"""The entries of ``rules:`` as they are written in a task file: read one by one, replaced, moved, muted, taken out.

Every other byte stays as it was. An entry of a block is whole lines: its own, with the comments directly above it, and comments
below that are indented as its keys are. Blank lines and other comments belong to no entry and stay where they are. In a list in
brackets an entry is what stands between two commas. After each change the file is parsed, and what it says is compared with what
it should say: nothing is returned that says anything else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ruamel.yaml.nodes import Node, SequenceNode

from ruletune.config.edit import begin_rules, rule_yaml
from ruletune.config.layout import Item, blocks, bracketed, with_comma
from ruletune.config.tree import Layout, Tree, read_tree
from ruletune.config.yaml_text import (
    child_of,
    closed,
    flow,
    line_end,
    line_start,
    newline_of,
    set_key,
    unset_key,
)
from ruletune.errors import Location, UserError

__all__ = ["Entries"]


@dataclass(frozen=True)
class Entries:
    """The entries of a task file's ``rules:``.

    Attributes:
        source: The task file.
        file: What messages call it.

    >>> entries = Entries("rules:\\n  # praise\\n  - keywords: [superb]\\n    vote: good  # sure\\n", file="task.yaml")
    >>> print(entries.written(0))
    # praise
    keywords: [superb]
    vote: good  # sure
    >>> print(entries.mute(0, muted=True).source)
    rules:
      # praise
      - keywords: [superb]
        vote: good  # sure
        muted: true
    <BLANKLINE>
    """

    source: str
    file: str

    @cached_property
    def values(self) -> list[Any]:
        """What the entries say.

        Raises:
            UserError: The file is not YAML.
        """
        found = self.tree.values.get("rules")
        return list(found) if isinstance(found, list) else []

    def __len__(self) -> int:
        return len(self.values)

    def written(self, position: int) -> str:
        """An entry as it is written, with its comments, as if it stood alone; lines end in a line feed."""
        item = self._item(position)
        if item.node is None:
            return rule_yaml(self.values[position])
        if self._in_brackets:
            return self.source[item.start : item.end].replace("\r\n", "\n")
        above = self.source[item.start : line_start(self.source, item.dash)]
        body = self.source[item.body : item.end].rstrip("\r\n")
        first, *rest = body.replace("\r\n", "\n").split("\n")
        indent = re.compile(f" {{0,{item.column}}}")
        if item.body == line_start(self.source, item.body):
            first = indent.sub("", first, count=1)
        comments = [line.strip() for line in above.split("\n")[:-1]]
        return "\n".join([*comments, first, *(indent.sub("", line, count=1) for line in rest)])

    def line(self, position: int) -> int:
        """The line that an entry begins in, its comments left aside."""
        return self.source.count("\n", 0, self._item(position).dash) + 1

    def locked(self, position: int) -> str | None:
        """Why an entry cannot be changed in place, if it cannot."""
        item = self._item(position)
        return "it has an anchor or an alias: change it in the file" if item.anchored or item.node is None else None

    def insert(self, position: int, entry: str | Mapping[str, Any]) -> Entries:
        """The file with a further entry.

        Args:
            position: That it will have.
            entry: As YAML, or what it says.

        Raises:
            UserError: It is no mapping, or the file is written in a way that leaves no place for it.
        """
        written, value = _both(entry)
        position = min(max(position, 0), len(self))
        values = [*self.values[:position], value, *self.values[position:]]
        if not self._items:
            return self._checked(begin_rules(self.source, _block_of(written), flow(value), file=self.file), values)
        if self._in_brackets:
            if position < len(self):
                place, text = self._items[position].start, f"{flow(value)}, "
            else:
                place, text = self._items[-1].end, f", {flow(value)}"
            return self._checked(self.source[:place] + text + self.source[place:], values)
        place = self._items[position].start if position < len(self) else self._items[-1].end
        dash = self._items[min(position, len(self) - 1)].dash
        lines = _block_of(written)(dash - line_start(self.source, dash))
        return self._checked(self._put(place, place, self._joined(lines)), values)

    def replace(self, position: int, entry: str | Mapping[str, Any]) -> Entries:
        """The file with another entry in the place of one.

        Raises:
            UserError: It is no mapping, or the old one cannot be changed in place.
        """
        written, value = _both(entry)
        item = self._free(position)
        values = [*self.values[:position], value, *self.values[position + 1 :]]
        if written == self.written(position):
            return self
        if self._in_brackets:
            text = written if written.startswith("{") and "\n" not in written else flow(value)
            return self._checked(self.source[: item.start] + text + self.source[item.end :], values)
        above, body = _apart(written)
        begin = line_start(self.source, item.dash)
        head, first = self.source[begin : item.body], body[0]
        if item.body == line_start(self.source, item.body):  # the mapping begins below its dash
            first = " " * item.column + first
        padding = " " * (item.dash - begin)
        text = self._joined([padding + comment for comment in above] if above else []) + head
        below = [" " * item.column + line if line else "" for line in body[1:]]
        return self._checked(self._put(item.start, item.end, text + self._joined([first, *below])), values)

    def remove(self, position: int) -> Entries:
        """The file without an entry, and without the comments that belong to it."""
        item = self._free(position)
        values = [*self.values[:position], *self.values[position + 1 :]]
        if self._in_brackets:
            start, end = with_comma(self.source, self._layout.tokens, self._rules[1], item)
            return self._checked(self.source[:start] + self.source[end:], values)
        source = self.source[: item.start] + self.source[item.end :]
        if not values:  # nothing behind the colon would be null
            key, _ = self._rules
            colon = self.source.index(":", key.end_mark.index) + 1
            source = source[:colon] + " []" + source[colon:]
        return self._checked(source, values)

    def move(self, position: int, to: int) -> Entries:
        """The file with an entry in another place, and its comments with it.

        Args:
            to: Its position afterwards.
        """
        item = self._free(position)
        to = min(max(to, 0), len(self) - 1)
        order = [n for n in range(len(self)) if n != position]
        order.insert(to, position)
        values = [self.values[n] for n in order]
        if to == position:
            return self
        if self._in_brackets:
            return self._checked(self._permuted(order), values)
        text = closed(self.source[item.start : item.end], newline_of(self.source))
        start, end = item.start, item.end
        if to > position:
            place = self._items[to].end
            between = closed(self.source[end:place], newline_of(self.source))
            source = self.source[:start] + between + text + self.source[place:]
        else:
            place = self._items[to].start
            source = self.source[:place] + text + self.source[place:start] + self.source[end:]
        return self._checked(self._ended(source), values)

    def mute(self, position: int, *, muted: bool) -> Entries:
        """The file with an entry that is heard, or is not."""
        item = self._free(position)
        assert item.node is not None
        value = {key: said for key, said in self.values[position].items() if key != "muted"}
        if muted == bool(self.values[position].get("muted")):
            return self
        source = set_key(self.source, item.node, "muted", True) if muted else unset_key(self.source, item.node, "muted")
        said = value | ({"muted": True} if muted else {})
        return self._checked(source, [*self.values[:position], said, *self.values[position + 1 :]])

    @cached_property
    def tree(self) -> Tree:
        """The file as it was parsed."""
        return read_tree(self.source, file=self.file, layout=True)

    @property
    def _layout(self) -> Layout:
        assert self.tree.layout is not None
        return self.tree.layout

    @cached_property
    def _rules(self) -> tuple[Node, SequenceNode]:
        found = child_of(self._layout.root, "rules")
        if found is None or not isinstance(found[1], SequenceNode):
            raise UserError("there are no rules", where=Location(self.file))
        return found[0], found[1]

    @property
    def _in_brackets(self) -> bool:
        return bool(self.values) and bool(self._rules[1].flow_style)

    @cached_property
    def _items(self) -> list[Item]:
        if not self.values:
            return []
        key, sequence = self._rules
        if sequence.start_mark.index < key.end_mark.index:  # the list itself is an alias
            place = int(key.start_mark.index)
            return [Item(place, place, place, place, 0, None, True)] * len(self)
        if self._in_brackets:
            return bracketed(self._layout.tokens, sequence)
        return blocks(self.source, self._layout.tokens, sequence, line_end(self.source, key.end_mark.index))

    def _item(self, position: int) -> Item:
        if not 0 <= position < len(self):
            raise UserError(f"there is no rule at position {position}", where=Location(self.file))
        return self._items[position]

    def _free(self, position: int) -> Item:
        """An entry that may be changed."""
        item = self._item(position)
        if item.anchored or item.node is None:
            where = Location(self.file, self.line(position))
            remedy = "write out what it stands for, or change the file by hand"
            raise UserError(
                "the rule has an anchor or an alias, which others may depend on", where=where, remedy=remedy
            )
        return item

    def _permuted(self, order: Sequence[int]) -> str:
        """Entries in brackets in another order; what stands between them stays."""
        texts = [self.source[item.start : item.end] for item in self._items]
        pieces, last = [], 0
        for item, number in zip(self._items, order, strict=True):
            pieces += [self.source[last : item.start], texts[number]]
            last = item.end
        return "".join([*pieces, self.source[last:]])

    def _joined(self, lines: Sequence[str]) -> str:
        newline = newline_of(self.source)
        return "".join(line + newline for line in lines)

    def _put(self, start: int, end: int, text: str) -> str:
        """Other lines in the place of some; the file ends as it did."""
        return self._ended(closed(self.source[:start], newline_of(self.source)) + text + self.source[end:])

    def _ended(self, source: str) -> str:
        return source if self.source.endswith("\n") or not self.source else source.removesuffix("\n").removesuffix("\r")

    def _checked(self, source: str, rules: list[Any]) -> Entries:
        """The new file, if it says what it should and everything else as before."""
        changed = Entries(source, self.file)
        try:
            values = changed.tree.values
        except UserError as error:
            raise self._unable() from error
        if values.get("rules") != rules and not (not rules and not values.get("rules")):
            raise self._unable()
        if {**values, "rules": None} != {**self.tree.values, "rules": None}:
            raise self._unable()
        return changed

    def _unable(self) -> UserError:
        return UserError("the rule cannot be changed in place", where=Location(self.file), remedy="change it by hand")


def _both(entry: str | Mapping[str, Any]) -> tuple[str, dict[Any, Any]]:
    """An entry as YAML, and what it says.

    Raises:
        UserError: It is no mapping.
    """
    if isinstance(entry, str):
        written = entry.replace("\r\n", "\n").replace("\r", "\n").strip("\n")
        return written, read_tree(written + "\n", file="draft").values
    return rule_yaml(entry), dict(entry)


def _apart(written: str) -> tuple[list[str], list[str]]:
    """The comments above an entry, and its own lines."""
    lines = written.split("\n")
    first = next(n for n, line in enumerate(lines) if line.strip() and not line.lstrip().startswith("#"))
    above, body = [line.strip() for line in lines[:first] if line.strip()], lines[first:]
    indent = len(body[0]) - len(body[0].lstrip(" "))
    return above, [line[indent:] if line[:indent].isspace() or not indent else line for line in body]


def _block_of(written: str) -> Callable[[int], list[str]]:
    """An entry as lines of a block, indented by so many characters."""
    above, (first, *rest) = _apart(written)

    def lines(indent: int) -> list[str]:
        padding = " " * indent
        below = [f"{padding}  {line}" if line else "" for line in rest]
        return [*(padding + comment for comment in above), f"{padding}- {first}", *below]

    return lines
