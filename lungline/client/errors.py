"""What can go wrong between a client and the service."""

from __future__ import annotations

from typing import Any

from lungline.errors import LunglineError


class ServiceUnreachable(LunglineError):
    """Nobody answers at the service's address, or the connection broke."""

    code = "service_unreachable"
    status = 503
    title = "The service does not answer"


class InputUnusable(LunglineError):
    """What should be submitted cannot be: it is missing, unreadable or no film."""

    code = "input_unusable"
    status = 400
    title = "The input cannot be submitted"


class InputChanged(InputUnusable):
    """It changed while it was sent, so that what has arrived of it is of no use."""


class StillRunning(LunglineError):
    """A job has not ended in the time that somebody wanted to wait."""

    code = "still_running"
    status = 504
    title = "The job has not ended yet"


class ServiceError(LunglineError):
    """The service answered with a problem (RFC 9457).

    Attributes:
        code: The service's stable code, such as `job_not_found`; unlike other errors' it varies
            by instance.
        status: The HTTP status.
        request_id: Finds the request in the service's logs; empty when there is none.
        retry_after: Seconds after which trying again may help; None when it will not.
    """

    title = "The service refused the request"

    def __init__(self, status: int, problem: dict[str, Any], retry_after: int | None) -> None:
        """Read the problem document; what is missing in it gets a plain default."""
        detail = problem.get("detail") or problem.get("title") or f"HTTP status {status}"
        super().__init__(str(detail))
        # Both vary by instance on purpose.
        self.code = str(problem.get("code") or f"http_{status}")  # type: ignore[misc]
        self.status = status  # type: ignore[misc]
        self.request_id = str(problem.get("request_id") or "")
        self.retry_after = retry_after

    @property
    def temporary(self) -> bool:
        """Whether the same request may succeed later."""
        return self.status in {429, 502, 503, 504}


class NotAllowed(ServiceError):
    """401 or 403: the key is missing, wrong, or may not do this."""


class NotFound(ServiceError):
    """404: there is no such thing, or it is somebody else's."""


class Conflict(ServiceError):
    """409: what is there does not allow this now."""


class TooMany(ServiceError):
    """429: a limit is reached; `retry_after` tells when to come again."""


class Refused(ServiceError):
    """Another 4xx: the request is at fault; the same one fails again."""


class Failed(ServiceError):
    """5xx: the service is at fault; with `retry_after` trying again helps."""


_CLASSES = {401: NotAllowed, 403: NotAllowed, 404: NotFound, 409: Conflict, 429: TooMany}


def service_error(status: int, problem: dict[str, Any], retry_after: int | None) -> ServiceError:
    """Make the error of a status."""
    known = _CLASSES.get(status) or (Refused if status < 500 else Failed)
    return known(status, problem, retry_after)
