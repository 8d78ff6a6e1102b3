"""The body of a request as a stream: limited, checked to be whole, never held whole."""

from __future__ import annotations

import io
import time
from typing import BinaryIO

from flask import Request
from werkzeug.exceptions import HTTPException

from lungline.errors import BodyCutOff, LunglineError, TooLarge

CHUNK = 64 * 1024
FEWER_FILMS = "Send fewer films in one request."
PEEK = 16
"""Bytes that tell a zip archive from a film."""
_DISCARD_BYTES = 32 * 1024 * 1024
_DISCARD_SECONDS = 3.0


class Body(io.RawIOBase):
    """Reads what the client sends.

    A server hands a body that ends too early to the application as if it had ended well, so the
    length is compared here: half an archive must never become a job.
    """

    def __init__(
        self, stream: BinaryIO, declared: int | None, limit: int, advice: str = FEWER_FILMS
    ) -> None:
        """Prepare to read.

        Args:
            stream: The server's input.
            declared: `Content-Length`; None for a chunked body.
            limit: Most bytes taken.
            advice: What a client can do about one that is larger.

        Raises:
            TooLarge: The declared length is above the limit.
        """
        self._stream = stream
        self._declared = declared
        self._limit = limit
        self._advice = advice
        self.received = 0
        self.ended = declared == 0
        if declared is not None and declared > limit:
            raise self._too_large()

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Fill `buffer` as far as one read goes.

        Raises:
            BodyCutOff: The connection ended or went silent before the body did.
            TooLarge: More bytes came than the limit allows.
        """
        if self.ended:
            return 0
        data = self._read(min(len(buffer), CHUNK))
        self.received += len(data)
        if not data:
            self._end()
        elif self.received > self._limit:
            raise self._too_large()
        buffer[: len(data)] = data
        return len(data)

    def discard(self) -> None:
        """Read on for a moment, so that a client in the middle of sending gets to the answer."""
        deadline = time.monotonic() + _DISCARD_SECONDS
        try:
            for _ in range(_DISCARD_BYTES // CHUNK):
                if self.ended or time.monotonic() > deadline or not self._read(CHUNK):
                    self.ended = True
                    return
        except (LunglineError, HTTPException):
            self.ended = True

    def _read(self, size: int) -> bytes:
        try:
            return self._stream.read(size)
        except HTTPException:
            raise
        except Exception as error:  # each server has its own for a broken connection or chunk
            self.ended = True
            raise BodyCutOff("The connection failed before the body had ended.") from error

    def _end(self) -> None:
        self.ended = True
        if self._declared is not None and self.received < self._declared:
            raise BodyCutOff(
                f"The body ended after {self.received:,} of {self._declared:,} bytes. "
                "Send it again."
            )

    def _too_large(self) -> TooLarge:
        return TooLarge(f"The body has more than {self._limit:,} bytes, the limit. {self._advice}")


def open_body(request: Request, limit: int) -> tuple[Body, io.BufferedReader]:
    """Open a request's body.

    Returns:
        The raw body, and a buffered reader on it that can `peek`.

    Raises:
        TooLarge: The declared length is above the limit.
    """
    body = Body(request.stream, request.content_length, limit)  # type: ignore[arg-type]
    return body, io.BufferedReader(body, buffer_size=CHUNK)
