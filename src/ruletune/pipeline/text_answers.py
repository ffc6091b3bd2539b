"""Training and measuring where the answer is a text: translation, summarization, dialogue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from ruletune.config import TaskSpec
from ruletune.errors import Location, UserError
from ruletune.labeling.demanding import Demanded, Demanding
from ruletune.models.backbone import load_tokenizer
from ruletune.models.checkpoints import Checkpoint
from ruletune.pipeline.answering import BOTH, LABELS, RULES, ZERO, Measured
from ruletune.pipeline.drafts import Drafts
from ruletune.pipeline.embedding import embedder
from ruletune.pipeline.findings import Curve, assemble
from ruletune.pipeline.fits import Fit, Outputs
from ruletune.pipeline.inputs import Inputs
from ruletune.pipeline.prepare import Parts
from ruletune.pipeline.run import Run
from ruletune.pipeline.text_findings import Texts, demand_rows, outcome, satisfaction
from ruletune.pipeline.text_guided import TextGuided
from ruletune.pipeline.text_inputs import TextInputs, text_inputs
from ruletune.pipeline.text_judging import Verdict, judge_demands, without
from ruletune.pipeline.text_weak import by_rules, weak_answers
from ruletune.pipeline.writing import Writing
from ruletune.progress import Event, Listener, counted
from ruletune.report.model import Effect, Guard, Reliance
from ruletune.rules.demands import Demand
from ruletune.store import Workspace
from ruletune.types import Example

__all__ = ["TextAnswering"]


@dataclass(frozen=True, slots=True)
class TextAnswering:
    """A task whose answer is a text, with its rules applied to all parts.

    Attributes:
        demanded: By part, what all rules demand.
        demands: By part and example, what the rules that are heard demand.
        weak: By part and example, what rules answer themselves.
    """

    spec: TaskSpec
    parts: Parts
    demanded: dict[str, Demanded]
    demands: dict[str, list[tuple[Demand, ...]]]
    weak: dict[str, list[str | None]]
    verdict: Verdict

    @classmethod
    def of(cls, spec: TaskSpec, parts: Parts, *, listener: Listener) -> TextAnswering:
        """Apply the rules.

        Raises:
            UserError: There is nothing to learn from.
        """
        rules = Demanding(spec.rules, embed=embedder(spec))
        advance = counted(listener, "applying rules", sum(parts.sizes().values()))
        demanded = {name: rules.demands(getattr(parts, name), progress=advance) for name in parts.names}
        if not parts.gold and not spec.rules:
            where, remedy = Location(str(spec.path)), "add a few gold answers, or rules"
            raise UserError("there are no gold answers and there are no rules", where=where, remedy=remedy)
        verdict = Verdict(None, frozenset())
        if spec.file.training.guard:
            verdict = judge_demands(parts.gold, demanded["gold"].by_example, rules=spec.rules)
        return cls(
            spec,
            parts,
            demanded,
            {name: without(found.by_example, verdict.left_out, spec.rules) for name, found in demanded.items()},
            {name: weak_answers(spec, getattr(parts, name), found) for name, found in demanded.items()},
            verdict,
        )

    @property
    def acts(self) -> bool:
        return any(any(mine) for mine in self.demands.values()) or any(any(mine) for mine in self.weak.values())

    @property
    def held_at_prediction(self) -> bool:
        return bool(self.spec.rules)

    def inputs(self, checkpoint: Checkpoint, *, listener: Listener) -> TextInputs:
        listener(Event("tokenizing", 0, 1))
        tokenizer = load_tokenizer(checkpoint)
        made = text_inputs(self._examples(), self.demands, self.weak["unlabeled"], Writing.of(self.spec), tokenizer)
        listener(Event("tokenizing", 1, 1))
        return made

    def _examples(self) -> Mapping[str, Sequence[Example]]:
        return {name: getattr(self.parts, name) for name in self.parts.names}

    def schooling(
        self, checkpoint: Checkpoint, inputs: Inputs, *, workspace: Workspace, listener: Listener
    ) -> TextGuided:
        assert isinstance(inputs, TextInputs)
        return TextGuided(
            self.spec, checkpoint, inputs, self._examples(), self.demands, workspace=workspace, listener=listener
        )

    def guard(self, checkpoint: Checkpoint, *, listener: Listener) -> Guard | None:
        return self.verdict.guard

    def measure(self, fits: dict[str, Fit], curve: Sequence[Curve], inputs: Inputs, guard: Guard | None) -> Measured:
        spec, parts, test = self.spec, self.parts, self.parts.test
        labels = len(parts.gold) + len(parts.validation) + len(parts.calibration)
        used = {ZERO: 0, RULES: 0, LABELS: labels, BOTH: labels}
        written = {name: _texts(fitted.outputs["test"]) for name, fitted in fits.items()}
        ways: dict[str, Texts] = {}
        for name in (ZERO, RULES, LABELS, BOTH):
            answers = written.get(name)
            if name == RULES and self.acts and ZERO in written:
                answers = by_rules(
                    spec, test, self.weak["test"], self.demands["test"], written.get(RULES, written[ZERO])
                )
            if answers is not None:
                ways[name] = Texts(answers, used[name])
        found = outcome(
            spec,
            parts,
            demanded=self.demanded,
            demands=self.demands,
            rules=demand_rows(parts, self.demanded),
            ways=ways,
            curve=[(point.labels, _texts(point.outputs)) for point in curve],
        )
        made = assemble(
            spec,
            parts,
            found,
            losses=[point for fitted in fits.values() for point in fitted.losses],
            truncation={name: encoded.loss for name, encoded in inputs.encoded.items()},
            created=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        kept = satisfaction(test, self.demands["test"], ways) if test else ()
        calibration = {"left_out": [list(source) for source in sorted(self.verdict.left_out)]}
        return Measured(replace(made, kept=kept), {}, calibration)

    def effects(self, checkpoint: Checkpoint) -> tuple[Effect, ...]:
        """None: what dropping a rule would do is known only when everything has been written again."""
        return ()

    def reliance(self, run: Run) -> Reliance | None:
        return None


def _texts(outputs: Outputs) -> list[str]:
    assert isinstance(outputs, Drafts)
    return outputs.texts
