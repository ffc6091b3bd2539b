"""From a task to a run folder, and what can be done with one."""

from ruletune.pipeline.fit import fit
from ruletune.pipeline.run import Run, load
from ruletune.progress import Event, Listener

__all__ = ["Event", "Listener", "Run", "fit", "load"]
