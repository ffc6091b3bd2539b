"""A masked language model that answers by label words, beside what the plain checkpoint says."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModelForMaskedLM

from ruletune.errors import UserError
from ruletune.models import adapters, backbone
from ruletune.models import cloze as clozes
from ruletune.models.checkpoints import Checkpoint, resolve
from ruletune.models.cloze import with_prior
from ruletune.models.encoding import Encoded, collate, encode
from ruletune.models.verbalizer import Cloze, Prompt, Vocabulary, verbalize
from ruletune.templates import Rendering, Template
from ruletune.types import Example
from tests.model_fixtures import texts

CPU = torch.device("cpu")
LABELS = {"bad": "", "good": ""}
AFTER, BEFORE = Template.parse("{text} is {mask}"), Template.parse("{mask} film {text}")


def words(masked: Path, verbalizer: dict[str, list[str]], *templates: Template) -> Cloze:
    vocabulary = Vocabulary.read(masked)
    assert vocabulary is not None
    return verbalize(templates or (AFTER,), labels=LABELS, verbalizer=verbalizer, vocabulary=vocabulary)


def classifier(masked: Path, cloze: Cloze, *, multi: bool = False) -> backbone.Classifier:
    checkpoint = Checkpoint("tiny", str(masked), cloze=cloze)
    return backbone.new(checkpoint, labels=("bad", "good"), multi=multi, max_length=32, dropout=0.1, seed=0)


def shown(made: backbone.Classifier, *templates: Template, n: int = 12) -> Encoded:
    first, *others = templates
    return encode(
        texts(n, seed=5),
        rendering=Rendering(first, others=tuple(others)),
        tokenizer=made.tokenizer,
        max_length=32,
        cloze=made.model.cloze,
    )


@pytest.mark.parametrize(
    "verbalizer",
    [{"bad": ["awful", "dull"], "good": ["great"]}, {"bad": ["awful film"], "good": ["great film"]}],
    ids=["one token", "two tokens"],
)
def test_logits_are_the_plain_models_log_probabilities_of_the_words(
    masked: Path, verbalizer: dict[str, list[str]]
) -> None:
    cloze = words(masked, verbalizer)
    made = classifier(masked, cloze)
    found = backbone.logits(made, data := shown(made, AFTER), precision="fp32")
    plain = AutoModelForMaskedLM.from_pretrained(masked).eval()
    with torch.inference_mode():
        for row in range(len(data)):
            batch = collate(data, [row], pad_id=0, device=CPU)
            del batch["prompt"]
            blanks = plain(**batch).logits.log_softmax(-1)[batch["input_ids"] == made.tokenizer.mask_token_id]
            expected = [
                np.mean([np.mean([float(blanks[m, t]) for m, t in enumerate(word)]) for word in group])
                for group in cloze.prompts[0].ids
            ]
            np.testing.assert_allclose(found[row], expected, atol=1e-4)


def test_asking_at_the_blanks_alone_gives_what_asking_everywhere_gives(
    masked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = classifier(masked, words(masked, {"bad": ["awful film"], "good": ["great film"]}))
    data = shown(made, AFTER)
    fast = backbone.logits(made, data, precision="fp32")
    monkeypatch.setattr(clozes, "_HEADS", {})
    np.testing.assert_allclose(backbone.logits(made, data, precision="fp32"), fast, atol=1e-5)


@pytest.mark.parametrize("family", ["bert", "roberta", "xlm-roberta", "camembert", "mpnet", "distilbert", "electra"])
def test_every_family_is_asked_at_the_blanks(family: str) -> None:
    """Those with a known head are asked there alone, the others everywhere; either gives what the plain model gives."""
    small = {
        "vocab_size": 40,
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 16,
    }
    names = (
        {"dim": 16, "n_layers": 1, "n_heads": 2, "hidden_dim": 16, "vocab_size": 40}
        if family == "distilbert"
        else small
    )
    mlm = AutoModelForMaskedLM.from_config(AutoConfig.for_model(family, pad_token_id=1, **names)).eval()
    prompt = Prompt(AFTER, (("a",), ("b",)), (((7,),), ((8,),)), ((0.0,), (0.0,)))
    made = clozes.ClozeModel(mlm, Cloze((prompt,), 1), mask_id=5).eval()
    ids = torch.tensor([[2, 9, 5, 3], [2, 5, 3, 1]])
    inputs = {"input_ids": ids, "attention_mask": (ids != 1).long()}
    with torch.inference_mode():
        found = made(prompt=torch.zeros_like(ids), **inputs).logits
        expected = mlm(**inputs).logits.log_softmax(-1)[ids == 5][:, [7, 8]]
    np.testing.assert_allclose(found.numpy(), expected.numpy(), atol=1e-5)


def test_logits_do_not_depend_on_batches(masked: Path) -> None:
    made = classifier(masked, words(masked, {"bad": ["awful"], "good": ["great"]}))
    data = shown(made, AFTER, n=30)
    alone = backbone.logits(made, data, precision="fp32", batch_size=1)
    np.testing.assert_allclose(backbone.logits(made, data, precision="fp32"), alone, atol=1e-5)


def test_several_templates_are_averaged(masked: Path) -> None:
    cloze = words(masked, {"bad": ["awful"], "good": ["great"]}, AFTER, BEFORE)
    made = classifier(masked, cloze)
    each = [backbone.logits(made, shown(made, template), precision="fp32") for template in (AFTER, BEFORE)]
    both = shown(made, AFTER, BEFORE)
    np.testing.assert_allclose(backbone.logits(made, both, precision="fp32"), np.mean(each, axis=0), atol=1e-5)
    np.testing.assert_allclose(
        backbone.logits(made, both.take([3, 1]), precision="fp32"), np.mean(each, axis=0)[[3, 1]], atol=1e-5
    )


def test_the_prior_is_the_words_mean_probability(masked: Path) -> None:
    cloze = words(masked, {"bad": ["awful", "dull"], "good": ["great"]})
    made = classifier(masked, cloze)
    data = shown(made, AFTER)
    scores = backbone.word_scores(made, data, precision="fp32")
    assert scores.shape == (12, 2, 2)
    found = with_prior(cloze, 0, scores)
    [prompt] = found.prompts
    assert [len(values) for values in prompt.prior] == [2, 1]
    np.testing.assert_allclose(prompt.prior[1][0], np.log(np.exp(scores[:, 1, 0]).mean()), rtol=1e-5)
    lifted = backbone.logits(classifier(masked, found), data, precision="fp32")
    expected = np.stack(
        [(scores[:, 0] - np.array(prompt.prior[0])).mean(axis=1), scores[:, 1, 0] - prompt.prior[1][0]], axis=1
    )
    np.testing.assert_allclose(lifted, expected, atol=1e-4)


def test_a_saved_model_is_a_plain_checkpoint(masked: Path, tmp_path: Path) -> None:
    cloze = words(masked, {"bad": ["awful"], "good": ["great"]})
    made = classifier(masked, cloze, multi=True)
    data = shown(made, AFTER)
    expected = backbone.logits(made, data, precision="fp32")
    backbone.save(made, tmp_path / "model")
    plain, report = AutoModelForMaskedLM.from_pretrained(tmp_path / "model", output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"]
    assert plain.config.id2label == {0: "bad", 1: "good"}
    again = backbone.load(tmp_path / "model", max_length=32, cloze=cloze)
    assert (again.labels, again.multi) == (("bad", "good"), True)
    np.testing.assert_array_equal(backbone.logits(again, data, precision="fp32"), expected)


def test_adapters_choose_what_learns(masked: Path, tmp_path: Path) -> None:
    cloze = words(masked, {"bad": ["awful"], "good": ["great"]})
    made = classifier(masked, cloze)
    adapters.attach(made, "head", seed=0)
    learning = {name for name, parameter in made.model.named_parameters() if parameter.requires_grad}
    assert learning and all(".cls." in name for name in learning)

    made = classifier(masked, cloze)
    data = shown(made, AFTER)
    before = backbone.logits(made, data, precision="fp32")
    adapters.attach(made, "lora", seed=0)
    learning = {name for name, parameter in made.model.named_parameters() if parameter.requires_grad}
    assert learning and all("lora_" in name for name in learning)
    np.testing.assert_allclose(backbone.logits(made, data, precision="fp32"), before, atol=1e-5)
    adapters.merge(made)
    backbone.save(made, tmp_path / "model")
    _, report = AutoModelForMaskedLM.from_pretrained(tmp_path / "model", output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"]


def test_a_checkpoint_without_the_head_is_refused(checkpoint: Path, masked: Path) -> None:
    cloze = words(masked, {"bad": ["awful"], "good": ["great"]})
    with pytest.raises(UserError, match="has no masked language model's head"):
        classifier(checkpoint, cloze)


# What is shown


def tokens(made: backbone.Classifier, text: str, template: Template, *, limit: int = 12, pair: str | None = None):  # type: ignore[no-untyped-def]
    encoded = encode(
        [Example("1", text, pair)],
        rendering=Rendering(template),
        tokenizer=made.tokenizer,
        max_length=limit,
        cloze=made.model.cloze,
    )
    return made.tokenizer.convert_ids_to_tokens(encoded.columns["input_ids"][0])


@pytest.mark.parametrize("template", ["{text} is {mask}", "{mask} {text}", "{text}{sep}{text_pair} {mask}"])
def test_truncation_never_cuts_the_blank(masked: Path, template: str) -> None:
    parsed = Template.parse(template)
    made = classifier(masked, words(masked, {"bad": ["awful film"], "good": ["great film"]}, parsed))
    for text in ("", "film", "film " * 11, "superb film " * 50):
        for pair in ("", "story " * 40) if "sep" in parsed.fields else (None,):
            found = tokens(made, text, parsed, pair=pair)
            assert found.count("[MASK]") == 2 and len(found) <= 12


def test_a_text_cannot_add_a_blank(masked: Path) -> None:
    made = classifier(masked, words(masked, {"bad": ["awful"], "good": ["great"]}))
    assert tokens(made, "a [MASK] film", AFTER).count("[MASK]") == 1
    assert tokens(made, "[MASK]" * 30, AFTER).count("[MASK]") == 1


def test_a_template_too_long_for_the_model_is_refused(masked: Path) -> None:
    long = Template.parse("film " * 40 + "{text} {mask}")
    made = classifier(masked, words(masked, {"bad": ["awful"], "good": ["great"]}, long))
    with pytest.raises(UserError, match="too long for the model even without the text"):
        tokens(made, "superb", long)


def test_a_real_masked_language_model_knows_label_words(shared: Path) -> None:
    """Zero-shot: questions for a place or a number, nothing trained. Chance is one half."""
    try:
        checkpoint = resolve("bert-tiny-mlm", folder=Path())
    except UserError as error:
        pytest.skip(str(error))
    lines = (shared / "trec" / "train.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [row for row in map(json.loads, lines) if row["label"] in (4, 5)][:400]
    vocabulary = Vocabulary.read(Path(checkpoint.source))
    assert vocabulary is not None
    template = Template.parse("{text} The answer is a {mask}.")
    verbalizer = {"place": ["place", "country"], "number": ["number", "date"]}
    labels = {"place": "", "number": ""}
    cloze = verbalize([template], labels=labels, verbalizer=verbalizer, vocabulary=vocabulary)

    def correct(cloze: Cloze) -> tuple[float, np.ndarray]:
        made = backbone.new(
            replace(checkpoint, cloze=cloze), labels=tuple(labels), multi=False, max_length=64, dropout=None, seed=0
        )
        examples = [Example(str(n), row["text"]) for n, row in enumerate(rows)]
        data = encode(examples, rendering=Rendering(template), tokenizer=made.tokenizer, max_length=64, cloze=cloze)
        answers = backbone.logits(made, data).argmax(axis=1) + 4
        return float((answers == [row["label"] for row in rows]).mean()), backbone.word_scores(made, data)

    plain, scores = correct(cloze)
    lifted, _ = correct(with_prior(cloze, 0, scores))
    assert lifted > 0.65 and lifted > plain, (plain, lifted)
