"""The training loop: a generator of steps that knows no disk, no progress bar and no cluster.

A step is reproducible on its own: its batch follows from (seed, epoch) and its dropout from
(seed, step). Interrupted training that restores a :class:`Snapshot` therefore ends with the same
weights, bit for bit, as training that was left alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np
import torch
from transformers import get_scheduler

from ruletune.errors import RuletuneError
from ruletune.models import memory
from ruletune.models.backbone import Classifier, autocast
from ruletune.models.corruption import IGNORED
from ruletune.models.encoding import Encoded, balanced, buckets, collate
from ruletune.models.features import features
from ruletune.training import team
from ruletune.training.objectives import contrast, divergence, objective, sequence_cross_entropy
from ruletune.training.stage import Stage, optimizer
from ruletune.training.supervision import Supervision

__all__ = ["Loop", "Snapshot", "Stage", "Step", "Supervision"]


_PADDING = 48
"""Tokens of padding beyond which a processor goes through a batch in parts, each of texts of like length. A part of its own costs
a call, about what so many tokens do. With a handful of labels a batch is all of them, long and short, and mostly padding."""

_MOST_TOKENS = 4096
"""Of sources and targets that go through a model that writes at a time: logits for them all may take half a gigabyte."""


def _tokens(encoded: Encoded) -> np.ndarray:
    """Tokens of every example, those of its target included."""
    labels = encoded.columns.get("labels")
    return (
        encoded.lengths if labels is None else encoded.lengths + np.array([len(row) for row in labels], dtype=np.int64)
    )


@dataclass(frozen=True, slots=True)
class Step:
    """One update that was made. ``validation`` is set where a check followed it."""

    stage: str
    step: int
    total: int
    loss: float
    learning_rate: float
    validation: float | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that a stage needs to go on: tensors by name, and numbers that fit into JSON."""

    tensors: dict[str, torch.Tensor]
    values: dict[str, Any]


