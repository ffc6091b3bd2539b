"""Continued pretraining on the user's unlabelled text, from texts to a checkpoint folder."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from ruletune.bad_rows import BadRows
from ruletune.config import TaskSpec
from ruletune.data.readers import Columns
from ruletune.data.split import remove_leaks, same_text
from ruletune.errors import RuletuneError, UserError
from ruletune.labeling.corpus import read_rows
from ruletune.models import checkpoints, pretraining
from ruletune.models.pretraining import Pretrainable, Scratch
from ruletune.pipeline.fits import interrupts_between_steps
from ruletune.pipeline.prepare import joined, prepare
from ruletune.progress import Event, Listener, silent
from ruletune.store import Workspace, open_workspace, write_json
from ruletune.training.loop import Snapshot, Stage
from ruletune.training.pretraining import PretrainingLoop, embeddings
from ruletune.types import Example

__all__ = ["Pretrained", "Pretraining", "pretrain", "read_texts"]

RECORD = "pretraining.json"
_POSITION = "position.safetensors"
_SAVE_EVERY = 60.0
"""Seconds between two saves of where training stands."""


@dataclass(frozen=True, slots=True)
class Pretraining:
    """How pretraining goes.

    Attributes:
        learning_rate: Peak rate; Gururangan et al. 2020 (appendix B) use 1e-4 for batches of 256 to 2048.
        share: Tokens hidden.
        held_out: Share of the texts that are not learned from and decide when to stop.
        keep: Weight of the term that holds a sentence encoder's embeddings where they were; 0 is none.
        head_epochs: Passes in which only a new head learns, so that its errors do not spoil the body.
    """

    epochs: int = 3
    batch_size: int = 32
    learning_rate: float = 5e-5
    max_length: int = 128
    share: float = 0.15
    whole_words: bool = False
    held_out: float = 0.05
    patience: int = 3
    keep: float = 0.0
    head_epochs: int = 1
    head_learning_rate: float = 1e-3
    precision: str = "auto"
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Pretrained:
    """The folder that was written, and what was done: sizes, hashes, losses, versions."""

    folder: Path
    record: dict[str, Any]


def read_texts(
    sources: Sequence[str],
    *,
    text: str = "text",
    task: TaskSpec | None,
    bad_rows: BadRows | None = None,
    listener: Listener,
) -> list[str]:
    """Distinct texts of data sources and of a task, in order.

    Of a task only the texts that may be learned from are taken, and what also stands in its validation or
    test part is left out of every source.

    Args:
        bad_rows: Takes bad rows of the sources, which are then left out.

    Raises:
        UserError: Bad rows, with their lines, or no source at all.
    """
    if not sources and task is None:
        raise UserError("there is no text", remedy="name a file, or a task file with --task")
    examples: list[Example] = []
    for source in sources:
        plain = source.partition("#")[0].removesuffix(".gz").endswith(".txt")
        columns = Columns(label=None) if plain else Columns(text=text, label=None)
        examples += read_rows(source, columns, bad_rows=bad_rows)
    if task is not None:
        parts = prepare(task, listener=listener)
        examples, _ = remove_leaks([*examples, *parts.gold, *parts.unlabeled], [*parts.validation, *parts.test])
    distinct = {same_text(example): joined(example) for example in reversed(examples)}
    return [text for text in reversed(distinct.values()) if text.strip()]


def pretrain(
    texts: Sequence[str],
    *,
    out: Path,
    checkpoint: str = "minilm",
    scratch: Scratch | None = None,
    settings: Pretraining | None = None,
    folder: Path | None = None,
    resume: bool = False,
    overwrite: bool = False,
    listener: Listener = silent,
) -> Pretrained:
    """Train a checkpoint (or a new model, with ``scratch``) on texts, and write a Hugging Face folder.

    The folder appears when it is whole. It has the language-model head, and the files of a sentence encoder where
    the checkpoint was one. ``pretraining.json`` in it says what was done.

    Raises:
        UserError: Fewer than two texts, a model of the wrong kind, or a folder that exists.
        RuletuneError: The loss is no longer a number, or the disk is full.

    Example::

        pretrain(texts, out=Path("models/mine"), settings=Pretraining(epochs=1))
    """
    settings = settings or Pretraining()
    if len(texts) < 2:
        raise UserError(
            f"{len(texts)} distinct text{'' if len(texts) == 1 else 's'}: too few to hold one out",
            remedy="give more texts",
        )
    source = None if scratch else checkpoints.resolve(checkpoint, folder=folder or Path())
    identity = {
        "texts": hashlib.sha256("\0".join(map(json.dumps, texts)).encode()).hexdigest(),
        "checkpoint": source.source if source else None,
        "shape": asdict(scratch) if scratch else None,
        "settings": asdict(settings),
    }
    with open_workspace(out, identity=identity, resume=resume, overwrite=overwrite) as workspace:
        began = time.monotonic()
        learned, held = _hold_out(texts, settings)
        if scratch:
            made = pretraining.from_scratch(learned, scratch, max_length=settings.max_length, seed=settings.seed)
        else:
            assert source is not None
            made = pretraining.open_checkpoint(source, max_length=settings.max_length, seed=settings.seed)
        losses = _Course(made, settings, learned, held, workspace, listener).train()
        record: dict[str, Any] = {
            "task": "pretraining",
            "objective": made.objective,
            **identity,
            "checkpoint": None if scratch else checkpoint,
        }
        record |= {"n": len(learned), "held_out": len(held), **losses, "seconds": round(time.monotonic() - began, 1)}
        record["versions"] = {name: importlib.metadata.version(name) for name in ("ruletune", "torch", "transformers")}
        _write(made, workspace, record)
        return Pretrained(workspace.publish(), record)


def _write(made: Pretrainable, workspace: Workspace, record: dict[str, Any]) -> None:
    try:
        pretraining.save(made, workspace.files)
    except SafetensorError as error:  # a full disk, as safetensors tells it
        raise RuletuneError(f"{workspace.target}: cannot write the checkpoint: {error}") from error
    write_json(workspace.files / RECORD, record)


def _hold_out(texts: Sequence[str], settings: Pretraining) -> tuple[list[str], list[str]]:
    order = np.random.default_rng(settings.seed).permutation(len(texts))
    number = min(len(texts) - 1, max(1, round(settings.held_out * len(texts))))
    return [texts[n] for n in sorted(order[number:])], [texts[n] for n in sorted(order[:number])]


class _Course:
    """The stages one after the other: a new head alone, then everything; resumable between any two steps."""

    def __init__(
        self, made: Pretrainable, settings: Pretraining, learned: list[str], held: list[str], workspace: Workspace, listener: Listener
    ) -> None:  # fmt: skip
        self.made, self.settings = made, settings
        self.workspace, self.listener = workspace, listener
        words = settings.whole_words
        self.data = pretraining.blocks(made, learned, words=words)
        self.held = pretraining.blocks(made, held, words=words)
        self.teacher = embeddings(made, self.data) if made.sentence and settings.keep else None
        self.losses: list[list[Any]] = []

    def train(self) -> dict[str, Any]:
        """Held-out losses before and after, and the whole curve."""
        pretraining.start_bias(self.made, self.data)
        numbers = [0, 1] if self.made.fresh else [1]
        saved = self._load()
        if saved is not None:
            numbers = [n for n in numbers if n >= saved[0]]
            self.losses = saved[2]
        for number in numbers:
            loop = self._loop(number)
            if saved is not None and saved[0] == number:
                loop.restore(saved[1])
            else:
                self.losses.append([loop.stage.name, "validation", 0, loop.held_out_loss()])
            self._steps(number, loop)
        checks = [(loss, stage) for stage, part, _, loss in self.losses if part == "validation"]
        body = [loss for loss, stage in checks if stage == "body"]
        first = body[0] if body else checks[0][0]
        return {
            "loss": {"new_head": checks[0][0] if self.made.fresh else None, "before": first, "after": min(body)},
            "curve": self.losses,
        }

    def _loop(self, number: int) -> PretrainingLoop:
        settings = self.settings
        for name, parameter in self.made.model.named_parameters():
            parameter.requires_grad_(number == 1 or name in self.made.fresh)
        rate = settings.learning_rate if number else settings.head_learning_rate
        stage = Stage(
            ("head", "body")[number],
            epochs=settings.epochs if number else settings.head_epochs,
            batch_size=settings.batch_size,
            learning_rate=rate,
            head_learning_rate=rate,
            patience=settings.patience,
            checks=2,
            precision=settings.precision,
        )
        teacher = self.teacher if number else None
        return PretrainingLoop(
            self.made, stage, self.data, self.held, seed=settings.seed, share=settings.share, teacher=teacher, keep=settings.keep
        )  # fmt: skip

    def _steps(self, number: int, loop: PretrainingLoop) -> None:
        last_save = time.monotonic()
        with interrupts_between_steps() as interrupted:
            for step in loop.run():
                self.losses.append([step.stage, "train", step.step, step.loss])
                if step.validation is not None:
                    self.losses.append([step.stage, "validation", step.step, step.validation])
                if interrupted() or time.monotonic() - last_save > _SAVE_EVERY:
                    self._save(number, loop.snapshot())
                    last_save = time.monotonic()
                if interrupted():
                    raise KeyboardInterrupt
                self.listener(Event(f"pretraining: {step.stage}", step.step, step.total, f"loss {step.loss:.3f}"))

    def _save(self, number: int, snapshot: Snapshot) -> None:
        path = self.workspace.path(_POSITION)
        temporary = path.with_suffix(".tmp")
        values = {"stage": number, "values": snapshot.values, "losses": self.losses}
        save_file(snapshot.tensors, temporary, metadata={"values": json.dumps(values)})
        temporary.replace(path)

    def _load(self) -> tuple[int, Snapshot, list[list[Any]]] | None:
        path = self.workspace.path(_POSITION)
        if not path.is_file():
            return None
        try:
            with safe_open(path, framework="pt") as file:
                values = json.loads(file.metadata()["values"])
                tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  (no mapping)
        except (SafetensorError, OSError, KeyError, TypeError, ValueError):
            return None  # damaged: training begins anew
        return values["stage"], Snapshot(tensors, values["values"]), values["losses"]
