"""/v1/jobs/{id}/results: the findings of a whole job, streamed."""

from __future__ import annotations

from itertools import chain
from typing import Any

from apiflask import APIBlueprint
from flask import Response, request

from api import schemas
from api.access import needs
from api.audit import audited
from api.context import checked_job_id, parts, tenant
from api.documented import Answers, problems
from lungline.domain import Scope
from lungline.errors import InvalidParameter, JobNotFound
from storage.audit import Action
from storage.results.accounted import accounted
from storage.results.tables import TABLES, labels_of, table_pieces

results = APIBlueprint("results", __name__, url_prefix="/v1", tag="Jobs")

_TEXT = {"schema": {"type": "string"}}
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_ANSWERS: Answers = {
    200: {
        "description": "A row an item, in the job's order; items not yet read have no findings.",
        "content": {
            mimetype: _BINARY if kind == "parquet" else _TEXT for kind, mimetype in TABLES.items()
        },
    },
    **problems(JobNotFound, InvalidParameter),
}


@results.get("/jobs/<job_id>/results")
@needs(Scope.READ)
@audited(Action.RESULTS_READ)
@results.input(schemas.ResultsQuery, location="query", arg_name="query")
@results.doc(operation_id="getResults", responses=_ANSWERS)
def get_results(job_id: str, query: dict[str, Any]) -> Response:
    """Stream the findings of a job as CSV, NDJSON or Parquet. For research use only.

    In CSV a text that a spreadsheet would take for a formula (it begins with `=`, `+`, `-` or
    `@`) gets an apostrophe in front. NDJSON carries every text as it is.

    A row tells what became of the film when it came: `outcome`, and of an archive's entry `size`
    and `sha256` as the archive had them. With `ignored=true` entries that nobody means as films
    have rows too, at their places, without an item.
    """
    kind = query["format"] or _accepted()
    here = parts()
    items = here.repository.items
    job = here.repository.jobs.get(tenant(), checked_job_id(job_id))
    entries, ignored = here.repository.entries, query["ignored"]
    stream = accounted(items.stream(tenant(), job.id), job, entries, ignored=ignored)
    # The first row is fetched now, while an error can still become an answer.
    rows = chain([first], stream) if (first := next(stream, None)) is not None else iter(())
    return Response(
        table_pieces(kind, rows, labels_of(job, items, here.bundles)),
        content_type=TABLES[kind] if kind == "parquet" else f"{TABLES[kind]}; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="lungline-{job.id}.{kind}"',
            "Cache-Control": "no-store",
            "Vary": "Accept",
        },
    )


def _accepted() -> str:
    best = request.accept_mimetypes.best_match(list(TABLES.values()), default="text/csv")
    return next(kind for kind, mimetype in TABLES.items() if mimetype == best)
