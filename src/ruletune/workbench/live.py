"""The numbers of the workbench: what rules do on the texts, what a draft would do, what to label next, and training.

Everything that takes long goes on behind: a thread reads the texts, embeds some of them and works out estimates, and a
process trains. What is asked for is answered from what is known so far, and listeners are told when there is more.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Condition, Event, Lock, RLock, Thread
from typing import Any, Protocol

import numpy as np

from ruletune.config import TaskSpec
from ruletune.config.drafting import with_draft
from ruletune.errors import RuletuneError, UserError
from ruletune.labeling.corpus import gold_matrix, needs_one_task
from ruletune.labeling.evaluate import Embed
from ruletune.training.quick import Pool
from ruletune.types import Answer, Example, Label, Spans
from ruletune.workbench.bench import Bench, Look, tested
from ruletune.workbench.label_bench import LabelBench, LabelLook
from ruletune.workbench.quick import Quick, quick_look
from ruletune.workbench.rows import row_of
from ruletune.workbench.searching import filtered
from ruletune.workbench.suggesting import Refused, suggestions
from ruletune.workbench.texts import Texts, read_texts
from ruletune.workbench.training import TrainingJob
from ruletune.workbench.values import (
    Estimate,
    Filter,
    Next,
    NotReadyError,
    Numbers,
    Page,
    Row,
    Said,
    Suggestions,
    SupersededError,
    TestResult,
    Training,
    Trial,
)
from ruletune.workbench.vectors import Vectors, chosen_rows

__all__ = ["Live", "Project"]
