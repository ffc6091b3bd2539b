"""Weigh rules against gold spans before training: labels alone, rules alone, and both together at several weights.

The alternatives are compared on gold sentences that are held out in turn, by a linear tagger on frozen states of tokens. A
tagger's log-probabilities and the logarithms of what the label model believes are added up; the weights of the rules
that do best are the ones that the finished model answers with: one for texts in which a rule votes, and one for what
their silence counts in the others, where a model that was taught by rules and few gold texts finds too much.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ruletune.labeling.sequence_model import SequenceModel
from ruletune.labeling.span_table import fit_span_model, gold_answers
from ruletune.labeling.span_votes import SpanVotes
from ruletune.labeling.tags import tags_of
from ruletune.metrics import spans as span_metrics
from ruletune.models.backbone import load_tokenizer
from ruletune.models.checkpoints import Checkpoint
from ruletune.models.tagging import decode_tags, token_beliefs, token_tags
from ruletune.models.token_states import token_states
from ruletune.models.windows import Windows, windows
from ruletune.pipeline.span_inputs import kinds_of
from ruletune.progress import Listener, counted
from ruletune.report.model import Alternative, Effect, Guard
from ruletune.training.guard import folds
from ruletune.training.quick import fit_head
from ruletune.types import Example, Spans

if TYPE_CHECKING:
    from ruletune.pipeline.tag_answers import TagAnswering

__all__ = ["USUAL", "Say", "judge_span_rules", "rule_beliefs", "span_effects", "together"]


@dataclass(frozen=True, slots=True)
class Say:
    """What the rules count for beside a model whose say is 1.

    Attributes:
        votes: In texts in which a rule votes.
        silence: In the others, where all they say is that they found nothing.
    """

    votes: float
    silence: float

    def of(self, shown: Windows, votes: SpanVotes) -> np.ndarray:
        """By window, (windows,)."""
        return np.where(votes.covered[shown.owner], self.votes, self.silence)


USUAL = Say(8.0, 1.0)
"""Where no gold text says otherwise (it did best on parts of the training data of laptop_ner that taught nothing): what the model knows it has from the rules, and where they are silent they are one witness
more against an entity."""

EVEN = Say(1.0, 0.5)
"""Where gold texts alone do better than the rules: two witnesses of whom the model is the better one."""

_SAYS = tuple(Say(votes, silence) for votes in (0.5, 1.0, 2.0, 4.0, 8.0) for silence in (0.0, 0.5, 1.0, 2.0))

_FOLDS = 5
_TEXTS = 400
"""Gold texts that the rules are judged by, at most."""
_RESAMPLES = 200
_ERRORS = 2.0
"""Standard errors by which the rules' own F1 must lie above zero."""
_MOST_RULES = 100
_LEAST = 4
"""Gold texts below which there is nothing to judge by."""
_LEAST_BELIEF = 1e-4


def together(model: np.ndarray, rules: np.ndarray, weight: float) -> np.ndarray:
    """Scores of a model's and the rules' beliefs about tokens, (tokens, tags).

    Args:
        model: Logits.
        rules: Probabilities; rows of zeros where rules have no say.
        weight: What the rules count for beside the model.
    """
    shifted = model - model.max(axis=1, keepdims=True, initial=-np.inf)
    likely = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    said = np.where(rules.sum(axis=1, keepdims=True) > 0, np.log(np.clip(rules, _LEAST_BELIEF, None)), 0.0)
    return np.asarray(likely + weight * said)


def rule_beliefs(
    shown: Windows, votes: SpanVotes, words: Sequence[Sequence[tuple[int, int]]], model: SequenceModel
) -> list[np.ndarray]:
    """What the rules say of every token, for each window (tokens, tags)."""
    return token_beliefs(shown, words, model.posterior(votes, words), [np.ones(len(ranges)) for ranges in words])[0]


