"""What a client would like (RFC 7240): `Prefer: wait=N` asks for the finding in one call."""

from __future__ import annotations

from flask import Response, jsonify, request

from api.context import caller, parts, tenant
from api.waiting import client_gone, look_until
from api.wire import item_wire
from lungline.domain import Scope
from lungline.errors import LunglineError
from lungline.telemetry import get_logger
from storage.items import Item
from storage.jobs import Job

_MOST_DIGITS = 9

log = get_logger(__name__)


def preferred_wait(header: str | None, most: int) -> int:
    """Read `wait` from a `Prefer` header.

    Args:
        header: Its value; several headers come joined by commas.
        most: Longest wait that is given.

    Returns:
        Seconds; 0 where there is no such preference, or none that makes sense: a preference is
        never an error (RFC 7240, section 2).
    """
    for preference in (header or "").split(","):
        name, _, value = preference.partition(";")[0].partition("=")
        if name.strip().lower() == "wait":  # the first one counts
            digits = value.strip().strip('"')
            valid = digits.isascii() and digits.isdigit() and len(digits) <= _MOST_DIGITS
            return min(int(digits), most) if valid else 0
    return 0


def answer_in_time(job: Job) -> Response | None:
    """Wait for the only film of a job, where the client prefers that.

    Returns:
        200 with the finished item; None when the client did not ask, the job has other than one
        film, or the film is not ready in time.
    """
    here = parts()
    seconds = preferred_wait(request.headers.get("Prefer"), here.settings.max_wait_seconds)
    if Scope.READ not in caller().scopes:
        return None  # its key may send films, and not see what was found
    if not seconds or job.source != "films" or job.total != 1:
        return None
    try:
        item = _finished(job, seconds)
    except LunglineError as error:
        # The job is committed, whatever fails now.
        log.warning("wait_failed", code=error.code)
        return None
    if item is None:
        return None
    answer = jsonify(item_wire(item))
    answer.headers["Preference-Applied"] = f"wait={seconds}"
    return answer


def _finished(job: Job, seconds: int) -> Item | None:
    here = parts()
    with here.waits.seat() as seated:
        job = look_until(
            lambda: here.repository.jobs.get(tenant(), job.id),
            lambda seen: seen.status.terminal,
            seconds if seated else 0,
            lambda: here.stopping() or client_gone(request.environ),
        )
    if not job.status.terminal:
        return None
    page = here.repository.items.page(tenant(), job.id, limit=1)
    return page.items[0] if page.items else None
