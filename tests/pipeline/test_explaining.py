"""Why a run answers as it does, for every shape of answer."""

from __future__ import annotations

import json
import shutil
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import ruletune
from ruletune import Example, UserError
from ruletune.pipeline.extract_run import ExtractRun
from ruletune.pipeline.run import Run
from ruletune.pipeline.span_run import TagRun
from ruletune.pipeline.text_run import TextRun
from ruletune.report.explanation import Explanation
from tests.explain_fixtures import label_run, passage_run, relation_run, span_run, text_run
from tests.understanding_fixtures import write_understanding
from tests.writer_fixtures import build_writer

ODD = ["", " ", "这很好", "😀👩‍👩‍👧 superb\u200d", "\x00\ufffd", "[SEP] [MASK] great", "superb " * 200]


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory, checkpoint: Path) -> Run:
    return label_run(tmp_path_factory.mktemp("labels"), checkpoint)


@pytest.fixture(scope="module")
def spans(tmp_path_factory: pytest.TempPathFactory, checkpoint: Path) -> TagRun:
    run = span_run(tmp_path_factory.mktemp("spans"), checkpoint)
    assert isinstance(run, TagRun)
    return run


@pytest.fixture(scope="module")
def passages(tmp_path_factory: pytest.TempPathFactory, checkpoint: Path) -> ExtractRun:
    run = passage_run(tmp_path_factory.mktemp("passages"), checkpoint)
    assert isinstance(run, ExtractRun)
    return run


@pytest.fixture(scope="module")
def writer(tmp_path_factory: pytest.TempPathFactory) -> TextRun:
    checkpoint = build_writer(tmp_path_factory.mktemp("writer"), "t5")
    run = text_run(tmp_path_factory.mktemp("texts"), checkpoint)
    assert isinstance(run, TextRun)
    return run


def sound(found: Explanation, example: Example) -> dict[str, Any]:
    """What holds of every explanation; as JSON."""
    value = found.to_json()
    assert json.loads(json.dumps(value, allow_nan=False)) == value
    for each in value["attributions"]:
        assert sum(each["totals"].values()) == pytest.approx(each["shown"] - each["hidden"] + each["delta"], abs=1e-4)
        for word in each["words"]:
            assert example.text[word["start"] : word["end"]] == word["text"] != ""
        for word in each.get("pair", ()):
            assert (example.text_pair or "")[word["start"] : word["end"]] == word["text"] != ""
        for first, last in each["cut"]:
            assert 0 <= first < last <= len(example.text)
    for rule in value["rules"]:
        assert rule["without"] is not None
    return dict(value)


def test_a_label(labels: Run) -> None:
    example = Example("1", "a superb story but dull")
    found = labels.explain(example)
    value = sound(found, example)
    assert [word["text"] for word in value["attributions"][0]["words"]] == example.text.split()
    assert value["attributions"][0]["answer"] == value["answer"] and value["attributions"][0]["measure"] == "log-odds"
    assert set(value["model"]) == set(value["label_model"]) == set(value["beliefs"]) == {"bad", "good"}
    [praise, blame] = value["rules"]
    assert (praise["rule"], blame["rule"]) == ("praise", "blame") and praise["spans"] == [[2, 8]]
    assert 0.5 < praise["reliability"] < 1
    assert praise["evidence"]["judged"] > 0 and 0 < praise["evidence"]["coverage"] <= 1
    assert praise["without"]["label_model"]["good"] < 0.5 < blame["without"]["label_model"]["good"]
    assert praise["without"]["changes"] is False
    assert found["answer"] == found.answer and set(found) == set(value) and len(found) == len(value)


def test_a_label_that_is_not_the_answer(labels: Run) -> None:
    example = Example("1", "a superb story")
    good, bad = (labels.explain(example, label=label, examples=0).attributions[0] for label in ("good", "bad"))
    assert good.answer == "good" and bad.answer == "bad"
    assert [word.weight for word in good.words] == pytest.approx([-word.weight for word in bad.words], abs=1e-5)
    with pytest.raises(UserError, match="unknown label 'god'"):
        labels.explain(example, label="god")


def test_a_veto_is_law_and_without_it_the_answer_is_another(labels: Run) -> None:
    example = Example("1", "not superb")
    value = sound(labels.explain(example), example)
    veto = next(rule for rule in value["rules"] if rule["rule"] == "no praise")
    assert veto["veto"] is True and veto["says"] == "not good"
    assert (
        value["answer"] == "bad" and value["beliefs"]["good"]["answer"] == 0.0 < value["beliefs"]["good"]["calibrated"]
    )
    assert veto["without"]["score"] < 1.0 and veto["without"]["label_model"]["good"] > 0.5


