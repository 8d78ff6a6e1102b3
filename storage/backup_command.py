"""`python -m storage backup | restore`: what is seen of a backup."""

from __future__ import annotations

import json
import sys
from contextlib import nullcontext
from pathlib import Path

from lungline.errors import StoreUnavailable
from lungline.settings import Settings
from lungline.stack import DataFolderBusy
from lungline.stack.lock import DataLock
from storage.backup import BackupUnusable, TargetNotEmpty, restore_backup, take_backup
from storage.database import Database
from storage.known import KnownObjects
from storage.objects import open_store

HOLDS = (
    "Guard it like the service itself: it holds films, findings, the secrets of webhooks, and API "
    "keys as hashes. It holds neither the settings nor the files identity.key and link.key."
)


def run_backup(
    settings: Settings, database: Database, folder: Path, *, as_json: bool = False
) -> int:
    """Take a backup, telling of it on standard error; return the exit status.

    Raises:
        DatabaseUnavailable: The database does not answer.
    """
    try:
        store = open_store(settings, KnownObjects(database).some)
        made = take_backup(folder, database, store, _tell)
    except (BackupUnusable, StoreUnavailable, OSError) as error:
        return _failed(error)
    whole = "is finished, but not whole" if made.gone else "is whole"
    _tell(f"{folder} {whole}: {made.objects:,} objects, {made.objects_bytes:,} bytes")
    if made.gone:
        _tell(
            f"{made.gone:,} objects that its rows name are not in it, as the store did not have "
            "them. `python -m storage audit` names those that are missing now."
        )
    _tell(HOLDS)
    if as_json:
        told = {"objects": made.objects, "objects_bytes": made.objects_bytes, "gone": made.gone}
        print(json.dumps({"backup": str(folder), **told}))
    return 1 if made.gone else 0


def run_restore(
    settings: Settings, database: Database, folder: Path, *, replace: bool, as_json: bool = False
) -> int:
    """Put a backup back, telling of it on standard error; return the exit status.

    Raises:
        DatabaseUnavailable: The database does not answer.
    """
    try:
        with nullcontext() if settings.database_url else DataLock(settings.data_dir):
            restore_backup(folder, database, open_store(settings), _tell, replace=replace)
    except (
        BackupUnusable,
        TargetNotEmpty,
        DataFolderBusy,
        StoreUnavailable,
        OSError,
    ) as error:
        return _failed(error)
    _tell("Restored. The files identity.key and link.key are not part of a backup.")
    if as_json:
        print(json.dumps({"restored": str(folder)}))
    return 0


def _failed(error: Exception) -> int:
    """Say why, in one line; return the exit status, see docs/cli.md."""
    if isinstance(error, OSError):
        _tell(f"The backup cannot be read or written: {error}")
        return 4
    _tell(str(error))
    return 1 if isinstance(error, StoreUnavailable) else 2


def _tell(words: str) -> None:
    print(words, file=sys.stderr, flush=True)
