"""Fuzz the files that rules name, templates and knowledge, and what rules do with odd texts."""

from __future__ import annotations

import functools
import random
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ruamel.yaml.comments import CommentedMap

from ruletune.config.load import TaskSpec, _specified
from ruletune.config.tree import Tree
from ruletune.knowledge import Knowledge, inject, read_entries
from ruletune.labeling.apply import RuleSet
from ruletune.labeling.demanding import Demanding
from ruletune.labeling.span_apply import SpanRules
from ruletune.rules.filling import pieces
from ruletune.templates import Rendering, Template
from ruletune.types import Example, Span, Spans, Text
from tests.faults.fuzz_tasks import FILES, keys
from tests.faults.fuzzing import BrokenPromiseError
from tests.faults.grammar import as_json, changed, changed_bytes, changed_text, odd_text

BIG = 20_000

ENTRIES: dict[str, list[dict[str, Any]]] = {
    "terms.txt": [
        {"gazetteer": "terms.txt", "vote": "spam"},
        {"gazetteer": "terms.txt", "vote": "spam", "ignore_case": False},
    ],
    "table.tsv": [{"table": "table.tsv"}, {"table": "table.tsv", "ignore_case": False, "labels": {"spam": "ham"}}],
    "patterns.jsonl": [
        {"patterns": "patterns.jsonl"},
        {"patterns": "patterns.jsonl", "per": "id", "ignore_case": True},
    ],
    "glossary.tsv": [{"glossary": "glossary.tsv"}, {"glossary": "glossary.tsv", "inflect": True, "inflections": True}],
    "pairs.tsv": [{"pattern_file": "pairs.tsv"}],
}

TASKS = {"glossary.tsv": "translation", "pairs.tsv": "relation"}

TOKENS = [
    {"LOWER": "free"}, {"TEXT": {"REGEX": "^a"}}, {"OP": "+"}, {"OP": "{2,3}"}, {"IS_DIGIT": True}, {"LENGTH": {">=": 3}}, {"ORTH": "X", "OP": "!"},
    {"LOWER": {"IN": ["a", "b"]}}, {"SHAPE": "Xx"}, {"POS": "NOUN"}, {"lower": "x"}, {"ENT_TYPE": "PER"}, {},
]  # fmt: skip


@functools.cache
def folder() -> Path:
    memory = Path("/dev/shm")
    return Path(tempfile.mkdtemp(prefix="ruletune-fuzz-", dir=memory if memory.is_dir() else None))


def _content(name: str, rng: random.Random) -> bytes:
    """A file of rules that is wrong somewhere."""
    if name == "patterns.jsonl" and rng.random() < 0.5:
        rows = [
            {
                "label": rng.choice(("spam", "ham", "SPAM", "x")),
                "pattern": [rng.choice(TOKENS) for _ in range(rng.randrange(1, 5))],
            }
            for _ in range(rng.randrange(1, 4))
        ]
        return "\n".join(
            as_json(changed(row, rng, keys=("label", "pattern", "id", "LOWER", "OP", "REGEX"))) for row in rows
        ).encode()
    data = FILES[name].encode()
    if rng.random() < 0.7:
        return changed_text(data.decode(), rng).encode("utf-8", "surrogatepass")
    return changed_bytes(data, rng)


def _spec(entries: list[Any], task: str) -> TaskSpec:
    values: dict[str, Any] = {"task": task, "data": {"train": "hf:x/y"}, "rules": entries}
    if task != "translation":
        values["labels"] = ["spam", "ham"]
    return _specified(Tree(values, "task.yaml", CommentedMap()), "", folder() / "task.yaml", check_data=False)


def rule_files(rng: random.Random) -> str:
    """Gazetteers, tables, pattern files, glossaries: read, compiled, and tried on a text."""
    name = rng.choice(tuple(ENTRIES))
    (folder() / name).write_bytes(_content(name, rng)[:BIG])
    entry = dict(rng.choice(ENTRIES[name]))
    if rng.random() < 0.1:
        entry = changed(entry, rng, keys=keys())
        if not isinstance(entry, dict) or "function" in entry or "snorkel" in entry:
            return "names code"
    spec = _spec(
        [entry], TASKS.get(name, rng.choice(("classification", "ner")) if name != "glossary.tsv" else "translation")
    )
    if rng.random() < 0.3:
        apply(spec, rng)
    return f"{len(spec.rules) and 'some'} rules"


def rules_on_texts(rng: random.Random) -> str:
    """Rules of every kind on odd texts. What rules say must lie in the text."""
    regex = changed_text(rng.choice((r"\bfree\b", "(?P<entity>a|b)+c", r"(\w+)@(\w+)", "[^a-z]{2,5}", "中.文")), rng)
    entries = [
        {"name": "a", "regex": regex, "vote": "spam"},
        {"name": "b", "keywords": [odd_text(rng)[:50], "free"], "vote": "ham"},
    ]
    entries.append({"name": "c", "all": ["a", {"not": "b"}], "vote": "spam"})
    spec = _spec(entries, rng.choice(("classification", "ner")))
    apply(spec, rng)
    return "applied"


