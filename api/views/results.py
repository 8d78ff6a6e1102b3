"""/v1/jobs/{id}/results: the findings of a whole job, streamed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from apiflask import APIBlueprint
from flask import Response, request

from api import schemas
from api.context import checked_job_id, parts, tenant
from api.documented import Answers, problems
from api.parquet import MEDIA_TYPE, parquet_pieces
from api.results import csv_rows, ndjson_rows
from lungline.bundles import find_bundle
from lungline.domain import ItemStatus
from lungline.errors import BundleNotFound, InvalidParameter, JobNotFound
from storage.items import Item
from storage.jobs import Job

results = APIBlueprint("results", __name__, url_prefix="/v1", tag="Jobs")

_TYPES = {"csv": "text/csv", "ndjson": "application/x-ndjson", "parquet": MEDIA_TYPE}
_TEXT = {"schema": {"type": "string"}}
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_ANSWERS: Answers = {
    200: {
        "description": "A row an item, in the job's order; items not yet read have no findings.",
        "content": {
            mimetype: _BINARY if kind == "parquet" else _TEXT for kind, mimetype in _TYPES.items()
        },
    },
    **problems(JobNotFound, InvalidParameter),
}


@results.get("/jobs/<job_id>/results")
@results.input(schemas.ResultsQuery, location="query", arg_name="query")
@results.doc(operation_id="getResults", responses=_ANSWERS)
def get_results(job_id: str, query: dict[str, Any]) -> Response:
    """Stream the findings of a job as CSV, NDJSON or Parquet. For research use only.

    In CSV a text that a spreadsheet would take for a formula (it begins with `=`, `+`, `-` or
    `@`) gets an apostrophe in front. NDJSON carries every text as it is.
    """
    kind = query["format"] or _accepted()
    job = parts().repository.jobs.get(tenant(), checked_job_id(job_id))
    stream = iter(parts().repository.items.stream(tenant(), job.id))
    # The first row is fetched now, while an error can still become an answer.
    rows = chain([first], stream) if (first := next(stream, None)) is not None else iter(())
    return Response(
        _written(kind, rows, job),
        content_type=_TYPES[kind] if kind == "parquet" else f"{_TYPES[kind]}; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="lungline-{job.id}.{kind}"',
            "Cache-Control": "no-store",
            "Vary": "Accept",
        },
    )


def _accepted() -> str:
    best = request.accept_mimetypes.best_match(list(_TYPES.values()), default="text/csv")
    return next(kind for kind, mimetype in _TYPES.items() if mimetype == best)


def _written(kind: str, rows: Iterator[Item], job: Job) -> Iterator[bytes]:
    if kind == "parquet":
        return parquet_pieces(rows, _labels(job))
    return _encoded(csv_rows(rows, _labels(job)) if kind == "csv" else ndjson_rows(rows))


def _encoded(lines: Iterator[str]) -> Iterator[bytes]:
    return (text.encode() for text in lines if text)


def _labels(job: Job) -> Sequence[str]:
    """The label set of the job's bundle; from a prediction where the bundle was removed."""
    try:
        return find_bundle(parts().settings.bundles_dir, job.bundle).labels
    except BundleNotFound:
        page = parts().repository.items.page(
            tenant(), job.id, limit=1, cursor=None, status=ItemStatus.SUCCEEDED
        )
        predictions = [item.prediction for item in page.items if item.prediction is not None]
        return [finding["label"] for read in predictions for finding in read.findings]