def test_a_prompt_chooses_how_a_text_is_shown_and_what_it_adds_is_told_apart(labels: Run) -> None:
    example = Example("1", "a loud story")
    value = sound(labels.explain(example), example)
    assert {other["part"]: other["words"] for other in value["attributions"][0]["others"]} == {"template": "film"}
    prompt = next(rule for rule in value["rules"] if rule["rule"] == "loudly")
    assert prompt["says"] == "chooses how the text is shown" and prompt["answer"] is None
    plain = labels.explain(Example("2", "a warm story"))["attributions"][0]
    assert plain["others"] == []


def test_rules_that_veto_everything_cancel_out(tmp_path: Path, checkpoint: Path) -> None:
    rules = "\n  - {name: a, keywords: [story], veto: good}\n  - {name: b, keywords: [story], veto: bad}\n"
    example = Example("1", "a story")
    value = sound(label_run(tmp_path, checkpoint, rules=rules).explain(example), example)
    assert sum(value["label_model"].values()) == pytest.approx(1) and min(value["model"].values()) > 0
    gone = {rule["rule"]: rule["without"]["answer"] for rule in value["rules"]}
    assert gone == {"a": "good", "b": "bad"}


def test_no_rules_several_labels_and_no_examples(tmp_path: Path, checkpoint: Path) -> None:
    run = label_run(tmp_path, checkpoint, rules="", head="multi_label: true\n", extra=", keep_examples: false")
    assert not list(run.folder.glob("examples.*"))
    example = Example("1", "a film")
    value = sound(run.explain(example), example)
    assert value["rules"] == [] and value["label_model"] is None and value["examples"] == []
    assert value["attributions"] and any("no gold examples" in note for note in value["notes"])


@pytest.mark.parametrize("text", ODD)
def test_odd_texts(labels: Run, spans: TagRun, passages: ExtractRun, text: str) -> None:
    for run, example in (
        (labels, Example("1", text)),
        (spans, Example("1", text)),
        (passages, Example("1", text, "is the film great ?")),
        (passages, Example("1", f"{text} superb", text or "?")),
    ):
        assert sound(run.explain(example), example)["text"] == text or run is passages


@pytest.mark.long
def test_a_megabyte(labels: Run) -> None:
    example = Example("1", "superb 好 " * 110_000)
    value = sound(labels.explain(example), example)
    assert value["attributions"][0]["cut"][0][1] == len(example.text) and len(value["attributions"][0]["words"]) < 30


def test_the_nearest_gold_examples(labels: Run) -> None:
    example = Example("1", "the superb film 0")
    near = sound(labels.explain(example, examples=4), example)["examples"]
    assert near[0]["text"] == example.text and near[0]["similarity"] == pytest.approx(1, abs=2e-3)
    assert near[0]["answer"] == "good" and len(near) == 4
    assert [each["similarity"] for each in near] == sorted((each["similarity"] for each in near), reverse=True)
    assert len(labels.explain(example, examples=50)["examples"]) == 10
    assert labels.explain(example, examples=0)["examples"] == []


def test_an_older_run_and_one_whose_examples_are_damaged(labels: Run, tmp_path: Path) -> None:
    older = tmp_path / "older"
    shutil.copytree(labels.folder, older)
    for path in older.glob("examples.*"):
        path.unlink()
    (older / "report.json").unlink()
    example = Example("1", "a superb film")
    value = sound(ruletune.load(older).explain(example), example)
    assert value["examples"] == [] and value["rules"][0]["evidence"] is None and value["attributions"]
    damaged = tmp_path / "damaged"
    shutil.copytree(labels.folder, damaged)
    (damaged / "examples.safetensors").write_bytes(b"\x00" * 20)
    with pytest.raises(UserError, match="damaged"):
        ruletune.load(damaged).explain(example)


def test_without_captum_the_rest_is_there(labels: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "captum.attr", None)
    example = Example("1", "a superb film")
    value = sound(labels.explain(example), example)
    assert value["attributions"] == [] and value["rules"] and value["examples"]
    assert any("pip install 'ruletune[explain]'" in note for note in value["notes"])
    assert labels.explain(example, words=False).notes == ()


