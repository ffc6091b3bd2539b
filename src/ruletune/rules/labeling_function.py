"""Snorkel's labelling functions as functions of an example. Snorkel itself is not imported."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from ruletune.types import Example

__all__ = ["LabelingFunction", "is_labeling_function"]

_ABSTAIN = -1
_CLASSES = frozenset({"LabelingFunction", "NLPLabelingFunction", "SparkNLPLabelingFunction"})


def is_labeling_function(value: object) -> bool:
    """Whether an object is one of Snorkel's labelling functions, of whichever release: by its class or its shape."""
    if isinstance(value, type) or not callable(value):
        return False
    named = any(
        kind.__name__ in _CLASSES and kind.__module__.partition(".")[0] == "snorkel" for kind in type(value).__mro__
    )
    return named or (isinstance(getattr(value, "name", None), str) and callable(getattr(value, "_f", None)))


@dataclass(frozen=True, slots=True)
class LabelingFunction:
    """A labelling function that takes an :class:`Example` and gives a label's name.

    It sees a data point with attributes: ``text``, ``id``, ``text_pair`` where there is one, and the other columns of
    the data. What is not there is an :class:`AttributeError`, and so a fault.

    Attributes:
        function: The object itself, so that its preprocessors and resources work.
        labels: What 0, 1, ... mean.
    """

    function: Callable[[Any], Any]
    labels: tuple[str, ...]

    def __call__(self, example: Example) -> str | None:
        pair = {} if example.text_pair is None else {"text_pair": example.text_pair}
        # Snorkel's preprocessors copy and hash what they are given; they know how to with a SimpleNamespace.
        point = SimpleNamespace(**{**example.fields, **pair, "id": example.id, "text": example.text})
        result = self.function(point)
        if result is None:
            return None
        number = operator.index(result)
        if number == _ABSTAIN:
            return None
        return self.labels[number] if 0 <= number < len(self.labels) else str(number)
