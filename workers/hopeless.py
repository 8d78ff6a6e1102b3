"""The end of a process that cannot even give back what it holds, so that a fresh one takes over."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from lungline.telemetry import get_logger

log = get_logger(__name__)

HOPELESS = 70
"""Exit status of such a child (EX_SOFTWARE of sysexits.h)."""


def end_process() -> NoReturn:
    """End this process because of the error that is being handled.

    Its mark that it holds work stays, so its successor hands that back at once.
    """
    try:
        log.exception("films can be neither read nor given back; this process ends")
    finally:  # what is broken may be what logging needs, too
        os._exit(HOPELESS)


@contextmanager
def end_if_it_fails() -> Iterator[None]:
    """End this process when the block fails: nobody would take back what it holds.

    A process that went on would claim again and again, and each film that it takes would be blamed.
    """
    try:
        yield
    except Exception:
        end_process()
