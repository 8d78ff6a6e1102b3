"""Objects that were begun in parts, and nobody is at any more."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from sqlalchemy import Connection, select

from lungline.domain import ExportStatus, UploadStatus
from storage.models import ExportRow, UploadRow
from storage.object_audit.places import Kind, place_of
from storage.objects import Unfinished
from storage.upserts import chunks

_DONE = (UploadStatus.COMPLETE, UploadStatus.USED)


def in_hand(connection: Connection, some: Iterable[Unfinished]) -> set[Unfinished]:
    """Find those whose rows say that somebody is at them, or that the sweep will drop them.

    What the API and the workers send in parts of their own accord has no row before it is whole:
    of that only the age tells.

    Args:
        connection: To the database.
        some: Some hundreds.
    """
    by_kind: defaultdict[Kind | None, list[Unfinished]] = defaultdict(list)
    for one in some:
        place = place_of(one.key)
        by_kind[place.kind if place else None].append(one)
    uploads, exports = by_kind[Kind.UPLOAD], by_kind[Kind.EXPORT]
    tokens: dict[str, str | None] = {}
    for part in chunks(one.key.rpartition("/")[2] for one in uploads):
        rows = select(UploadRow.object_key, UploadRow.token).where(
            UploadRow.id.in_(part), UploadRow.status.not_in(_DONE)
        )
        tokens.update((row.object_key, row.token) for row in connection.execute(rows))
    being_made: set[str] = set()
    for part in chunks(one.key for one in exports):
        keys = select(ExportRow.object_key).where(
            ExportRow.object_key.in_(part), ExportRow.status != ExportStatus.SUCCEEDED
        )
        being_made.update(key for key in connection.execute(keys).scalars() if key is not None)
    # Of an upload that is not ready yet nobody has the token.
    taken = {one for one in uploads if one.key in tokens and tokens[one.key] in (None, one.token)}
    return taken | {one for one in exports if one.key in being_made}