class Loop:
    """One stage of training, step by step.

    Iterate over :meth:`run`; between steps :meth:`snapshot` may be taken. When the iteration
    ends, the weights with the best validation loss are back in the model, or their mean with those from before the stage.

    In a :mod:`team <ruletune.training.team>` every process runs the same loop. A batch is then split, and all update by the sum
    of their gradients: what comes out is what one process would have made of the whole batch, but for dropout, which
    draws other masks, and for rounding.
    """

    def __init__(
        self,
        classifier: Classifier,
        stage: Stage,
        data: Supervision,
        validation: Supervision | None,
        *,
        seed: int,
        anchor: Supervision | None = None,
    ) -> None:
        self.classifier = classifier
        self.stage = stage
        self._own = len(data)
        self.data = data if anchor is None else data.joined(anchor)
        self._sizes = _tokens(self.data.encoded)
        self.validation = validation
        self.seed = seed
        self.step = 0
        self.best = math.inf
        self.best_step = 0
        self.bad_checks = 0
        self.at_once: int | None = None
        self._best_weights: dict[str, torch.Tensor] = {}
        self._before = {n: p.detach().cpu().clone() for n, p in self._learning().items()} if stage.kept else {}
        self._place = next(classifier.model.parameters()).device
        self.steps_per_epoch = max(1, math.ceil(len(data) / stage.batch_size))
        self.total = self.steps_per_epoch * stage.epochs
        team.same_weights(self._learning().values())
        self._optimizer = optimizer(classifier.model, stage)
        self._scheduler = get_scheduler(
            stage.schedule if stage.schedule != "constant" else "constant_with_warmup",
            self._optimizer,
            num_warmup_steps=int(stage.warmup * self.total),
            num_training_steps=self.total,
        )

    def run(self) -> Iterator[Step]:
        """Train from the present step to the end or to the early stop.

        Raises:
            RuletuneError: The loss is no longer a number.
        """
        check_every = max(1, self.steps_per_epoch // self.stage.checks)
        while self.step < self.total and not self.stopped:
            epoch, skip = divmod(self.step, self.steps_per_epoch)
            for rows in list(self._batches(epoch))[skip:]:
                done = self._update(rows)
                if self.validation is not None and (self.step % check_every == 0 or self.step == self.total):
                    done = replace(done, validation=self._check())
                yield done
                if self.stopped:
                    break
        self._restore_best()

    @property
    def stopped(self) -> bool:
        """Whether early stopping has ended the stage."""
        return self.validation is not None and self.bad_checks >= self.stage.patience

    def _batches(self, epoch: int) -> Iterator[np.ndarray]:
        rng = np.random.default_rng([self.seed, epoch])
        stage, lengths = self.stage, self.data.encoded.lengths
        if stage.objective == "contrast":
            assert isinstance(self.data.targets, np.ndarray), "there are no pairs of texts whose tokens have labels"
            classes = self.data.targets[: self._own].argmax(axis=1)
            yield from balanced(classes, batch_size=stage.batch_size, batches=self.steps_per_epoch, rng=rng)
            return
        for rows in buckets(lengths[: self._own], batch_size=stage.batch_size, rng=rng):
            yield np.concatenate([rows, self._anchors(rng)])

    def _anchors(self, rng: np.random.Generator) -> np.ndarray:
        """Gold examples that keep a batch of guesses honest; none twice in a batch."""
        there = len(self.data) - self._own
        return self._own + rng.permutation(there)[: self.stage.anchors]

    def _update(self, rows: np.ndarray) -> Step:
        model, stage = self.classifier.model, self.stage
        model.train()
        rate = float(self._optimizer.param_groups[0]["lr"])
        # Dropout draws from a stream of its own for every step, and leaves the caller's stream alone.
        with torch.random.fork_rng(devices=[self._place] if self._place.type == "cuda" else []):
            value = self._gradients(rows)
        learning = list(self._learning().values())
        value = self._together(value, learning)
        torch.nn.utils.clip_grad_norm_(learning, stage.clip)
        with memory.explained(
            "training"
        ):  # the first update makes the optimizer's moments, as large as the model twice
            self._optimizer.step()
        self._scheduler.step()
        self._optimizer.zero_grad(set_to_none=True)
        self.step += 1
        return Step(stage.name, self.step, self.total, value, rate)

    def _gradients(self, rows: np.ndarray) -> float:
        """Those of a batch, in smaller parts where it does not fit into memory; the batch's loss.

        Raises:
            RuletuneError: Not even one example fits.
        """
        while True:
            torch.manual_seed(self.seed * 1_000_003 + self.step + (team.rank() << 40))
            try:
                if self.stage.objective == "contrast":
                    return self._contrast(rows) if self.at_once is None else self._contrast_in_parts(rows)
                return sum(self._backward(part, *shares) for part, *shares in self._parts(rows))
            except RuntimeError as error:
                if not memory.ran_out(error):
                    raise
            # Here the error is gone, and with it what it held in memory.
            self._optimizer.zero_grad(set_to_none=True)
            mine = -(-len(rows) // (1 if self.stage.objective == "contrast" else team.size()))
            self.at_once = memory.half(min(mine, self.at_once or mine), what=f"training ({self.stage.name})")

    def _together(self, value: float, learning: list[torch.nn.Parameter]) -> float:
        """Add up the team's gradients and losses; the whole batch's loss."""
        # Pairs are made of a whole batch, which every process then goes through: their mean is what each has already.
        scale = 1 / team.size() if self.stage.objective == "contrast" else 1.0
        [value] = team.summed([value * scale])
        if not math.isfinite(value):
            raise RuletuneError(
                f"training diverged in stage {self.stage.name!r} at step {self.step + 1}: the loss is {value}; "
                "lower training.learning_rate"
            )
        team.add_gradients(learning, scale=scale)
        return value

    def _parts(self, rows: np.ndarray) -> list[tuple[np.ndarray, float, float]]:
        """This process's share of a batch in parts that fit into memory, each with its share in the batch's loss, by weight, and
        in its rows; where nobody shares most batches are one part.
        """
        mine = rows[team.rank() :: team.size()]
        if not len(mine):
            return []
        sizes, writes = self._sizes[mine], self.classifier.readout == "generate"
        parts = [mine]
        if writes and sizes.max() * len(mine) > _MOST_TOKENS:
            parts = [mine[part] for part in buckets(sizes, batch_size=len(mine), tokens=_MOST_TOKENS)]
        parts = [part[even] for part in parts for even in self._even(part)]
        if self.at_once is not None:
            most = self.at_once
            parts = [part[start : start + most] for part in parts for start in range(0, len(part), most)]
        if len(parts) == team.size() == 1:
            return [(rows, 1.0, 1.0)]
        whole = max(self._weight(self.data, rows), 1e-12)
        shares = [self._weight(self.data, part) / whole for part in parts]
        evenly = shares if writes else [len(part) / len(rows) for part in parts]
        return list(zip(parts, shares, evenly, strict=True))

    def _even(self, rows: np.ndarray) -> Iterator[np.ndarray]:
        """Positions of rows that go through the model together: where padding costs something, those of like length."""
        padding = _PADDING if self._place.type == "cpu" else None
        return buckets(self._sizes[rows], batch_size=len(rows), padding=padding)

    def _features(self, rows: np.ndarray) -> torch.Tensor:
        """(rows, size) what the model makes of rows."""
        batch = collate(self.data.encoded, rows.tolist(), pad_id=self.classifier.pad_id, device=self._place)
        with autocast(self.stage.precision, self._place):
            return features(self.classifier, batch)

    def _contrast(self, rows: np.ndarray) -> float:
        """As :meth:`_backward`, for the pairs of a whole batch."""
        assert isinstance(self.data.targets, np.ndarray)
        parts = [rows[part] for part in self._even(rows)]
        represented = torch.cat([self._features(part) for part in parts])
        loss = contrast(represented, torch.from_numpy(self.data.targets[np.concatenate(parts)]).float().to(self._place))
        loss.backward()  # type: ignore[no-untyped-call]
        return float(loss.detach())

    def _contrast_in_parts(self, rows: np.ndarray) -> float:
        """As :meth:`_backward`, for pairs of a whole batch of which not all texts go through the model at a time: first what they
        are to the loss, then, text by text, what the model is to them (Gao et al. 2021, *Scaling deep contrastive learning batch
        size under memory limited setup*).
        """
        assert self.at_once is not None and isinstance(self.data.targets, np.ndarray)
        parts = [rows[start : start + self.at_once] for start in range(0, len(rows), self.at_once)]
        seeds = torch.randint(2**62, (len(parts),)).tolist()

        def represented(part: np.ndarray, seed: int) -> torch.Tensor:
            torch.manual_seed(seed)  # the same dropout both times
            return self._features(part)

        with torch.no_grad():
            whole = torch.cat([represented(part, seed) for part, seed in zip(parts, seeds, strict=True)])
        whole.requires_grad_()
        loss = contrast(whole, torch.from_numpy(self.data.targets[rows]).float().to(self._place))
        loss.backward()  # type: ignore[no-untyped-call]
        assert whole.grad is not None
        for part, seed, gradient in zip(parts, seeds, torch.split(whole.grad, self.at_once), strict=True):
            represented(part, seed).backward(gradient)  # type: ignore[no-untyped-call]
        return float(loss.detach())

    def _backward(self, rows: np.ndarray, share: float, evenly: float) -> float:
        """Add to the gradients those of some rows' part in the batch's loss; what was added to the loss."""
        answered, diverging = self._loss(self.data, rows)
        loss = answered * share if share != 1.0 else answered
        if diverging is not None:
            loss = loss + self.stage.consistency * (diverging * evenly if evenly != 1.0 else diverging)
        loss.backward()  # type: ignore[no-untyped-call]
        return float(loss.detach())

    def _loss(self, data: Supervision, rows: np.ndarray) -> tuple[torch.Tensor, torch.Tensor | None]:
        """How wrong the answers are, and how far two passes diverge where there are two."""
        batch = collate(data.encoded, rows.tolist(), pad_id=self.classifier.pad_id, device=self._place)
        if self.classifier.readout == "generate":
            return self._writing_loss(batch, torch.from_numpy(data.weights[rows]).float().to(self._place))
        targets = torch.from_numpy(data.targets[rows]).float().to(self._place)
        multi, passes = self.classifier.multi, 2 if self.stage.consistency and self.classifier.model.training else 1
        with autocast(self.stage.precision, self._place):
            logits = [self.classifier(batch) for _ in range(passes)]
        weights = torch.from_numpy(data.weights[rows]).float().to(self._place)
        loss = torch.stack([objective(values, targets, weights, multi=multi) for values in logits]).mean()
        return loss, divergence(logits[0].float(), logits[1].float(), multi=multi) if passes == 2 else None

    def _writing_loss(
        self, batch: dict[str, torch.Tensor], weights: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        stage, labels, training = self.stage, batch["labels"], self.classifier.model.training
        passes, smoothing = (2 if stage.consistency else 1, stage.label_smoothing) if training else (1, 0.0)
        with autocast(stage.precision, self._place):
            logits = [self.classifier(batch) for _ in range(passes)]
        losses = [sequence_cross_entropy(values, labels, weights, smoothing=smoothing) for values in logits]
        loss = torch.stack(losses).mean()
        if passes == 1:
            return loss, None
        first, second = (values[labels != IGNORED].float() for values in logits)
        return loss, divergence(first, second, multi=False)

    def _weight(self, data: Supervision, rows: np.ndarray) -> float:
        """What rows count for in a mean over all rows: of texts that are written, token by token."""
        weights = data.weights[rows]
        if self.classifier.readout == "generate":
            weights = weights * np.array([[len(data.encoded.columns["labels"][row])] for row in rows])
        return float(weights.sum())

    def _check(self) -> float:
        value = self._validation_loss()
        if value < self.best:
            self.best, self.best_step, self.bad_checks = value, self.step, 0
            self._best_weights = {name: tensor.detach().cpu().clone() for name, tensor in self._learning().items()}
        else:
            self.bad_checks += 1
        return value

    def _validation_loss(self) -> float:
        assert self.validation is not None
        self.classifier.model.eval()
        total, weight = 0.0, 0.0
        with torch.inference_mode():
            tokens = _MOST_TOKENS if self.classifier.readout == "generate" else None
            batches = buckets(_tokens(self.validation.encoded), batch_size=64, tokens=tokens)
            mine = islice(batches, team.rank(), None, team.size())
            for rows, loss in memory.fitting(mine, self._validation_part, what="validating"):
                share = self._weight(self.validation, rows)
                total += loss * share
                weight += share
        total, weight = team.summed([total, weight])
        return total / max(weight, 1e-12)

    def _validation_part(self, rows: np.ndarray) -> float:
        assert self.validation is not None
        return float(self._loss(self.validation, rows)[0])

    def _learning(self) -> dict[str, torch.nn.Parameter]:
        return {name: p for name, p in self.classifier.model.named_parameters() if p.requires_grad}

    def _restore_best(self) -> None:
        with torch.no_grad():
            for name, parameter in self._learning().items():
                if name in self._best_weights:
                    parameter.copy_(self._best_weights[name])
                if name in self._before:
                    parameter.lerp_(self._before[name].to(parameter.device), self.stage.kept)
        self.classifier.model.eval()

    def snapshot(self) -> Snapshot:
        """The state between two steps, as copies on the CPU."""
        tensors: dict[str, torch.Tensor] = {f"weight.{name}": p for name, p in self._learning().items()}
        tensors |= {f"best.{name}": tensor for name, tensor in self._best_weights.items()}
        tensors |= {f"before.{name}": tensor for name, tensor in self._before.items()}
        for key, state in self._optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{key}.{n}": t for n, t in state.items() if isinstance(t, torch.Tensor)}
        values = {
            "stage": self.stage.name,
            "step": self.step,
            "best": None if math.isinf(self.best) else self.best,
            "best_step": self.best_step,
            "bad_checks": self.bad_checks,
            "at_once": self.at_once,
            "scheduler": {
                name: value
                for name, value in self._scheduler.state_dict().items()
                if isinstance(value, int | float | bool) or name == "_last_lr"
            },
        }
        return Snapshot({n: t.detach().cpu().clone().contiguous() for n, t in tensors.items()}, values)

    def restore(self, snapshot: Snapshot) -> None:
        """Go back to where a snapshot was taken; the loop must have been made from the same inputs."""
        values = snapshot.values
        self.step, self.best_step = values["step"], values["best_step"]
        self.best = math.inf if values["best"] is None else values["best"]
        self.bad_checks, self.at_once = values["bad_checks"], values.get("at_once")
        optimizer: dict[int, dict[str, torch.Tensor]] = {}
        learning = self._learning()
        with torch.no_grad():
            for name, tensor in snapshot.tensors.items():
                kind, _, rest = name.partition(".")
                if kind == "weight":
                    learning[rest].copy_(tensor)
                elif kind == "best":
                    self._best_weights[rest] = tensor
                elif kind == "before":
                    self._before[rest] = tensor
                else:
                    key, _, entry = rest.partition(".")
                    optimizer.setdefault(int(key), {})[entry] = tensor
        groups = self._optimizer.state_dict()["param_groups"]
        self._optimizer.load_state_dict({"state": optimizer, "param_groups": groups})
        self._scheduler.load_state_dict(self._scheduler.state_dict() | values["scheduler"])
        for group, rate in zip(self._optimizer.param_groups, values["scheduler"]["_last_lr"], strict=True):
            group["lr"] = rate
