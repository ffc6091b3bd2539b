"""Votes for NumPy and for WRENCH: what is written, read again, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from ruletune.data.readers import Columns, Labels, read_all
from ruletune.errors import Location, UserError
from ruletune.labeling.apply import RuleSet
from ruletune.labeling.export import write_votes
from ruletune.labeling.votes import ABSTAIN, FAULT, Votes
from ruletune.rules import KINDS, Prompt, Rule, RuleContext, Terms, Veto, Vote
from ruletune.rules.base import Call
from ruletune.types import Example, Label

LABELS = ("ham", "spam")


def fail(text: str) -> bool:
    if text == "free 😀":
        raise ValueError(text)
    return False


RULES = (
    Rule("free", Terms(("free", "免费")), Vote("spam")),
    Rule("greets", Terms(("hi",)), Vote("ham")),
    Rule("never ham", Terms(("win",)), Veto("ham")),
    Rule("shown", Terms(("hi",)), Prompt("{text}!")),
    Rule("fails", Call("f", fail), Vote("ham")),
)
EXAMPLES = [
    Example("a", "hi free", answer=Label.of("spam"), fields={"stars": float("nan"), "weak_labels": [1]}),
    Example("b", "免费 win", answer=Label.of("ham"), fields={"stars": 2}),
    Example("c", "free 😀"),
]


@pytest.fixture
def votes() -> Votes:
    return RuleSet(RULES, labels=LABELS).apply(EXAMPLES)


def test_npz(votes: Votes, tmp_path: Path) -> None:
    exported = write_votes(tmp_path / "votes.npz", votes, EXAMPLES)
    assert (exported.files, exported.texts, exported.rules, exported.notes) == ((tmp_path / "votes.npz",), 3, 5, ())
    with np.load(tmp_path / "votes.npz", allow_pickle=False) as arrays:
        assert sorted(arrays) == ["gold", "ids", "labels", "matrix", "rules", "signs"]
        assert arrays["matrix"].dtype == np.int16
        assert (arrays["matrix"] == votes.matrix).all()
        assert arrays["matrix"][2].tolist() == [1, ABSTAIN, ABSTAIN, ABSTAIN, FAULT]
        assert arrays["ids"].tolist() == ["a", "b", "c"]
        assert arrays["rules"].tolist() == [rule.name for rule in RULES]
        assert arrays["labels"].tolist() == ["ham", "spam"]
        assert arrays["signs"].tolist() == [1, 1, -1, 0, 1]
        assert arrays["gold"].tolist() == [[0, 1], [1, 0], [-1, -1]]


def test_npy_and_what_its_rows_and_columns_are(votes: Votes, tmp_path: Path) -> None:
    exported = write_votes(tmp_path / "votes.npy", votes, EXAMPLES)
    assert exported.files == (tmp_path / "votes.npy", tmp_path / "votes.npy.json")
    assert (np.load(tmp_path / "votes.npy", allow_pickle=False) == votes.matrix).all()
    beside = json.loads((tmp_path / "votes.npy.json").read_text(encoding="utf-8"))
    assert beside["labels"] == ["ham", "spam"]
    assert beside["ids"] == ["a", "b", "c"]
    assert beside["rules"][2] == {"name": "never ham", "label": "ham", "sign": -1}


def test_wrench(votes: Votes, tmp_path: Path) -> None:
    exported = write_votes(tmp_path / "train.json", votes, EXAMPLES)
    value = json.loads((tmp_path / "train.json").read_text(encoding="utf-8"))
    assert json.loads((tmp_path / "label.json").read_text(encoding="utf-8")) == {"0": "ham", "1": "spam"}
    assert list(value) == ["0", "1", "2"]
    assert value["0"] == {"label": 1, "weak_labels": [1, 0, -1], "data": {"stars": None, "text": "hi free", "id": "a"}}
    assert value["2"]["label"] == -1
    assert value["2"]["weak_labels"] == [1, -1, -1]
    assert exported.rules == 3
    assert [note.split(":")[0] for note in exported.notes] == [
        "left out 2 rules that do not vote (vetoes, prompts, helpers)",
        "1 faults became abstains",
        "left out the columns 'weak_labels', whose names mean something else there",
        "1 texts without a gold label have the label -1",
    ]


def test_wrench_is_read_again(votes: Votes, tmp_path: Path) -> None:
    write_votes(tmp_path / "train.json", votes, EXAMPLES)
    again = read_all(str(tmp_path / "train.json"), Columns(id="id"), labels=Labels(LABELS))
    assert [(e.id, e.text, e.answer) for e in again] == [(e.id, e.text, e.answer) for e in EXAMPLES]
    entry = KINDS["votes"].model_validate({"votes": "weak_labels", "names": ["free", "greets", "fails"]})
    context = RuleContext(tmp_path, LABELS, Location("task.yaml", 7), 1)
    read = RuleSet(entry.rules(context), labels=LABELS).apply(again)
    assert (read.matrix == np.maximum(votes.matrix[:, [0, 1, 4]], ABSTAIN)).all()


def test_nothing_is_a_matrix_too(tmp_path: Path) -> None:
    none = RuleSet(RULES, labels=LABELS).apply([])
    for name in ("v.npz", "v.npy", "v.json"):
        assert write_votes(tmp_path / name, none, []).texts == 0
    with np.load(tmp_path / "v.npz", allow_pickle=False) as arrays:
        assert arrays["matrix"].shape == (0, 5)
    assert json.loads((tmp_path / "v.json").read_text(encoding="utf-8")) == {}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("votes.csv", "votes cannot be written as '.csv'; end the name in .npz, .npy, .json"),
        ("votes", "votes cannot be written as 'votes'"),
        ("label.json", "call the file train.json"),
        ("nowhere/votes.npz", "cannot write"),
        ("nowhere/votes.npy", "cannot write"),
        ("nowhere/votes.json", "cannot write"),
    ],
)
def test_names_that_cannot_be(name: str, said: str, votes: Votes, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        write_votes(tmp_path / name, votes, EXAMPLES)
    assert said in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_another_tasks_labels_are_not_replaced(votes: Votes, tmp_path: Path) -> None:
    (tmp_path / "label.json").write_text('{"0": "x"}', encoding="utf-8")
    with pytest.raises(UserError, match=r"label\.json: has other labels; write into a folder of its own"):
        write_votes(tmp_path / "train.json", votes, EXAMPLES)
    assert not (tmp_path / "train.json").exists()
    (tmp_path / "label.json").unlink()
    write_votes(tmp_path / "train.json", votes, EXAMPLES)
    write_votes(tmp_path / "valid.json", votes, EXAMPLES)  # the same labels are welcome


def test_several_labels_do_not_fit_into_wrench(votes: Votes, tmp_path: Path) -> None:
    several = [*EXAMPLES[:2], Example("c", "x", answer=Label.of("ham", "spam"))]
    with pytest.raises(UserError, match=r"several labels.*write an \.npz file"):
        write_votes(tmp_path / "train.json", votes, several)
    write_votes(tmp_path / "votes.npz", votes, several)


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import typer

    from ruletune.cli.exporting import export

    app = typer.Typer()
    app.command()(export)
    monkeypatch.chdir(tmp_path)
    Path("x.jsonl").write_text('{"text": "free", "label": "spam"}\n{"text": "hi", "label": null}\n', encoding="utf-8")
    Path("task.yaml").write_text(
        "task: classification\nlabels: [ham, spam]\ndata: {train: x.jsonl}\n"
        "rules:\n  - {name: free, keywords: [free], vote: spam}\n",
        encoding="utf-8",
    )
    result = CliRunner().invoke(app, ["task.yaml", "x.jsonl", "-o", "votes.npz", "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["files"] == ["votes.npz"]
    result = CliRunner().invoke(app, ["task.yaml", "x.jsonl", "-o", "train.json"])
    assert "2 texts x 1 rules in train.json and label.json." in result.stdout
    for output in ("votes.csv", "x.jsonl"):
        assert isinstance(CliRunner().invoke(app, ["task.yaml", "x.jsonl", "-o", output]).exception, UserError)
