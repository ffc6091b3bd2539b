"""Models that go on with their pretraining: which objective fits them, and their output layer.

The objective follows from the architecture: masked language modelling for encoders, denoising for
sequence-to-sequence models. A checkpoint without a stored language-model head (sentence encoders
such as MiniLM) gets one that starts from what is known: tied to the input embeddings, its transform
the identity, its bias the log-frequency of each token in the user's text.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    AutoConfig,
    AutoModelForMaskedLM,
    AutoModelForSeq2SeqLM,
    BertConfig,
    BertForMaskedLM,
    PreTrainedTokenizerFast,
)

from ruletune.errors import RuletuneError, UserError
from ruletune.models.backbone import device, load_tokenizer
from ruletune.models.checkpoints import Checkpoint
from ruletune.models.corruption import Vocabulary
from ruletune.models.encoding import Encoded, Loss
from ruletune.models.pooling import pools_by_mean
from ruletune.models.readout import Readout

__all__ = ["Pretrainable", "Scratch", "blocks", "from_scratch", "open_checkpoint", "save", "start_bias"]

Objective = Literal["masked", "spans", "infilling"]

_SENTENCE_FILES = ("modules.json", "sentence_bert_config.json", "config_sentence_transformers.json", "1_Pooling")
"""What makes a folder a sentence encoder; without it the mean would no longer be what stands for a text."""

_LONG_WORD = re.compile(r"\S{101,}")
"""WordPiece reads such a word as unknown, and to learn from one of a megabyte would take minutes."""

_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


@dataclass(frozen=True, slots=True)
class Scratch:
    """The shape of a model that is trained from nothing."""

    vocabulary: int = 8000
    layers: int = 4
    hidden: int = 256
    heads: int = 4


@dataclass(slots=True)
class Pretrainable:
    """A model under its language-model head.

    Attributes:
        objective: ``masked``, or ``spans`` (T5) or ``infilling`` (BART) for sequence-to-sequence models.
        fresh: Names of parameters that no checkpoint gave: the head, where there was none.
        sentence: The mean of the last hidden states stands for a text, and should go on doing so.
        files: Further files of the checkpoint that the new folder keeps.
    """

    model: Any
    tokenizer: Any
    objective: Objective
    max_length: int
    fresh: frozenset[str] = frozenset()
    sentence: bool = False
    files: tuple[Path, ...] = field(default=())
    multi: bool = False
    readout: Readout = "text"

    @property
    def pad_id(self) -> int:
        return int(self.tokenizer.pad_token_id or 0)

    @property
    def vocabulary(self) -> Vocabulary:
        known = self.tokenizer.get_vocab()
        sentinels: list[int] = []
        while (token := f"<extra_id_{len(sentinels)}>") in known:
            sentinels.append(known[token])
        special = frozenset(self.tokenizer.all_special_ids) - {self.tokenizer.unk_token_id}
        return Vocabulary(
            len(self.tokenizer),
            special | frozenset(sentinels),
            mask=self.tokenizer.mask_token_id,
            sentinels=tuple(sentinels),
            end=self.tokenizer.eos_token_id,
        )


def open_checkpoint(checkpoint: Checkpoint, *, max_length: int, seed: int) -> Pretrainable:
    """The checkpoint under its language-model head, or under a new one where it has none.

    Raises:
        UserError: A decoder-only model, or a tokenizer without the tokens that hide others.
        RuletuneError: The checkpoint cannot be loaded.
    """
    tokenizer = load_tokenizer(checkpoint)
    options = {"local_files_only": not checkpoint.hub, "trust_remote_code": False}
    try:
        config = AutoConfig.from_pretrained(checkpoint.source, **options)
        seq2seq = bool(config.is_encoder_decoder)
        factory = AutoModelForSeq2SeqLM if seq2seq else AutoModelForMaskedLM
        if type(config) not in factory._model_mapping:
            raise UserError(
                f"{checkpoint.name!r} ({config.model_type}) is neither an encoder nor a sequence-to-sequence model",
                remedy="name one of these, for example minilm",
            )
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            model, loading = factory.from_pretrained(
                checkpoint.source, dtype=torch.float32, use_safetensors=True, output_loading_info=True, **options
            )
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        if isinstance(error, UserError):
            raise
        raise RuletuneError(f"cannot load the checkpoint {checkpoint.name!r}: {str(error).splitlines()[0]}") from error
    fresh = frozenset(loading["missing_keys"]) & {name for name, _ in model.named_parameters()}
    _check_head_only(checkpoint, model, fresh)
    made = Pretrainable(
        model.to(device()),
        tokenizer,
        _objective(checkpoint, tokenizer, seq2seq=seq2seq),
        min(max_length, _longest(config) or max_length),
        fresh,
        sentence=not seq2seq and pools_by_mean(checkpoint.source, config.model_type),
        files=tuple(p for name in _SENTENCE_FILES if (p := Path(checkpoint.source) / name).exists()),
    )
    if fresh:
        _identity_transform(model, fresh)
    return made


def _check_head_only(checkpoint: Checkpoint, model: Any, fresh: frozenset[str]) -> None:
    body = sorted(name for name in fresh if name.startswith(f"{model.base_model_prefix}."))
    if body:
        raise RuletuneError(f"the checkpoint {checkpoint.name!r} lacks weights of its body: {body[0]}")


def _objective(checkpoint: Checkpoint, tokenizer: Any, *, seq2seq: bool) -> Objective:
    if seq2seq and "<extra_id_0>" in tokenizer.get_vocab():
        return "spans"
    if tokenizer.mask_token_id is None:
        raise UserError(
            f"the tokenizer of {checkpoint.name!r} has no mask token", remedy="name a checkpoint that has one"
        )
    return "infilling" if seq2seq else "masked"


def _longest(config: Any) -> int | None:
    """Positions that the model has; RoBERTa and its relatives begin to count behind the padding."""
    positions = getattr(config, "max_position_embeddings", None)
    if positions is None:
        return None
    shift = (config.pad_token_id or 0) + 1 if "roberta" in config.model_type else 0
    return int(positions) - shift


@torch.no_grad()
def _identity_transform(model: Any, fresh: frozenset[str]) -> None:
    for name, parameter in model.named_parameters():
        if name in fresh and parameter.ndim == 2 and parameter.shape[0] == parameter.shape[1]:
            torch.nn.init.eye_(parameter)


@torch.no_grad()
def start_bias(made: Pretrainable, encoded: Encoded) -> None:
    """Let a new head begin with how often each token occurs: log-frequency, add-one smoothed.

    It then has to learn only what depends on the context.
    """
    bias = getattr(made.model.get_output_embeddings(), "bias", None)
    if not made.fresh or bias is None:
        return
    size = bias.shape[0]
    counts = np.ones(size)
    for ids in encoded.columns["input_ids"]:
        np.add.at(counts, [token for token in ids if token < size], 1)
    bias.copy_(torch.from_numpy(np.log(counts / counts.sum())))


def from_scratch(texts: Sequence[str], shape: Scratch, *, max_length: int, seed: int) -> Pretrainable:
    """A small BERT with random weights and a WordPiece tokenizer learned from ``texts``.

    Raises:
        UserError: ``hidden`` is no multiple of ``heads``.
    """
    if shape.hidden % shape.heads:
        raise UserError(f"{shape.hidden} wide does not divide into {shape.heads} heads", remedy="change one of the two")
    tokenizer = _learn_tokenizer(texts, shape.vocabulary)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=shape.hidden,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        intermediate_size=4 * shape.hidden,
        max_position_embeddings=max(max_length, 512),
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = BertForMaskedLM(config)
    return Pretrainable(model.to(device()), tokenizer, "masked", max_length)


def _learn_tokenizer(texts: Sequence[str], vocabulary: int) -> Any:
    core = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    core.normalizer = normalizers.BertNormalizer(lowercase=True)
    core.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    core.decoder = decoders.WordPiece()
    trainer = trainers.WordPieceTrainer(vocab_size=vocabulary, special_tokens=list(_SPECIAL), show_progress=False)
    core.train_from_iterator((_LONG_WORD.sub(" ", text) for text in texts), trainer)
    cls, sep = core.token_to_id("[CLS]"), core.token_to_id("[SEP]")
    core.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", cls), ("[SEP]", sep)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    )


def blocks(made: Pretrainable, texts: Sequence[str], *, words: bool = False) -> Encoded:
    """Token ids of texts; a text longer than the model's input becomes several blocks, and nothing is lost.

    Args:
        words: Add the column ``words``: the word of each token, -1 for special tokens.
    """
    columns: dict[str, list[list[int]]] = {"input_ids": [], "attention_mask": []}
    for start in range(0, len(texts), 1000):
        batch = made.tokenizer(
            list(texts[start : start + 1000]),
            truncation=True,
            max_length=made.max_length,
            return_overflowing_tokens=True,
            verbose=False,
        )
        columns["input_ids"] += batch["input_ids"]
        columns["attention_mask"] += batch["attention_mask"]
        if words:
            found = [[-1 if w is None else w for w in batch.word_ids(n)] for n in range(len(batch["input_ids"]))]
            columns.setdefault("words", []).extend(found)
    longest = max((len(ids) for ids in columns["input_ids"]), default=0)
    return Encoded(columns, Loss(len(texts), 0, 0, longest))


def save(made: Pretrainable, folder: Path) -> None:
    """Write a plain Hugging Face checkpoint with its language-model head, and the sentence encoder's own files."""
    made.model.save_pretrained(str(folder))
    made.tokenizer.save_pretrained(str(folder))
    for file in made.files:
        if file.is_dir():
            shutil.copytree(file, folder / file.name, dirs_exist_ok=True)
        else:
            shutil.copyfile(file, folder / file.name)
