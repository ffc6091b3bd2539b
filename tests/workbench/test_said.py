"""What the workbench says in the normal course of things, the page can say in Chinese."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ruletune.training import guard
from ruletune.workbench import choosing, training
from ruletune.workbench.project import ConflictError, Project
from tests.workbench.conftest import example

FORMS = Path(__file__).parents[2] / "frontend" / "src" / "i18n" / "server.ts"


@pytest.fixture(scope="module")
def forms() -> list[re.Pattern[str]]:
    if not FORMS.is_file():
        pytest.skip("the page's sources are not in this copy of the project")
    lines = re.findall(r"^  \[/(\^.*\$)/(s?), \"", FORMS.read_text("utf-8"), flags=re.MULTILINE)
    assert len(lines) > 50
    return [re.compile(form, re.DOTALL if flags else 0) for form, flags in lines]


def known(sentence: str | None, forms: list[re.Pattern[str]]) -> bool:
    return sentence is not None and any(form.fullmatch(sentence) for form in forms)


@pytest.mark.parametrize(
    "sentence",
    [
        choosing._WAITING,
        choosing._NONE,
        training._DONE,
        training._STOPPED,
        "rules + labels: weak",
        "labels alone: contrast",
        "learning curve, 8 labels, draw 2: gold",
        "rules + labels: scoring test",
        "writing the report",
        "applying rules",
    ],
)
def test_sentences(sentence: str, forms: list[re.Pattern[str]]) -> None:
    assert known(sentence, forms)


def test_edits(project: Project, forms: list[re.Pattern[str]]) -> None:
    def hash_of(place: int) -> str:
        return project.snapshot.views[place].hash

    said = []

    def noted() -> None:
        said.append(project.undoable)

    project.add("regex: 'call (now|me)'\nvote: spam")
    noted()
    project.mute(0, hash_of(0), muted=True)
    noted()
    project.mute(0, hash_of(0), muted=False)
    noted()
    project.move(0, hash_of(0), to=1)
    noted()
    project.replace(0, hash_of(0), "{name: greets, keywords: [hello, hi], vote: ham}")
    noted()
    project.remove(0, hash_of(0))
    noted()
    project.label(example(project, "hello"), None, "ham")
    noted()
    assert len(set(said)) == len(said)
    assert [one for one in said if not known(one, forms)] == []


def test_conflicts_and_mistakes(project: Project, forms: list[re.Pattern[str]]) -> None:
    with pytest.raises(ConflictError) as caught:
        project.remove(0, "an old hash")
    said = [part for problem in caught.value.problems for part in (problem.message, problem.remedy) if part]
    assert said
    assert [one for one in said if not known(one, forms)] == []


def test_verdicts(forms: list[re.Pattern[str]]) -> None:
    source = Path(guard.__file__).read_text("utf-8")
    for example_of, part in (
        (
            "The rules and the gold labels agree no more than chance would have it (kappa 0.02): the rules were left out.",
            "no more than chance",
        ),
        (
            "On held-out gold labels, labels alone did better than rules + labels by 3.0 ± 1.2 points: the rules were left out.",
            "did better than rules",
        ),
        (
            "On held-out gold labels, rules + labels against labels alone: +9.4 ± 6.0 points. Nothing speaks against the rules: they were used.",
            "Nothing speaks against the rules",
        ),
    ):
        assert part in source
        assert known(example_of, forms)