def apply(spec: TaskSpec, rng: random.Random) -> None:
    """Try the rules on a few texts."""
    texts = [odd_text(rng)[:200] or "a", changed_text("free prize, call a@b now 中文", rng), "a"]
    entities = (Span(0, 1), Span(0, 1)) if spec.task.readout == "pair" else ()
    examples = [Example(str(n), text, entities=entities) for n, text in enumerate(texts)]
    if spec.task.answer is Text:
        Demanding(spec.rules).demands(examples, strict=False)
    elif spec.task.answer is Spans:
        votes = SpanRules(spec.rules, labels=spec.labels).apply(examples, strict=False)
        for row, start, end in zip(votes.row.tolist(), votes.start.tolist(), votes.end.tolist(), strict=True):
            if not 0 <= start <= end <= len(texts[row]):
                raise BrokenPromiseError(f"a rule speaks of {start}..{end} in a text of {len(texts[row])}")
    else:
        RuleSet(spec.rules, labels=spec.labels).apply(examples, strict=False)


SEEDS = (
    "{text}", "{description} {text}", "{{x}} {text}{sep}{text_pair}", "It was {mask}. {text}", "{subject} and {object}: {text}", "{name} {labels} {knowledge} {text}",
    "{history} {act} {facts} {text}", "{subject_type}{object_type}{text}",
)  # fmt: skip


def templates(rng: random.Random) -> str:
    """Templates: parsed, and filled in with texts that look like templates themselves."""
    template = Template.parse(changed_text(rng.choice(SEEDS), rng))
    texts = [odd_text(rng) for _ in range(4)]
    values = dict(zip(("text", "text_pair", "description", "knowledge"), texts, strict=True))
    found = template.render(values)
    whole = found.first + (found.second or "")
    if "text" in template.fields and texts[0].strip() not in whole:
        raise BrokenPromiseError("the text is not in the input")
    return "a cloze" if template.cloze else "a template"


def renderings(rng: random.Random) -> str:
    """Whole inputs with knowledge and markers: every piece of the text comes back from its place."""
    terms = {odd_text(rng)[:30] or "a": odd_text(rng)[:100] for _ in range(3)} | {"free": "costs nothing"}
    knowledge = Knowledge(
        terms,
        rng.choice(("prefix", "suffix", "insert", "field")),
        rng.randrange(1, 4),
        rng.choice((" ", "; ", "\n", "")),
    )
    template = Template.parse(rng.choice(("{text}", "{knowledge} {text}", "{description} {text}")))
    rendering = Rendering(
        template, (knowledge,), "n", odd_text(rng)[:50], {"a": "b"}, types={"PER": odd_text(rng)[:20]}
    )
    text = (changed_text("a free prize in Peking", rng) or "a")[:300]
    text = text if len(text) > 1 else "ab"
    half = rng.randrange(1, len(text))
    example = Example("1", text, entities=(Span(0, half, "PER"), Span(half, len(text))))
    rendering.render(example, mask="[MASK]")
    for segment in rendering.pieces(example):
        for piece, start in segment:
            if start is not None and text[start : start + len(piece)] != piece:
                raise BrokenPromiseError("a piece is not where it says")
    marked = rendering.marked(example)
    for before, after in zip(example.entities, marked.entities, strict=True):
        if "[" not in text and marked.text[after.start : after.end] != text[before.start : before.end]:
            raise BrokenPromiseError("an entity is not where it was")
    return "rendered"


def knowledge(rng: random.Random) -> str:
    """Files of knowledge, in their three formats."""
    from ruletune.errors import Location

    name, source = rng.choice(
        (
            ("k.tsv", "MRSA\ta germ\nHIV\ta virus\n"),
            ("k.json", '{"MRSA": "a germ"}'),
            ("k.jsonl", '{"term": "a", "text": "b"}\n'),
        )
    )
    entries = read_entries(changed_text(source, rng), where=Location(name))
    inject((Knowledge(entries, "insert", 3, " "),), "MRSA a HIV " + odd_text(rng)[:200])
    return "knowledge"


def fillings(rng: random.Random) -> str:
    """The language of braces by itself."""
    return f"{min(len(list(pieces(odd_text(rng) + changed_text(rng.choice(SEEDS), rng)))), 3)} pieces"


CASES: dict[str, Callable[[random.Random], str]] = {
    "files of rules": rule_files,
    "rules on odd texts": rules_on_texts,
    "templates": templates,
    "rendered inputs": renderings,
    "files of knowledge": knowledge,
    "braces": fillings,
}
