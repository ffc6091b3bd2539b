"""Tiny models that write: every family of architectures, random weights, tokens that are letters and parts of words."""

from __future__ import annotations

import string
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import (
    BartConfig,
    BartForConditionalGeneration,
    MarianConfig,
    MarianMTModel,
    MBartConfig,
    MBartForConditionalGeneration,
    MBartTokenizer,
    PreTrainedTokenizerFast,
    T5Config,
    T5ForConditionalGeneration,
)

Family = Literal["t5", "bart", "marian", "mbart"]

FAMILIES: tuple[Family, ...] = ("t5", "bart", "marian", "mbart")

SOME_FAMILIES = ["t5", "bart", *(pytest.param(family, marks=pytest.mark.long) for family in FAMILIES[2:])]
"""All of them for a parametrized test; those that are built as BART is take part in the long run only."""

_PIECES = ["▁", "▁hund", "hund", "und", "▁und", "▁ha", "us", "haus", "▁katze", "ein", "▁ein", "e", "er", ".", ","]
_LETTERS = [*string.ascii_letters, *"äöüß0123456789"]


def _scores(special: list[str]) -> list[tuple[str, float]]:
    pieces = list(dict.fromkeys([*_PIECES, *_LETTERS]))
    return [(token, 0.0) for token in special] + [(piece, -1.0 if len(piece) > 1 else -4.0) for piece in pieces]


def _sentencepiece(single: str, special: list[str], **named: str) -> PreTrainedTokenizerFast:
    scores = _scores(special)
    core = Tokenizer(models.Unigram(scores, unk_id=special.index("<unk>"), byte_fallback=False))
    core.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    core.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="always")
    ends = [(token, special.index(token)) for token in special if token in single]
    core.post_processor = processors.TemplateProcessing(single=single, special_tokens=ends)
    return PreTrainedTokenizerFast(
        tokenizer_object=core, model_input_names=["input_ids", "attention_mask"], unk_token="<unk>", **named
    )


def _bytes() -> PreTrainedTokenizerFast:
    """Every byte is a token: a letter with dots has two."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: n for n, token in enumerate(["<s>", "<pad>", "</s>", "<unk>", *alphabet])}
    core = Tokenizer(models.BPE(vocabulary, merges=[], unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    core.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    return PreTrainedTokenizerFast(
        tokenizer_object=core, model_input_names=["input_ids", "attention_mask"],
        bos_token="<s>", eos_token="</s>", pad_token="<pad>", unk_token="<unk>",
    )  # fmt: skip


def build_writer(folder: Path, family: Family, *, seed: int = 0, wide: int = 32) -> Path:
    """A model with random weights in the Hugging Face format, and so many values inside its feed-forward layers."""
    tokenizer = tokenizer_of(family)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = _model(family, tokenizer, wide)
        for name, parameter in model.named_parameters():
            if parameter.ndim > 1 and "norm" not in name:  # so that answers differ from source to source
                torch.nn.init.normal_(parameter, std=0.4)
    model.save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))
    return folder


def tokenizer_of(family: Family) -> Any:
    match family:
        case "t5":
            return _sentencepiece("$A </s>", ["<pad>", "</s>", "<unk>"], pad_token="<pad>", eos_token="</s>")
        case "marian":
            return _sentencepiece("$A </s>", ["</s>", "<unk>", "<pad>"], pad_token="<pad>", eos_token="</s>")
        case "bart":
            return _bytes()
        case "mbart":
            scores = _scores(["<s>", "<pad>", "</s>", "<unk>"])
            return MBartTokenizer(vocab=scores, src_lang="en_XX", tgt_lang="de_DE")


def _model(family: Family, tokenizer: Any, wide: int) -> Any:
    shape: dict[str, Any] = {
        "d_model": 16, "encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 2, "decoder_attention_heads": 2,
        "encoder_ffn_dim": wide, "decoder_ffn_dim": wide, "max_position_embeddings": 128, "vocab_size": len(tokenizer),
        "pad_token_id": tokenizer.pad_token_id, "eos_token_id": tokenizer.eos_token_id,
    }  # fmt: skip
    match family:
        case "t5":
            config = T5Config(
                vocab_size=len(tokenizer), d_model=16, d_kv=8, d_ff=wide, num_layers=1, num_heads=2,
                feed_forward_proj="gated-gelu", decoder_start_token_id=0, tie_word_embeddings=False,
            )  # fmt: skip
            model = T5ForConditionalGeneration(config)
            model.lm_head.weight = torch.nn.Parameter(model.lm_head.weight.detach().clone())
            return model
        case "bart":
            return BartForConditionalGeneration(BartConfig(**shape, bos_token_id=0, decoder_start_token_id=2))
        case "marian":
            pad = tokenizer.pad_token_id
            return MarianMTModel(MarianConfig(**shape, decoder_start_token_id=pad, forced_eos_token_id=None))
        case "mbart":
            return MBartForConditionalGeneration(MBartConfig(**shape, bos_token_id=0))
