"""The task file: its shape, and how it is read."""

from ruletune.config.load import TaskSpec, load_task, parse_task, skipping_bad_rows, to_yaml, with_seed
from ruletune.config.schema import TaskFile

__all__ = ["TaskFile", "TaskSpec", "load_task", "parse_task", "skipping_bad_rows", "to_yaml", "with_seed"]