def judge_span_rules(task: TagAnswering, checkpoint: Checkpoint, *, listener: Listener) -> Guard | None:
    """Compare the ways of answering on gold texts that are held out in turn; test and validation parts are not looked at."""
    gold = task.parts.gold
    if not task.spec.file.training.guard or not task.spec.rules or len(gold) < _LEAST:
        return None
    rng = np.random.default_rng([task.spec.file.seed, 23])
    rows = np.sort(rng.permutation(len(gold))[:_TEXTS]).tolist()
    examples = [gold[row] for row in rows]
    shown = windows(
        examples,
        rendering=task.spec.rendering,
        tokenizer=load_tokenizer(checkpoint),
        max_length=task.spec.file.model.max_length,
    )
    progress = counted(listener, "weighing rules against labels", len(shown.encoded))
    states = token_states(checkpoint, shown.encoded, progress=progress)
    found = _held_out(task, rows, examples, shown, states)
    answers = [example.answer if isinstance(example.answer, Spans) else Spans(()) for example in examples]
    counts = {name: span_metrics.counts(answers, predicted) for name, predicted in found.items()}
    return _verdict(counts, len(gold), np.random.default_rng([task.spec.file.seed, 37]))


def _held_out(
    task: TagAnswering, rows: Sequence[int], examples: Sequence[Example], shown: Windows, states: Sequence[np.ndarray]
) -> dict[str | Say, list[Spans]]:
    """Answers of every way to every text, none of them learned from it; both together by what the rules count for."""
    labels = task.spec.labels
    votes = task.votes["gold"].take(rows)
    words = [task.words["gold"][row] for row in rows]
    tags = token_tags(shown, [e.answer if isinstance(e.answer, Spans) else Spans(()) for e in examples], labels)
    kinds = kinds_of([frozenset(s.label for s in e.answer.spans) for e in examples if isinstance(e.answer, Spans)])
    names: list[str | Say] = ["labels alone", "rules alone", *_SAYS]
    found = {name: [Spans(())] * len(examples) for name in names}
    cut = folds(np.eye(int(kinds.max()) + 1)[kinds], _FOLDS, np.random.default_rng([task.spec.file.seed, 5]))
    for fold in cut:
        held = set(fold.tolist())
        head = _head(states, tags, [w for w, owner in enumerate(shown.owner) if int(owner) not in held], len(labels))
        model = fit_span_model(
            task.spec,
            SpanVotes.joined([task.votes["gold"], task.votes["unlabeled"]]),
            [*task.words["gold"], *task.words["unlabeled"]],
            [*_without(task.parts.gold, {rows[row] for row in held}), *[None] * len(task.parts.unlabeled)],
        )
        mine = [w for w, owner in enumerate(shown.owner) if int(owner) in held]
        said = rule_beliefs(shown, votes, words, model)
        logits = {w: head(states[w]) for w in mine}
        ways: dict[str | Say, dict[int, np.ndarray]] = {"labels alone": logits}
        for say in _SAYS:
            weight = say.of(shown, votes)
            ways[say] = {w: together(logits[w], said[w], float(weight[w])) for w in mine}
        for name, by_window in ways.items():
            values = [by_window.get(w, np.zeros((len(states[w]), 1 + 2 * len(labels)))) for w in range(len(states))]
            decoded = decode_tags(shown, values, labels, examples)
            for row in held:
                found[name][row] = decoded[row].spans
        decoded_rules = model.decode(votes, words)
        for row in held:
            found["rules alone"][row] = decoded_rules[row]
    return found


def _without(gold: Sequence[Example], held: set[int]) -> list[Spans | None]:
    return [e.answer if n not in held and isinstance(e.answer, Spans) else None for n, e in enumerate(gold)]


def _head(
    states: Sequence[np.ndarray], tags: Sequence[np.ndarray], rows: Sequence[int], labels: int
) -> Callable[[np.ndarray], np.ndarray]:
    """A linear tagger on the tokens of some windows, from states to logits."""
    features = np.concatenate([states[row] for row in rows])
    chosen = np.concatenate([tags[row] for row in rows])
    known = chosen >= 0
    fitted = fit_head(features[known], np.eye(1 + 2 * labels)[chosen[known]], np.ones(int(known.sum())))
    return fitted.logits


