"""Models that write: an encoder reads the source, a decoder writes the answer token by token.

Every sequence-to-sequence checkpoint of Transformers fits: T5, BART, Marian, Pegasus, mBART, M2M100. Those of many languages
are told which two they translate between by ``src_lang`` and ``tgt_lang`` in their ``tokenizer_config.json``.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from transformers import AutoConfig, AutoModelForSeq2SeqLM, GenerationConfig

from ruletune.errors import UserError
from ruletune.models.checkpoints import Checkpoint
from ruletune.models.encoding import Encoded, Loss

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = ["decoding", "encode_texts", "family", "language", "marks", "open_writer", "teacher_forced"]

_DROPOUT = ("dropout_rate", "dropout")
"""What configurations call the dropout after every layer."""

_IDS = ("decoder_start_token_id", "eos_token_id", "pad_token_id", "forced_bos_token_id", "bad_words_ids")
"""What is taken over of how a checkpoint generates. How answers are searched for is the caller's."""


def open_writer(name: str, source: str, *, hub: bool, dropout: float | None = None) -> Any:
    """A sequence-to-sequence model with its weights in float32.

    Args:
        dropout: After every layer; ``None``: as the checkpoint says.

    Raises:
        UserError: The checkpoint is of another kind.
    """
    options = {"local_files_only": not hub, "trust_remote_code": False}
    config = AutoConfig.from_pretrained(source, **options)
    if type(config) not in AutoModelForSeq2SeqLM._model_mapping:
        raise UserError(
            f"{name!r} ({config.model_type}) is no sequence-to-sequence model: it cannot write an answer",
            remedy="name one such as flan-t5-small, or a T5, BART, Marian or mBART checkpoint",
        )
    for field in _DROPOUT:
        if dropout is not None and hasattr(config, field):
            setattr(config, field, dropout)
    model = AutoModelForSeq2SeqLM.from_pretrained(
        source, config=config, dtype=torch.float32, use_safetensors=True, **options
    )
    # T5's configuration says that the output layer is the table of word vectors whatever the weights say, so that it would
    # become it wherever weights are tied again.
    table, output = model.get_input_embeddings().weight, model.get_output_embeddings().weight
    if output is not table:
        model.config.tie_word_embeddings = False
    model.generation_config = marks(model.generation_config, model.config)
    return model


def marks(own: GenerationConfig, config: Any) -> GenerationConfig:
    """Which tokens mean what to a model when it writes, and nothing else.

    A checkpoint's own habits (shortest length, penalties for repetition) were tuned to the data that it was published for.

    Args:
        own: The checkpoint's generation configuration.
        config: Its model's configuration, for what that one does not say.
    """
    values = {name: getattr(own, name, None) for name in _IDS}
    known = {name: getattr(config, name, None) if value is None else value for name, value in values.items()}
    return GenerationConfig(**{name: value for name, value in known.items() if value is not None})


def family(checkpoint: Checkpoint) -> str:
    """What kind of model a checkpoint is, as Transformers calls it: ``t5``, ``bart``, ``marian``."""
    options = {"local_files_only": not checkpoint.hub, "trust_remote_code": False}
    return str(AutoConfig.from_pretrained(checkpoint.source, **options).model_type)


def teacher_forced(model: Any, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """The logits of every target token given the source and the tokens before it, (texts, tokens, vocabulary).

    Args:
        batch: Beside the model's inputs ``labels``, (texts, tokens), padded with -100.
    """
    inputs, labels = {name: values for name, values in batch.items() if name != "labels"}, batch["labels"]
    if prepare := getattr(model, "prepare_decoder_input_ids_from_labels", None):
        logits: torch.Tensor = model(**inputs, decoder_input_ids=prepare(labels=labels)).logits
    else:  # families without it shift the labels themselves, and compute a loss that is not looked at
        logits = model(**inputs, labels=labels).logits
    return logits


def encode_texts(
    sources: Sequence[str],
    targets: Sequence[str] | None,
    *,
    tokenizer: PreTrainedTokenizerBase,
    max_length: int,
    max_target: int,
) -> Encoded:
    """Sources, and what is to be written for them, as token ids.

    Args:
        targets: As many as sources; ``None`` where answers are asked for.
        max_length: Tokens of a source, special tokens included; what is behind them is cut, and counted.
        max_target: Tokens of a target. A longer one is cut and loses the token that ends it: nobody should learn to stop there.

    Returns:
        ``input_ids`` and ``attention_mask``, and with targets ``labels``, each a list of ints a text.

    Raises:
        UserError: A tokenizer of many languages is not told which to write.
    """
    if not sources:
        columns: dict[str, list[list[int]]] = {"input_ids": [], "attention_mask": []}
        return Encoded(columns if targets is None else columns | {"labels": []}, Loss(0, 0, 0, 0))
    end = tokenizer.eos_token_id
    whole: Any = tokenizer(list(sources), truncation=False, padding=False, verbose=False)
    cut: Any = tokenizer(list(sources), truncation=True, max_length=max_length, padding=False, verbose=False)
    ids = [row or [end] for row in cut["input_ids"]]
    columns = {"input_ids": ids, "attention_mask": [[1] * len(row) for row in ids]}
    if targets is not None:
        language(tokenizer)
        made: Any = tokenizer(text_target=list(targets), truncation=False, padding=False, verbose=False)
        columns["labels"] = [_ended(row, end)[:max_target] for row in made["input_ids"]]
    lengths = [len(row) for row in whole["input_ids"]]
    lost = [length - len(row) for length, row in zip(lengths, cut["input_ids"], strict=True)]
    return Encoded(columns, Loss(len(ids), sum(map(bool, lost)), sum(lost), max(lengths)))


def _ended(ids: list[int], end: int | None) -> list[int]:
    return ids if end is None or end in ids else [*ids, end]


def language(tokenizer: Any) -> int | None:
    """The token that stands for the language to be written; ``None`` where the model has one language.

    Raises:
        UserError: There are several languages, and the tokenizer does not say which.
    """
    if not hasattr(tokenizer, "tgt_lang"):
        return None
    if tokenizer.tgt_lang is None:
        raise UserError(
            "the checkpoint writes several languages, and its tokenizer does not say which is wanted",
            remedy='set "src_lang" and "tgt_lang" in its tokenizer_config.json',
        )
    return int(tokenizer.convert_tokens_to_ids(tokenizer.tgt_lang))


def decoding(model: Any, tokenizer: Any) -> GenerationConfig:
    """Which tokens begin and end what the model writes, in the language that the tokenizer says.

    Raises:
        UserError: There are several languages, and it does not say which.
    """
    config = copy.deepcopy(model.generation_config)
    if config.pad_token_id is None:
        config.pad_token_id = tokenizer.pad_token_id
    code = language(tokenizer)
    if code is not None:  # the language's token comes first, or the decoder starts from it where it ends the targets
        first = tokenizer(text_target=[""])["input_ids"][0][:1]
        if first == [code]:
            config.forced_bos_token_id = code
        else:
            config.decoder_start_token_id = code
    return config
