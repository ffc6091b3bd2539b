"""A checkpoint small enough to train in a second, and a task that it can learn."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertForMaskedLM, BertModel, PreTrainedTokenizerFast

from ruletune.types import Example, Label

GOOD = ("superb", "lovely", "great", "warm", "witty")
BAD = ("awful", "dull", "weak", "stale", "loud")
OTHER = ("the", "film", "is", "a", "story", "of", "two", "people", "and", "its", "cast", "review", "这", "很", "好")


def build_checkpoint(folder: Path, *, mean_pooling: bool = True, masked: bool = False) -> Path:
    """A BERT of two layers with random weights, in the Hugging Face format; ``masked``: with a masked language model's head."""
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *GOOD, *BAD, *OTHER]
    core = Tokenizer(models.WordLevel({word: n for n, word in enumerate(words)}, unk_token="[UNK]"))
    core.normalizer = normalizers.BertNormalizer()
    core.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    core.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core, unk_token="[UNK]", pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]", mask_token="[MASK]",
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = (BertForMaskedLM if masked else BertModel)(
            BertConfig(
                vocab_size=len(words), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
                max_position_embeddings=64,
            )
        )  # fmt: skip
    if masked:
        _look_around(model)
    model.save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))
    if mean_pooling and not masked:
        (folder / "1_Pooling").mkdir()
        (folder / "1_Pooling" / "config.json").write_text('{"pooling_mode_mean_tokens": true}', encoding="utf-8")
    return folder


@torch.no_grad()
def _look_around(model: BertForMaskedLM) -> None:
    """Let every token see the mean of all, as a pretrained model would; learning that from nothing takes too long."""
    for layer in model.bert.encoder.layer:
        torch.nn.init.eye_(layer.attention.self.value.weight).mul_(8)
        torch.nn.init.eye_(layer.attention.output.dense.weight)


def texts(n: int, *, seed: int) -> list[Example]:
    """Sentences with a word of praise or of blame among others."""
    rng = random.Random(seed)
    examples = []
    for number in range(1, n + 1):
        good = number % 2 == 0
        words = [rng.choice(GOOD if good else BAD), *rng.choices(OTHER[:12], k=rng.randint(3, 9))]
        rng.shuffle(words)
        examples.append(Example(str(number), " ".join(words), answer=Label.of("good" if good else "bad")))
    return examples


def write_task(folder: Path, checkpoint: Path, extra: str = "", *, rules: str | None = None, test: int = 60) -> Path:
    """A complete small task: 8 gold labels, 200 unlabelled texts, a test part, and rules that know half of the words."""
    parts = {"train": (8, 1, True), "unlabeled": (200, 2, False), "test": (test, 3, True)}
    for name, (n, seed, labelled) in parts.items():
        rows = [{"text": f"{e.text} {name}", "label": str(e.answer) if labelled else None} for e in texts(n, seed=seed)]
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    if rules is None:
        rules = """
rules:
  - {name: praise, keywords: [superb, lovely, great], vote: good}
  - {name: blame, regex: 'awful|dull', vote: bad}
"""
    task = folder / "task.yaml"
    task.write_text(
        f"""task: classification
name: tiny
labels: {{bad: blames, good: praises}}
data:
  train: train.jsonl
  unlabeled: unlabeled.jsonl
  test: test.jsonl
  split: {{validation: 0, test: 0}}
model: {{checkpoint: {json.dumps(str(checkpoint))}, max_length: 32}}
training:
  precision: fp32
  learning_rate: 0.002
  batch_size: 8
  weak: {{epochs: 4}}
  gold: {{epochs: 4}}
  curve: {{shares: [0.5], repeats: 1}}
{rules}
{extra}
""",
        encoding="utf-8",
    )
    return task


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_checkpoint(tmp_path_factory.mktemp("checkpoint"))


@pytest.fixture(scope="session")
def masked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint that can fill in blanks."""
    return build_checkpoint(tmp_path_factory.mktemp("masked"), masked=True)


@pytest.fixture
def task(tmp_path: Path, checkpoint: Path) -> Path:
    return write_task(tmp_path, checkpoint)
