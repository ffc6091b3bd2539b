"""Learning from every text through several templates.

One model learns all templates, and its answers through them are averaged. With few labels it does as well as an
ensemble of one model a template (PET, Schick & Schütze 2021) for the same number of updates, and answers at the cost of
one model without being distilled into one (``benchmarks/clozes.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ruletune.models.encoding import stacked
from ruletune.training.loop import Supervision
from ruletune.training.schedule import Course

__all__ = ["through_all"]

_UPDATES = 400
"""Updates up to which every template gets as many as it would alone; a stage that has more takes fewer epochs."""


def through_all(courses: Sequence[Course]) -> list[Course]:
    """Courses in which every text is shown through every template; those with one template stay as they are.

    An epoch is as many times longer as there are templates. Where few texts make short epochs, their number stays;
    where texts are many, there are as many fewer as keep the updates, but one at least.
    """
    return [_course(course) for course in courses]


def _course(course: Course) -> Course:
    views = len(course.data.encoded.each())
    if views == 1:
        return course
    stage, examples = course.stage, len(course.data) * views
    affordable = _UPDATES * stage.batch_size // max(1, examples)
    epochs = max(1, round(stage.epochs / views), min(stage.epochs, affordable))
    stage = replace(stage, epochs=epochs)
    validation = None if course.validation is None else _all(course.validation)
    anchor = None if course.anchor is None else _all(course.anchor)
    return Course(stage, _all(course.data), validation, anchor)


def _all(data: Supervision) -> Supervision:
    views = len(data.encoded.each())
    if views == 1:
        return data
    assert isinstance(data.targets, np.ndarray), "texts whose tokens have labels are shown in one way"
    assert isinstance(data.weights, np.ndarray)
    return Supervision(stacked(data.encoded), np.tile(data.targets, (views, 1)), np.tile(data.weights, (views, 1)))
