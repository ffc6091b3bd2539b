"""What a run's server answers, for every task; and what it refuses."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from typing import Any

import pytest
from starlette.testclient import TestClient

from ruletune.pipeline.run import Run
from ruletune.pipeline.values import prediction_value
from ruletune.serve.answering import Answerer, Asked
from ruletune.serve.batching import Budget
from ruletune.serve.guarding import Guards
from ruletune.serve.model import OPEN_PATHS, Settings
from ruletune.serve.schema import Limits
from ruletune.types import Example
from tests.model_fixtures import texts
from tests.serve.conftest import KINDS, serving

INPUTS: dict[str, list[Any]] = {
    "classification": [
        "a superb film",
        {"text": "an awful story", "id": "b"},
        {"text": "这 很 好 😀", "fields": {"stars": 3}},
    ],
    "relation": [
        "the <e1:MAN>film</e1> is superb of <e2>review</e2>",
        {
            "text": "😀 film is dull of review",
            "entities": [{"start": 2, "end": 6, "type": "MAN"}, {"start": 18, "end": 24}],
        },
    ],
    "ner": ["😀 a superb story of awful people", "nothing here"],
    "qa": [{"text": "a superb story", "question": "is the film great ?"}],
    "translation": ["ein hund", "haus 3"],
    "summarization": ["ein hund", {"text": ["ein hund.", "eine katze."]}],
    "dialogue": [
        "ein hund",
        {"act": "inform(name='hund')"},
        {
            "text": "katze",
            "history": [{"speaker": "user", "text": "hund"}, {"text": "haus"}],
            "facts": ["ein haus", "zwei"],
        },
    ],
    "understanding": ["the superb film", "dull story"],
}


def problems_of(answer: Any) -> list[str]:
    found = answer.json()["problems"]
    assert all(set(problem) == {"message", "file", "line", "remedy"} for problem in found)
    return [problem["message"] for problem in found]


@pytest.mark.parametrize("kind", KINDS)
def test_every_task_answers_explains_and_describes_itself(kind: str, runs: Callable[[str], Run]) -> None:
    with serving(runs(kind)) as client:
        answer = client.post("/predict", json={"inputs": INPUTS[kind]})
        assert answer.status_code == 200, answer.text
        rows = answer.json()["predictions"]
        assert len(rows) == len(INPUTS[kind])
        assert all({"id", "answer", "score", "probabilities", "rules"} <= set(row) for row in rows)
        explained = client.post("/explain", json={"input": INPUTS[kind][0]})
        assert explained.status_code == 200, explained.text
        assert explained.json()["answer"] == rows[0]["answer"]
        for path in ("/", "/docs", "/report"):
            page = client.get(path)
            assert page.status_code == 200, page.text
            assert page.headers["content-type"].startswith("text/html")
        spec = client.get("/openapi.json").json()
        example = spec["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]["example"]
        assert client.post("/predict", json=example).status_code == 200
        health = client.get("/health").json()
        assert health["ready"]
        assert health["model"]["task"] == kind


def test_offsets_are_code_points(runs: Callable[[str], Run]) -> None:
    with serving(runs("ner")) as client:
        text = "😀 a superb story"
        [row] = client.post("/predict", json={"inputs": [text]}).json()["predictions"]
        [fired] = [rule for rule in row["rules"] if rule["rule"] == "praise"]
        assert [text[start:end] for start, end in fired["spans"]] == ["superb"]


def test_answers_are_those_of_predict(classified: Run, client: TestClient) -> None:
    examples = [Example(str(n), e.text) for n, e in enumerate(texts(40, seed=5), start=1)]
    rows = client.post("/predict", json={"inputs": [e.text for e in examples]}).json()["predictions"]
    for row, alone in zip(rows, (classified.predict([e])[0] for e in examples), strict=True):
        expected = prediction_value(alone)
        assert {k: row[k] for k in ("id", "answer", "rules")} == {k: expected[k] for k in ("id", "answer", "rules")}
        assert row["score"] == pytest.approx(expected["score"], abs=1e-5)
        assert row["probabilities"] == pytest.approx(expected["probabilities"], abs=1e-5)


@pytest.mark.parametrize("kind", ["classification", "ner", "qa", "translation"])
def test_many_clients_at_once_get_their_own_answers(kind: str, runs: Callable[[str], Run]) -> None:
    run = runs(kind)
    inputs = [
        {"text": f"{text} {n}", **({"question": "is the film great ?"} if kind == "qa" else {})}
        for n in range(8)
        for text in ("a superb film", "an awful film of two people", "ein hund und das haus")
    ]
    alone = [run.predict([Example("1", each["text"], each.get("question"))])[0].answer for each in inputs]
    with serving(run, Settings(budget=Budget(texts=7, wait=0.01, cache=0))) as client:

        def ask(each: dict[str, str]) -> Any:
            return client.post("/predict", json={"inputs": [each]}).json()["predictions"][0]["answer"]

        with ThreadPoolExecutor(12) as pool:
            together = list(pool.map(ask, inputs))
    assert together == [prediction_value_of(answer) for answer in alone]


def prediction_value_of(answer: Any) -> Any:
    from ruletune.labeling.values import answer_value

    return answer_value(answer)


def test_options(runs: Callable[[str], Run], client: TestClient) -> None:
    [quiet] = client.post("/predict", json={"inputs": ["a superb film"], "with_rules": False}).json()["predictions"]
    assert quiet["rules"] == []
    [row] = client.post("/predict", json={"inputs": ["a superb film"], "max_error": 0.3}).json()["predictions"]
    assert row["abstained"] == (row["answer"] is None)
    with serving(runs("qa")) as qa:
        body = {"inputs": INPUTS["qa"], "n_best": 3}
        [row] = qa.post("/predict", json=body).json()["predictions"]
        assert 1 <= len(row["n_best"]) <= 3
        assert row["n_best"][0]["answer"] == row["answer"]
        assert "max_error: no such field" in problems_of(qa.post("/predict", json=body | {"max_error": 0.1}))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "inputs: is missing"),
        ({"inputs": []}, "inputs: list should have at least 1 item after validation, not 0"),
        ({"inputs": "a"}, "inputs: input should be a valid array"),
        ({"inputs": ["a", 3]}, "inputs[1]: input should be an object"),
        ({"inputs": ["a", "  \n"]}, "inputs[1].text: is blank"),
        ({"inputs": [""]}, "inputs[0].text: string should have at least 1 character"),
        ({"inputs": [{"text": "a", "txt": "b"}]}, "inputs[0].txt: no such field"),
        ({"inputs": [{"text": 3}]}, "inputs[0].text: input should be a valid string"),
        ({"inputs": [{"text": None}]}, "inputs[0].text: input should be a valid string"),
        ({"inputs": [{}]}, "inputs[0].text: is missing"),
        ({"inputs": ["a"], "with_rules": 1}, "with_rules: input should be a valid boolean"),
        ({"inputs": ["a"], "max_error": 0}, "max_error: input should be greater than 0"),
        ({"inputs": ["a"], "max_error": "0.1"}, "max_error: input should be a valid number"),
        ({"inputs": ["a"], "n_best": 2}, "n_best: no such field"),
        ({"inputs": [{"text": "a", "fields": {"x" * 201: 1}}]}, "string should have at most 200 characters"),
        ({"inputs": [{"text": "a", "fields": {"x": {"y": 1}}}]}, "inputs[0].fields.x"),
        (
            {"inputs": [{"text": "a", "fields": {str(n): n for n in range(33)}}]},
            "inputs[0].fields: dictionary should have at most 32",
        ),
        (["a"], "input should be an object"),
        ("a", "input should be an object"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(body: Any, said: str, client: TestClient) -> None:
    answer = client.post("/predict", json=body)
    assert answer.status_code == 422
    assert any(said in problem for problem in problems_of(answer)), problems_of(answer)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"null", b"{", b'{"inputs": ["a"]', b'{"inputs": ["\\ud800"]}', b'{"inputs": ["a"], "max_error": NaN}',
        b'{"inputs": ["a"], "max_error": 1e999}', b'{"inputs": [' + b"9" * 10_000 + b"]}", b"[" * 15, b'{"inputs": [[[["a"]]]]}',
    ],
)  # fmt: skip
def test_what_is_no_json_is_refused(body: bytes, client: TestClient) -> None:
    answer = client.post("/predict", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 422
    assert problems_of(answer)
    assert len(answer.content) < 2000


def test_reasons_as_they_are_asked_for(client: TestClient) -> None:
    body = {"input": "a superb film", "words": False, "examples": 1, "label": "bad"}
    answer = client.post("/explain", json=body).json()
    assert answer["attributions"] == []
    assert len(answer["examples"]) <= 1
    assert "input: unknown label 'odd'" in problems_of(client.post("/explain", json=body | {"label": "odd"}))
    assert "inputs: no such field" in problems_of(client.post("/explain", json={"inputs": ["a"]}))
    assert "examples: input should be less than or equal to 20" in problems_of(
        client.post("/explain", json=body | {"examples": 21})
    )


def test_bounds_are_those_of_the_server(classified: Run) -> None:
    settings = Settings(limits=Limits(texts=2, characters=5))
    with serving(classified, settings, Guards(body=100, seconds=None)) as client:
        assert client.post("/predict", json={"inputs": ["film", "film"]}).status_code == 200
        assert client.post("/predict", json={"inputs": ["a"] * 3}).status_code == 422
        assert client.post("/predict", json={"inputs": ["😀" * 5]}).status_code == 200
        answer = client.post("/predict", json={"inputs": ["😀" * 6]})
        assert problems_of(answer) == ["inputs[0].text: string should have at most 5 characters"]
        assert client.post("/predict", json={"inputs": ["x" * 100]}).status_code == 413


def test_a_long_text_is_answered(client: TestClient) -> None:
    [row] = client.post("/predict", json={"inputs": ["superb " * 2500]}).json()["predictions"]
    assert row["answer"] in ("good", "bad")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("no entities", "inputs[0]: the text has no two entities: 'no entities'"),
        ("<e1>a</e1> and b", "the mark <e2> is missing"),
        (
            {"text": "ab", "entities": [{"start": 0, "end": 1}, {"start": 1, "end": 3}]},
            "an entity ends behind the text",
        ),
        ({"text": "ab", "entities": [{"start": 0, "end": 1}, {"start": 0, "end": 1}]}, "are the same words"),
        ({"text": "ab", "entities": [{"start": 0, "end": 1}]}, "inputs[0].entities: list should have at least 2 items"),
        ({"text": "ab", "entities": [{"start": 1, "end": 1}, {"start": 0, "end": 1}]}, "begins at 1 and ends at 1"),
        ({"text": "ab", "entities": [{"start": -1, "end": 1}, {"start": 0, "end": 1}]}, "inputs[0].entities[0].start"),
    ],
)
def test_entities_that_are_none(given: Any, said: str, runs: Callable[[str], Run]) -> None:
    with serving(runs("relation")) as client:
        answer = client.post("/predict", json={"inputs": [given]})
        assert answer.status_code == 422
        assert any(said in problem for problem in problems_of(answer)), problems_of(answer)


def test_a_turn_or_an_act(runs: Callable[[str], Run]) -> None:
    with serving(runs("dialogue")) as client:
        both = client.post("/predict", json={"inputs": [{"text": "hund", "act": "inform(name='hund')"}]})
        assert "both a last turn and an act" in problems_of(both)[0]
        assert client.post("/predict", json={"inputs": [{"facts": "haus"}]}).status_code == 422
        assert client.post("/predict", json={"inputs": [{"act": "((("}]}).status_code == 422


def test_a_question_is_needed(runs: Callable[[str], Run]) -> None:
    with serving(runs("qa")) as client:
        assert problems_of(client.post("/predict", json={"inputs": ["film"]})) == ["inputs[0].question: is missing"]


def test_a_promise_that_cannot_be_made_is_refused(runs: Callable[[str], Run]) -> None:
    with serving(runs("ner")) as client:
        answer = client.post("/predict", json={"inputs": ["film"], "max_error": 0.1})
        assert answer.status_code == 422
        assert "can promise nothing" in problems_of(answer)[0]


def test_paths_and_methods_that_are_none(client: TestClient) -> None:
    assert problems_of(client.get("/nothing")) == ["there is no '/nothing' here"]
    assert client.get("/nothing").status_code == 404
    assert client.get("/predict").status_code == 405
    assert problems_of(client.get("/predict")) == ["/predict does not answer to GET"]
    assert client.post("/docs/../predict", json={"inputs": ["a"]}).status_code in (200, 404)


def test_a_token_guards_everything_but_the_probes(classified: Run) -> None:
    guards = Guards(token="a-token-that-is-long-enough", open_paths=OPEN_PATHS, seconds=None)
    with serving(classified, guards=guards) as client:
        for path in ("/", "/docs", "/health", "/metrics", "/openapi.json", "/report"):
            assert client.get(path).status_code == 401, path
        assert client.post("/predict", json={"inputs": ["a"]}).status_code == 401
        assert client.get("/health/live").json() == {"live": True}
        assert client.get("/health/ready").json() == {"ready": True}
        headers = {"authorization": "Bearer a-token-that-is-long-enough"}
        assert client.post("/predict", json={"inputs": ["a"]}, headers=headers).status_code == 200


def test_metrics_count_what_happens(classified: Run) -> None:
    with serving(classified) as client:
        client.post("/predict", json={"inputs": ["a superb film", "a superb film of two", "an awful film"]})
        client.post("/predict", json={"inputs": []})
        client.get("/nothing")
        page = client.get("/metrics")
        assert page.headers["content-type"].startswith("text/plain")
        lines = dict(line.rsplit(" ", 1) for line in page.text.splitlines() if not line.startswith("#"))
    assert lines['ruletune_requests_total{route="/predict",status="200"}'] == "1.0"
    assert lines['ruletune_requests_total{route="/predict",status="422"}'] == "1.0"
    assert lines['ruletune_requests_total{route="other",status="404"}'] == "1.0"
    assert lines['ruletune_rule_firings_total{part="",rule="praise"}'] == "2.0"
    answers = [float(value) for name, value in lines.items() if name.startswith("ruletune_answers_total")]
    assert sum(answers) == 3
    assert lines["ruletune_queue_texts"] == "0.0"
    assert lines["ruletune_batch_texts_sum"] == "3.0"
    assert float(lines['ruletune_share_in_training{kind="rule",name="praise",part=""}']) > 0
    assert "nothing" not in page.text


def test_remembered_answers_are_the_same(classified: Run) -> None:
    with serving(classified) as client:
        first = client.post("/predict", json={"inputs": [{"text": "a superb film", "id": "x"}]}).json()
        again = client.post("/predict", json={"inputs": [{"text": "a superb film", "id": "y"}]}).json()
        assert first["predictions"][0] | {"id": "y"} == again["predictions"][0]
        assert "ruletune_remembered_texts_total 1.0" in client.get("/metrics").text
        other = client.post("/predict", json={"inputs": [{"text": "a superb film"}], "with_rules": False}).json()
        assert other["predictions"][0]["rules"] == []


class Page(HTMLParser):
    """Tags of a page, and what it loads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.loads: list[str] = []
        self.handlers: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.loads += [str(value) for name, value in attributes if name in ("src", "href", "action", "srcset")]
        self.handlers += [name for name, _ in attributes if name.startswith("on")]


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_pages_need_nothing_from_elsewhere_and_run_nothing(path: str, client: TestClient) -> None:
    answer = client.get(path)
    page = Page(answer.text)
    assert not page.tags & {"script", "iframe", "object", "embed", "link", "img", "form"}
    assert not page.handlers
    assert all(load.startswith("/") and not load.startswith("//") for load in page.loads)
    assert "url(" not in re.sub(r"<pre>.*?</pre>", "", answer.text, flags=re.DOTALL)
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "prefers-color-scheme: dark" in answer.text