def _chosen(scores: dict[str | Say, float], drawn: dict[str | Say, np.ndarray]) -> Say:
    """Of what does as well as the best but for one standard error of the difference, what is nearest to the usual; to an even
    say where the rules alone do worse than the gold texts alone.

    Few gold texts tell little of how much rules should count. Source: Breiman et al. 1984, *Classification and regression
    trees*, section 3.4.3 (the rule of one standard error).
    """
    best = max(_SAYS, key=lambda say: scores[say])
    equal = [s for s in _SAYS if scores[best] - scores[s] <= float((drawn[best] - drawn[s]).std(ddof=1))]

    usual = USUAL if scores["rules alone"] >= scores["labels alone"] else EVEN

    def distance(say: Say) -> tuple[float, float]:
        return abs(np.log2(say.votes / usual.votes)) + abs(say.silence - usual.silence), -scores[say]

    return min(equal, key=distance)


def _verdict(counts: dict[str | Say, np.ndarray], gold: int, rng: np.random.Generator) -> Guard:
    draws = rng.integers(len(next(iter(counts.values()))), size=(_RESAMPLES, len(next(iter(counts.values())))))
    scores = {name: _f1(values.sum(axis=0)) for name, values in counts.items()}
    drawn = {name: np.array([_f1(values[draw].sum(axis=0)) for draw in draws]) for name, values in counts.items()}
    best = _chosen(scores, drawn)
    better = drawn[best] - drawn["labels alone"]
    difference, error = scores[best] - scores["labels alone"], float(better.std(ddof=1))
    alternatives = tuple(
        Alternative(shown, scores[name], float(drawn[name].std(ddof=1)))
        for shown, name in (("labels alone", "labels alone"), ("rules alone", "rules alone"), ("rules + labels", best))
    )
    said = f"On held-out gold texts, rules + labels against labels alone: {100 * difference:+.1f} ± {100 * error:.1f} points of F1."
    # Where both do equally well nothing speaks against the rules, but what finds nothing by itself must not teach.
    used = difference >= 0 and scores["rules alone"] > _ERRORS * float(drawn["rules alone"].std(ddof=1))
    reason = f"{said} The rules {'were used' if used else 'were left out'}."
    return Guard(used, reason, gold, alternatives, None, best.votes, best.silence)


def span_effects(task: TagAnswering) -> tuple[Effect, ...]:
    """What dropping each rule does to the label model's beliefs about the words of the test part, the most valuable first.

    Empty where there is nothing to judge by, or so many rules that it would take long.
    """
    voting = np.flatnonzero(task.votes["gold"].signs > 0)
    if not len(voting) or not task.parts.test or len(voting) > _MOST_RULES:
        return ()
    learned = SpanVotes.joined([task.votes["gold"], task.votes["unlabeled"]])
    gold = [*gold_answers(task.parts.gold), *[None] * len(task.parts.unlabeled)]
    ranges, test = [*task.words["gold"], *task.words["unlabeled"]], task.words["test"]
    tags = [
        tags_of(answer or Spans(()), places, task.spec.labels)
        for answer, places in zip(gold_answers(task.parts.test), test, strict=True)
    ]

    def loss(without: int | None) -> float:
        seen, asked = (votes if without is None else votes.silenced(without) for votes in (learned, task.votes["test"]))
        beliefs = fit_span_model(task.spec, seen, ranges, gold).posterior(asked, test)
        likely = [belief[np.arange(len(tag)), tag] for belief, tag in zip(beliefs, tags, strict=True)]
        return float(-np.log(np.clip(np.concatenate(likely), 1e-6, 1.0)).mean())

    whole = loss(None)
    names = [rule.name for rule in task.votes["gold"].rules]
    found = [Effect(names[rule], loss(int(rule)) - whole) for rule in voting]
    return tuple(sorted(found, key=lambda effect: -effect.loss))


def _f1(counts: np.ndarray) -> float:
    right, predicted, gold = (float(value) for value in counts)
    return 2 * right / (predicted + gold) if predicted + gold else 0.0
