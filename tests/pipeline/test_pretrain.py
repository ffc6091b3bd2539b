"""From texts to a checkpoint that loads as every kind of model, the same each time, also after an interrupt."""

from __future__ import annotations

import errno
import json
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    AutoModel,
    AutoModelForMaskedLM,
    AutoModelForSeq2SeqLM,
    AutoModelForSequenceClassification,
    BartConfig,
    BartForConditionalGeneration,
    GPT2Config,
    GPT2LMHeadModel,
    PreTrainedTokenizerFast,
    T5Config,
    T5ForConditionalGeneration,
)

from ruletune.config import load_task
from ruletune.errors import RuletuneError, UserError
from ruletune.models import backbone, checkpoints, frozen, pretraining
from ruletune.models.pretraining import Scratch
from ruletune.pipeline.pretrain import Pretraining, pretrain, read_texts
from ruletune.progress import Event, silent
from tests.model_fixtures import BAD, GOOD, OTHER, build_checkpoint, texts

TEXTS = list(dict.fromkeys(example.text for example in texts(120, seed=1)))
QUICK = Pretraining(epochs=2, batch_size=16, learning_rate=2e-3, max_length=32)


def seq2seq(folder: Path, kind: str) -> Path:
    """A random T5, BART or GPT-2 with a word vocabulary."""
    special = ["<pad>", "</s>", "<unk>", "<s>", "<mask>"]
    sentinels = [f"<extra_id_{n}>" for n in range(8)] if kind == "t5" else []
    words = [*special, *GOOD, *BAD, *OTHER, *sentinels]
    core = Tokenizer(models.WordLevel({word: n for n, word in enumerate(words)}, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.Whitespace()
    core.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token="<pad>", eos_token="</s>", unk_token="<unk>", bos_token="<s>",
        mask_token="<mask>" if kind == "bart" else None, model_input_names=["input_ids", "attention_mask"],
    )  # fmt: skip
    size, ids = len(words), {"pad_token_id": 0, "eos_token_id": 1, "decoder_start_token_id": 0}
    model: Any
    if kind == "t5":
        model = T5ForConditionalGeneration(
            T5Config(vocab_size=size, d_model=16, d_kv=8, d_ff=32, num_layers=1, num_heads=2, **ids)
        )
    elif kind == "bart":
        shape = {
            f"{side}_{part}": n
            for side in ("encoder", "decoder")
            for part, n in (("layers", 1), ("ffn_dim", 32), ("attention_heads", 2))
        }
        model = BartForConditionalGeneration(
            BartConfig(
                vocab_size=size,
                d_model=16,
                max_position_embeddings=64,
                bos_token_id=3,
                forced_eos_token_id=1,
                **shape,
                **ids,
            )
        )
    else:
        model = GPT2LMHeadModel(GPT2Config(vocab_size=size, n_embd=16, n_layer=1, n_head=2, n_positions=64))
    model.save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))
    return folder


def test_an_encoder_without_a_head_gets_one_and_keeps_its_pooling(tmp_path: Path, checkpoint: Path) -> None:
    done = pretrain(TEXTS, out=tmp_path / "out", checkpoint=str(checkpoint), settings=QUICK)
    _, loading = AutoModelForMaskedLM.from_pretrained(str(done.folder), output_loading_info=True)
    assert not loading["missing_keys"]
    assert AutoModel.from_pretrained(str(done.folder)).config.hidden_size == 32
    assert AutoModelForSequenceClassification.from_pretrained(str(done.folder)).config.num_labels == 2
    assert (done.folder / "1_Pooling" / "config.json").is_file()
    record = json.loads((done.folder / "pretraining.json").read_text(encoding="utf-8"))
    assert record["loss"]["after"] < record["loss"]["before"] < record["loss"]["new_head"]
    assert record["n"] + record["held_out"] == len(TEXTS)


def test_the_new_head_learns_alone_at_first(tmp_path: Path, checkpoint: Path) -> None:
    made = pretraining.open_checkpoint(checkpoints.Checkpoint("tiny", str(checkpoint)), max_length=32, seed=0)
    assert made.sentence
    assert made.fresh
    assert all(name.startswith("cls.") for name in made.fresh)
    tied = made.model.get_output_embeddings().weight
    assert tied is made.model.get_input_embeddings().weight


def test_embeddings_are_held_where_they_were(tmp_path: Path, checkpoint: Path) -> None:
    before = frozen.embed(checkpoints.Checkpoint("t", str(checkpoint)), TEXTS)
    moved = []
    for keep in (0.0, 50.0):
        settings = Pretraining(epochs=4, batch_size=16, learning_rate=2e-3, max_length=32, keep=keep)
        done = pretrain(TEXTS, out=tmp_path / str(keep), checkpoint=str(checkpoint), settings=settings)
        after = frozen.embed(checkpoints.Checkpoint("t", str(done.folder)), TEXTS)
        moved.append(float(1 - (before * after).sum(1).mean()))
    assert moved[1] < moved[0]


