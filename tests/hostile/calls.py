"""Calls made from the OpenAPI document (Schemathesis) against the application, as WSGI.

No answer may be a server error, and each must be one that the document tells of: its status, its
content type, its shape, its headers.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import schemathesis
import structlog
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis.errors import Unsatisfiable
from schemathesis import checks
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi import checks as openapi_checks

from lungline.domain import DEFAULT_TENANT, Scope
from storage.events import EventType
from tests.factories import films
from tests.factories.keyed import bearer
from tests.factories.services import BUNDLE, Service, form, service

CHECKS: list[Any] = [
    checks.not_a_server_error,
    openapi_checks.status_code_conformance,
    openapi_checks.content_type_conformance,
    openapi_checks.response_schema_conformance,
    openapi_checks.response_headers_conformance,
]
_MODES = (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE)
_KNOWN = 0.7
"""Share of calls whose ids in the address are those of things that are there."""
_RENEWED = 0.1
"""Share of changing calls in front of which these things are made anew."""


@dataclass(slots=True)
class Calls:
    """What was asked and answered.

    Attributes:
        operations: Of the document.
        statuses: Answers, by their first digit.
        findings: What must not be, once for each operation and kind.
    """

    operations: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    findings: dict[str, str] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many calls were made."""
        return sum(self.statuses.values())


def make_calls(least: int, seed: int, only: str = "") -> Calls:
    """Call every operation equally often, with good and with bad parameters.

    Args:
        least: Calls in all, at least.
        seed: Of their parameters.
        only: Part of an operation's method and path; by default all are called.
    """
    calls, document = Calls(), _document()
    operations = [found.ok() for found in document.get_all_operations()]
    operations = [each for each in operations if only in each.label]
    calls.operations = len(operations)
    # Some operations know only so many calls; the others get their share in a further round.
    while (missing := least - calls.count) > 0:
        each = -(-missing // (len(operations) * len(_MODES)))
        for operation in operations:
            with _api() as api:
                for mode in _MODES:
                    _call(api, operation, mode, each, seed, calls)
        seed += 1
    return calls


def _document() -> Any:
    with _api() as api:
        return schemathesis.openapi.from_wsgi("/openapi.json", api.app)


@contextmanager
def _api() -> Iterator[Service]:
    """A service with nothing in it, whose log goes nowhere."""
    changes = {"auth": "keys", "max_requests_per_minute": 1_000_000, "max_open_uploads": 1_000}
    with (
        tempfile.TemporaryDirectory(prefix="lungline-calls-") as folder,
        service(Path(folder), **changes) as api,
    ):
        structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
        yield api


def _call(api: Service, operation: Any, mode: Any, count: int, seed: int, calls: Calls) -> None:
    """Call one operation, mostly on things that are there."""
    random = Random(f"{seed}/{operation.label}/{mode}")
    headers = bearer(api, *Scope) | {"Accept-Encoding": "identity"}
    known: dict[str, Any] = {}

    @seeded(seed)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def call(case: Any) -> None:
        if not known or (operation.method != "get" and random.random() < _RENEWED):
            known.update(_things(api, headers))
        if random.random() < _KNOWN:
            for place in (case.path_parameters, case.query):
                place.update({name: known[name] for name in place if name in known})
        try:
            answer = case.call(headers=headers, app=api.app)
        except Exception as error:  # an answer that broke off while it was streamed
            calls.statuses["broken"] += 1
            calls.findings.setdefault(f"{operation.label}: {type(error).__name__}", str(error))
            return
        calls.statuses[f"{answer.status_code // 100}xx"] += 1
        try:
            case.validate_response(answer, checks=_checks(answer))
        except FailureGroup as group:
            for failure in group.exceptions:
                what = f"{operation.label}: {type(failure).__name__} {answer.status_code}"
                calls.findings.setdefault(what, f"{failure}\n{answer.content[:500]!r}")

    with suppress(Unsatisfiable):  # nothing can be wrong with a call that takes nothing
        call()


def _checks(answer: Any) -> list[Any]:
    """All checks; but OpenAPI 3.1 has no words for the shape of each event of a stream."""
    (kind,) = answer.headers.get("content-type", [""])
    stream = kind.startswith("text/event-stream")
    left_out = openapi_checks.response_schema_conformance if stream else None
    return [check for check in CHECKS if check is not left_out]


def _things(api: Service, headers: dict[str, str]) -> dict[str, Any]:
    """Make one thing of each kind; their ids, by the names of the parameters that take them."""
    ask, store = api.client, api.parts.repository
    two = form(("a.jpg", films.jpeg(1)), ("b.jpg", b"no film"))
    job = ask.post("/v1/jobs", **two, headers=headers).get_json()
    api.read_all()
    items = ask.get(job["links"]["items"], headers=headers).get_json()["items"]
    upload = {"filename": "a.zip", "size": 1_000}
    opened = ask.post("/v1/uploads", json=upload, headers=headers).get_json()
    link = dict(parse_qsl(urlsplit(opened["part_links"]["items"][0]["url"]).query))
    export = ask.post(f"/v1/jobs/{job['id']}/exports", json={"format": "csv"}, headers=headers)
    for earlier in store.webhooks.page(DEFAULT_TENANT, limit=100).items:
        store.webhooks.delete(DEFAULT_TENANT, earlier.id)
    hook = store.webhooks.create(DEFAULT_TENANT, "https://hooks.example", {EventType.FINISHED})
    return link | {
        "job_id": job["id"],
        "item_id": items[0]["id"],
        "upload_id": opened["id"],
        "number": 1,
        "export_id": export.get_json()["id"],
        "webhook_id": hook.webhook.id,
        "delivery_id": store.webhooks.ping(DEFAULT_TENANT, hook.webhook.id).id,
        "key_id": store.keys.create(DEFAULT_TENANT, name="", scopes=[Scope.READ]).key.id,
        "key": BUNDLE,
    }
