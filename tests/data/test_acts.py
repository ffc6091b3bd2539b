"""Dialogue acts of every notation are the same values; what is no act is said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ruletune.data.acts import Act, read_acts, written

EIJI = Act("inform", (("name", "Eiji"), ("food", "sushi")))


@pytest.mark.parametrize(
    "value",
    [
        "inform(name='Eiji';food=sushi)",
        'inform(name="Eiji"; food="sushi")',
        "inform ( name = Eiji ; food = sushi )",
        "?inform(name=Eiji, food=sushi)",
        {"intent": "inform", "slots": {"name": "Eiji", "food": "sushi"}},
        {"intent": "inform", "slots": [["name", "Eiji"], {"name": "food", "value": "sushi"}]},
        '{"intent": "inform", "slots": {"name": "Eiji", "food": "sushi"}}',
    ],
)
def test_notations(value: object) -> None:
    assert read_acts(value) == (EIJI,)


@pytest.mark.parametrize("between", ["|", " & ", "\n", " + ", "; ", ", ", " "])
def test_several_acts(between: str) -> None:
    assert read_acts(f"bye(){between}request(area)") == (Act("bye"), Act("request", (("area", ""),)))


@pytest.mark.parametrize(
    ("written_so", "slots"),
    [
        ("a(x='1; 2) 3';y=4)", (("x", "1; 2) 3"), ("y", "4"))),
        ("a(x='Joe's Bar';y=4)", (("x", "Joe's Bar"), ("y", "4"))),
        ("a(x=chow's)", (("x", "chow's"),)),
        ("a(x=rock, paper;y=4)", (("x", "rock, paper"), ("y", "4"))),
        ("a(x=big (very);y=4)", (("x", "big (very)"), ("y", "4"))),
        ("a(x='';y=?)", (("x", ""), ("y", ""))),
        ("a(x, y)", (("x", ""), ("y", ""))),
        ("a( = ? )", ()),
        ("a(x=bed & breakfast | inn)", (("x", "bed & breakfast | inn"),)),
        ("a(x=餐厅;y=🍣)", (("x", "餐厅"), ("y", "🍣"))),
    ],
)
def test_slots(written_so: str, slots: tuple[tuple[str, str], ...]) -> None:
    acts = read_acts(written_so)
    assert acts == (Act("a", slots),)
    assert read_acts(written(acts)) == acts


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("inform(name=Eiji", r"has no \) to its \("),
        ("(name=Eiji)", "no intent before"),
        ("Where is it?", "is no dialogue act"),
        ("inform(='x')", "has no name"),
        ('{"intent"', "begins like JSON"),
        ({"slots": {}}, "has no intent"),
        ({"intent": "x", "slot": {}}, "did you mean 'slots'"),
        ({"intent": "x", "slots": 3}, "are no slots"),
        ({"intent": "x", "slots": [3]}, "is no slot"),
        ({"intent": "x", "slots": {"a": {"b": 1}}}, "is no value"),
        (7, "is no dialogue act"),
        ("a(" * 10_000, "that is no dialogue act"),
    ],
)
def test_what_is_no_act(value: object, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_acts(value)


def test_blank_is_none() -> None:
    assert read_acts("") == read_acts(" \n") == read_acts(None) == read_acts([]) == ()


def test_both_notations_of_a_public_set_are_the_same(shared: Path) -> None:
    for folder in ("restaurant", "hotel"):
        for part in ("train", "test"):
            name = shared / "fewshotwoz_dialogue" / folder / part
            rows = json.loads(name.with_suffix(".json").read_text(encoding="utf-8"))
            plain = name.with_suffix(".txt").read_text(encoding="utf-8").splitlines()
            for (act, *_), line in zip(rows, plain, strict=False):  # train.txt has a line more
                acts = read_acts(act)
                assert read_acts(line.split(" & ")[0]) == acts == read_acts(written(acts)), act
