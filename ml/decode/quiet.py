"""Keeps pydicom from talking: its warnings quote the values of a file, patients' among them."""

import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import pydicom.config

_lock = threading.RLock()


@contextmanager
def quiet() -> Iterator[None]:
    """Read leniently and without a word, for the length of the block.

    The lock is there because the warning filters are one list for the whole process: two threads
    that enter and leave in a different order would leave it changed.
    """
    with _lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pydicom.config.disable_value_validation():
            yield


def silence_logs() -> None:
    """Drop what pydicom logs, for the whole process: the same sentences as its warnings."""
    logging.getLogger("pydicom").setLevel(logging.CRITICAL + 1)
