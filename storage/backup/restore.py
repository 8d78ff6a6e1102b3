"""Put a backup back: everything is checked, then the objects, then the database at once.

In this order no row is ever without its object, and a restore that is broken off leaves no tables
that a service could start on.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Connection, MetaData

from lungline.errors import ConfigurationError, ObjectNotFound
from storage.backup.copying import copy_object, digest_of
from storage.backup.listing import Listed, Listing
from storage.backup.manifest import BackupUnusable, Manifest
from storage.backup.numbering import go_on_numbering
from storage.backup.tables import check_table, load_table, reflect
from storage.backup.take import DATABASE, LISTING, OBJECTS, TELL_EVERY
from storage.database import Database
from storage.migrate import knows, upgrade_within
from storage.objects.base import ObjectStore, StoredStream
from storage.objects.local import LocalStore


class TargetNotEmpty(ConfigurationError):
    """There is something already where a backup is to be put."""

    code = "target_not_empty"
    title = "The target of the restore is not empty"


def restore_backup(
    folder: Path,
    database: Database,
    store: ObjectStore,
    tell: Callable[[str], None],
    *,
    replace: bool = False,
) -> Manifest:
    """Fill a database and a store with a backup, of whichever kinds they are.

    The service must not run. A schema older than this code's is migrated. A restore that was
    broken off is given again, with `replace`: objects that are there already are not copied again.

    Args:
        folder: What `take_backup` wrote.
        database: Where the rows go.
        store: Where the objects go.
        tell: Called with words about what is being done.
        replace: Whether what is there goes.

    Returns:
        The backup's list of contents.

    Raises:
        BackupUnusable: The backup is damaged, unfinished, or newer than this code.
        TargetNotEmpty: Something is there, and `replace` is not given.
        DatabaseUnavailable: The database does not answer.
        StoreUnavailable: The store does not answer, or its disk is full.
    """
    manifest = Manifest.read(folder)
    if not knows(manifest.revision):
        raise BackupUnusable(
            f"the backup was taken by Lungline {manifest.version}, whose database (revision "
            f"{manifest.revision}) this version does not know: restore it with that one"
        )
    for file in manifest.tables:
        check_table(folder / DATABASE, file)
    if not (folder / LISTING).is_file():
        raise BackupUnusable(f"{folder / LISTING} is missing: take another backup")
    with Listing(folder / LISTING) as listing:
        if listing.total() != (manifest.objects, manifest.objects_bytes, manifest.objects_sha256):
            raise BackupUnusable(f"{folder / LISTING} is damaged: take another backup")
        if not replace:
            _check_empty(database, store)
        _put_objects(LocalStore(folder / OBJECTS), store, listing, tell)
        database.run(lambda connection: _load(connection, folder / DATABASE, manifest))
        tell(f"database: {sum(file.rows for file in manifest.tables):,} rows")
        if replace:
            _remove_others(store, listing)
    return manifest


def _check_empty(database: Database, store: ObjectStore) -> None:
    with database.read() as connection:
        metadata = MetaData()
        metadata.reflect(connection)
    where = None
    if metadata.tables:
        where = "the database has tables"
    elif next(iter(store.keys("")), None) is not None:
        where = "the object store has objects"
    if where:
        raise TargetNotEmpty(
            f"{where} already: restore into an empty place, or give --replace, which removes all "
            "that is there"
        )


def _put_objects(
    copies: ObjectStore, store: ObjectStore, listing: Listing, tell: Callable[[str], None]
) -> None:
    done = 0
    for one in listing.all():
        _put(one, copies, store)
        done += 1
        if done % TELL_EVERY == 0:
            tell(f"objects: {done:,}")
    tell(f"objects: {done:,}; that is all")


def _put(one: Listed, copies: ObjectStore, store: ObjectStore) -> None:
    wanted = StoredStream(one.size, one.sha256)
    if digest_of(store, one.key) == wanted:
        return
    try:
        good = copies.size(one.key) == one.size and copy_object(copies, store, one.key) == wanted
    except ObjectNotFound:
        good = False
    if not good:
        store.delete(one.key)
        raise BackupUnusable(
            f"the backup's copy of {one.key} is damaged or missing; nothing was written into the "
            "database"
        )


def _load(connection: Connection, folder: Path, manifest: Manifest) -> None:
    """Make the tables of the backup's revision, fill them, migrate them, in one transaction."""
    before = MetaData()
    before.reflect(connection)
    before.drop_all(connection)
    upgrade_within(connection, manifest.revision)
    tables = {table.name: table for table in reflect(connection)}
    for file in manifest.tables:
        if file.name not in tables:
            raise BackupUnusable(f"the backup has a table that its revision has not: {file.name}")
    for file in reversed(manifest.tables):
        connection.execute(tables[file.name].delete())  # what a migration puts into a new table
    for file in manifest.tables:
        load_table(connection, tables[file.name], folder, file)
    upgrade_within(connection, "head")
    go_on_numbering(connection)


def _remove_others(store: ObjectStore, listing: Listing) -> None:
    for key in store.keys(""):
        if listing.get(key) is None:
            store.delete(key)
