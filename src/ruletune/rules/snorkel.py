"""Snorkel's labelling functions, as they are: objects made by ``@labeling_function`` in a module of the user's."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from pydantic import Field

from ruletune.errors import Problem, UserError, nearest
from ruletune.rules.base import Call, Condition, Rule
from ruletune.rules.code import Withheld
from ruletune.rules.entry import RuleContext, RuleEntry
from ruletune.rules.function import load_module
from ruletune.rules.labeling_function import LabelingFunction, is_labeling_function

__all__ = ["SnorkelEntry"]


class SnorkelEntry(RuleEntry):
    """``snorkel: lfs.py``: every labelling function of a module is a rule, called as the function is."""

    kind: ClassVar[str] = "snorkel"
    code: ClassVar[tuple[str, ...]] = ("snorkel",)

    snorkel: str = Field(
        min_length=1, description="file.py, relative to the task file, or a module, with Snorkel's labelling functions."
    )
    labels: tuple[str, ...] = Field(
        default=(), description="What 0, 1, ... mean to the functions; default the task's labels in their order."
    )
    only: tuple[str, ...] = Field(default=(), description="Names of the functions to take; default all.")

    def rules(self, context: RuleContext) -> list[Rule]:
        """One rule a function, in the order of the module; under the entry's name where it has one: ``name:function``.

        Raises:
            UserError: The module cannot be imported or has no such functions; a label is unknown.
        """
        exceptions = self.exceptions(context)
        labels = tuple(context.label(label) for label in self.labels) or context.labels
        if not all(context.allows(f"{self.snorkel}:{name}") for name in self.only or ("*",)):
            return self._withheld(context, exceptions)
        found = self._functions(context)
        missing = [name for name in self.only if name not in found]
        if missing:
            problems = [
                Problem(f"{self.snorkel!r} has no labelling function {name!r}", context.where, nearest(name, found))
                for name in missing
            ]
            raise UserError.of(problems)
        prefix = f"{self.name}:" if self.name else ""
        return [
            Rule(
                f"{prefix}{name}",
                Call(f"{self.snorkel}:{name}", LabelingFunction(function, labels), takes_example=True),
                weight=self.weight,
                where=context.where,
                kind=self.kind,
                unless=exceptions,
                priority=self.priority,
            )
            for name, function in found.items()
            if not self.only or name in self.only
        ]

    def names(self, context: RuleContext) -> tuple[str, ...]:
        """Names of the functions that become rules, in their order."""
        return tuple(name for name in self._functions(context) if not self.only or name in self.only)

    def _withheld(self, context: RuleContext, exceptions: tuple[Condition, ...]) -> list[Rule]:
        """The same rules where the module may not be imported: a run names its functions."""
        if not self.only:
            remedy = f"allow it with --allow-code {self.snorkel}"
            raise UserError(f"{self.snorkel!r} is code that may not run", where=context.where, remedy=remedy)
        prefix = f"{self.name}:" if self.name else ""
        return [
            Rule(
                f"{prefix}{name}",
                Call(f"{self.snorkel}:{name}", Withheld(f"{self.snorkel}:{name}"), takes_example=True),
                weight=self.weight,
                where=context.where,
                kind=self.kind,
                unless=exceptions,
                priority=self.priority,
            )
            for name in self.only
        ]

    def _functions(self, context: RuleContext) -> dict[str, Callable[..., object]]:
        """The functions by name. One under two names of the module counts once."""
        module = load_module(self.snorkel, context)
        found: dict[str, Callable[..., object]] = {}
        seen: set[int] = set()
        for attribute, value in vars(module).items():
            candidates = value if isinstance(value, list | tuple) else [value]
            for candidate in candidates:
                if not is_labeling_function(candidate) or id(candidate) in seen:
                    continue
                seen.add(id(candidate))
                name = str(getattr(candidate, "name", attribute))
                if name in found:
                    message = f"two labelling functions of {self.snorkel!r} are called {name!r}"
                    raise UserError(message, where=context.where, remedy="give one of them another name")
                found[name] = candidate
        if not found:
            remedy = "decorate them with snorkel.labeling.labeling_function()"
            raise UserError(f"{self.snorkel!r} has no labelling functions", where=context.where, remedy=remedy)
        return found
