from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoModelForSequenceClassification

from ruletune.errors import RuletuneError
from ruletune.models import adapters, backbone, frozen
from ruletune.models.checkpoints import Checkpoint
from ruletune.models.encoding import collate, encode
from ruletune.models.pooling import pools_by_mean
from ruletune.templates import Rendering, default_template
from tests.model_fixtures import build_checkpoint, texts

PLAIN = Rendering(default_template(pair=False))
CPU = torch.device("cpu")


def classifier(folder: Path, *, seed: int = 0) -> backbone.Classifier:
    return backbone.new(
        Checkpoint("tiny", str(folder)), labels=("bad", "good"), multi=False, max_length=32, dropout=0.1, seed=seed
    )


def encoded(made: backbone.Classifier, n: int = 30):  # type: ignore[no-untyped-def]
    return encode(texts(n, seed=5), rendering=PLAIN, tokenizer=made.tokenizer, max_length=32)


def test_the_start_depends_on_the_seed_alone(checkpoint: Path) -> None:
    torch.manual_seed(7)
    before = torch.random.get_rng_state()
    first, again, other = classifier(checkpoint), classifier(checkpoint), classifier(checkpoint, seed=1)
    assert torch.equal(torch.random.get_rng_state(), before), "the caller's random stream was disturbed"
    assert torch.equal(first.model.classifier.weight, again.model.classifier.weight)
    assert not torch.equal(first.model.classifier.weight, other.model.classifier.weight)


def test_logits_do_not_depend_on_batches(checkpoint: Path) -> None:
    made = classifier(checkpoint)
    data = encoded(made)
    together = backbone.logits(made, data, precision="fp32")
    alone = backbone.logits(made, data, precision="fp32", batch_size=1)
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_a_saved_model_is_a_plain_checkpoint(checkpoint: Path, tmp_path: Path) -> None:
    made = classifier(checkpoint)
    data = encoded(made)
    expected = backbone.logits(made, data, precision="fp32")
    backbone.save(made, tmp_path / "model")
    plain = AutoModelForSequenceClassification.from_pretrained(tmp_path / "model").eval()
    assert plain.config.id2label == {0: "bad", 1: "good"}
    with torch.inference_mode():
        batch = collate(data, list(range(len(data))), pad_id=0, device=CPU)
        np.testing.assert_allclose(plain(**batch).logits.numpy(), expected, atol=1e-5)
    again = backbone.load(tmp_path / "model", max_length=32)
    np.testing.assert_array_equal(backbone.logits(again, data, precision="fp32"), expected)


def test_the_pooling_layer_gives_the_normalized_mean(checkpoint: Path) -> None:
    made = classifier(checkpoint)
    data = encoded(made)
    batch = collate(data, list(range(len(data))), pad_id=0, device=CPU)
    encoder = AutoModel.from_pretrained(checkpoint).eval()
    with torch.inference_mode():
        states = encoder(**batch).last_hidden_state
        mask = batch["attention_mask"].unsqueeze(-1)
        mean = (states * mask).sum(1) / mask.sum(1)
        pooled = made.model.eval().bert(**batch).last_hidden_state[:, 0]
    expected = torch.nn.functional.layer_norm(mean, mean.shape[-1:])
    assert torch.nn.functional.cosine_similarity(pooled, expected).min() > 0.95
    assert made.model.config.num_hidden_layers == 3


def test_a_checkpoint_that_does_not_pool_by_mean_is_left_as_it_is(tmp_path: Path) -> None:
    folder = build_checkpoint(tmp_path / "first-token", mean_pooling=False)
    assert not pools_by_mean(str(folder), "bert")
    assert classifier(folder).model.config.num_hidden_layers == 2


@pytest.mark.parametrize("adapter", ["full", "head", "lora"])
def test_what_an_adapter_lets_learn(checkpoint: Path, adapter: adapters.Adapter) -> None:
    made = classifier(checkpoint)
    adapters.attach(made, adapter, seed=0)
    learning = {name for name, p in made.model.named_parameters() if p.requires_grad}
    in_encoder = {name for name in learning if not adapters.is_head(name)}
    assert any(adapters.is_head(name) for name in learning)
    match adapter:
        case "full":
            assert any("embeddings" in name for name in in_encoder)
        case "head":
            assert not in_encoder
        case "lora":
            assert in_encoder and all("lora_" in name for name in in_encoder)


def test_low_rank_updates_fold_into_a_plain_model(checkpoint: Path, tmp_path: Path) -> None:
    made = classifier(checkpoint)
    adapters.attach(made, "lora", seed=0, rank=2, alpha=4)
    with torch.no_grad():
        for name, parameter in made.model.named_parameters():
            if "lora_" in name:
                parameter.add_(0.05)
    data = encoded(made)
    expected = backbone.logits(made, data, precision="fp32")
    adapters.merge(made)
    np.testing.assert_allclose(backbone.logits(made, data, precision="fp32"), expected, atol=1e-4)
    backbone.save(made, tmp_path / "model")
    again = backbone.load(tmp_path / "model", max_length=32)
    np.testing.assert_allclose(backbone.logits(again, data, precision="fp32"), expected, atol=1e-4)


def test_embeddings_have_unit_length_and_follow_the_texts(checkpoint: Path) -> None:
    made = Checkpoint("tiny", str(checkpoint))
    words = [example.text for example in texts(20, seed=1)]
    vectors = frozen.embed(made, words)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
    np.testing.assert_allclose(vectors[::-1], frozen.embed(made, words[::-1]), atol=2e-2)


def test_damaged_weights_are_one_sentence(checkpoint: Path, tmp_path: Path) -> None:
    made = classifier(checkpoint)
    backbone.save(made, tmp_path / "model")
    weights = tmp_path / "model" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(RuletuneError, match="damaged weights"):
        backbone.load(tmp_path / "model", max_length=32)
