"""Weigh rules against gold answers before training: labels alone, rules alone, and both together at several weights.

The alternatives are compared on gold questions that are held out in turn, all those about one text together, by linear heads on
frozen states of tokens, beside their products with the question's mean state, which tell what the question is about. Such a
head answers few questions, fewer than the trained model will. So it says whether the rules are worth hearing; the weight
is the smallest that does as well as the best.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ruletune.config import TaskSpec
from ruletune.labeling.answer_model import AnswerModel, answers_of
from ruletune.labeling.span_votes import SpanVotes
from ruletune.metrics.reading import per_example
from ruletune.models.backbone import load_tokenizer
from ruletune.models.checkpoints import Checkpoint
from ruletune.models.extracting import edge_targets, read_edges
from ruletune.models.token_states import token_states
from ruletune.models.windows import Windows, windows
from ruletune.pipeline.extract_deciding import Deciding, ranked, references, shown
from ruletune.progress import Listener, counted
from ruletune.report.model import Alternative, Effect, Guard
from ruletune.training.quick import fit_head
from ruletune.types import Example

__all__ = ["WEIGHT", "answer_effects", "judge_answer_rules"]

WEIGHTS = (0.5, 1.0, 2.0, 4.0)
"""What the rules count for beside a model whose say is 1."""
WEIGHT = 1.0
"""The same where no gold answer says more about it."""

_FOLDS = 5
_QUESTIONS = 200
"""Gold questions that the rules are judged by, at most."""
_LEAST = 8
"""Gold questions below which there is nothing to judge by."""
_OTHERS = 40
"""Tokens of a window that begin and end no answer, from which a head learns at most."""
_RESAMPLES = 200
_ERRORS = 2.0
"""Standard errors by which the rules' own F1 must lie above zero."""
_MOST_RULES = 100

_Way = str | float


def judge_answer_rules(
    spec: TaskSpec, gold: Sequence[Example], votes: SpanVotes, checkpoint: Checkpoint, *, listener: Listener
) -> Guard | None:
    """Compare the ways of answering on gold questions that are held out in turn; test and validation parts are not looked at."""
    if not spec.file.training.guard or not spec.rules or len({example.text for example in gold}) < _LEAST:
        return None
    rng = np.random.default_rng([spec.file.seed, 23])
    rows = np.sort(rng.permutation(len(gold))[:_QUESTIONS]).tolist()
    examples = [gold[row] for row in rows]
    seen = windows(
        examples,
        rendering=spec.rendering,
        tokenizer=load_tokenizer(checkpoint),
        max_length=spec.file.model.max_length,
    )
    progress = counted(listener, "weighing rules against labels", len(seen.encoded))
    states = [
        _crossed(values, ranges)
        for values, ranges in zip(token_states(checkpoint, seen.encoded, progress=progress), seen.offsets, strict=True)
    ]
    values = _held_out(spec, votes.take(rows), examples, seen, states)
    return _verdict(values, len(gold), np.random.default_rng([spec.file.seed, 37]))


def _crossed(states: np.ndarray, ranges: np.ndarray) -> np.ndarray:
    """States of tokens and their products with the mean state of what is not of the text, of unit length, (tokens, 2 width)."""
    asked = states[ranges[:, 0] < 0].mean(axis=0)
    products = states * (asked / max(float(np.linalg.norm(asked)), 1e-6)) * np.sqrt(states.shape[1])
    joined = np.concatenate([states, products], axis=1)
    return np.asarray(joined / np.maximum(np.linalg.norm(joined, axis=1, keepdims=True), 1e-6))


def _held_out(
    spec: TaskSpec, votes: SpanVotes, examples: Sequence[Example], seen: Windows, states: Sequence[np.ndarray]
) -> Mapping[_Way, np.ndarray]:
    """F1 of every way of answering every question, (questions,), none of them learned from it."""
    targets, _ = edge_targets(seen, [[(span, 1.0) for span in answers_of(example)] for example in examples])
    texts = {text: n for n, text in enumerate(dict.fromkeys(example.text for example in examples))}
    rng = np.random.default_rng([spec.file.seed, 5])
    part = (rng.permutation(len(texts)) % _FOLDS)[[texts[example.text] for example in examples]]
    none, longest = any(not answers_of(example) for example in examples), spec.file.model.max_answer
    found: dict[_Way, np.ndarray] = {way: np.zeros(len(examples)) for way in ("labels alone", "rules alone", *WEIGHTS)}
    for fold in np.unique(part):
        held, rest = (np.flatnonzero(chosen).tolist() for chosen in (part == fold, part != fold))
        if not rest:
            continue
        model = AnswerModel.fit(votes.take(rest), [examples[row] for row in rest])
        asked = [examples[row] for row in held]
        said = model.proposals(votes.take(held), asked)
        heads = _Heads(states, targets, [w for w, owner in enumerate(seen.owner) if part[owner] != fold], rng)
        logits = [
            heads(states[w]) if part[owner] == fold else np.zeros((2, len(states[w])))
            for w, owner in enumerate(seen.owner)
        ]
        read = [read_edges(seen, logits, examples, longest=longest)[row] for row in held] if len(held) else []
        answers = {"rules alone": [answer for answer, _ in model.answers(said)]}
        right = references(asked)
        found["rules alone"][held] = per_example(right, shown(asked, answers["rules alone"]))[:, 1]
        for way in ("labels alone", *WEIGHTS):
            deciding = Deciding(way if isinstance(way, float) else 0.0, none, 0.0, longest)
            best = [ranked(each, proposals, deciding)[0][0] for each, proposals in zip(read, said, strict=True)]
            found[way][held] = per_example(right, shown(asked, best))[:, 1]
    return found


