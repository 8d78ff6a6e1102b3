"""/v1/jobs: how jobs stand, and their end before the end."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint

from api import schemas
from api.context import checked_job_cursor, checked_job_id, parts, tenant
from api.documented import problems
from api.paging import page_answer
from api.wire import eta_seconds, films_per_second, item_wire, job_wire
from lungline.domain import ItemStatus, JobStatus
from lungline.errors import CrossSite, InvalidParameter, JobNotFound, WrongState
from storage.jobs import Job

jobs = APIBlueprint("jobs", __name__, url_prefix="/v1", tag="Jobs")

_SLOWEST_POLL_SECONDS = 10

Answer = tuple[dict[str, Any], int, dict[str, str]]


@jobs.get("/jobs")
@jobs.input(schemas.JobPageQuery, location="query", arg_name="query")
@jobs.output(schemas.JobPage)
@jobs.doc(operation_id="listJobs", responses=problems(InvalidParameter))
def list_jobs(query: dict[str, Any]) -> Answer:
    """List jobs, newest first."""
    status = JobStatus(query["status"]) if query["status"] else None
    cursor = checked_job_cursor(query["cursor"])
    page = parts().repository.jobs.page(
        tenant(), limit=query["limit"], cursor=cursor, status=status
    )
    return page_answer(page, job_wire)


@jobs.get("/jobs/<job_id>")
@jobs.output(schemas.Job)
@jobs.doc(operation_id="getJob", responses=problems(JobNotFound))
def get_job(job_id: str) -> Answer:
    """Tell how a job stands. `Retry-After` says when to ask again; it is absent at the end."""
    job = parts().repository.jobs.get(tenant(), checked_job_id(job_id))
    headers = {"Cache-Control": "no-store"}
    if not job.status.terminal:
        headers["Retry-After"] = str(_poll_seconds(job))
    return job_wire(job), 200, headers


@jobs.get("/jobs/<job_id>/items")
@jobs.input(schemas.ItemPageQuery, location="query", arg_name="query")
@jobs.output(schemas.ItemPage)
@jobs.doc(operation_id="listItems", responses=problems(JobNotFound, InvalidParameter))
def list_items(job_id: str, query: dict[str, Any]) -> Answer:
    """List a job's items in its order."""
    status = ItemStatus(query["status"]) if query["status"] else None
    page = parts().repository.items.page(
        tenant(),
        checked_job_id(job_id),
        limit=query["limit"],
        cursor=query["cursor"],
        status=status,
    )
    return page_answer(page, item_wire)


@jobs.post("/jobs/<job_id>/cancel")
@jobs.output(schemas.Job, status_code=202)
@jobs.doc(operation_id="cancelJob", responses=problems(JobNotFound, WrongState, CrossSite))
def cancel_job(job_id: str) -> Answer:
    """Cancel a job: nothing new is read, what is being read is finished."""
    job = parts().repository.jobs.cancel(tenant(), checked_job_id(job_id))
    return job_wire(job), 202, {"Cache-Control": "no-store"}


def _poll_seconds(job: Job) -> int:
    """A twentieth of what is left, so that a long job is not asked about every second."""
    eta = eta_seconds(job, films_per_second(job))
    return min(_SLOWEST_POLL_SECONDS, max(1, int((eta or 0) / 20)))
