"""Answers of an S3 server that is not as well as the one that runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from itertools import count
from typing import Any
from urllib.parse import urlsplit

from botocore.awsrequest import AWSRequest, AWSResponse


class _Raw(BytesIO):
    """What comes over the connection."""

    def stream(self, amount: int = 0, **options: object) -> Iterator[bytes]:
        """Give all of it, as boto3 asks for it where it reads an error."""
        yield self.read()


@dataclass(frozen=True)
class S3Answer:
    """What is answered."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


def refused(code: str, status: int) -> S3Answer:
    """An error, as S3 tells it."""
    return S3Answer(status, f"<Error><Code>{code}</Code><Message>No.</Message></Error>".encode())


FLIPPED = S3Answer(200, b"fi1m", {"content-length": "4", "x-amz-checksum-crc32": "AAAAAA=="})
"""Bytes that are not those of their checksum."""
CUT_OFF = S3Answer(200, b"fi", {"content-length": "4"})
"""Fewer bytes than were announced."""


def answer_with(
    store: Any, answer: S3Answer, for_path: Callable[[str], bool], times: int | None = None
) -> None:
    """Let requests for objects be answered so, in place of the server's answer.

    Args:
        store: An `S3Store`.
        answer: What is answered.
        for_path: Whether a request for this path is meant.
        times: How often; None: always.
    """
    asked = count()

    def answered(request: AWSRequest, **options: object) -> AWSResponse | None:
        meant = for_path(urlsplit(request.url).path)
        if not meant or (times is not None and next(asked) >= times):
            return None
        return AWSResponse(request.url, answer.status, answer.headers, _Raw(answer.body))

    store._client.get().meta.events.register("before-send.s3.GetObject", answered)