@pytest.mark.parametrize(("kind", "objective"), [("t5", "spans"), ("bart", "infilling")])
def test_sequence_to_sequence_models_denoise(tmp_path: Path, kind: str, objective: str) -> None:
    source = seq2seq(tmp_path / kind, kind)
    done = pretrain(TEXTS, out=tmp_path / "out", checkpoint=str(source), settings=QUICK)
    assert done.record["objective"] == objective
    assert done.record["loss"]["after"] < done.record["loss"]["before"]
    AutoModelForSeq2SeqLM.from_pretrained(str(done.folder))


def test_from_scratch_learns_a_tokenizer_too(tmp_path: Path) -> None:
    mixed = [*TEXTS, "这 电影 很 好", "x" * 1_000_000]
    done = pretrain(mixed, out=tmp_path / "out", scratch=Scratch(200, 1, 16, 2), settings=QUICK)
    tokenizer = backbone.load_tokenizer(checkpoints.Checkpoint("t", str(done.folder)))
    assert tokenizer.tokenize("superb") == ["superb"]
    assert tokenizer.mask_token_id is not None
    assert done.record["loss"]["after"] <= done.record["loss"]["before"]


def test_a_long_text_becomes_several_blocks(checkpoint: Path) -> None:
    made = pretraining.open_checkpoint(checkpoints.Checkpoint("t", str(checkpoint)), max_length=10, seed=0)
    encoded = pretraining.blocks(made, ["the film " * 20, "a story"], words=True)
    assert len(encoded) == 6
    assert max(encoded.lengths) == 10
    assert [len(words) for words in encoded.columns["words"]] == encoded.lengths.tolist()


def test_a_resumed_pretraining_ends_with_the_same_weights(tmp_path: Path, checkpoint: Path) -> None:
    whole = pretrain(TEXTS, out=tmp_path / "whole", checkpoint=str(checkpoint), settings=QUICK)

    def interrupt_at(stage: str, at: int) -> Any:
        def listen(event: Event) -> None:
            if event.name.endswith(stage) and event.done == at:
                signal.raise_signal(signal.SIGINT)

        return listen

    for stage, at, resume in (("head", 3, False), ("body", 5, True)):
        with pytest.raises(KeyboardInterrupt):
            pretrain(
                TEXTS, out=tmp_path / "cut", checkpoint=str(checkpoint), settings=QUICK, resume=resume, listener=interrupt_at(stage, at)
            )  # fmt: skip
    assert not (tmp_path / "cut").exists()
    cut = pretrain(TEXTS, out=tmp_path / "cut", checkpoint=str(checkpoint), settings=QUICK, resume=True)
    first, second = (load_file(run.folder / "model.safetensors") for run in (whole, cut))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert whole.record["curve"] == cut.record["curve"]


def test_a_task_gives_no_held_out_text(task: Path) -> None:
    test = [json.loads(line)["text"] for line in (task.parent / "test.jsonl").read_text(encoding="utf-8").splitlines()]
    extra = task.parent / "more.txt"
    extra.write_text("\n".join([*test, "a text of its own"]), encoding="utf-8")
    found = read_texts([str(extra)], task=load_task(task), listener=silent)
    assert "a text of its own" in found
    assert not set(found) & set(test)
    assert any(text.endswith("unlabeled") for text in found)


def test_what_cannot_be_pretrained_is_said(tmp_path: Path, checkpoint: Path) -> None:
    with pytest.raises(UserError, match="1 distinct text: too few"):
        pretrain(["one"], out=tmp_path / "out", checkpoint=str(checkpoint))
    decoder = seq2seq(tmp_path / "gpt", "gpt2")
    with pytest.raises(UserError, match="neither an encoder nor"):
        pretrain(TEXTS, out=tmp_path / "out2", checkpoint=str(decoder))
    with pytest.raises(UserError, match="does not divide"):
        pretrain(TEXTS, out=tmp_path / "out3", scratch=Scratch(200, 1, 16, 3))
    with pytest.raises(UserError, match="no text"):
        read_texts([], task=None, listener=silent)
    empty = tmp_path / "empty.txt"
    empty.touch()
    with pytest.raises(UserError, match="no rows"):
        read_texts([str(empty)], task=None, listener=silent)


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pretraining, "save", full)
    with pytest.raises(RuletuneError, match="No space left"):
        pretrain(TEXTS, out=tmp_path / "out", checkpoint=str(checkpoint), settings=QUICK)
    assert not (tmp_path / "out").exists()


def test_a_pretrained_folder_is_a_checkpoint_like_any_other(tmp_path: Path) -> None:
    source = build_checkpoint(tmp_path / "source")
    first = pretrain(TEXTS, out=tmp_path / "first", checkpoint=str(source), settings=QUICK)
    second = pretrain(TEXTS, out=tmp_path / "second", checkpoint=str(first.folder), settings=QUICK)
    assert second.record["loss"]["new_head"] is None
