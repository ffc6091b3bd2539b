from __future__ import annotations

from ruletune.metrics.understanding import both_right, score
from ruletune.types import Label, Span, Spans

PLAY, STOP = Label.of("Play"), Label.of("Stop")
ONE, TWO = Spans((Span(0, 3, "a"),)), Spans((Span(0, 3, "a"), Span(4, 7, "b")))


def test_both_must_be_right() -> None:
    gold = [PLAY, PLAY, STOP, STOP], [ONE, ONE, TWO, Spans(())]
    found = [PLAY, STOP, STOP, STOP], [ONE, ONE, ONE, Spans(())]
    assert both_right(gold, found).tolist() == [True, False, False, True]
    assert score(gold, found) == {"joint_accuracy": 0.5, "intent_accuracy": 0.75, "slot_f1": 2 * 3 / (3 + 4)}


def test_one_slot_too_many_is_wrong_and_their_order_is_nothing() -> None:
    assert not both_right(([PLAY], [ONE]), ([PLAY], [TWO])).any()
    assert both_right(([PLAY], [TWO]), ([PLAY], [Spans(TWO.spans[::-1])])).all()


def test_nothing_is_nothing() -> None:
    assert score(([], []), ([], [])) == {"joint_accuracy": 0.0, "intent_accuracy": 0.0, "slot_f1": 0.0}
    assert score(([PLAY], [Spans(())]), ([PLAY], [Spans(())]))["slot_f1"] == 0.0
