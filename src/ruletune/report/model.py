"""What a report says, as plain values. The page is drawn from these and from nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ruletune.metrics.calibration import wilson_interval

__all__ = [
    "Bin", "Case", "CurvePoint", "LabelsSaved", "LossPoint", "Report", "RuleRow", "Score", "Truncation",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Score:
    """One way of answering (rules alone, labels alone, rules + labels), measured on the held-out part.

    Attributes:
        metrics: By name, in [0, 1], e.g. ``{"accuracy": .81, "macro_f1": .80}``.
        interval: 95% interval of the task's main metric.
        labels: Gold labels that this way used, validation included.
        covered, uncovered: Main metric where at least one rule fires, and where none does;
            ``None`` where there is no such text.
    """

    name: str
    metrics: dict[str, float]
    interval: tuple[float, float]
    labels: int
    covered: float | None = None
    uncovered: float | None = None


@dataclass(frozen=True, slots=True)
class RuleRow:
    """One rule in the rule table. Shares are of texts, in [0, 1].

    Attributes:
        where: ``file:line``, or empty.
        kind: As written in the task file: regex, keywords, ...
        labels: Labels that it votes for, or vetoes.
        coverage, overlap, conflict: Share of texts where it fires; where another rule speaks too;
            where another says the contrary.
        correct, judged: What it says that agrees with gold, out of what could be compared.
        estimated: Accuracy that the label model believes in.
        faults: Texts on which it failed, and the last line of the first failure.
        says: What follows from it, in words.
        new: Of what it says, the share that no other rule says.
        redundant: Others say nearly all of it.
        echo: One other rule that says nearly all of it, ``echo_share`` of it.
    """

    name: str
    where: str
    kind: str
    labels: tuple[str, ...]
    coverage: float
    overlap: float
    conflict: float
    correct: int
    judged: int
    estimated: float | None
    faults: int = 0
    failure: str = ""
    says: str = ""
    new: float = 0.0
    redundant: bool = False
    echo: str | None = None
    echo_share: float = 0.0

    @property
    def interval(self) -> tuple[float, float] | None:
        """95% interval of the share that is right (Wilson score); ``None`` where nothing could be compared."""
        return wilson_interval(self.correct, self.judged) if self.judged else None


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """Labels alone, trained on ``labels`` gold labels: mean and range over repetitions."""

    labels: int
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class LabelsSaved:
    """How many gold labels more the labels-only model would need to be as good as rules + labels.

    Attributes:
        estimate: ``None`` where the curve does not say (too flat, or reached beyond ``limit``).
        low, high: Interval of the estimate; ``high`` is ``None`` where it lies beyond ``limit``.
        limit: Number of labels up to which the curve is trusted.
        note: One sentence: how it was found, or why it was not.
    """

    estimate: float | None
    low: float | None
    high: float | None
    limit: int
    note: str


@dataclass(frozen=True, slots=True)
class LossPoint:
    """One point of a loss curve. ``stage`` e.g. ``rules + labels: weak``; ``part`` train or validation."""

    stage: str
    part: str
    step: int
    loss: float


@dataclass(frozen=True, slots=True)
class Bin:
    """One bin of the calibration plot: mean confidence, accuracy and number of texts in it."""

    confidence: float
    accuracy: float
    count: int


@dataclass(frozen=True, slots=True)
class Truncation:
    """What did not fit into the model, for one part of the data."""

    part: str
    texts: int
    truncated: int
    tokens_lost: int
    longest: int


@dataclass(frozen=True, slots=True)
class Case:
    """One text worth a look.

    Attributes:
        spans: The characters that triggered rules.
        asked: The question, or the two entities whose relation is meant; empty elsewhere.
    """

    id: str
    text: str
    rules_say: str | None
    model_says: str
    gold: str | None
    probability: float
    rules: tuple[str, ...] = ()
    spans: tuple[tuple[int, int], ...] = ()
    asked: str = ""


@dataclass(frozen=True, slots=True)
class Reliance:
    """How far the delivered model leans on the words that trigger rules, measured on held-out texts.

    Attributes:
        texts: Texts on which a vote with known words fired.
        intact, triggers_hidden, random_hidden: Accuracy on them as they are, with the triggers hidden, and with as many
            other words hidden.
        interval: 95% bootstrap interval of ``random_hidden - triggers_hidden``.
        unheard: Where answers are spans, which are measured by F1 and with words replaced by unseen ones of the same
            shape: with words in place, and no rule heard when the model answers.
    """

    texts: int
    intact: float
    triggers_hidden: float
    random_hidden: float
    interval: tuple[float, float]
    unheard: float | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """How answers that are texts keep one rule, on held-out sources.

    Attributes:
        demanded: Answers of which the rule demands something.
        kept: Of these, by way of answering, those that keep it.
        broken: Source, answer of the delivered model and what was demanded, where it does not.
    """

    rule: str
    demanded: int
    kept: dict[str, int]
    broken: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Effect:
    """What dropping a rule does to the log-loss on held-out gold, in nats: by a head on frozen embeddings, or of spans by
    what the label model believes of a word.
    """

    rule: str
    loss: float


@dataclass(frozen=True, slots=True)
class Alternative:
    """A way of answering, estimated by cross-validation on the gold labels: accuracy and its standard error."""

    name: str
    accuracy: float
    error: float


@dataclass(frozen=True, slots=True)
class Guard:
    """Whether the rules were listened to, and on what evidence.

    Attributes:
        labels: Gold labels that the rules were judged by.
        alternatives: On frozen representations; what full training reaches lies above.
        agreement: Cohen's kappa between the rules and a classifier that knows only the gold labels.
        weight: What the rules count for beside the model when it answers, where they do.
        silence: What they count for in texts in which no rule votes.
    """

    rules: bool
    reason: str
    labels: int
    alternatives: tuple[Alternative, ...]
    agreement: float | None
    weight: float | None = None
    silence: float | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """Everything on the page.

    Attributes:
        created: ISO 8601, UTC.
        metric: Name of the main metric, a key of every ``Score.metrics``.
        scores: In the order of the table; the last is the delivered model.
        parts: Number of texts by part of the data: train, validation, test, unlabeled.
        confusion: Rows are gold, columns are predicted, in the order of ``labels``; empty for multi-label.
        per_label: By label: precision, recall, f1, support.
        curve_target: The delivered model's value, drawn across the learning curve.
        calibration_error: Expected calibration error in [0, 1].
        uncalibrated_error: The same before temperature scaling; ``None`` where nothing was calibrated.
        log_loss, uncalibrated_log_loss: Mean negative log-likelihood of gold, in nats, with the temperature and without.
        calibration_labels: Gold labels that the temperature was found on.
        guard: Whether the rules were listened to; ``None`` where there was nothing to compare.
        reliance: ``None`` where no vote on a held-out text has words.
        effects: Of dropping each rule, the most valuable first; empty where there are no labels to judge by.
        disagreements: Rules and model disagree. uncovered: no rule fires.
        warnings: Sentences that the reader must not miss.
        settings: Name to value, as the resolved task file says.
        versions: Name to version.
        shape: What the answers are.
        kept: How the answers keep each rule; only where they are texts.
    """

    title: str
    description: str
    created: str
    metric: str
    scores: tuple[Score, ...]
    labels: tuple[str, ...]
    parts: dict[str, int]
    rules: tuple[RuleRow, ...]
    rule_coverage: float
    labels_saved: LabelsSaved | None
    curve: tuple[CurvePoint, ...]
    losses: tuple[LossPoint, ...]
    confusion: tuple[tuple[int, ...], ...]
    per_label: dict[str, dict[str, float]]
    calibration: tuple[Bin, ...]
    calibration_error: float | None
    truncation: tuple[Truncation, ...]
    disagreements: tuple[Case, ...]
    uncovered: tuple[Case, ...]
    warnings: tuple[str, ...]
    settings: dict[str, str]
    versions: dict[str, str]
    uncalibrated_error: float | None = None
    log_loss: float | None = None
    uncalibrated_log_loss: float | None = None
    calibration_labels: int = 0
    guard: Guard | None = None
    reliance: Reliance | None = None
    effects: tuple[Effect, ...] = ()
    shape: Literal["label", "spans", "passage", "text"] = "label"
    kept: tuple[Kept, ...] = ()
