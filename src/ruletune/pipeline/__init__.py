"""From a task to a run folder, and what can be done with one.

Nothing is imported here: not every command needs a model, and PyTorch takes seconds to import.
"""
