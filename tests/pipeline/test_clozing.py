"""Clozes and several templates in a whole run, from the task file to the answers of the finished model."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForMaskedLM, AutoTokenizer

import ruletune
from ruletune.config import load_task
from ruletune.errors import UserError
from ruletune.models.checkpoints import resolve
from ruletune.pipeline.clozing import fill_in, take_off_prior
from ruletune.pipeline.fit import fit
from ruletune.types import Example, Label
from tests.model_fixtures import texts, write_task

CLOZE = """
templates: ["{text} is {mask}"]
verbalizer: {bad: [awful, dull], good: great}
"""
PROMPTED = """
rules:
  - {name: praise, keywords: [superb, lovely, great], vote: good}
  - {name: blame, regex: 'awful|dull', vote: bad}
  - {name: cast, keywords: [cast], prompt: "its cast is {mask} {text}", verbalizer: {good: [superb]}}
"""

LEARNED = 0.65
"""Accuracy where rules fire that is no chance: guessing has half of about 190 texts right, give or take 4 points."""


def trained(folder: Path, checkpoint: Path, extra: str, *, rules: str | None = None) -> ruletune.Run:
    folder.mkdir(exist_ok=True)
    task = write_task(folder, checkpoint, extra, rules=rules, test=400)
    # Eight gold labels say too little about when to stop a model that starts from random weights, whose representations
    # also say nothing about rules.
    patient = task.read_text(encoding="utf-8").replace(
        "weak: {epochs: 4}", "weak: {epochs: 12}\n  patience: 100\n  guard: false"
    )
    task.write_text(patient, encoding="utf-8")
    return fit(load_task(task), out=folder / "run")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, masked: Path) -> ruletune.Run:
    return trained(tmp_path_factory.mktemp("cloze"), masked, CLOZE, rules=PROMPTED)


def test_label_words_are_learned_from_rules_and_labels(finished: ruletune.Run) -> None:
    scores = finished.metrics["scores"]
    # Random weights know no synonyms: words that no rule has are learned by nobody.
    assert scores["rules + labels"]["covered"] > LEARNED
    opened = ruletune.load(finished.folder)
    answers = opened.predict([Example("1", "a superb film"), Example("2", "a dull story")])
    assert [prediction.answer for prediction in answers] == [Label.of("good"), Label.of("bad")]
    measured = opened.evaluate(opened.read(str(finished.folder.parent / "test.jsonl")))
    assert measured["accuracy"] == pytest.approx(scores["rules + labels"]["accuracy"])
    assert set(opened.explain(Example("1", "a superb film"))["model"]) == {"bad", "good"}


def test_the_run_folder_says_how_to_ask_the_plain_model(finished: ruletune.Run) -> None:
    """What docs/cloze.md tells people who use the model without Ruletune."""
    settings = json.loads((finished.folder / "ruletune.json").read_text(encoding="utf-8"))
    prompt = settings["cloze"]["prompts"][0]
    model = AutoModelForMaskedLM.from_pretrained(finished.folder / "model").eval()
    tokenizer = AutoTokenizer.from_pretrained(finished.folder / "model")
    asked = [e.text for e in texts(20, seed=9) if "cast" not in e.text]
    batch = tokenizer([prompt["template"].replace("{text}", t).replace("{mask}", tokenizer.mask_token) for t in asked],
                      return_tensors="pt", padding=True)  # fmt: skip
    with torch.inference_mode():
        blank = model(**batch).logits[batch["input_ids"] == tokenizer.mask_token_id].log_softmax(-1)
    logits = torch.stack(
        [(blank[:, [i for [i] in ids]] - torch.tensor(prior)).mean(-1) for ids, prior in zip(prompt["ids"], prompt["prior"], strict=True)],
        dim=-1,
    )  # fmt: skip
    found = finished.probabilities([Example(str(n), text) for n, text in enumerate(asked)])
    np.testing.assert_allclose(
        logits.softmax(-1).numpy(), found, atol=0.03
    )  # found in bf16 where there is hardware for it


def test_a_prompt_chooses_template_and_label_words(finished: ruletune.Run) -> None:
    prompts = finished.settings["cloze"]["prompts"]
    assert [prompt["words"] for prompt in prompts] == [[["awful", "dull"], ["great"]], [["awful", "dull"], ["superb"]]]
    assert prompts[0]["prior"] != prompts[1]["prior"]


def test_the_same_seed_gives_the_same_answers(finished: ruletune.Run, tmp_path: Path, masked: Path) -> None:
    again = trained(tmp_path, masked, CLOZE, rules=PROMPTED)
    assert again.settings["cloze"] == finished.settings["cloze"]
    asked = texts(10, seed=4)
    np.testing.assert_array_equal(again.probabilities(asked), finished.probabilities(asked))


def test_several_clozes_are_averaged(tmp_path: Path, masked: Path) -> None:
    extra = CLOZE.replace('["{text} is {mask}"]', '["{text} is {mask}", "{mask} film {text}"]')
    run = trained(tmp_path, masked, extra)
    assert len(run.settings["cloze"]["prompts"]) == 2
    assert run.metrics["scores"]["rules + labels"]["covered"] > LEARNED


@pytest.mark.long
def test_several_templates_of_a_sequence_head_are_averaged(tmp_path: Path, checkpoint: Path) -> None:
    run = trained(tmp_path, checkpoint, 'templates: ["{text}", "the review {text}"]')
    assert run.settings["cloze"] is None
    assert run.metrics["scores"]["rules + labels"]["accuracy"] > 0.58  # as above, on all
    assert ruletune.load(run.folder).predict([Example("1", "a superb film")])[0].answer == Label.of("good")


def test_several_labels_at_once(tmp_path: Path, masked: Path) -> None:
    run = trained(tmp_path, masked, CLOZE + "multi_label: true\n")
    probability = run.probabilities([Example("1", "a superb film"), Example("2", "a dull story")])
    assert probability[0, 1] > probability[1, 1] and probability[0, 0] < probability[1, 0]


@pytest.mark.parametrize("adapter", ["head", "lora"])
def test_adapters_end_in_a_plain_model(adapter: str, tmp_path: Path, masked: Path) -> None:
    task = write_task(tmp_path, masked, CLOZE)
    source = task.read_text(encoding="utf-8").replace("max_length: 32", f"max_length: 32, adapter: {adapter}")
    task.write_text(source, encoding="utf-8")
    run = fit(load_task(task), out=tmp_path / "run")
    _, report = AutoModelForMaskedLM.from_pretrained(run.folder / "model", output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"]


def test_a_checkpoint_that_cannot_fill_in_is_refused_before_anything_is_written(
    tmp_path: Path, checkpoint: Path
) -> None:
    task = write_task(tmp_path, checkpoint, CLOZE)
    with pytest.raises(UserError, match=r"no masked language model's head.*ruletune pretrain"):
        fit(load_task(task), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_without_a_blank_or_texts_nothing_is_asked(tmp_path: Path, masked: Path) -> None:
    plain = load_task(write_task(tmp_path, masked))
    checkpoint = resolve(str(masked), folder=tmp_path)
    assert fill_in(plain, checkpoint) == checkpoint
    assert take_off_prior(plain, checkpoint, texts(4, seed=1)) == checkpoint
    blank = fill_in(load_task(write_task(tmp_path, masked, CLOZE)), checkpoint)
    assert take_off_prior(plain, blank, []) == blank
    assert blank.cloze is not None and blank.cloze.prompts[0].prior == ((0.0, 0.0), (0.0,))
