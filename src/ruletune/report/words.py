"""Findings in plain words, the same in the terminal and on the page."""

from __future__ import annotations

from collections.abc import Sequence

from ruletune.report.model import Effect, Guard, LabelsSaved, Reliance, Report, Score

__all__ = [
    "GOLD_NAMED",
    "calibration_sentence", "confusion_missing", "effects_sentence", "further_metrics", "guard_sentence",
    "labels_saved_sentence",
    "measured_in", "reliance_sentence",
]  # fmt: skip


_JUDGES = {"spans": "the label model, nats a word", "passage": "the label model, nats a question"}
"""Who judges what dropping a rule does, by the shape of answers, and in which unit."""

GOLD_NAMED = {"label": "gold labels", "spans": "gold texts", "passage": "gold questions", "text": "gold answers"}
"""What gold is counted in, by the shape of answers."""

_FURTHER = {
    "intent_accuracy": "intents",
    "slot_f1": "slot F1",
    "macro_f1": "macro-F1",
    "chrf": "chrF",
    "rouge_1": "ROUGE-1",
    "rouge_2": "ROUGE-2",
    "rouge_l": "ROUGE-L",
    "distinct_1": "distinct-1",
    "distinct_2": "distinct-2",
    "slot_error_rate": "slot errors",
    "term_accuracy": "terms",
    "copied": "copied",
    "rules_kept": "rules kept",
}
"""Metrics that are shown beside the main one, with their headings, in the order of the columns."""

_NAMES = {"bleu": "BLEU", "f1": "F1", "rouge_l": "ROUGE-L"}

_NOTICED = 0.00005
"""What is less than this is printed as 0."""


def further_metrics(scores: Sequence[Score], metric: str) -> list[tuple[str, str]]:
    """Metrics to show beside the main one, with their headings.

    >>> further_metrics([Score("both", {"bleu": 0.3, "chrf": 0.5}, (0.2, 0.4), 10)], "bleu")
    [('chrf', 'chrF')]
    """
    there = {name for score in scores for name in score.metrics}
    return [(name, heading) for name, heading in _FURTHER.items() if name in there and name != metric]


def labels_saved_sentence(saved: LabelsSaved) -> str:
    """What the rules were worth in labels.

    >>> labels_saved_sentence(LabelsSaved(40.2, 12.0, None, 300, "Read off the curve."))
    'about 40 (90% interval 12 to more than 300). Read off the curve.'
    """
    if saved.estimate is None and saved.low is None:
        return f"not known. {saved.note}"
    high = f"more than {saved.limit}" if saved.high is None else f"{saved.high:.0f}"
    if saved.estimate is None:
        return f"more than {saved.limit} (90% interval {saved.low:.0f} to {high}). {saved.note}"
    if saved.estimate == saved.low == saved.high == 0:
        return f"none. {saved.note}"
    return f"about {saved.estimate:.0f} (90% interval {saved.low:.0f} to {high}). {saved.note}"


def measured_in(metric: str) -> str:
    """What a point stands for that shows a metric.

    >>> measured_in("accuracy"), measured_in("f1")
    ('the share of held-out texts answered right', 'F1 on held-out texts')
    """
    return (
        "the share of held-out texts answered right"
        if metric == "accuracy"
        else f"{_NAMES.get(metric, metric)} on held-out texts"
    )


def confusion_missing(report: Report) -> str:
    """Why no confusion of labels is drawn."""
    if report.shape == "spans":
        return "Not drawn: a text has several entities, or none, whose places may differ, too."
    return "Not drawn: several labels may hold at once, there are more than 30 of them, or there are no held-out texts."


def calibration_sentence(report: Report) -> str:
    """How far the probabilities can be believed, before and after calibration; empty where nothing was measured."""
    after, before = report.calibration_error, report.uncalibrated_error
    if after is None:
        return ""
    if before is None:
        return f"Expected calibration error: {after:.1%}; nothing was calibrated."
    said = f"Expected calibration error: {after:.1%}, {before:.1%} before calibration on {report.calibration_labels} labels"
    if report.log_loss is None or report.uncalibrated_log_loss is None:
        return f"{said}."
    return f"{said}; log loss {report.log_loss:.3f}, {report.uncalibrated_log_loss:.3f} before."


def guard_sentence(guard: Guard | None, shape: str = "label") -> str:
    """Whether the rules were listened to, and the estimates behind it; empty where there was nothing to compare."""
    if guard is None:
        return ""
    if not guard.alternatives:
        return guard.reason
    estimates = ", ".join(f"{a.name} {a.accuracy:.0%} ± {a.error:.0%}" for a in guard.alternatives)
    return f"{guard.reason} Cross-validated on {guard.labels} {GOLD_NAMED[shape]} before training: {estimates}."


def reliance_sentence(reliance: Reliance | None, shape: str = "label") -> str:
    """How far the model leans on its rules' words."""
    if shape == "text":
        return ""
    if reliance is None:
        return "Rule reliance: not measured; no vote on a held-out text has words that could be hidden."
    what = "accuracy is" if shape != "passage" else "the model by itself matches exactly"
    where = "the rules' words" if shape != "passage" else "the questions' words by which rules tell what is asked for"
    lean, (low, high) = reliance.random_hidden - reliance.triggers_hidden, reliance.interval
    if shape == "spans":
        unheard = "" if reliance.unheard is None else f" Without rules at prediction it is {reliance.unheard:.1%}."
        return (
            f"Rule reliance: {100 * lean:+.1f} points (95% interval {100 * low:+.1f} to {100 * high:+.1f}). On "
            f"{reliance.texts} held-out texts, F1 is {reliance.intact:.1%}, {reliance.triggers_hidden:.1%} with the words of "
            f"votes replaced by unseen ones of the same shape and {reliance.random_hidden:.1%} with as many others replaced.{unheard}"
        )
    return (
        f"Rule reliance: {100 * lean:+.1f} points (95% interval {100 * low:+.1f} to {100 * high:+.1f}). On {reliance.texts} held-out "
        f"texts, {what} {reliance.intact:.1%}, {reliance.triggers_hidden:.1%} with {where} hidden and "
        f"{reliance.random_hidden:.1%} with as many other words hidden."
    )


def effects_sentence(effects: Sequence[Effect], shape: str = "label", *, most: int = 3) -> str:
    """Which rules are worth most and which do harm, by what dropping them does."""
    if shape == "text":
        return ""
    if not effects:
        return "Effect of dropping each rule: not measured; there are no labels to judge it by, or no rules that vote."
    helping = [e for e in effects if e.loss >= _NOTICED][:most]
    harming = [e for e in reversed(effects) if e.loss <= -_NOTICED][:most]
    said = "; ".join(
        f"{words}: " + ", ".join(f"{e.rule} ({e.loss:+.4f})" for e in chosen)
        for words, chosen in (("Worth most", helping), ("better without" if helping else "Better without", harming))
        if chosen
    )
    judge = _JUDGES.get(shape, "a head on frozen embeddings, nats")
    return f"Dropping one rule at a time changes the log loss ({judge}). {said or 'None matters'}."
