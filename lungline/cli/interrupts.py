"""Ctrl-C: one line that says what has become of the work, and how to go on with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lungline.cli.console import tell

_TOLD = "lungline_told"


@contextmanager
def interruptible(advice: str) -> Iterator[None]:
    """Tell `advice` when Ctrl-C ends the block; the innermost block speaks, and no other."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        tell_interrupt(interrupt, advice)
        raise


def tell_interrupt(interrupt: KeyboardInterrupt, advice: str = "") -> None:
    """Tell of an interrupt, unless that was done already."""
    if not getattr(interrupt, _TOLD, False):
        tell(f"lungline: interrupted; {advice}" if advice else "lungline: interrupted")
        setattr(interrupt, _TOLD, True)


def reading_goes_on(job_id: str) -> str:
    """What is true when nobody waits for a job any more."""
    return (
        f"the job goes on without you: `lungline watch {job_id}` follows it, "
        f"`lungline cancel {job_id}` stops it"
    )