def test_the_same_from_several_threads(labels: Run) -> None:
    run = ruletune.load(labels.folder)
    texts = ["a superb film", "dull and stale", "not great", "a loud cast"]
    expected = [run.explain(Example("1", text)).to_json() for text in texts]
    found: list[list[dict[str, Any]]] = [[] for _ in range(3)]

    def work(place: int) -> None:
        found[place] = [run.explain(Example("1", text)).to_json() for text in texts]

    threads = [threading.Thread(target=work, args=(place,)) for place in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(each == expected for each in found)


def test_a_relation(tmp_path: Path, checkpoint: Path) -> None:
    run = relation_run(tmp_path, checkpoint)
    for text in (
        "the <e1:MAN>film</e1> is superb <e2>review</e2> 好",
        "of " * 40 + "<e1>film</e1> stale <e2>cast</e2>" + " of" * 40,
    ):
        example = run.example(text)
        value = sound(run.explain(example), example)
        start, end = value["entities"][0]
        assert example.text[start:end] == "film"
        assert {"film"} <= {word["text"] for word in value["attributions"][0]["words"]}
        assert bool(value["attributions"][0]["cut"]) == (len(text) > 200)
        assert value["examples"][0]["answer"] in run.labels
    with pytest.raises(UserError):
        run.explain(Example("1", "no entities"))


def test_entities(spans: TagRun) -> None:
    example = Example("1", "a superb and awful film of the story " * 3)
    value = sound(spans.explain(example), example)
    assert value["answer"] and len(value["scores"]) == len(value["answer"])
    assert value["attributions"][0]["answer"] == value["answer"][0]
    assert "model_alone" in value and value["model"] == {}
    blame = next(rule for rule in value["rules"] if rule["rule"] == "blame")
    # It has the higher priority: without it the other rule is heard about the same word.
    assert blame["without"]["label_model"] != value["label_model"]
    assert {span["label"] for span in blame["without"]["label_model"]} == {"GOOD"}
    assert (
        spans.explain(Example("2", "the cast")).to_json()["attributions"] == []
        or spans.predict([Example("2", "the cast")])[0].answer
    )
    with pytest.raises(UserError, match="unknown label"):
        spans.explain(example, label="OTHER")


def test_a_passage(passages: ExtractRun) -> None:
    example = Example("1", "of the cast " * 10 + "the superb film is a story", "is the film great ?")
    value = sound(passages.explain(example), example)
    assert value["question"] == example.text_pair and {"model_alone", "label_model"} <= set(value)
    [attribution] = value["attributions"]
    assert attribution["measure"] == "log-probability" and attribution["answer"] == value["answer"]
    assert [word["text"] for word in attribution["pair"]] == ["is", "the", "film", "great", "?"]
    assert value["rules"][0]["without"]["label_model"] is None
    with pytest.raises(UserError, match="no labels"):
        passages.explain(example, label="good")
    with pytest.raises(UserError, match="question"):
        passages.explain(Example("1", "superb"))


def test_a_written_text(writer: TextRun) -> None:
    example = Example("1", "ein hund 5")
    value = sound(writer.explain(example), example)
    assert {"without_rules", "demands"} <= set(value) and "label_model" not in value
    assert [rule["rule"] for rule in value["rules"]] == ["dogs", "never"]
    assert "reliability" not in value["rules"][0]
    [attribution] = value["attributions"]
    assert [word["text"] for word in attribution["words"]] == ["ein", "hund", "5"]
    assert attribution["answer"] == value["answer"] and attribution["shown"] < 0
    assert value["examples"][0]["text"] in {f"{source} {n}" for n in range(3) for source in ("ein hund", "eine katze", "der hund und das haus")}  # fmt: skip
    with pytest.raises(UserError, match="no labels"):
        writer.explain(example, label="good")


def test_a_long_source_is_explained_piece_by_piece(writer: TextRun) -> None:
    example = Example("1", "ein hund und ein haus. eine katze. " * 12)
    value = sound(writer.explain(example), example)
    assert len(value["attributions"]) == 3 and any("pieces" in note for note in value["notes"])
    first, second = value["attributions"][:2]
    assert first["words"][-1]["end"] <= second["words"][0]["start"] and second["cut"][0][0] == 0


def test_intents_and_slots(tmp_path: Path, checkpoint: Path) -> None:
    task = write_understanding(tmp_path, checkpoint)
    run = ruletune.fit(ruletune.load_task(task), out=tmp_path / "run")
    found = run.explain(Example("1", "a superb film"))
    value = found.to_json()
    assert set(value) == {"text", "answer", "score", "intent", "slots"}
    assert value["intent"]["attributions"] and value["slots"]["rules"]
    assert run.explain(Example("1", "a superb film"), label="thing")["slots"]["answer"] == value["slots"]["answer"]
    with pytest.raises(UserError, match="unknown label"):
        run.explain(Example("1", "a"), label="nothing")
    assert "<h2>Slots</h2>" in found._repr_html_()
