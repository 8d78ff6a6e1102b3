"""The steps of a sweep, each by itself: what breaks one keeps no other from being taken."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lungline.errors import LunglineError, PartUnavailable
from lungline.telemetry import get_logger
from workers.parts import Parts

log = get_logger(__name__)


def take(parts: Parts, steps: Mapping[str, Callable[[], int]]) -> dict[str, int]:
    """Take steps in order, but for those that fail; the next sweep tries these again.

    Args:
        parts: Where failures are counted.
        steps: What is done, by what it is called.

    Raises:
        PartUnavailable: A part failed; the steps that are left would wait for it, too.

    Returns:
        What each step that was taken gave.
    """
    counts: dict[str, int] = {}
    for name, step in steps.items():
        try:
            counts[name] = step()
        except PartUnavailable:
            raise
        except Exception:
            note_failure(parts, name)
    return counts


def note_failure(parts: Parts, step: str) -> None:
    """Log the error that is being handled, and count it for metrics under `internal_error`."""
    log.exception("a step of the sweep failed", step=step)
    parts.failures.count(LunglineError("a step of the sweep failed"))
