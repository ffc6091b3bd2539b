"""The OpenAPI description of a run's server, with the bodies and examples of its own task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import FastAPI

if TYPE_CHECKING:
    from ruletune.serve.model import Service

__all__ = ["PROBLEMS", "described"]

PROBLEMS = {
    "400": "this is no HTTP, or the body is not in UTF-8, or not as long as it says",
    "401": "no valid token was shown",
    "403": "the host or the origin is not one that may ask",
    "408": "the body did not come in time",
    "413": "the body is too long",
    "415": "the body is not said to be JSON",
    "422": "something is wrong with the inputs; every problem names its place",
    "429": "too many texts are waiting; Retry-After says when to try again",
    "503": "the server is being stopped, or too much is asked of it at a time; Retry-After says when to try again",
    "504": "there was no answer in time",
}
"""What goes wrong, by status."""

_ANYWHERE = ("400", "401", "403", "415", "503")
"""What can go wrong where nothing is sent, too."""

_PAGES = {"/": "text/html", "/docs": "text/html", "/report": "text/html", "/metrics": "text/plain"}
"""Answers that are not JSON."""

_REF = "#/components/schemas/{model}"


def described(app: FastAPI, service: Service) -> dict[str, Any]:
    """The description as JSON."""
    if app.openapi_schema is not None:
        return app.openapi_schema
    spec = app.openapi()
    spec["info"]["description"] = service.run.report.description
    schemas = spec.setdefault("components", {}).setdefault("schemas", {})
    schemas["Problems"] = _PROBLEMS_SCHEMA
    bodies = {"/predict": service.schema.predict, "/explain": service.schema.explain}
    for path, model in bodies.items():
        schema = model.model_json_schema(ref_template=_REF)
        schemas.update(schema.pop("$defs", {}))
        schemas[schema["title"]] = schema
        _body(spec["paths"][path]["post"], schema["title"], _example(service, path))
    for path, operations in spec["paths"].items():
        for operation in operations.values():
            _answers(path, operation)
    answer = service.example_answer
    if answer is not None:
        example = {"predictions": [{"id": "1", **answer}]}
        spec["paths"]["/predict"]["post"]["responses"]["200"]["content"]["application/json"]["example"] = example
    return spec


def _body(operation: dict[str, Any], title: str, example: dict[str, Any]) -> None:
    schema = {"$ref": _REF.format(model=title)}
    operation["requestBody"] = {
        "required": True,
        "content": {"application/json": {"schema": schema, "example": example}},
    }


def _answers(path: str, operation: dict[str, Any]) -> None:
    """What comes back: of each status the type, and the shape where it is JSON."""
    responses = operation["responses"]
    if path in _PAGES:
        responses["200"]["content"] = {_PAGES[path]: {"schema": {"type": "string"}}}
    else:
        responses["200"]["content"]["application/json"]["schema"] = _SHAPES.get(path, {"type": "object"})
    problems = {"application/json": {"schema": {"$ref": _REF.format(model="Problems")}}}
    for status in PROBLEMS if "requestBody" in operation else _ANYWHERE:
        responses[status] = {"description": PROBLEMS[status], "content": problems}
    if path == "/health/ready":
        shape = {"application/json": {"schema": _SHAPES[path]}}
        responses["503"] = {"description": "it takes no requests any more", "content": shape}


def _example(service: Service, path: str) -> dict[str, Any]:
    from ruletune.serve.schema import example_input

    shown = example_input(service.run)
    return {"inputs": [shown]} if path == "/predict" else {"input": shown}


_PROBLEMS_SCHEMA: dict[str, Any] = {
    "title": "Problems",
    "type": "object",
    "required": ["problems"],
    "properties": {
        "problems": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["message", "file", "line", "remedy"],
                "properties": {
                    "message": {"type": "string"},
                    "file": {"type": ["string", "null"]},
                    "line": {"type": ["integer", "null"]},
                    "remedy": {"type": ["string", "null"]},
                },
            },
        }
    },
}

_ROW: dict[str, Any] = {
    "type": "object",
    "required": ["id", "answer", "score", "probabilities", "rules"],
    "properties": {
        "id": {"type": "string"},
        "score": {"type": ["number", "null"]},
        "probabilities": {"type": "object", "additionalProperties": {"type": "number"}},
        "rules": {"type": "array", "items": {"type": "object", "required": ["rule"]}},
        "abstained": {"type": "boolean"},
        "n_best": {"type": "array", "items": {"type": "object", "required": ["answer", "score"]}},
    },
}

_SHAPES: dict[str, Any] = {
    "/predict": {
        "type": "object",
        "required": ["predictions"],
        "properties": {"predictions": {"type": "array", "items": _ROW}},
    },
    "/health": {
        "type": "object",
        "required": ["status", "live", "ready", "uptime", "waiting", "model", "versions", "drift"],
        "properties": {"status": {"enum": ["ready", "stopping"]}, "waiting": {"type": "integer"}},
    },
    "/health/live": {"type": "object", "required": ["live"], "properties": {"live": {"type": "boolean"}}},
    "/health/ready": {"type": "object", "required": ["ready"], "properties": {"ready": {"type": "boolean"}}},
}
"""Answers that are right, by path."""