def test_names_on_pages_are_escaped(classified: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
    run = type(classified)(classified.folder, classified.settings | {"name": evil, "versions": {evil: evil}})
    with serving(run) as client:
        for path in ("/", "/docs"):
            page = Page(client.get(path).text)
            assert not page.tags & {"script", "img"}
            assert not page.handlers


def test_runs_of_earlier_versions_are_served(classified: Run) -> None:
    old = {key: value for key, value in classified.settings.items() if key != "reference"}
    with serving(type(classified)(classified.folder, old)) as client:
        assert client.post("/predict", json={"inputs": ["a superb film"]}).status_code == 200
        assert client.get("/health").json()["drift"] == {"watched": False, "found": []}
        assert "made by an earlier version" in client.get("/").text
        client.get("/metrics").raise_for_status()


def test_drift_is_seen_and_said_everywhere(classified: Run, caplog: pytest.LogCaptureFixture) -> None:
    with serving(classified) as client:
        for start in range(0, 300, 60):
            inputs = [f"superb superb the {n}" for n in range(start, start + 60)]
            client.post("/predict", json={"inputs": inputs}).raise_for_status()
        [said] = [s for s in client.get("/health").json()["drift"]["found"] if "'praise'" in s]
        assert re.fullmatch(r"rule 'praise' fires on 100% of the last \d+ texts; \d+% in training", said)
        assert "The texts have changed since training" in client.get("/").text
        assert 'ruletune_drift{kind="rule",name="praise",part=""} 1.0' in client.get("/metrics").text
    told = [record.message for record in caplog.records if "rule 'praise'" in record.message]
    assert len(told) == 1


def test_one_input_that_fails_does_not_cost_others_their_answer(
    classified: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    predict = type(classified).predict

    def fails(self: Run, examples: Any, **options: Any) -> Any:
        if any("poison" in example.text for example in examples):
            raise ValueError("secret details")
        return predict(self, examples, **options)

    monkeypatch.setattr(type(classified), "predict", fails)
    with serving(classified, Settings(budget=Budget(wait=0.05))) as client, ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(client.post, "/predict", json={"inputs": [text]}) for text in ("a", "poison", "b", "c")]
        answers = [each.result() for each in asked]
        assert [answer.status_code for answer in answers] == [200, 500, 200, 200]
        assert "secret" not in answers[1].text
        together = client.post("/predict", json={"inputs": ["a", "poison"]})
        assert problems_of(together) == ["inputs[1]: could not be answered; the server's log says why"]


def test_json_is_utf8(client: TestClient) -> None:
    answer = client.post("/predict", content=json.dumps({"inputs": [{"text": "这", "id": "编号"}]}, ensure_ascii=False).encode(),
                         headers={"content-type": "application/json"})  # fmt: skip
    assert "编号".encode() in answer.content


def test_only_the_thread_that_answers_batches_keeps_its_team(classified: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any other thread that has computed, and lives, makes OpenMP's threads sleep between operations."""
    threads: dict[str, list[threading.Thread]] = {}
    computed = Answerer.__call__

    def noted(answerer: Answerer, asked: Sequence[Asked]) -> Any:
        threads.setdefault(type(asked[0].options).__name__, []).append(threading.current_thread())
        return computed(answerer, asked)

    monkeypatch.setattr(Answerer, "__call__", noted)
    with serving(classified) as client:
        [warm] = threads["Options"]
        assert not warm.is_alive()
        for _ in range(2):
            assert client.post("/predict", json={"inputs": ["a superb film"]}).status_code == 200
            assert client.post("/explain", json={"input": "a superb film"}).status_code == 200
        _, first, *others = threads["Options"]
        assert first.is_alive()
        assert all(thread is first for thread in others)
        assert not any(thread.is_alive() for thread in threads["Reasons"])
