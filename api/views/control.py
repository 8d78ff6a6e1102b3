"""What clients change about their jobs: pause, resume, priority, name."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint, Schema
from apiflask.fields import String
from apiflask.validators import Length, OneOf

from api import schemas
from api.context import checked_job_id, parts, tenant
from api.documented import problems
from api.intake.parameters import check_interactive, checked_name
from api.wire import job_wire
from lungline.domain import JobStatus, Priority
from lungline.errors import ClientError, CrossSite, InvalidParameter, JobNotFound, WrongState
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


@control.post("/jobs/<job_id>/pause")
@control.output(schemas.Job, status_code=202)
@control.doc(operation_id="pauseJob", responses=_REFUSALS)
def pause_job(job_id: str) -> Answer:
    """Pause a job: nothing new is read or unpacked, what is being read is finished."""
    job = parts().repository.control.pause(tenant(), checked_job_id(job_id))
    return job_wire(job), 202, _NOT_KEPT


@control.post("/jobs/<job_id>/resume")
@control.output(schemas.Job, status_code=202)
@control.doc(operation_id="resumeJob", responses=_REFUSALS)
def resume_job(job_id: str) -> Answer:
    """Let a paused job go on, in its turn: it is owed nothing for the time it was paused."""
    job = parts().repository.control.resume(tenant(), checked_job_id(job_id))
    _tell_workers(job)
    return job_wire(job), 202, _NOT_KEPT


@control.patch("/jobs/<job_id>")
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
        check_interactive(priority, None if job.source == "archive" else job.total)
        job = here.control.reprioritize(tenant(), job_id, priority)
    if "name" in changes:
        job = here.control.rename(tenant(), job_id, checked_name(changes["name"]))
    return job_wire(job), 200, _NOT_KEPT


def _tell_workers(job: Job) -> None:
    """Ring for what waits again; where that fails the sweep does it."""
    doorbell = parts().doorbell
    doorbell.films_wait(job.queued)
    if job.status is JobStatus.EXPANDING:
        doorbell.archive_waits()
