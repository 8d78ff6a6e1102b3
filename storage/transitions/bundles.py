"""What becomes of a model bundle that is added: adding, ready, removing, removed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from lungline.domain import BundleStatus
from lungline.errors import BundleExists, BundleInUse, BundleNotFound
from storage.models import JOB_OPEN, ActiveBundleRow, BundleRow, JobRow
from storage.upserts import insert_missing

_FREE = (BundleStatus.ADDING, BundleStatus.REMOVED)


def begin_adding_bundle(connection: Connection, at: float, values: Mapping[str, Any]) -> bool:
    """Take a name and version for a bundle whose files are to be stored; False: it is ready.

    Raises:
        BundleExists: They are, or were, another bundle's, or it is just being removed.
    """
    key, checksum = values["key"], values["checksum"]
    row = {**values, "status": BundleStatus.ADDING, "created_at": at}
    insert_missing(connection, BundleRow, [row])
    there = connection.execute(
        select(BundleRow.checksum, BundleRow.status).where(BundleRow.key == key).with_for_update()
    ).one()
    if there.checksum == checksum and there.status is BundleStatus.READY:
        return False
    unused = there.status is BundleStatus.ADDING  # just now, or given up
    if there.status not in _FREE or (there.checksum != checksum and not unused):
        raise BundleExists(
            f"{key} is, or was, another bundle, and findings carry its name: publish yours with "
            "another version."
        )
    connection.execute(update(BundleRow).where(BundleRow.key == key).values(**row))
    return True


def finish_adding_bundle(connection: Connection, key: str, checksum: str) -> None:
    """Say that all files are stored.

    Raises:
        BundleExists: Another request took the name and version meanwhile.
    """
    change = update(BundleRow).where(
        BundleRow.key == key,
        BundleRow.checksum == checksum,
        BundleRow.status.in_([BundleStatus.ADDING, BundleStatus.READY]),
    )
    if not connection.execute(change.values(status=BundleStatus.READY)).rowcount:
        raise BundleExists(f"Another request added or removed {key} meanwhile.")


def begin_removing_bundle(connection: Connection, key: str) -> None:
    """Let a bundle be gone for new jobs; its objects are removed next.

    Raises:
        BundleInUse: It is the default, or what its name means, or open jobs are read with it.
        BundleNotFound: There is no such added bundle.
    """
    query = select(BundleRow.name, BundleRow.version).where(BundleRow.key == key)
    row = connection.execute(query.with_for_update()).one_or_none()
    if row is None:
        raise BundleNotFound(f"There is no added model bundle {key!r}.")
    active = connection.execute(
        select(ActiveBundleRow.is_default).where(
            ActiveBundleRow.name == row.name, ActiveBundleRow.version == row.version
        )
    ).scalar_one_or_none()
    if active is not None:
        whose = "of the service" if active else "of its name"
        raise BundleInUse(f"{key} is the default {whose}; activate another one before.")
    jobs = connection.execute(
        select(func.count()).select_from(JobRow).where(JobRow.bundle == key, JOB_OPEN)
    ).scalar_one()
    if jobs:
        raise BundleInUse(f"{jobs} open jobs are read with {key}; wait for their end, or cancel.")
    change = update(BundleRow).where(BundleRow.key == key, BundleRow.status != BundleStatus.REMOVED)
    if not connection.execute(change.values(status=BundleStatus.REMOVING)).rowcount:
        raise BundleNotFound(f"There is no added model bundle {key!r}.")


def forget_active_bundle(connection: Connection, name: str, version: str) -> None:
    """Let a name be without an active version; that of the service's default stays."""
    connection.execute(
        delete(ActiveBundleRow).where(
            ActiveBundleRow.name == name,
            ActiveBundleRow.version == version,
            ActiveBundleRow.is_default.is_(False),
        )
    )


def finish_removing_bundle(connection: Connection, key: str) -> None:
    """Say that the objects are gone."""
    change = update(BundleRow).where(
        BundleRow.key == key, BundleRow.status == BundleStatus.REMOVING
    )
    connection.execute(change.values(status=BundleStatus.REMOVED))


def activate_bundle(connection: Connection, name: str, version: str, *, default: bool) -> None:
    """Let a name mean this version, and let jobs that name no bundle get that name.

    Args:
        connection: A write transaction.
        name: Of the bundle.
        version: Of the bundle; that it is there is for the caller to know.
        default: Whether the name is that of jobs which name none; else that stays as it is.

    Raises:
        BundleNotFound: It is an added bundle that is being removed.
    """
    keep_bundle(connection, f"{name}@{version}")
    was = connection.execute(
        select(ActiveBundleRow.is_default).where(ActiveBundleRow.name == name)
    ).scalar_one_or_none()
    if default:
        connection.execute(update(ActiveBundleRow).values(is_default=False))
    connection.execute(delete(ActiveBundleRow).where(ActiveBundleRow.name == name))
    row = {"name": name, "version": version, "is_default": default or bool(was)}
    connection.execute(insert(ActiveBundleRow).values(**row))


def keep_bundle(connection: Connection, key: str) -> None:
    """Hold an added bundle until the transaction ends, so that nobody removes it meanwhile.

    Raises:
        BundleNotFound: Somebody has begun to.
    """
    status = connection.execute(
        select(BundleRow.status).where(BundleRow.key == key).with_for_update(read=True)
    ).scalar_one_or_none()
    if status not in (None, BundleStatus.READY):  # None: it is built in
        raise BundleNotFound(f"The model bundle {key!r} was removed.")
