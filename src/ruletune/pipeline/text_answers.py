"""Training and measuring where the answer is a text: translation, summarization, dialogue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from ruletune.config import TaskSpec
from ruletune.errors import Location, Problem, UserError
from ruletune.labeling.demanding import Demanded, Demanding
from ruletune.metrics.texts import TextScoring
from ruletune.models.backbone import load_tokenizer
from ruletune.models.checkpoints import Checkpoint
from ruletune.models.lexical import inexpressible
from ruletune.pipeline.answering import BOTH, LABELS, RULES, ZERO, Measured
from ruletune.pipeline.drafts import Drafts
from ruletune.pipeline.embedding import embedder
from ruletune.pipeline.findings import Curve, assemble
from ruletune.pipeline.fits import Fit, Outputs
from ruletune.pipeline.inputs import Inputs
from ruletune.pipeline.prepare import Parts
from ruletune.pipeline.run import Run
from ruletune.pipeline.text_findings import Texts, demand_rows, kept_rows, outcome
from ruletune.pipeline.text_guided import TextGuided
from ruletune.pipeline.text_inputs import TextInputs, text_inputs
from ruletune.pipeline.text_judging import Verdict, judge_demands, without
from ruletune.pipeline.text_weak import by_rules, sound, weak_answers
from ruletune.pipeline.writing import Writing
from ruletune.progress import Event, Listener, counted
from ruletune.report.model import Effect, Guard, Reliance
from ruletune.rules.base import Glossary, Rule, Say
from ruletune.rules.demands import Demand
from ruletune.store import Workspace
from ruletune.types import Example

__all__ = ["TextAnswering"]


@dataclass(frozen=True, slots=True)
class TextAnswering:
    """A task whose answer is a text, with its rules applied to all parts.

    Attributes:
        demanded: By part, what all rules demand.
        heard: By part, what the rules that are heard demand.
        weak: By part and example, what rules answer themselves.
    """

    spec: TaskSpec
    parts: Parts
    demanded: dict[str, Demanded]
    heard: dict[str, Demanded]
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
        verdict = Verdict(None, frozenset())
        if spec.file.training.guard:
            verdict = judge_demands(parts.gold, demanded["gold"].by_example, rules=spec.rules)
        made = cls(
            spec,
            parts,
            demanded,
            {name: without(found, verdict.left_out) for name, found in demanded.items()},
            {name: weak_answers(spec, getattr(parts, name), found) for name, found in demanded.items()},
            verdict,
        )
        if not parts.gold and not made.acts:
            what = "no rule demands anything of any answer" if spec.rules else "there are no rules"
            where, remedy = Location(str(spec.path)), "add a few gold answers, or rules"
            raise UserError(f"there are no gold answers and {what}", where=where, remedy=remedy)
        return made

    @property
    def acts(self) -> bool:
        return any(any(mine) for mine in self._demands.values()) or any(any(mine) for mine in self.weak.values())

    @property
    def held_at_prediction(self) -> bool:
        return bool(self.spec.rules)

    def inputs(self, checkpoint: Checkpoint, *, listener: Listener) -> TextInputs:
        listener(Event("tokenizing", 0, 1))
        tokenizer = load_tokenizer(checkpoint)
        check_writable(self.spec, tokenizer)
        taught = sound(self.parts.unlabeled, self.weak["unlabeled"], self.heard["unlabeled"].by_example)
        made = text_inputs(self._examples(), self._demands, taught, Writing.of(self.spec), tokenizer)
        listener(Event("tokenizing", 1, 1))
        return made

    @property
    def _demands(self) -> dict[str, list[tuple[Demand, ...]]]:
        return {name: found.by_example for name, found in self.heard.items()}

    def _examples(self) -> Mapping[str, Sequence[Example]]:
        return {name: getattr(self.parts, name) for name in self.parts.names}

    def schooling(
        self, checkpoint: Checkpoint, inputs: Inputs, *, workspace: Workspace, listener: Listener
    ) -> TextGuided:
        assert isinstance(inputs, TextInputs)
        return TextGuided(
            self.spec, checkpoint, inputs, self._examples(), self._demands, workspace=workspace, listener=listener
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
                    spec, test, self.weak["test"], self.heard["test"].by_example, written.get(RULES, written[ZERO])
                )
            if answers is not None:
                ways[name] = Texts(answers, used[name])
        found = outcome(
            spec,
            parts,
            heard=self.heard,
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
        kept = kept_rows(test, self.heard["test"], ways) if test else ()
        calibration = {"left_out": [list(source) for source in sorted(self.verdict.left_out)]}
        signatures = (
            {}
            if not test
            else {f"signature of {name}": said for name, said in TextScoring(spec.task.name).signatures(test).items()}
        )
        made = replace(made, kept=kept, settings=made.settings | signatures)
        return Measured(made, {}, calibration)

    def effects(self, checkpoint: Checkpoint) -> tuple[Effect, ...]:
        """None: what dropping a rule would do is known only when everything has been written again."""
        return ()

    def reliance(self, run: Run) -> Reliance | None:
        return None


def check_writable(spec: TaskSpec, tokenizer: Any) -> None:
    """Refuse rules that demand what the model has no tokens for.

    Raises:
        UserError: All of them, with the lines of the task file.
    """
    wanted = [(rule, phrases) for rule in spec.rules for phrases in _demanded(rule)]
    cannot = set(inexpressible(tokenizer, [phrase for _, phrases in wanted for phrase in phrases]))
    remedy = "add another way of saying it, or choose a checkpoint for the language"
    problems = [
        Problem(f"rule {rule.name!r} demands what the model has no tokens for: {phrases[0]!r}", rule.where, remedy)
        for rule, phrases in wanted
        if all(phrase in cannot for phrase in phrases)
    ]
    if problems:
        raise UserError.of(problems)


def _demanded(rule: Rule) -> list[tuple[str, ...]]:
    """Groups of phrases of which a rule always demands one."""
    match rule.says:
        case Say() as say:
            return [say.plain]
        case Glossary(entries=entries):
            return [Say(entry.targets).plain for entry in entries]
        case _:
            return []


def _texts(outputs: Outputs) -> list[str]:
    assert isinstance(outputs, Drafts)
    return outputs.texts