class _Heads:
    """Two linear heads, for first and last tokens, on the tokens of some windows."""

    def __init__(
        self, states: Sequence[np.ndarray], targets: Sequence[np.ndarray], rows: Sequence[int], rng: np.random.Generator
    ) -> None:
        kept = [_some(targets[row], rng) for row in rows]
        features = np.concatenate([states[row][places] for row, places in zip(rows, kept, strict=True)])
        self._heads = []
        for edge in (0, 1):
            is_edge = np.concatenate([targets[row][edge, places] for row, places in zip(rows, kept, strict=True)])
            both = np.stack([1.0 - is_edge, is_edge], axis=1)
            self._heads.append(fit_head(features, both, np.ones(len(both))))

    def __call__(self, states: np.ndarray) -> np.ndarray:
        """Scores of first and last tokens, (2, tokens)."""
        values = [head.logits(states) for head in self._heads]
        return np.stack([value[:, 1] - value[:, 0] for value in values])


def _some(target: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The tokens that begin or end an answer, the first, and some of the others."""
    edges = target.max(axis=0) > 0
    edges[0] = True
    others = rng.permutation(np.flatnonzero(~edges))[:_OTHERS]
    return np.sort(np.concatenate([np.flatnonzero(edges), others]))


def _verdict(values: Mapping[_Way, np.ndarray], gold: int, rng: np.random.Generator) -> Guard:
    questions = len(values["labels alone"])
    draws = rng.integers(questions, size=(_RESAMPLES, questions))
    scores = {way: float(each.mean()) for way, each in values.items()}
    drawn = {way: each[draws].mean(axis=1) for way, each in values.items()}
    top = max(scores[weight] for weight in WEIGHTS)
    best = next(weight for weight in WEIGHTS if scores[weight] >= top - 1e-9)
    difference = scores[best] - scores["labels alone"]
    error = float((drawn[best] - drawn["labels alone"]).std(ddof=1))
    alternatives = tuple(
        Alternative(name, scores[way], float(drawn[way].std(ddof=1)))
        for name, way in (("labels alone", "labels alone"), ("rules alone", "rules alone"), ("rules + labels", best))
    )
    used = difference >= 0 and scores["rules alone"] > _ERRORS * float(drawn["rules alone"].std(ddof=1))
    said = f"On held-out gold questions, rules + labels against labels alone: {100 * difference:+.1f} ± {100 * error:.1f} points of F1."
    reason = f"{said} The rules {'were used' if used else 'were left out'}."
    return Guard(used, reason, gold, alternatives, None, best)


def answer_effects(
    votes: Mapping[str, SpanVotes], gold: Sequence[Example], test: Sequence[Example]
) -> tuple[Effect, ...]:
    """What dropping each rule does to what the label model believes of the answers of the test part, the most valuable first.

    Args:
        votes: On the parts ``gold`` and ``test``.

    Returns:
        Empty where there is nothing to judge by, or so many rules that it would take long.
    """
    rules, signs = votes["gold"].rules, votes["gold"].signs
    speaking = np.flatnonzero(signs != 0)
    if not len(speaking) or not test or len(speaking) > _MOST_RULES:
        return ()

    def loss(without: int | None) -> float:
        seen, asked = (each if without is None else each.silenced(without) for each in (votes["gold"], votes["test"]))
        return float(AnswerModel.fit(seen, gold).losses(asked, test).mean())

    whole = loss(None)
    found = [Effect(rules[rule].name, loss(int(rule)) - whole) for rule in speaking]
    return tuple(sorted(found, key=lambda effect: -effect.loss))
