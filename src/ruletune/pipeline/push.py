"""To the Hugging Face hub: a run's model with its card, and what it takes to answer as the run does.

At the repository's root lies the plain checkpoint, so that Transformers loads it by its id; ``ruletune/`` has the rest of the run
folder, so that ``ruletune.load`` opens a copy of the whole. Texts of the data stay at home: no report, no tests of rules, and
nothing that says where the data lies.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from ruletune.errors import RuletuneError, UserError
from ruletune.pipeline.carding import write_card
from ruletune.pipeline.run import Run, load
from ruletune.store import read_json, write_json, write_text
from ruletune.tasks import UNDERSTANDING

__all__ = ["Hub", "Pushed", "push"]

_HUB_ID = re.compile(r"\w[\w.-]{0,95}/\w[\w.-]{0,95}", re.ASCII)

_BESIDE = ("ruletune.json", "task.yaml", "metrics.json", "rules.json", "export.json")
"""What goes along with the model, where it is there."""

_WITH_TEXTS = ("report.json", "report.html", "examples.jsonl", "examples.safetensors")

_PARTS = ("train", "validation", "test", "calibration", "unlabeled")


class Hub(Protocol):
    """What is asked of ``huggingface_hub.HfApi``."""

    def create_repo(self, repo_id: str, *, private: bool, exist_ok: bool) -> object: ...

    def repo_info(self, repo_id: str) -> Any: ...

    def upload_folder(self, *, repo_id: str, folder_path: str, commit_message: str) -> object: ...


@dataclass(frozen=True, slots=True)
class Pushed:
    """What was uploaded, or would be.

    Attributes:
        files: Size in bytes by path in the repository.
        url: ``None`` where nothing was uploaded.
        warnings: What the reader must not miss.
    """

    hub_id: str
    files: dict[str, int]
    url: str | None
    warnings: tuple[str, ...] = ()


def push(
    run: str | Path | Run,
    hub_id: str,
    *,
    public: bool = False,
    with_examples: bool = False,
    dry_run: bool = False,
    hub: Hub | None = None,
) -> Pushed:
    """Upload a run's model, its card and its rules.

    Args:
        hub_id: ``owner/name``. The repository is made where there is none.
        public: For everybody to see; else private.
        with_examples: Also the report and the gold examples that explanations show, which are texts of the data, and the tests of
            rules.
        dry_run: Only say what would be uploaded; the network is not used.
        hub: In place of ``huggingface_hub.HfApi()``, which has the token from where that library keeps it.

    Raises:
        UserError: The id is none, the run has two models, the hub is switched off, or the repository is public and that is not
            wanted.
        RuletuneError: The hub cannot be reached, or refuses.
    """
    opened = run if isinstance(run, Run) else load(run)
    if not _HUB_ID.fullmatch(hub_id):
        raise UserError(f"{hub_id!r} is no id of a repository", remedy="write it as OWNER/NAME")
    if opened.settings["task"] == UNDERSTANDING:
        remedy = f"push one after the other: {opened.folder / 'intent'} and {opened.folder / 'slots'}"
        raise UserError(f"{opened.folder} has two models, and a repository is for one", remedy=remedy)
    if not dry_run and hub is None:
        hub = _hub()
    with tempfile.TemporaryDirectory(prefix="ruletune-push-") as temporary:
        folder = Path(temporary)
        warnings = _stage(opened, folder, with_examples=with_examples)
        files = {
            file.relative_to(folder).as_posix(): file.stat().st_size
            for file in sorted(folder.rglob("*"))
            if file.is_file()
        }
        if hub is None or dry_run:
            return Pushed(hub_id, files, None, warnings)
        _upload(hub, hub_id, folder, public=public, name=opened.name)
    return Pushed(hub_id, files, f"https://huggingface.co/{hub_id}", warnings)


def _hub() -> Hub:
    import huggingface_hub

    if huggingface_hub.is_offline_mode():
        raise UserError("HF_HUB_OFFLINE is set, so nothing is uploaded", remedy="unset it, or look with --dry-run")
    made: Hub = huggingface_hub.HfApi()
    return made


def _upload(hub: Hub, hub_id: str, folder: Path, *, public: bool, name: str) -> None:
    try:
        hub.create_repo(hub_id, private=not public, exist_ok=True)
        private = bool(hub.repo_info(hub_id).private)
        if private or public:
            hub.upload_folder(repo_id=hub_id, folder_path=str(folder), commit_message=f"Upload {name} with Ruletune")
    except Exception as error:  # what the hub's library raises depends on its version and on the network
        reason = str(error).strip().splitlines()
        raise RuletuneError(
            f"cannot upload to {hub_id}: {reason[0] if reason else type(error).__name__}; is the hub reachable, and are you "
            "logged in (hf auth login) as somebody who may write there?"
        ) from error
    if not private and not public:
        raise UserError(f"{hub_id} exists and is public; nothing was uploaded", remedy="say --public, or name another")


def _stage(run: Run, folder: Path, *, with_examples: bool) -> tuple[str, ...]:
    """Put together what is uploaded."""
    shutil.copytree(run.model_folder, folder, dirs_exist_ok=True, copy_function=_linked)
    beside = folder / "ruletune"
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir()
    for name in (*_BESIDE, *(_WITH_TEXTS if with_examples else ())):
        if (run.folder / name).is_file():
            shutil.copyfile(run.folder / name, beside / name)
    if (run.folder / "files").is_dir():
        shutil.copytree(run.folder / "files", beside / "files")
    warnings = _strip_task(beside / "task.yaml", with_examples=with_examples)
    _strip_findings(beside)
    if not (folder / "README.md").is_file():
        write_card(run, folder / "README.md")
    return warnings


def _linked(source: str, target: str) -> None:
    """Weights are large: another name for the file, where that can be had. What is changed later is copied instead."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _strip_task(file: Path, *, with_examples: bool) -> tuple[str, ...]:
    """Take from a task file where the data lies, and, unless wanted, the texts that its rules are tested on."""
    from ruamel.yaml import YAML

    yaml = YAML(typ="safe", pure=True)
    task = yaml.load(file.read_text(encoding="utf-8"))
    warnings = []
    for part in _PARTS:
        source = (task.get("data") or {}).get(part)
        if isinstance(source, str) and not source.startswith("hf:"):
            task["data"][part] = Path(source).name
    checkpoint = (task.get("model") or {}).get("checkpoint")
    if isinstance(checkpoint, str) and Path(checkpoint).is_absolute():
        task["model"]["checkpoint"] = Path(checkpoint).name
    rules = [task, *(rule for rule in task.get("rules") or () if isinstance(rule, dict))]
    if not with_examples:
        for rule in rules:
            rule.pop("tests", None)
    code = [str(rule["function"]) for rule in rules if ".py" in str(rule.get("function", ""))]
    if code:
        warnings.append(
            f"rules in Python files are not uploaded, and the run cannot be opened without: {', '.join(code)}"
        )
    written = io.StringIO()
    yaml.default_flow_style = False
    yaml.allow_unicode = True
    yaml.dump(task, written)
    write_text(file, written.getvalue())
    return tuple(warnings)


def _strip_findings(folder: Path) -> None:
    """Take from the findings what names examples (the card has it in words), and where rules were written."""
    metrics, rules = read_json(folder / "metrics.json"), read_json(folder / "rules.json")
    write_json(folder / "metrics.json", metrics | {"warnings": []})
    rows = [row | {"where": Path(row["where"]).name, "failure": ""} for row in rules["rules"]]
    write_json(folder / "rules.json", rules | {"rules": rows})
