"""Writing: every family of models, phrases that must and must not be said, whatever the weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ruletune.errors import UserError
from ruletune.models import backbone
from ruletune.models.checkpoints import Checkpoint
from ruletune.models.encoding import collate
from ruletune.models.generating import Constraint, encode_texts, generate, inexpressible, stream
from ruletune.models.readout import outputs
from ruletune.rules.demands import occurs
from tests.writer_fixtures import FAMILIES, SOME_FAMILIES, Family, build_writer

SOURCES = ["ein hund", "der Hund und die katze.", "haus", "12 katzen und 3 hunde", ""]


@pytest.fixture(scope="session")
def writers(tmp_path_factory: pytest.TempPathFactory) -> dict[Family, backbone.Classifier]:
    folders = {family: build_writer(tmp_path_factory.mktemp(family), family) for family in FAMILIES}
    return {family: writer(folder) for family, folder in folders.items()}


def writer(folder: Path, **options: object) -> backbone.Classifier:
    return backbone.new(
        Checkpoint("tiny", str(folder)), labels=(), multi=False, max_length=64, dropout=0.1, seed=0, readout="generate"
    )


def encoded(made: backbone.Classifier, sources: list[str] = SOURCES):  # type: ignore[no-untyped-def]
    return encode_texts(sources, None, tokenizer=made.tokenizer, max_length=64, max_target=16)


def says(text: str, phrase: str) -> bool:
    return occurs(phrase, text)


@pytest.mark.parametrize("family", SOME_FAMILIES)
def test_answers_in_a_batch_are_those_of_one_by_one(writers: dict[Family, backbone.Classifier], family: Family) -> None:
    made = writers[family]
    together = generate(made, encoded(made), max_target=12, candidates=2, precision="fp32")
    for source, answers in zip(SOURCES, together, strict=True):
        alone = generate(made, encoded(made, [source]), max_target=12, candidates=2, precision="fp32")[0]
        assert [c.text for c in alone] == [c.text for c in answers]
        assert [c.score for c in alone] == pytest.approx([c.score for c in answers], abs=1e-4)


def test_a_score_is_the_mean_log_probability(writers: dict[Family, backbone.Classifier]) -> None:
    """As the loss has it, be the answer found by the plain search or by the constrained one."""
    made = writers["marian"]
    sources = encoded(made)
    needs = [Constraint((("katze",),)), *[Constraint()] * (len(SOURCES) - 1)]
    rows = generate(made, sources, constraints=needs, beams=4, max_target=12, precision="fp32")
    for source, (best, *_) in zip(SOURCES, rows, strict=True):
        again = encode_texts([source], [best.text], tokenizer=made.tokenizer, max_length=64, max_target=64)
        tokens = again.columns["labels"][0]
        tokens[:] = tokens[:12]  # one that was cut has no end
        if made.tokenizer.decode(tokens, skip_special_tokens=True) != best.text:
            continue  # written in other tokens than the tokenizer's own
        with torch.inference_mode():
            logs = outputs(made.model, collate(again, [0], pad_id=made.pad_id, device=torch.device("cpu")), "generate")
        likely = logs.log_softmax(-1)[0, range(len(tokens)), tokens].mean()
        assert float(likely) == pytest.approx(best.score, abs=1e-3)


@pytest.mark.parametrize("family", SOME_FAMILIES)
def test_models_of_every_family_are_saved_and_loaded(
    writers: dict[Family, backbone.Classifier], family: Family, tmp_path: Path
) -> None:
    made = writers[family]
    backbone.save(made, tmp_path)
    again = backbone.load(tmp_path, max_length=64, readout="generate")
    assert generate(again, encoded(again), max_target=10) == generate(made, encoded(made), max_target=10)


@pytest.mark.parametrize("family", SOME_FAMILIES)
@settings(max_examples=8)
@given(
    avoid=st.lists(st.sampled_from(["hund", "Haus", "katze", "e", "b", "ein hund", "grün", "R", "0*", "*us"]), min_size=1, max_size=4),
    beams=st.sampled_from([1, 2, 4]),
)  # fmt: skip
def test_what_is_to_be_avoided_is_never_said(
    writers: dict[Family, backbone.Classifier], family: Family, avoid: list[str], beams: int
) -> None:
    made = writers[family]
    constraint = Constraint(avoid=tuple(avoid))
    answers = generate(
        made, encoded(made), constraints=[constraint] * len(SOURCES), beams=beams, candidates=beams, max_target=10
    )
    for candidate in (candidate for row in answers for candidate in row):
        assert not any(says(candidate.text, phrase) for phrase in avoid)
    streamed = "".join(stream(made, SOURCES[0], avoid=avoid, max_target=10))
    assert not any(says(streamed, phrase) for phrase in avoid)


@pytest.mark.parametrize("family", SOME_FAMILIES)
@settings(max_examples=6)
@given(
    require=st.lists(
        st.sampled_from([("hund", "Hunde"), ("katze",), ("grün", "blau"), ("ein haus",), ("Köln*",), ("7",)]),
        min_size=1, max_size=3, unique=True,
    ),
    avoid=st.sampled_from([(), ("x",), ("und", "b")]),
    beams=st.sampled_from([1, 4]),
)  # fmt: skip
def test_what_is_required_is_always_said(
    writers: dict[Family, backbone.Classifier],
    family: Family,
    require: list[tuple[str, ...]],
    avoid: tuple[str, ...],
    beams: int,
) -> None:
    made = writers[family]
    constraints = [Constraint(tuple(require), avoid), *[Constraint()] * (len(SOURCES) - 1)]
    answers = generate(made, encoded(made), constraints=constraints, beams=beams, max_target=30)
    text = answers[0][0].text
    assert all(any(says(text, phrase) for phrase in group) for group in require), text
    assert not any(says(text, phrase) for phrase in avoid), text
    free = generate(made, encoded(made), beams=beams, max_target=30)
    assert [row[0].text for row in answers[1:]] == [row[0].text for row in free[1:]], "others are left alone"


def test_what_has_no_room_is_not_dropped_in_silence(writers: dict[Family, backbone.Classifier]) -> None:
    """An answer is cut at its length, and the caller sees what it does not say."""
    made = writers["t5"]
    need = Constraint(require=(("hund",), ("zwölf",)))
    [(best, *_)] = generate(made, encoded(made, ["haus"]), constraints=[need], max_target=3)
    assert says(best.text, "hund") and not says(best.text, "zwölf")


def test_what_the_best_answer_says_already_changes_nothing(writers: dict[Family, backbone.Classifier]) -> None:
    made = writers["t5"]
    free = generate(made, encoded(made, ["ein hund"]), max_target=10)
    word = free[0][0].text.split()[0]
    assert generate(made, encoded(made, ["ein hund"]), constraints=[Constraint(((word,),))], max_target=10) == free


def test_a_phrase_without_tokens_is_named(writers: dict[Family, backbone.Classifier]) -> None:
    made = writers["t5"]
    assert inexpressible(made.tokenizer, ["hund", "猫", "Köln*", "a猫"]) == ["猫", "a猫"]
    assert inexpressible(writers["bart"].tokenizer, ["hund", "猫"]) == []
    with pytest.raises(UserError, match="for want of its characters: '猫'"):
        generate(made, encoded(made, ["haus"]), constraints=[Constraint((("猫",),))], max_target=9)
    # One alternative that can be written is enough.
    [(best, *_)] = generate(made, encoded(made, ["haus"]), constraints=[Constraint((("猫", "katze"),))], max_target=9)
    assert says(best.text, "katze")


@pytest.mark.parametrize("family", SOME_FAMILIES)
def test_a_stream_is_the_greedy_answer(writers: dict[Family, backbone.Classifier], family: Family) -> None:
    made = writers[family]
    for source in SOURCES:
        greedy = generate(made, encoded(made, [source]), beams=1, max_target=12, precision="fp32")[0][0].text
        pieces = list(stream(made, source, max_target=12, precision="fp32"))
        assert "".join(pieces).strip() == greedy
        assert all(pieces)


def test_a_target_that_is_too_long_does_not_end(writers: dict[Family, backbone.Classifier]) -> None:
    tokenizer = writers["t5"].tokenizer
    whole = encode_texts(["a"], ["ein hund"], tokenizer=tokenizer, max_length=8, max_target=8).columns["labels"][0]
    cut = encode_texts(["a"], ["ein hund"], tokenizer=tokenizer, max_length=8, max_target=2).columns["labels"][0]
    assert whole[-1] == tokenizer.eos_token_id and cut == whole[:2]


def test_sources_that_are_cut_are_counted(writers: dict[Family, backbone.Classifier]) -> None:
    made = encode_texts(["hund " * 9, "hund"], None, tokenizer=writers["t5"].tokenizer, max_length=5, max_target=8)
    assert (made.loss.texts, made.loss.truncated) == (2, 1)
    assert max(made.lengths) == 5
    assert len(encode_texts([], [], tokenizer=writers["t5"].tokenizer, max_length=5, max_target=8)) == 0


def test_a_language_that_is_not_said_is_asked_for(writers: dict[Family, backbone.Classifier], tmp_path: Path) -> None:
    backbone.save(writers["mbart"], tmp_path)
    made = backbone.load(tmp_path, max_length=64, readout="generate")
    made.tokenizer.tgt_lang = None
    with pytest.raises(UserError, match="tgt_lang"):
        generate(made, encoded(made), max_target=5)


def test_an_encoder_cannot_write(checkpoint: Path) -> None:
    with pytest.raises(UserError, match=r"'tiny' \(bert\) is no sequence-to-sequence model.*flan-t5-small"):
        writer(checkpoint)
