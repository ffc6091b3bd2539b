"""Which of the passages that rules propose is the answer."""

from __future__ import annotations

import numpy as np
import pytest

from ruletune.labeling.answer_model import AnswerModel, answers_of, overlap, points
from ruletune.labeling.answer_table import proposals_judged
from ruletune.labeling.span_apply import SpanRules
from ruletune.rules.base import AllOf, Metadata, Named, NearQuestion, Not, Pattern, Rule, Sentences, Veto, Vote
from ruletune.types import Example, Span, Spans

TOWN = Rule("town", Pattern(r"\bin (?P<answer>[A-Z]\w+)"), Vote("answer"))
NAME = Rule("name", Pattern(r"[A-Z]\w+"), Vote("answer"))
SAME = Rule("same", Sentences("words"), Vote("answer"))
NEVER = Rule("never", Not(Sentences("words", at_least=0.5)), Veto("answer"))

TEXT = "Ada lives in Lumen. Bo works in Orchard, far away."


def asked(question: str, answer: str | None = None, text: str = TEXT) -> Example:
    if answer is None:
        return Example("1", text, question)
    start = text.find(answer)
    return Example("1", text, question, Spans((Span(start, start + len(answer)),) if answer else ()))


def fitted(rules: list[Rule], examples: list[Example]) -> tuple[AnswerModel, list[str], list[float]]:
    votes = SpanRules(rules, labels=("answer",)).apply(examples)
    model = AnswerModel.fit(votes, examples)
    found = model.answers(model.proposals(votes, examples))
    said = [
        e.text[a.spans[0].start : a.spans[0].end] if a.spans else "" for e, (a, _) in zip(examples, found, strict=True)
    ]
    return model, said, [certain for _, certain in found]


def test_several_proposals_of_a_rule_share_its_belief() -> None:
    example = asked("Say a name!", text="Ada met Bo.")
    votes = SpanRules([NAME], labels=("answer",)).apply([example])
    [said] = AnswerModel.fit(votes, [example]).proposals(votes, [example])
    assert said.belief.sum() == pytest.approx(0.6)  # as far as a rule is believed of which nothing is known
    assert said.belief[0] == pytest.approx(said.belief[1])


def test_a_sentence_that_is_like_the_question_decides_between_proposals() -> None:
    assert fitted([TOWN, SAME], [asked("Where does Bo work?")])[1] == ["Orchard"]
    assert fitted([TOWN, SAME], [asked("Where does Ada live?")])[1] == ["Lumen"]


def test_gold_says_how_far_a_rule_is_believed() -> None:
    right = [asked("Where does Bo work?", "Orchard")] * 6
    model, _, _ = fitted([TOWN, Rule("far", Pattern("far"), Vote("answer"))], right)
    assert model.accuracy[0] > 0.8
    assert model.accuracy[1] < 0.3


def test_questions_without_an_answer_raise_what_the_rules_need_to_answer() -> None:
    bare = asked("Where is the moon?", "", text="Nobody in Lumen knows.")
    model, said, _ = fitted([TOWN], [asked("Where does Bo work?", "Orchard"), *[bare] * 9])
    assert model.none == pytest.approx(0.9)
    assert said[1:] == [""] * 9


def test_a_veto_over_the_whole_text_leaves_no_answer() -> None:
    _, said, certain = fitted([TOWN, NEVER], [asked("Where do elephants sleep?"), asked("Where does Bo work?")])
    assert said == ["", "Orchard"]
    assert certain[0] == 1.0


def test_a_veto_takes_out_what_it_touches() -> None:
    rules = [TOWN, Rule("not here", Pattern("Orchard"), Veto("answer"))]
    assert fitted(rules, [asked("Where does Bo work?")])[1] == ["Lumen"]


def test_belief_in_a_passage_grows_with_its_overlap() -> None:
    example = asked("Where does Bo work?")
    votes = SpanRules([TOWN, SAME], labels=("answer",)).apply([example])
    [said] = AnswerModel.fit(votes, [example]).proposals(votes, [example])
    start = TEXT.index("Orchard")
    whole, part, other = (said.of(Span(*place)) for place in ((start, start + 7), (start, start + 4), (0, 3)))
    assert whole > part > other > 0


def test_rules_that_point_at_sentences_are_told_from_those_that_propose() -> None:
    question = Metadata("question", equals=("x",))
    rules = [
        SAME,
        TOWN,
        Rule("both", AllOf((question, Sentences("words"))), Vote("answer")),
        Rule("other", AllOf((Pattern("a"), Sentences("words"))), Vote("answer")),
        Rule("named", Named("same"), Vote("answer")),
        Rule("near", NearQuestion(Pattern("a"), 1), Vote("answer")),
    ]
    assert points(rules).tolist() == [True, False, True, False, True, False]


def test_near_asks_for_the_questions_words_in_the_sentence() -> None:
    rule = Rule("near", NearQuestion(Pattern("[A-Z]\\w+"), 1), Vote("answer"))
    [firing] = SpanRules([rule], labels=("answer",)).firings(asked("Who works?"))
    assert [TEXT[span.start : span.end] for span in firing.spans] == ["Bo", "Orchard"]


def test_what_was_saved_is_what_is_read() -> None:
    model, _, _ = fitted([TOWN, SAME], [asked("Where does Bo work?", "Orchard"), asked("Where is it?", "")])
    again = AnswerModel.from_json(model.to_json())
    assert np.array_equal(again.accuracy, model.accuracy)
    assert (again.none, again.threshold, again.nearness) == (model.none, model.threshold, model.nearness)


def test_a_rule_is_right_about_a_question_where_one_of_its_proposals_is() -> None:
    examples = [asked("Where does Bo work?", "Orchard"), asked("Who?", ""), asked("Where?")]
    votes = SpanRules([TOWN, SAME], labels=("answer",)).apply(examples)
    right, judged = proposals_judged(votes, examples)
    town, same = votes.rule == 0, votes.rule == 1
    assert (int(judged[town].sum()), int(right[town].sum())) == (2, 1)
    assert (int(judged[same].sum()), int(right[same].sum())) == (1, 1)


def test_overlap_and_alternatives() -> None:
    assert overlap(Span(0, 2), Span(0, 2)) == 1.0
    several = Example("1", "a b", "q", Spans((Span(0, 1),)), alternatives=(Spans((Span(2, 3),)),))
    assert answers_of(several) == (Span(0, 1), Span(2, 3))
