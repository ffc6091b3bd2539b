"""The estimator keeps scikit-learn's contract, with texts in and classes out."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from ruletune import Example, UserError, load
from ruletune.sklearn import RuleGuidedClassifier
from tests.model_fixtures import BAD, GOOD, build_checkpoint, texts

RULES = [{"keywords": list(GOOD[:3]), "vote": "good"}, {"keywords": list(BAD[:3]), "vote": "bad"}]
TRAINING = {"learning_rate": 2e-3, "weak": {"epochs": 2}, "gold": {"epochs": 4}}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_checkpoint(tmp_path_factory.mktemp("checkpoint"))


@pytest.fixture(scope="module")
def data() -> tuple[list[str], list[str]]:
    examples = texts(60, seed=1)
    return [e.text for e in examples], [str(e.answer) for e in examples]


def small(checkpoint: Path, **options: Any) -> RuleGuidedClassifier:
    return RuleGuidedClassifier(**{"rules": RULES, "checkpoint": str(checkpoint), "training": TRAINING} | options)


@pytest.fixture(scope="module")
def fitted(checkpoint: Path) -> RuleGuidedClassifier:
    examples = texts(208, seed=2)
    words, answers = [e.text for e in examples], [str(e.answer) for e in examples]
    enough = {"learning_rate": 2e-3, "batch_size": 8, "weak": {"epochs": 4}, "gold": {"epochs": 4}}
    return small(checkpoint, training=enough).fit(words, [*answers[:8], *[None] * 200])


def test_it_learns_from_labels_and_rules(fitted: RuleGuidedClassifier) -> None:
    held_out = texts(40, seed=9)
    words, answers = [e.text for e in held_out], [str(e.answer) for e in held_out]
    assert fitted.score(words, answers) > 0.7
    probability = fitted.predict_proba(words)
    assert probability.shape == (40, 2)
    assert np.allclose(probability.sum(axis=1), 1)
    assert (fitted.classes_[probability.argmax(axis=1)] == fitted.predict(words)).all()
    assert fitted.classes_.tolist() == ["bad", "good"]


def test_the_run_behind_it_explains(fitted: RuleGuidedClassifier) -> None:
    found = fitted.run_.explain(Example("1", "a superb story"))
    assert found["rules"][0]["rule"] == "keywords_1"


def test_no_text_gives_no_answer(fitted: RuleGuidedClassifier) -> None:
    assert fitted.predict_proba([]).shape == (0, 2)


def test_classes_keep_their_type(checkpoint: Path, data: tuple[list[str], list[str]]) -> None:
    words, answers = data
    numbers = [1 if answer == "good" else 0 for answer in answers]
    rules = [{"keywords": list(GOOD[:3]), "vote": 1}, {"keywords": list(BAD[:3]), "vote": np.int64(0)}]
    model = small(checkpoint, rules=rules).fit(np.array(words), np.array([*numbers[:8], *[-1] * 52]))
    assert model.classes_.tolist() == [0, 1]
    assert set(model.predict(words).tolist()) <= {0, 1}


def test_minus_one_is_a_class_where_it_is_named(checkpoint: Path, data: tuple[list[str], list[str]]) -> None:
    words, answers = data
    model = small(checkpoint, rules=(), labels=[-1, 1]).fit(words, [1 if a == "good" else -1 for a in answers])
    assert model.classes_.tolist() == [-1, 1]


def test_it_works_in_a_pipeline_and_with_cross_validation(checkpoint: Path, data: tuple[list[str], list[str]]) -> None:
    words, answers = data
    pipeline = make_pipeline(FunctionTransformer(lambda rows: [row.lower() for row in rows]), small(checkpoint))
    assert len(cross_val_predict(pipeline, words[:20], answers[:20], cv=2)) == 20
    search = GridSearchCV(small(checkpoint), {"rules": [RULES]}, cv=2).fit(words[:20], answers[:20])
    assert search.best_params_["rules"] == RULES


def test_a_column_of_a_data_frame_is_taken(checkpoint: Path, data: tuple[list[str], list[str]]) -> None:
    frame = pd.DataFrame({"text": data[0], "label": data[1]})
    frame.loc[10:, "label"] = np.nan
    assert small(checkpoint).fit(frame["text"], frame["label"]).predict(frame[["text"]]).shape == (60,)


def test_parameters_are_kept_as_given(checkpoint: Path) -> None:
    model = small(checkpoint, random_state=3)
    copy = clone(model)
    assert copy.get_params() == model.get_params()
    assert copy.set_params(random_state=4).random_state == 4


def test_the_run_can_be_kept(checkpoint: Path, data: tuple[list[str], list[str]], tmp_path: Path) -> None:
    words, answers = data
    model = small(checkpoint, out=tmp_path / "run").fit(words, answers)
    assert load(tmp_path / "run").labels == ("bad", "good")
    with pytest.raises(UserError, match="exists already"):
        clone(model).fit(words, answers)
    assert model.predict(words[:2]).shape == (2,)


def test_equal_seeds_give_equal_models(checkpoint: Path, data: tuple[list[str], list[str]]) -> None:
    words, answers = data
    first, second = (small(checkpoint).fit(words[:20], answers[:20]).predict_proba(words) for _ in range(2))
    assert (first == second).all()


@pytest.mark.parametrize(
    ("texts", "labels", "message"),
    [
        ("one text", ["a"], "a list of texts is wanted"),
        ([1, 2], ["a", "b"], "texts are wanted"),
        (["a"], ["a", "b"], "1 texts and 2 labels"),
        (["a", "b"], ["x", 1], "different types"),
        (["a", "b"], ["1", "x"], None),
    ],
)
def test_wrong_input_is_told(checkpoint: Path, texts: Any, labels: Any, message: str | None) -> None:
    if message is None:
        assert small(checkpoint, rules=()).fit(texts, labels).classes_.tolist() == ["1", "x"]
        return
    with pytest.raises(ValueError, match=message):
        small(checkpoint, rules=()).fit(texts, labels)


def test_a_wrong_rule_is_told(checkpoint: Path) -> None:
    with pytest.raises(UserError, match="regular expression"):
        small(checkpoint, rules=[{"regex": "(", "vote": "good"}], labels=["good", "bad"]).fit(["a"], ["good"])


def test_one_class_is_told(checkpoint: Path) -> None:
    with pytest.raises(UserError, match="nothing to choose between"):
        small(checkpoint, rules=()).fit(["a", "b"], ["x", "x"])


def test_before_it_is_fitted_it_says_so(checkpoint: Path) -> None:
    from sklearn.exceptions import NotFittedError

    with pytest.raises(NotFittedError):
        small(checkpoint).predict(["a"])


def test_a_model_is_not_pickled(fitted: RuleGuidedClassifier) -> None:
    assert pickle.loads(pickle.dumps(RuleGuidedClassifier(RULES))).rules == RULES  # noqa: S301
    with pytest.raises(UserError, match="not pickled"):
        pickle.dumps(fitted)
