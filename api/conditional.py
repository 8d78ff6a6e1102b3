"""`ETag` and `If-None-Match`: who has an answer already is told so, in a few bytes.

Tags are weak (RFC 9110, section 8.8.1): they stand for what a row says, not for the bytes that tell
it. They are made from the row's few changing fields, never from the body.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from flask import Response, request

import lungline
from storage.items import Item
from storage.jobs import Job

Answer = tuple[dict[str, Any], int, dict[str, str]]

# Neither changes what is told of a job: the clock, and what never changes but may be large.
_NOT_IN_TAG = frozenset({"read_at", "metadata", "tenant"})
_JOB_FIELDS = tuple(field for field in Job.__slots__ if field not in _NOT_IN_TAG)


def tag_of(*values: object) -> str:
    """Make a weak tag, as it stands in a header.

    Args:
        values: Whatever the answer depends on; numbers, texts and tuples of them.
    """
    text = repr((lungline.__version__, values))
    return f'W/"{hashlib.blake2b(text.encode(), digest_size=12).hexdigest()}"'


def job_tag(job: Job) -> str:
    """The tag of a job: another one whenever its status or a counter has changed.

    Rate and remaining time follow from the counters and the clock; the clock alone is no change.
    """
    return tag_of(*(getattr(job, field) for field in _JOB_FIELDS))


def item_version(item: Item) -> tuple[object, ...]:
    """What changes of an item: of its prediction and film only whether pixels are there."""
    return (
        item.id,
        str(item.status),
        item.attempt,
        item.reused,
        item.error_code,
        item.film and (item.film.id, item.film.dropped_at),
        item.prediction and item.prediction.id,
        item.started_at,
        item.finished_at,
    )


def known(tag: str) -> bool:
    """Whether the client says that it has this version."""
    return request.if_none_match.contains_weak(tag.removeprefix("W/").strip('"'))


def conditional(
    tag: str, wire: Callable[[], dict[str, Any]], headers: dict[str, str] | None = None
) -> Answer | Response:
    """Answer 200 with a body, or 304 where the client has it already.

    Args:
        tag: Of the answer.
        wire: Makes the body, only when it is needed.
        headers: Further headers, on both.
    """
    # A film's findings are kept by the client that asked, and by no cache on the way.
    headers = {"Cache-Control": "no-store", "ETag": tag} | (headers or {})
    if known(tag):
        return Response(status=304, headers=headers)
    return wire(), 200, headers
