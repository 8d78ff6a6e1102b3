"""What clients change about their jobs: pause, resume, priority, name, retry, deletion."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint, Schema
from apiflask.fields import Integer, List, Nested, String
from apiflask.validators import Length, OneOf

from api import schemas
from api.access import needs
from api.audit import audited
from api.context import checked_item_id, checked_job_id, parts, tenant
from api.documented import problems
from api.intake.parameters import check_interactive, checked_name
from api.wire import failure_wire, job_wire
from lungline.domain import JobStatus, Priority, Scope
from lungline.errors import (
    ClientError,
    CrossSite,
    InvalidParameter,
    ItemNotFound,
    JobNotFound,
    NothingToRetry,
    WrongState,
)
from storage.audit import Action
from storage.jobs import Job

control = APIBlueprint("control", __name__, url_prefix="/v1", tag="Jobs")

Answer = tuple[dict[str, Any], int, dict[str, str]]
_NOT_KEPT = {"Cache-Control": "no-store"}
_REFUSALS = problems(JobNotFound, WrongState, CrossSite)


class JobChange(Schema):
    """What can be changed of a job; what is left out stays as it is."""

    name = String(validate=Length(max=200), metadata={"description": "For people."})
    priority = String(
        validate=OneOf([priority.name.lower() for priority in Priority]),
        metadata={"description": "Only of a job that has not ended."},
    )


class Retry(Schema):
    """What became of the films that had failed."""

    job = Nested(schemas.Job, required=True)
    retried = Integer(required=True, metadata={"description": "Films that are read again."})
    refused = Integer(
        required=True,
        metadata={"description": "Films that stay failed: refused when they came, never stored."},
    )


class Failure(Schema):
    """How an item failed before it was retried."""

    attempt = Integer(required=True)
    error = Nested(schemas.Reason, required=True)
    finished_at = String(required=True, allow_none=True, metadata={"format": "date-time"})
    retried_at = String(required=True, metadata={"format": "date-time"})


class Failures(Schema):
    """The failures of an item before its retries, first one first."""

    items = List(Nested(Failure), required=True)


@control.post("/jobs/<job_id>/pause")
@needs(Scope.SUBMIT)
@control.output(schemas.Job, status_code=202)
@control.doc(operation_id="pauseJob", responses=_REFUSALS)
def pause_job(job_id: str) -> Answer:
    """Pause a job: nothing new is read or unpacked, what is being read is finished."""
    job = parts().repository.control.pause(tenant(), checked_job_id(job_id))
    return job_wire(job), 202, _NOT_KEPT


@control.post("/jobs/<job_id>/resume")
@needs(Scope.SUBMIT)
@control.output(schemas.Job, status_code=202)
@control.doc(operation_id="resumeJob", responses=_REFUSALS)
def resume_job(job_id: str) -> Answer:
    """Let a paused job go on, in its turn: it is owed nothing for the time it was paused."""
    job = parts().repository.control.resume(tenant(), checked_job_id(job_id))
    _tell_workers(job)
    return job_wire(job), 202, _NOT_KEPT


@control.patch("/jobs/<job_id>")
@needs(Scope.SUBMIT)
@control.input(JobChange, location="json", arg_name="changes")
@control.output(schemas.Job)
@control.doc(
    operation_id="changeJob",
    responses=problems(ClientError, JobNotFound, WrongState, CrossSite, InvalidParameter),
)
def change_job(job_id: str, changes: dict[str, Any]) -> Answer:
    """Change a job's name or priority."""
    here, job_id = parts().repository, checked_job_id(job_id)
    job = here.jobs.get(tenant(), job_id)
    if not changes:
        raise InvalidParameter("The body changes nothing: give name or priority, as JSON.")
    if "priority" in changes:
        priority = Priority[changes["priority"].upper()]
        films = job.total if job.source == "films" else None
        check_interactive(priority, films, parts().settings.max_interactive_films)
        job = here.control.reprioritize(tenant(), job_id, priority)
    if "name" in changes:
        job = here.control.rename(tenant(), job_id, checked_name(changes["name"]))
    return job_wire(job), 200, _NOT_KEPT


@control.post("/jobs/<job_id>/retry")
@needs(Scope.SUBMIT)
@control.output(Retry, status_code=202)
@control.doc(
    operation_id="retryJob", responses=problems(JobNotFound, WrongState, NothingToRetry, CrossSite)
)
def retry_job(job_id: str) -> Answer:
    """Read the films of an ended job that failed again; those that succeeded stay as they are.

    An archive that was given up (the job's `error` is `attempts_exhausted`) is expanded further,
    from where it was left: the job is `expanding` again, and `retried` counts films that it had.
    """
    retry = parts().repository.control.retry(tenant(), checked_job_id(job_id))
    _tell_workers(retry.job)
    wire = {"job": job_wire(retry.job), "retried": retry.retried, "refused": retry.refused}
    return wire, 202, _NOT_KEPT


@control.delete("/jobs/<job_id>")
@needs(Scope.SUBMIT)
@audited(Action.JOB_DELETED)
@control.output({}, status_code=204)
@control.doc(operation_id="deleteJob", responses=_REFUSALS)
def delete_job(job_id: str) -> tuple[str, int]:
    """Delete an ended job for ever, with its films, unless other jobs have them too.

    It is gone at once; what it had stored follows within seconds.
    """
    parts().repository.deletions.delete(tenant(), checked_job_id(job_id))
    return "", 204


@control.get("/items/<item_id>/failures")
@needs(Scope.READ)
@control.output(Failures)
@control.doc(operation_id="listFailures", tags=["Items"], responses=problems(ItemNotFound))
def list_failures(item_id: str) -> Answer:
    """List how an item failed before it was retried; its latest error is the item's own."""
    found = parts().repository.items.failures(tenant(), checked_item_id(item_id))
    return {"items": [failure_wire(failure) for failure in found]}, 200, _NOT_KEPT


def _tell_workers(job: Job) -> None:
    """Ring for what waits again; where that fails the sweep does it."""
    doorbell = parts().doorbell
    doorbell.films_wait(job.queued)
    if job.status is JobStatus.EXPANDING:
        doorbell.archive_waits()
