"""One real training with the packaged encoder: does the product do its job on words that no rule names?"""

from __future__ import annotations

import itertools
import json
import random
from pathlib import Path

import pytest

import ruletune
from ruletune import Example

PRAISE = (
    "delicious",
    "excellent",
    "wonderful",
    "tasty",
    "superb",
    "lovely",
    "perfect",
    "fantastic",
    "delightful",
    "great",
)
BLAME = ("awful", "terrible", "bland", "horrible", "disgusting", "stale", "poor", "disappointing", "dreadful", "bad")
DISHES = ("soup", "bread", "fish", "service", "salad", "wine", "dessert", "coffee", "steak", "rice")
FRAMES = (
    "The {dish} was {word}.",
    "We found the {dish} {word}.",
    "{word} {dish}, as always.",
    "Honestly, {word} {dish}!",
)
KNOWN = 3
"""Words of each kind that the rules know; the others only the pretrained model knows."""


def sentences() -> list[dict[str, str]]:
    rows = []
    for words, label in ((PRAISE, "good"), (BLAME, "bad")):
        for word, dish, frame in itertools.product(words, DISHES, FRAMES):
            rows.append({"text": frame.format(word=word, dish=dish), "label": label, "word": word})
    random.Random(0).shuffle(rows)
    return rows


@pytest.mark.slow
def test_rules_about_some_words_teach_the_others(tmp_path: Path) -> None:
    rows = sentences()
    known = {*PRAISE[:KNOWN], *BLAME[:KNOWN]}
    seen = [row for row in rows if row["word"] in known]
    new = [row for row in rows if row["word"] not in known]
    parts = {"train": [*seen[:2], *new[:4]], "unlabeled": [*seen[2:], *new[4:60]], "test": new[60:160]}
    for name, part in parts.items():
        keep = ("text",) if name == "unlabeled" else ("text", "label")
        lines = [json.dumps({key: row[key] for key in keep}) for row in part]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    (tmp_path / "task.yaml").write_text(
        f"""task: classification
labels: [bad, good]
data: {{train: train.jsonl, unlabeled: unlabeled.jsonl, test: test.jsonl, split: {{validation: 0, test: 0}}}}
rules:
  - {{keywords: [{", ".join(PRAISE[:KNOWN])}], vote: good}}
  - {{keywords: [{", ".join(BLAME[:KNOWN])}], vote: bad}}
model: {{max_length: 32}}
training: {{weak: {{epochs: 2}}, gold: {{epochs: 5}}, curve: {{shares: []}}}}
""",
        encoding="utf-8",
    )
    run = ruletune.fit(ruletune.load_task(tmp_path / "task.yaml"), out=tmp_path / "run")
    scores = run.metrics["scores"]
    assert scores["rules alone"]["covered"] is None, "a rule knows a word of the test part"
    assert scores["rules + labels"]["accuracy"] > 0.85
    [good, bad] = run.predict([Example("1", "What a marvellous pie."), Example("2", "A revolting pie.")])
    assert (str(good.answer), str(bad.answer)) == ("good", "bad")
