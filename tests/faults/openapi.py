#!/usr/bin/env python
"""Ask both servers what their OpenAPI descriptions allow, and what they do not: python -m tests.faults.openapi [--cases N] [--seed S].

schemathesis makes the requests. No answer is a server error; every answer has a status, a content type, headers and a body that the
description knows; what it does not allow is not answered. The workbench
publishes no description: FastAPI's is what requests are made from, and of answers only that nothing fails is checked, and that
refusals say why. Results go to ``benchmarks/results/faults/openapi.json``, failures to stderr; any is exit code 1.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults import servers
from tests.faults.servers import Target

LEFT_OUT = {("get", "/api/events"), ("post", "/api/train")}
"""A stream that does not end; and a training, which is a process of its own."""


@dataclass(slots=True)
class Found:
    """What came of one operation."""

    cases: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    failures: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {"cases": self.cases, "answers": dict(sorted(self.statuses.items())), "failed": len(self.failures)}


def described(target: Target, base: Path) -> dict[str, Any]:
    """What a server says that it answers."""
    if target.kind == "serve":
        found: dict[str, Any] = json.loads(asyncio.run(servers.ask(target, "/openapi.json")).body)
        return found
    from ruletune.serve.workbench import create_app
    from ruletune.workbench.live import Live
    from ruletune.workbench.project import Project

    project = Project(base / "project" / "task.yaml")
    spec = create_app(project, Live(project)).openapi()
    for method, path in LEFT_OUT:
        del spec["paths"][path][method]
    return spec


def explore(target: Target, spec: dict[str, Any], *, cases: int, seed: int) -> dict[str, Found]:
    """So many requests of each kind, right and wrong, to every operation."""
    import schemathesis
    from hypothesis.errors import Unsatisfiable

    schema = schemathesis.openapi.from_dict(spec)
    found: dict[str, Found] = {}
    for result in schema.get_all_operations():
        operation = result.ok()
        name = f"{operation.method.upper()} {operation.path}"
        found[name] = Found()
        for mode in schemathesis.GenerationMode:
            with contextlib.suppress(Unsatisfiable):  # nothing can be wrong about it
                _explore(target, operation, mode, found[name], cases=cases, seed=seed)
    return found


def _explore(target: Target, operation: Any, mode: Any, found: Found, *, cases: int, seed: int) -> None:
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis import seed as seeded

    @seeded(seed)
    @settings(
        max_examples=cases,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def one(case: Any) -> None:
        found.cases += 1
        headers = {"Connection": "close"} | ({"X-Ruletune": "1"} if target.kind == "workbench" else {})
        response = case.call(base_url=f"http://{target.host}", headers=headers, allow_redirects=False)
        found.statuses[str(response.status_code)] += 1
        for what, said in _wrong(target, case, response):
            found.failures.setdefault(
                what, f"{said}\n    {case.method} {case.formatted_path} {case.query} {str(case.body)[:300]}"
            )

    one()


def _wrong(target: Target, case: Any, response: Any) -> list[tuple[str, str]]:
    """What is wrong with an answer: in a word, and in more."""
    import schemathesis.checks as known
    from schemathesis.specs.openapi import checks as of_openapi

    wanted = [known.not_a_server_error]
    if target.kind == "serve":
        wanted += [
            of_openapi.status_code_conformance,
            of_openapi.content_type_conformance,
            of_openapi.response_schema_conformance,
            of_openapi.response_headers_conformance,
        ]
        if response.status_code != 413:  # too long is a refusal, too, which schemathesis takes for none
            wanted.append(of_openapi.negative_data_rejection)
    try:
        case.validate_response(response, checks=wanted)
    except schemathesis_failures() as group:
        return [
            (type(each).__name__, f"{response.status_code}: {each} {response.text[:300]}") for each in group.exceptions
        ]
    if response.status_code >= 400 and not response.json()["problems"][0]["message"]:
        return [("NoReason", response.text[:300])]
    return []


def schemathesis_failures() -> type[Any]:
    from schemathesis.core.failures import FailureGroup

    return FailureGroup


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--cases", type=int, default=1000, help="Of each operation, right ones and wrong ones.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-record", action="store_true", help="Write no results.")
    asked = parser.parse_args()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="ruletune-openapi-") as scratch:
        base = Path(scratch)
        servers.write_world(base)
        for kind in ("serve", "workbench"):
            with servers.thread(kind, base) as target:
                found = explore(target, described(target, base), cases=asked.cases, seed=asked.seed)
            rows += [{"server": kind, "operation": name, **each.to_json()} for name, each in found.items()]
            for name, each in found.items():
                sys.stderr.write(f"{kind}, {name}: {each.to_json()}\n")
                sys.stderr.writelines(f"--- {what}: {said}\n" for what, said in each.failures.items())
    if not asked.no_record:
        from benchmarks import record

        (record.RESULTS / "faults").mkdir(parents=True, exist_ok=True)
        command = f"python -m tests.faults.openapi --cases {asked.cases} --seed {asked.seed}"
        record.write("faults/openapi", command=command, rows=rows)
    return 1 if any(row["failed"] for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
