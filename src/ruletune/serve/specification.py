"""The OpenAPI description of a run's server, with the bodies and examples of its own task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import FastAPI

if TYPE_CHECKING:
    from ruletune.serve.model import Service

__all__ = ["PROBLEMS", "described"]

PROBLEMS = {
    "400": "the body is not JSON in UTF-8, or not as long as it says",
    "401": "no valid token was shown",
    "403": "the host or the origin is not one that may ask",
    "413": "the body is too long",
    "422": "something is wrong with the inputs; every problem names its place",
    "429": "too many texts are waiting; Retry-After says when to try again",
    "503": "the server is being stopped",
    "504": "there was no answer in time",
}
"""What goes wrong, by status."""

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
    problems = {"application/json": {"schema": {"$ref": _REF.format(model="Problems")}}}
    for status, words in PROBLEMS.items():
        operation["responses"][status] = {"description": words, "content": problems}


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
