"""What the service and a process that draws tell each other: JSON and plain bytes, no pickles."""

from __future__ import annotations

import json
import struct
import time
from collections.abc import Mapping, Sequence
from socket import socket
from typing import Any

MOST_WORDS = 4 * 1024 * 1024
"""Bytes of the JSON of one message."""
_LENGTH = struct.Struct(">Q")
_MOST_BLOBS = 2


def send(
    connection: socket,
    words: Mapping[str, Any],
    blobs: Sequence[bytes] = (),
    *,
    until: float | None = None,
) -> None:
    """Send one message.

    Args:
        connection: To the other process.
        words: What JSON can say.
        blobs: What goes beside it.
        until: When to give up, by `time.monotonic()`; None: never.

    Raises:
        OSError: The other process has ended; TimeoutError: it does not listen.
    """
    text = json.dumps([words, [len(blob) for blob in blobs]]).encode()
    for piece in (_LENGTH.pack(len(text)), text, *blobs):
        connection.settimeout(_left(until))
        connection.sendall(piece)


def receive(
    connection: socket, most_bytes: int, *, until: float | None = None
) -> tuple[dict[str, Any], list[bytes]]:
    """Receive one message; the other process may have been taken over, so nothing is believed.

    Args:
        connection: To the other process.
        most_bytes: Of each blob.
        until: When to give up, by `time.monotonic()`; None: never.

    Raises:
        EOFError: The other process has ended.
        OSError: It has broken off; TimeoutError: it does not answer in time.
        ValueError: What came is no message.
    """
    (length,) = _LENGTH.unpack(_read(connection, _LENGTH.size, until))
    if length > MOST_WORDS:
        raise ValueError("the message's words are too long")
    words, sizes = json.loads(_read(connection, length, until))
    if not isinstance(words, dict) or len(sizes) > _MOST_BLOBS:
        raise ValueError("the message is not built like one")
    if not all(isinstance(size, int) and 0 <= size <= most_bytes for size in sizes):
        raise ValueError("the message is too long")
    return words, [_read(connection, size, until) for size in sizes]


def _read(connection: socket, size: int, until: float | None) -> bytes:
    data = bytearray(size)
    rest = memoryview(data)
    while rest:
        connection.settimeout(_left(until))
        count = connection.recv_into(rest)
        if not count:
            raise EOFError
        rest = rest[count:]
    return bytes(data)


def _left(until: float | None) -> float | None:
    """Seconds until then; a socket takes 0 for another mode, so never quite none."""
    return None if until is None else max(0.001, until - time.monotonic())
