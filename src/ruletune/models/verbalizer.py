"""Label words as tokens: what a masked language model may put into the blank, and what each word stands for.

This module reads a checkpoint's tokenizer and the names of its weights without torch, so that
``ruletune check`` can say within a moment whether a cloze will work.
"""

from __future__ import annotations

import difflib
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from tokenizers import Tokenizer

from ruletune.errors import Location, Problem, UserError
from ruletune.templates import Template, default_words

__all__ = ["Cloze", "Prompt", "Vocabulary", "lacks_masked_head", "no_masked_head", "verbalize"]

_HEADS = (
    "cls.predictions.",
    "lm_head.",
    "lm_predictions.",
    "vocab_transform.",
    "generator_predictions.",
    "head.dense.",
)
"""Where the families of masked language models in Transformers keep what lies between encoder and vocabulary."""

_NEAR = 5
"""Alternatives that a message names for a label word."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A cloze template with its label words.

    Attributes:
        words: The words of every label, in the task's order of labels.
        ids: Their token ids: by label, by word, ``Cloze.masks`` of them.
        prior: By label and word, the log-probability that the pretrained model gives the word whatever the text;
            0 where it was not estimated. Scores are taken relative to it.
    """

    template: Template
    words: tuple[tuple[str, ...], ...]
    ids: tuple[tuple[tuple[int, ...], ...], ...]
    prior: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True)
