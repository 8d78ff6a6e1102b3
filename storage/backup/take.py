"""Take a backup while the service runs: the database as it is at one moment, then the objects.

In this order every object of a row is there: what comes later is an object without a row, which
does no harm, and what is deleted goes from the store only afterwards (`storage.backups`). Objects
that rows name and the store has not are counted, and told.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect

import lungline
from lungline.errors import ObjectNotFound
from storage.backup.copying import copy_object, digest_of
from storage.backup.listing import Listed, Listing
from storage.backup.manifest import NAME, BackupUnusable, Manifest, TableFile
from storage.backup.owed import owed
from storage.backup.tables import dump_table, reflect
from storage.backups import BackupHold
from storage.database import Database
from storage.models import BackupRow
from storage.objects.base import ObjectStore, StoredStream
from storage.objects.local import LocalStore

DATABASE = "database"
OBJECTS = "objects"
LISTING = "objects.db"
TELL_EVERY = 1000
"""Objects between two words about them."""


def take_backup(
    folder: Path, database: Database, store: ObjectStore, tell: Callable[[str], None]
) -> Manifest:
    """Copy everything into a folder.

    A folder that holds an earlier backup, finished or not, becomes the new one: objects that it
    has with the size and checksum of its list are not copied again, others that the store does
    not have any more are removed.

    Args:
        folder: Where to; made, for its owner only, when it is not there.
        database: What to copy.
        store: What to copy.
        tell: Called with words about what is being done.

    Returns:
        The list of contents, as written.

    Raises:
        BackupUnusable: The folder holds other things, or the database has no tables.
        DatabaseUnavailable: The database does not answer.
        StoreUnavailable: The store does not answer, or the folder's disk is full.
    """
    _prepare(folder)
    with _hold(database):
        revision, taken_at, tables = _dump(folder / DATABASE, database, tell)
        with Listing(folder / LISTING) as listing:
            _copy_all(folder, store, listing, tell)
            count, size, digest = listing.total()
            gone = sum(listing.get(key) is None for key in owed(folder / DATABASE, tables))
    manifest = Manifest(lungline.__version__, revision, taken_at, tables, count, size, digest, gone)
    manifest.write(folder)
    return manifest


def _hold(database: Database) -> AbstractContextManager[object]:
    with database.read() as connection:
        known = inspect(connection).has_table(BackupRow.__tablename__)
    # A database of an earlier version, whose workers know of no backup either.
    return BackupHold(database) if known else nullcontext()


def _prepare(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    there = {path.name for path in folder.iterdir()}
    if there and LISTING not in there and DATABASE not in there:
        raise BackupUnusable(
            f"{folder} holds other things than a backup: name an empty folder, or one that is not "
            "there yet"
        )
    (folder / NAME).unlink(missing_ok=True)  # from here on it is unfinished
    shutil.rmtree(folder / DATABASE, ignore_errors=True)
    (folder / DATABASE).mkdir(mode=0o700)
    (folder / OBJECTS).mkdir(mode=0o700, exist_ok=True)


def _dump(
    folder: Path, database: Database, tell: Callable[[str], None]
) -> tuple[str, float, tuple[TableFile, ...]]:
    """Write the tables as they are at one moment; return revision and time of it."""
    with database.snapshot() as connection:
        revision = MigrationContext.configure(connection).get_current_revision()
        if revision is None:
            raise BackupUnusable(
                "the database has no tables: there is nothing to copy, or LUNGLINE_DATABASE_URL "
                "or the data folder is not that of the service"
            )
        taken_at = database.time(connection)
        written = []
        for table in reflect(connection):
            if table.name == BackupRow.__tablename__:
                continue
            file = dump_table(connection, table, folder)
            tell(f"table {file.name}: {file.rows:,} rows")
            written.append(file)
    return revision, taken_at, tuple(written)


def _copy_all(
    folder: Path, store: ObjectStore, listing: Listing, tell: Callable[[str], None]
) -> None:
    """Copy the store's objects."""
    copies = LocalStore(folder / OBJECTS)
    listing.forget_seen()
    done = copied = 0
    for key in store.keys(""):
        try:
            copied += _copy(key, store, copies, listing)
        except ObjectNotFound:  # deleted since it was listed
            continue
        done += 1
        if done % TELL_EVERY == 0:
            tell(f"objects: {done:,}, of which {copied:,} were not there yet")
    for key in listing.unseen():
        copies.delete(key)
    listing.drop_unseen()
    tell(f"objects: {done:,}, of which {copied:,} were not there yet; that is all")


def _copy(key: str, store: ObjectStore, copies: ObjectStore, listing: Listing) -> int:
    """Copy an object unless it is there; return 1 when it was copied."""
    known = listing.get(key)
    # Keys are made of ids and digests: what is under one never changes.
    if (
        known
        and known.size == store.size(key)
        and digest_of(copies, key) == StoredStream(known.size, known.sha256)
    ):
        listing.put(known)
        return 0
    stored = copy_object(store, copies, key)
    listing.put(Listed(key, stored.size, stored.sha256))
    return 1
