"""The task file: its shape, and how it is read."""

from ruletune.config.load import TaskSpec, load_task, parse_task, to_yaml, with_seed
from ruletune.config.schema import TaskFile
from ruletune.config.skipping import skipping_bad_rows

__all__ = ["TaskFile", "TaskSpec", "load_task", "parse_task", "skipping_bad_rows", "to_yaml", "with_seed"]
