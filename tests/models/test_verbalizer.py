"""Label words: which tokens they are, and what is said of words that no blank can hold."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from ruletune.errors import UserError
from ruletune.models.backbone import load_tokenizer
from ruletune.models.checkpoints import Checkpoint
from ruletune.models.verbalizer import Cloze, Vocabulary, lacks_masked_head, verbalize
from ruletune.templates import Template

BLANK = Template.parse("{text} is {mask}")
LABELS = {"bad": "an awful story", "good": ""}


@pytest.fixture
def vocabulary(masked: Path) -> Vocabulary:
    found = Vocabulary.read(masked)
    assert found is not None
    return found


def cloze(vocabulary: Vocabulary, verbalizer: dict[str, list[str]], *templates: Template) -> Cloze:
    return verbalize(templates or (BLANK,), labels=LABELS, verbalizer=verbalizer, vocabulary=vocabulary)


def test_words_become_tokens(vocabulary: Vocabulary, masked: Path) -> None:
    made = cloze(vocabulary, {"bad": ["awful", "dull"], "good": ["great"]})
    ids = load_tokenizer(Checkpoint("tiny", str(masked))).convert_tokens_to_ids
    assert made.masks == 1
    assert made.prompts[0].ids == (((ids("awful"),), (ids("dull"),)), ((ids("great"),),))
    assert Cloze.from_json(json.loads(json.dumps(made.to_json()))) == made


def test_a_loaded_tokenizer_says_the_same_as_its_files(vocabulary: Vocabulary, masked: Path) -> None:
    loaded = Vocabulary.of(load_tokenizer(Checkpoint("tiny", str(masked))))
    for word in ("great", "awful film", "unheard"):
        assert loaded.ids(word) == vocabulary.ids(word)
    assert loaded.mask == vocabulary.mask == "[MASK]"


def test_words_of_two_tokens_have_two_blanks(vocabulary: Vocabulary) -> None:
    made = cloze(vocabulary, {"bad": ["awful film"], "good": ["great film"]})
    assert made.masks == 2 and [len(word) for [word] in made.prompts[0].ids] == [2, 2]


def test_a_word_of_another_length_is_refused_with_words_to_take(
    vocabulary: Vocabulary, complaints: Callable[..., list[str]]
) -> None:
    [message] = complaints(cloze, vocabulary, {"bad": ["awful film"], "good": ["great"]})
    assert message == (
        "the word 'awful film' for the label 'bad' is awful + film to this checkpoint, and label words need 1 token each; "
        "name other words in verbalizer: {bad: [...]}, for instance 'awful', 'story'"
    )


def test_a_word_that_cannot_be_written_is_refused(vocabulary: Vocabulary, complaints: Callable[..., list[str]]) -> None:
    [message] = complaints(cloze, vocabulary, {"bad": ["awful", "zounds"], "good": ["great"]})
    assert message.startswith("the word 'zounds' for the label 'bad' has characters that this checkpoint does not know")


def test_without_words_a_label_says_its_name_as_far_as_it_fits(
    vocabulary: Vocabulary, complaints: Callable[..., list[str]]
) -> None:
    made = verbalize([BLANK], labels={"great_zounds": "", "Awful": ""}, verbalizer={}, vocabulary=vocabulary)
    assert made.prompts[0].words == (("great",), ("awful",))
    assert len(complaints(cloze, vocabulary, {})) == 2  # neither "bad" nor "good" is in the vocabulary


def test_a_template_may_have_words_of_its_own(vocabulary: Vocabulary) -> None:
    own = Template.parse("{mask} {text}", words=(("good", ("lovely",)),))
    made = cloze(vocabulary, {"bad": ["awful"], "good": ["great"]}, BLANK, own)
    assert [prompt.words for prompt in made.prompts] == [(("awful",), ("great",)), (("awful",), ("lovely",))]
    assert (made.position(BLANK), made.position(own)) == (0, 1)


def test_the_mask_token_is_not_written_by_hand(vocabulary: Vocabulary) -> None:
    with pytest.raises(UserError, match="for the blank, and once only"):
        cloze(vocabulary, {"bad": ["awful"], "good": ["great"]}, Template.parse("{text} [MASK] {mask}"))


def test_a_tokenizer_without_a_mask_is_refused(masked: Path) -> None:
    core = Tokenizer.from_file(str(masked / "tokenizer.json"))
    with pytest.raises(UserError, match="has no mask token"):
        cloze(Vocabulary(core, mask=None, unknown="[UNK]"), {"bad": ["awful"], "good": ["great"]})


def test_a_word_is_written_as_it_stands_in_a_sentence() -> None:
    """Byte-pair vocabularies of RoBERTa's kind have ``Ġgreat`` after a space and ``great`` at a text's beginning."""
    core = Tokenizer(models.WordLevel({"a": 0, "Ġgreat": 1, "great": 2, "<unk>": 3}, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    assert Vocabulary(core, mask="<mask>", unknown="<unk>").ids("great") == (1,)


def test_whether_a_head_is_there_is_read_from_the_weights(masked: Path, checkpoint: Path, tmp_path: Path) -> None:
    assert not lacks_masked_head(masked)
    assert lacks_masked_head(checkpoint)
    assert not lacks_masked_head(tmp_path), "a folder that tells nothing is not refused before it is loaded"
    index = tmp_path / "model.safetensors.index.json"
    index.write_text('{"weight_map": {"cls.predictions.bias": "a", "bert.x": "b"}}', encoding="utf-8")
    assert not lacks_masked_head(tmp_path)
    index.write_text('{"weight_map": {"bert.x": "b"}}', encoding="utf-8")
    assert lacks_masked_head(tmp_path)


def test_a_folder_without_a_fast_tokenizer_is_left_to_the_loader(tmp_path: Path) -> None:
    assert Vocabulary.read(tmp_path) is None
    (tmp_path / "tokenizer.json").write_text("{", encoding="utf-8")
    assert Vocabulary.read(tmp_path) is None
