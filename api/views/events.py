"""/v1/jobs/{id}/events: a job as it goes on, without asking again."""

from __future__ import annotations

from apiflask import APIBlueprint
from flask import Response, request

from api.access import needs
from api.context import checked_job_id, parts, tenant
from api.documented import Answers, problems
from api.stream import Follower
from api.waiting import client_gone
from lungline.domain import Scope
from lungline.errors import InvalidParameter, JobNotFound, TooManyStreams

events = APIBlueprint("events", __name__, url_prefix="/v1", tag="Jobs")

_MOST_DIGITS = 18
_ANSWERS: Answers = {
    200: {
        "description": "Events until the job has ended: what happened, with an `id`, and `job` "
        "with the job as `getJob` tells it. For research use only.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    },
    204: {"description": "The job has ended and the reader knows all of it; it must not return."},
    **problems(JobNotFound, InvalidParameter, TooManyStreams),
}


@events.get("/jobs/<job_id>/events")
@needs(Scope.READ)
@events.doc(operation_id="followJob", responses=_ANSWERS)
def follow_job(job_id: str) -> Response:
    """Follow a job as server-sent events; a reader that was cut off goes on where it was."""
    here, environ = parts(), request.environ
    job = here.repository.jobs.get(tenant(), checked_job_id(job_id))
    known = _known(job.id)
    follower = Follower(
        here.repository,
        here.lookout,
        tenant(),
        job.id,
        lambda: here.stopping() or client_gone(environ),
    )
    if follower.nothing_left(job, known):
        return Response(status=204)
    if not here.streams.take():
        raise TooManyStreams(
            "This process follows as many jobs as it may; try again later, or ask with ?wait."
        )
    pieces = (text.encode() for text in follower.text(known))
    answer = Response(pieces, content_type="text/event-stream; charset=utf-8")
    # Called whether the stream came to its end, broke off, or never began.
    answer.call_on_close(here.streams.leave)
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["X-Accel-Buffering"] = "no"  # a proxy must pass each event on at once
    return answer


def _known(job_id: str) -> int:
    """The number of the last event that the reader has had; 0: none.

    Raises:
        InvalidParameter: The job has no such event.
    """
    given = request.headers.get("Last-Event-ID", "")
    if given in ("", "0"):
        return 0
    if given.isascii() and given.isdigit() and len(given) <= _MOST_DIGITS and int(given) > 0:
        number = int(given)
        if parts().repository.events.after(tenant(), job_id, number - 1, limit=1):
            return number
    raise InvalidParameter("Last-Event-ID: this is no id of an event; send none to begin.")