class Cloze:
    """How a masked language model answers: through which templates, and by which words in the blank.

    Attributes:
        prompts: Every template that texts are shown through; inputs say which by its position.
        masks: Mask tokens in the blank, which is the number of tokens of every label word.
    """

    prompts: tuple[Prompt, ...]
    masks: int

    def position(self, template: Template) -> int:
        """The place of a template among the prompts."""
        return next(n for n, prompt in enumerate(self.prompts) if prompt.template == template)

    def to_json(self) -> dict[str, Any]:
        """As the run folder keeps it; :meth:`from_json` gives an equal value back."""
        return {
            "masks": self.masks,
            "prompts": [
                {
                    "template": prompt.template.source,
                    "own_words": [[label, list(words)] for label, words in prompt.template.words],
                    "words": [list(words) for words in prompt.words],
                    "ids": [[list(word) for word in words] for words in prompt.ids],
                    "prior": [list(values) for values in prompt.prior],
                }
                for prompt in self.prompts
            ],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Cloze:
        return cls(tuple(_prompt(prompt) for prompt in value["prompts"]), int(value["masks"]))


def _prompt(value: Mapping[str, Any]) -> Prompt:
    own = tuple((label, tuple(words)) for label, words in value["own_words"])
    return Prompt(
        Template.parse(value["template"], words=own),
        tuple(tuple(words) for words in value["words"]),
        tuple(tuple(tuple(word) for word in words) for words in value["ids"]),
        tuple(tuple(map(float, values)) for values in value["prior"]),
    )


class Vocabulary:
    """The tokens of a checkpoint, as far as label words are concerned."""

    def __init__(self, core: Tokenizer, *, mask: str | None, unknown: str | None) -> None:
        self._core = core
        self.mask = mask
        self._unknown = None if unknown is None else core.token_to_id(unknown)

    @classmethod
    def of(cls, tokenizer: Any) -> Vocabulary:
        """That of a loaded fast tokenizer."""
        return cls(tokenizer.backend_tokenizer, mask=tokenizer.mask_token, unknown=tokenizer.unk_token)

    @classmethod
    def read(cls, folder: Path) -> Vocabulary | None:
        """That of a checkpoint folder; ``None`` where it has no ``tokenizer.json``."""
        try:
            core = Tokenizer.from_file(str(folder / "tokenizer.json"))
            settings = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
        except Exception as error:  # the library raises nothing narrower; loading the model says what is wrong
            if isinstance(error, MemoryError):
                raise
            return None
        core.no_truncation()
        core.no_padding()
        mask, unknown = (_content(settings.get(name)) for name in ("mask_token", "unk_token"))
        unknown = unknown or next((token for token in ("[UNK]", "<unk>") if core.token_to_id(token) is not None), None)
        return cls(core, mask=mask, unknown=unknown)

    def ids(self, word: str) -> tuple[int, ...]:
        """The tokens of a word as it stands inside a sentence; none where the vocabulary has no way to write it.

        Byte-pair vocabularies have other tokens for a word after a space than for the beginning of a text.
        """
        before = self._core.encode("a", add_special_tokens=False).ids
        inside = self._core.encode(f"a {word}", add_special_tokens=False).ids
        alone = self._core.encode(word, add_special_tokens=False).ids
        inside = inside[len(before) :] if inside[: len(before)] == before else alone
        found = alone if len(alone) < len(inside) else inside
        return () if self._unknown in found else tuple(found)

    def pieces(self, word: str) -> str:
        """How a word falls into tokens, for people to read."""
        tokens = self._core.encode(word, add_special_tokens=False).tokens
        return " + ".join(tokens) or "nothing"

    @cached_property
    def _whole(self) -> dict[str, None]:
        """Tokens that are words: letters, perhaps behind a sign for a space."""
        bare = (token.lstrip("Ġ▁") for token in self._core.get_vocab())
        return dict.fromkeys(sorted(token for token in bare if token.isalpha() and len(token) > 2))

    def near(self, word: str, description: str) -> list[str]:
        """Words of one token to take instead: from the label's description, and of like spelling."""
        described = [w for w in re.findall(r"[^\W\d_]{4,}", description.casefold()) if len(self.ids(w)) == 1]
        begin = word.casefold()[:3]
        alike = [token for token in self._whole if token.startswith(begin)]
        close = difflib.get_close_matches(word.casefold(), alike, n=_NEAR, cutoff=0.6)
        return [w for w in dict.fromkeys([*described, *close]) if w != word][:_NEAR]


def _content(token: object) -> str | None:
    """A special token's text; older checkpoints keep it in a mapping."""
    value = token.get("content") if isinstance(token, dict) else token
    return value if isinstance(value, str) else None


@dataclass(frozen=True, slots=True)
class _Word:
    label: str
    word: str
    ids: tuple[int, ...]
    given: bool
    """Whether the task file names it; words of a label's name are only a guess."""


def verbalize(
    templates: Sequence[Template],
    *,
    labels: Mapping[str, str],
    verbalizer: Mapping[str, Sequence[str]],
    vocabulary: Vocabulary,
    where: Location | None = None,
) -> Cloze:
    """Turn label words into tokens.

    All label words have the same number of tokens, since a blank is as long for every one of
    them: one wherever that is possible. Of a label's own name, words that do not fit are left out.

    Args:
        labels: Name to description.
        verbalizer: Label to words, for labels whose name does not say it best.
        where: The place of the verbalizer in the task file.

    Raises:
        UserError: A word that the vocabulary cannot write in that number of tokens, with words that it can.

    Source: Schick & Schütze 2021, Exploiting Cloze Questions for Few Shot Text Classification.
    """
    found = [list(_words(template, labels, verbalizer, vocabulary)) for template in templates]
    masks = _masks([word for words in found for word in words], labels)
    problems: list[Problem] = []
    prompts = []
    for template, words in zip(templates, found, strict=True):
        problems += _unfit(words, masks, labels, vocabulary, where)
        problems += _blanks(template, vocabulary, where)
        fitting = [[w for w in words if w.label == label and len(w.ids) == masks] for label in labels]
        shown = tuple(tuple(w.word for w in group) for group in fitting)
        ids = tuple(tuple(w.ids for w in group) for group in fitting)
        prompts.append(Prompt(template, shown, ids, tuple(tuple(0.0 for _ in group) for group in ids)))
    if problems:
        raise UserError.of(list(dict.fromkeys(problems)))
    return Cloze(tuple(prompts), masks)


def _words(
    template: Template, labels: Mapping[str, str], verbalizer: Mapping[str, Sequence[str]], vocabulary: Vocabulary
) -> Iterator[_Word]:
    own = dict(template.words)
    for label in labels:
        given = own.get(label) or verbalizer.get(label)
        for word in dict.fromkeys(given or default_words(label) or (label,)):
            yield _Word(label, word, vocabulary.ids(word), bool(given))


def _masks(words: Sequence[_Word], labels: Mapping[str, str]) -> int:
    """The smallest number of tokens in which every label has a word; where there is none, the one to complain by."""
    lengths = sorted({len(word.ids) for word in words if word.ids})
    for length in lengths:
        if len({word.label for word in words if len(word.ids) == length}) == len(labels):
            return length
    given = Counter(len(word.ids) for word in words if word.ids and word.given)
    return given.most_common(1)[0][0] if given and 1 not in given else 1


def _unfit(
    words: Sequence[_Word], masks: int, labels: Mapping[str, str], vocabulary: Vocabulary, where: Location | None
) -> Iterator[Problem]:
    expressed = {word.label for word in words if len(word.ids) == masks}
    for word in words:
        if len(word.ids) == masks or (not word.given and word.label in expressed):
            continue
        if word.ids:
            tokens = "1 token" if masks == 1 else f"{masks} tokens"
            what = f"is {vocabulary.pieces(word.word)} to this checkpoint, and label words need {tokens} each"
        else:
            what = "has characters that this checkpoint does not know"
        near = ", ".join(map(repr, vocabulary.near(word.word, labels[word.label]))) if masks == 1 else ""
        key = "verbalizer: {" + word.label + ": [...]}"
        remedy = f"name other words in {key}" + (f", for instance {near}" if near else "")
        yield Problem(f"the word {word.word!r} for the label {word.label!r} {what}", where, remedy)


def _blanks(template: Template, vocabulary: Vocabulary, where: Location | None) -> Iterator[Problem]:
    if vocabulary.mask is None:
        yield Problem("the checkpoint's tokenizer has no mask token", where, "choose a masked language model")
    elif any(vocabulary.mask in text for is_field, text in template.parts if not is_field):
        yield Problem(f"a template has {vocabulary.mask} in it", where, "write {mask} for the blank, and once only")


def no_masked_head(name: str, where: Location | None) -> UserError:
    """What to say of a checkpoint that cannot fill in a blank."""
    return UserError(
        f"the checkpoint {name!r} has no masked language model's head, so it cannot fill in {{mask}}",
        where=where,
        remedy="take a checkpoint that has one (a BertForMaskedLM or the like; `ruletune pretrain` makes one), or leave "
        "{mask} out of the templates",
    )


def lacks_masked_head(folder: Path) -> bool:
    """Whether a checkpoint folder is known to have no head that fills in blanks, by the names of its weights.

    A folder that tells nothing either way is given the benefit of the doubt; loading it decides.
    """
    try:
        names = _weight_names(folder)
    except (OSError, ValueError, KeyError, SafetensorError):
        return False
    return not any(head in name for name in names for head in _HEADS)


def _weight_names(folder: Path) -> list[str]:
    """Names of all tensors, of one file or of several with an index."""
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        return list(json.loads(index.read_text(encoding="utf-8"))["weight_map"])
    with safe_open(folder / "model.safetensors", framework="np") as file:
        return list(file.keys())
