"""/v1/jobs: how jobs stand, and their end before the end."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint
from flask import Response, request

from api import schemas
from api.access import needs
from api.audit import audited
from api.conditional import Answer, conditional, item_version, job_tag, known
from api.context import checked_job_cursor, checked_job_id, parts, tenant
from api.documented import UNCHANGED, problems
from api.paging import metadata_conditions, page_answer
from api.waiting import client_gone, look_until
from api.wire import entry_wire, eta_seconds, films_per_second, item_wire, job_wire
from lungline.domain import EntryOutcome, ItemStatus, JobStatus, Scope
from lungline.errors import CrossSite, InvalidParameter, JobNotFound, WrongState
from storage.audit import Action
from storage.jobs import Job

jobs = APIBlueprint("jobs", __name__, url_prefix="/v1", tag="Jobs")

_SLOWEST_POLL_SECONDS = 10


@jobs.get("/jobs")
@needs(Scope.READ)
@jobs.input(schemas.JobPageQuery, location="query", arg_name="query")
@jobs.output(schemas.JobPage)
@jobs.doc(operation_id="listJobs", responses=UNCHANGED | problems(InvalidParameter))
def list_jobs(query: dict[str, Any]) -> Answer | Response:
    """List jobs, newest first; only those that fit all filters."""
    status = JobStatus(query["status"]) if query["status"] else None
    cursor = checked_job_cursor(query["cursor"])
    after = query["created_after"]
    page = parts().repository.jobs.page(
        tenant(),
        limit=query["limit"],
        cursor=cursor,
        status=status,
        name=query["name"],
        from_job=query["from_job"],
        created_after=after and after.timestamp(),
        metadata=metadata_conditions(),
    )
    return page_answer(page, job_wire, job_tag)


@jobs.get("/jobs/<job_id>")
@needs(Scope.READ)
@jobs.input(schemas.JobQuery, location="query", arg_name="query")
@jobs.output(schemas.Job)
@jobs.doc(operation_id="getJob", responses=UNCHANGED | problems(JobNotFound, InvalidParameter))
def get_job(job_id: str, query: dict[str, Any]) -> Answer | Response:
    """Tell how a job stands. `Retry-After` says when to ask again; it is absent at the end.

    With `wait=N` the answer comes as soon as the job differs from the version that
    `If-None-Match` names (without one: from what it is now), or after N seconds.
    """
    job = parts().repository.jobs.get(tenant(), checked_job_id(job_id))
    if query["wait"] and not job.status.terminal:
        job = _changed(job, query["wait"])
    headers = {}
    if not job.status.terminal:
        headers["Retry-After"] = str(_poll_seconds(job))
    return conditional(job_tag(job), lambda: job_wire(job), headers)


@jobs.get("/jobs/<job_id>/items")
@needs(Scope.READ)
@audited(Action.RESULTS_READ)
@jobs.input(schemas.ItemPageQuery, location="query", arg_name="query")
@jobs.output(schemas.ItemPage)
@jobs.doc(operation_id="listItems", responses=UNCHANGED | problems(JobNotFound, InvalidParameter))
def list_items(job_id: str, query: dict[str, Any]) -> Answer | Response:
    """List a job's items in its order."""
    status = ItemStatus(query["status"]) if query["status"] else None
    page = parts().repository.items.page(
        tenant(),
        checked_job_id(job_id),
        limit=query["limit"],
        cursor=query["cursor"],
        status=status,
    )
    return page_answer(page, item_wire, item_version)


@jobs.get("/jobs/<job_id>/entries")
@needs(Scope.READ)
@jobs.input(schemas.EntryPageQuery, location="query", arg_name="query")
@jobs.output(schemas.EntryPage)
@jobs.doc(operation_id="listEntries", responses=UNCHANGED | problems(JobNotFound, InvalidParameter))
def list_entries(job_id: str, query: dict[str, Any]) -> Answer | Response:
    """List what a job's archive holds, in its order, and what became of each entry.

    Entries come as they are expanded; a job of films that came without an archive has none.
    """
    page = parts().repository.entries.page(
        tenant(),
        checked_job_id(job_id),
        limit=query["limit"],
        cursor=query["cursor"],
        outcome=EntryOutcome(query["outcome"]) if query["outcome"] else None,
    )
    return page_answer(page, entry_wire, lambda entry: entry.seq)  # an entry never changes


@jobs.post("/jobs/<job_id>/cancel")
@needs(Scope.SUBMIT)
@jobs.output(schemas.Job, status_code=202)
@jobs.doc(operation_id="cancelJob", responses=problems(JobNotFound, WrongState, CrossSite))
def cancel_job(job_id: str) -> Answer:
    """Cancel a job: nothing new is read, what is being read is finished."""
    here, keep = parts().repository.jobs, parts().settings.keep_archives
    job = here.cancel(tenant(), checked_job_id(job_id), keep=keep)
    return job_wire(job), 202, {"Cache-Control": "no-store"}


def _changed(job: Job, seconds: int) -> Job:
    """Wait until the job is no longer what the client knows of it."""
    here, now = parts(), job_tag(job)
    if request.if_none_match and not known(now):
        return job
    with here.waits.seat() as seated:
        if not seated:
            return job
        return look_until(
            lambda: here.repository.jobs.get(tenant(), job.id),
            lambda seen: job_tag(seen) != now,
            min(seconds, here.settings.max_wait_seconds),
            lambda: here.stopping() or client_gone(request.environ),
        )


def _poll_seconds(job: Job) -> int:
    """A twentieth of what is left, so that a long job is not asked about every second."""
    eta = eta_seconds(job, films_per_second(job))
    return min(_SLOWEST_POLL_SECONDS, max(1, int((eta or 0) / 20)))
