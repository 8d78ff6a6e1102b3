"""The process that draws: it has no setting, no secret, and no connection but to who started it."""

from __future__ import annotations

import os
import resource
import signal
import traceback
from collections.abc import Callable
from socket import socket
from typing import Any

import cv2

from lungline.errors import FilmRejected
from storage.results.drawing.messages import receive, send
from storage.results.render.order import Order

MOST_FILM_BYTES = 1 << 40
"""Who orders has limits of their own."""
_ORPHANED = 2.0
"""Of the time that a picture may take: who waits for one has killed this process before."""

Draw = Callable[..., bytes]


def run(draw: Draw, *, seconds: float, memory: int) -> None:
    """Draw what standard input, a socket, orders; end when its other side does.

    Args:
        draw: Makes a picture of an order, a film, and a mask where one is drawn.
        seconds: How long one may take.
        memory: Bytes of its own that this process may have.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who started it
    cv2.setNumThreads(1)
    confine(memory)
    with socket(fileno=0) as service:
        send(service, {"ready": True})
        # What decoders print quotes nothing worth keeping, and belongs to no line of the log.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        while True:
            try:
                words, blobs = receive(service, MOST_FILM_BYTES)
            except EOFError:
                return
            # Ends this process even inside a decoder, should nobody be left to kill it.
            signal.setitimer(signal.ITIMER_REAL, _ORPHANED * seconds)
            send(service, *_answer(draw, words, blobs))
            signal.setitimer(signal.ITIMER_REAL, 0)


def confine(memory: int) -> None:
    """Take from this process what drawing does not need: memory, files, dumps of its memory."""
    for limit, most in (
        (resource.RLIMIT_DATA, memory),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(limit)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(limit, (most, most))


def _answer(draw: Draw, words: dict[str, Any], blobs: list[bytes]) -> tuple[Any, list[bytes]]:
    try:
        return {}, [draw(Order.told(words), *blobs)]
    except FilmRejected as error:
        return {"code": error.code}, []
    except MemoryError:
        return {"memory": True}, []
    except Exception as error:
        if isinstance(error, cv2.error) and error.code == cv2.Error.StsNoMem:
            return {"memory": True}, []
        return {"crash": traceback.format_exc()}, []
