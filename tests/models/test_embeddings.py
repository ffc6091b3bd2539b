"""Embeddings that are remembered on disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from ruletune.models import frozen
from ruletune.models.checkpoints import Checkpoint
from ruletune.models.embeddings import cache_folder, embeddings

TEXTS = ["a superb film", "an awful film", "a superb film", "", "这 很 好", "\ud800"]


@pytest.fixture
def embedded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """An empty cache, and a list of the texts that really go through the model."""
    monkeypatch.setenv("RULETUNE_CACHE", str(tmp_path / "cache"))
    seen: list[str] = []
    embed = frozen.embed

    def watched(checkpoint: Checkpoint, texts: list[str], **options: object) -> np.ndarray:
        seen.extend(texts)
        return embed(checkpoint, [text.replace("\ud800", "?") for text in texts], **options)  # type: ignore[arg-type]

    monkeypatch.setattr(frozen, "embed", watched)
    return seen


def _embed(checkpoint: Path, texts: Sequence[str] = TEXTS, **options: bool) -> np.ndarray:
    return embeddings(Checkpoint("tiny", str(checkpoint)), texts, max_length=32, **options)


def test_each_text_is_embedded_once(checkpoint: Path, embedded: list[str]) -> None:
    first = _embed(checkpoint)
    assert len(embedded) == 5
    assert np.array_equal(first[0], first[2])
    again = _embed(checkpoint, [*TEXTS, "a new film"])
    assert embedded[5:] == ["a new film"]
    assert np.array_equal(first, again[:6])


def test_a_damaged_file_is_thrown_away(checkpoint: Path, embedded: list[str]) -> None:
    first = _embed(checkpoint)
    [file] = (cache_folder() / "sentence").rglob("*.safetensors")
    whole = file.read_bytes()
    for content in (b"", whole[:100], whole[:-8], b"\xff" * 64):
        file.write_bytes(content)
        embedded.clear()
        assert np.array_equal(_embed(checkpoint), first)
        assert len(embedded) == 5
        assert not file.exists()
        [file] = (cache_folder() / "sentence").rglob("*.safetensors")


def test_without_a_place_to_write_it_works_all_the_same(
    checkpoint: Path, embedded: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    monkeypatch.setenv("RULETUNE_CACHE", str(tmp_path / "file"))
    assert _embed(checkpoint).shape == (6, 32)
    assert len(embedded) == 5


def test_another_checkpoint_or_length_is_another_cache(checkpoint: Path, embedded: list[str], tmp_path: Path) -> None:
    _embed(checkpoint)
    embeddings(Checkpoint("tiny", str(checkpoint)), TEXTS, max_length=16)
    assert len(embedded) == 10


def test_nothing_is_written_where_nobody_asked(checkpoint: Path, embedded: list[str]) -> None:
    _embed(checkpoint, cache=False)
    assert not cache_folder().exists()


def test_no_text_is_no_embedding(checkpoint: Path, embedded: list[str]) -> None:
    assert len(_embed(checkpoint, [])) == 0
