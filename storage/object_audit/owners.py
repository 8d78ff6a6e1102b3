"""Which objects have a row that owns them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from typing import Any

from sqlalchemy import Connection, select

from lungline.domain import BundleStatus, UploadStatus
from storage.bundles import object_key
from storage.models import (
    JOB_WITH_ARCHIVE,
    BundleRow,
    ExportRow,
    FilmRow,
    JobRow,
    PredictionRow,
    UploadRow,
)
from storage.object_audit.places import Kind, Place
from storage.upserts import chunks


def owned(connection: Connection, places: Iterable[Place], given_up_before: float) -> set[str]:
    """Find the keys that have an owner.

    Args:
        connection: To the database.
        places: Of objects, some hundreds.
        given_up_before: A bundle that somebody began to add before this time, and did not
            finish, owns nothing.
    """
    groups: defaultdict[tuple[Kind, str], list[Place]] = defaultdict(list)
    for place in places:
        tenant = "" if place.kind is Kind.BUNDLE else place.tenant
        groups[place.kind, tenant].append(place)
    found: set[str] = set()
    for (kind, tenant), some in groups.items():
        if kind is Kind.BUNDLE:
            found.update(_of_bundles(connection, given_up_before))
            continue
        for part in chunks(some):
            found.update(_BY_KIND[kind](connection, tenant, part))
    return found & {place.key for place in places}


def _of_films(connection: Connection, tenant: str, places: Collection[Place]) -> list[str]:
    query = select(FilmRow.object_key).where(FilmRow.tenant == tenant, FilmRow.purged_at.is_(None))
    names = [place.name for place in places]
    return list(connection.execute(query.where(FilmRow.sha256.in_(names))).scalars())


def _of_pictures(connection: Connection, tenant: str, places: Collection[Place]) -> list[str]:
    query = (
        select(PredictionRow.mask_key, PredictionRow.view_key)
        .join(FilmRow, FilmRow.id == PredictionRow.film_id)
        .where(FilmRow.tenant == tenant, FilmRow.sha256.in_([place.name for place in places]))
    )
    return [key for row in connection.execute(query) for key in row if key is not None]


def _of_uploads(connection: Connection, tenant: str, places: Collection[Place]) -> list[str]:
    keys = [place.key for place in places]
    uploads = select(UploadRow.object_key).where(
        UploadRow.id.in_([place.name for place in places]), UploadRow.status != UploadStatus.USED
    )
    found = list(connection.execute(uploads).scalars())
    for column in (JobRow.archive_key, JobRow.manifest_key):
        jobs = select(column).where(JOB_WITH_ARCHIVE, JobRow.tenant == tenant, column.in_(keys))
        found += [key for key in connection.execute(jobs).scalars() if key is not None]
    return found


def _of_exports(connection: Connection, tenant: str, places: Collection[Place]) -> list[str]:
    query = select(ExportRow.object_key).where(
        ExportRow.tenant == tenant, ExportRow.object_key.in_([place.key for place in places])
    )
    return [key for key in connection.execute(query).scalars() if key is not None]


def _of_bundles(connection: Connection, given_up_before: float) -> list[str]:
    query = select(BundleRow.checksum, BundleRow.manifest, BundleRow.status, BundleRow.created_at)
    kept = [
        row
        for row in connection.execute(query)
        if row.status is BundleStatus.READY
        or (row.status is BundleStatus.ADDING and row.created_at > given_up_before)
    ]
    return [key for row in kept for key in bundle_keys(row.checksum, row.manifest)]


def bundle_keys(checksum: str, manifest: dict[str, Any]) -> set[str]:
    """The keys of a bundle's files, its manifest among them."""
    return {object_key(checksum, digest) for digest in (*manifest["files"].values(), checksum)}


_Finds = Callable[[Connection, str, Collection[Place]], list[str]]
_BY_KIND: dict[Kind, _Finds] = {
    Kind.FILM: _of_films,
    Kind.MASK: _of_pictures,
    Kind.VIEW: _of_pictures,
    Kind.UPLOAD: _of_uploads,
    Kind.EXPORT: _of_exports,
}
