"""`python -m workers.doctor`: look at everything that the service runs on, for `lungline doctor`.

Writes one line of JSON for each check. Nothing is changed: what is not there yet is not made.
"""

from __future__ import annotations

import json
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from sqlalchemy import make_url

from lungline.bundles import find_bundle
from lungline.errors import DatabaseUnavailable, LunglineError
from lungline.queueing import Permits, Queue, make_celery
from lungline.redaction import Redactor
from lungline.settings import Settings, load_settings, secrets_of
from lungline.stack.folders import SOCKET, Folders
from lungline.stack.listener import open_listener
from ml.bundle import Bundle
from ml.errors import BundleError
from storage.database import Database
from storage.known import KnownObjects
from storage.migrate import current_revision, head_revision
from storage.objects import open_store
from storage.space import Space

Found = tuple[bool, str, str]
"""Whether it is as it should be, what was found, what to do."""
MIGRATE = "run `python -m storage migrate`; `lungline up` does it by itself"


def main() -> int:
    """Print all checks; return the exit status, 0 also when something is wrong."""
    settings = load_settings()
    for name, says in checks(settings):
        ok, found, todo = says
        print(json.dumps({"name": name, "ok": ok, "says": found, "todo": todo}), flush=True)
    return 0


def checks(settings: Settings) -> Iterator[tuple[str, Found]]:
    """Yield each check's name and what it found."""
    every: dict[str, Callable[[Settings], Found]] = {
        "disk": _disk,
        "database": _database,
        "store": _store,
        "broker": _broker,
        "bundle": _bundle,
        "port": _port,
    }
    # Addresses are told, and may hold passwords in more places than one.
    hide = Redactor(secrets_of(settings)).text
    for name, check in every.items():
        ok, found, todo = check(settings)
        yield name, (ok, hide(found), todo)


def _disk(settings: Settings) -> Found:
    try:
        Space(settings).check()
    except LunglineError as error:
        return False, error.message, "make room, or lower LUNGLINE_MIN_FREE_BYTES"
    folder = settings.data_dir.absolute()
    there = next(place for place in (folder, *folder.parents) if place.exists())
    return True, f"{shutil.disk_usage(there).free / 1e9:.1f} GB free at {there}", ""


def _database(settings: Settings) -> Found:
    url = make_url(settings.sqlalchemy_url)
    name = url.render_as_string(hide_password=True)
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").exists():
        # Connecting would make an empty one.
        return bool(not settings.database_url), f"not made yet ({name})", MIGRATE
    database = Database(settings.sqlalchemy_url)
    try:
        here, newest = current_revision(database), head_revision()
    except LunglineError as error:
        return False, f"{error.message} ({name})", "start it, or correct LUNGLINE_DATABASE_URL"
    finally:
        database.dispose()
    if here != newest:
        return False, f"its tables are at {here or 'nothing'}, the code at {newest}", MIGRATE
    return True, f"it answers, its tables are up to date ({name})", ""


def _store(settings: Settings) -> Found:
    where = settings.objects_dir if settings.store == "local" else settings.s3_bucket
    try:
        if settings.store == "local" and not settings.objects_dir.exists() and _is_new(settings):
            return True, f"not made yet ({where})", "the first film makes it"
        open_store(settings, partial(_known, settings)).check()
    except LunglineError as error:
        what = "LUNGLINE_STORE_DIR" if settings.store == "local" else "LUNGLINE_S3_*"
        return False, f"{error.message} ({where})", f"see to its permissions, or correct {what}"
    return True, f"it can be used ({where})", ""


def _is_new(settings: Settings) -> bool:
    """Whether nothing is known to be stored; of a database that is down its own check tells."""
    try:
        return not _known(settings)
    except DatabaseUnavailable:
        return True


def _known(settings: Settings) -> list[str]:
    """What should be in the store; connecting to a SQLite database that is not there makes one."""
    url = make_url(settings.sqlalchemy_url)
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").exists():
        return []
    database = Database(settings.sqlalchemy_url)
    try:
        return KnownObjects(database).some()
    finally:
        database.dispose()


def _broker(settings: Settings) -> Found:
    url, embedded = settings.broker_url, Folders(settings.data_dir.resolve())
    if url == Settings.model_fields["broker_url"].default:
        # `lungline up` brings its own, on a socket in the data folder while it runs.
        if not (embedded.run / SOCKET).exists():
            return True, "not running; `lungline up` brings its own", ""
        url = embedded.broker_url
    permits = Permits(make_celery(settings), settings.model_copy(update={"broker_url": url}))
    try:
        waiting = permits.ready(Queue.CONTROL)
    except LunglineError as error:
        return False, error.message, "start it, or correct LUNGLINE_BROKER_URL"
    finally:
        permits.close()
    return True, f"it answers, {waiting} sweeps wait", ""


def _bundle(settings: Settings) -> Found:
    try:
        found = find_bundle(settings.bundles_dir, settings.bundle)
        bundle = Bundle.load(found.path)
    except LunglineError as error:
        return False, error.message, "correct LUNGLINE_BUNDLE or LUNGLINE_BUNDLES_DIR"
    except BundleError as error:
        return False, str(error), ""
    return True, f"{bundle.key} is whole, {len(bundle.files)} files", ""


def _port(settings: Settings) -> Found:
    address = f"{settings.api_host} port {settings.api_port}"
    try:
        open_listener(settings.api_host, settings.api_port).close()
    except LunglineError as error:
        if _is_ours(settings):
            return True, f"the service listens on {address}", ""
        return False, error.message, "LUNGLINE_API_PORT chooses another"
    return True, f"{address} is free", ""


def _is_ours(settings: Settings) -> bool:
    try:
        with socket.create_connection((settings.api_host, settings.api_port), 2):
            pass
        host = f"[{settings.api_host}]" if ":" in settings.api_host else settings.api_host
        with urlopen(f"http://{host}:{settings.api_port}/healthz", timeout=5) as answer:
            said: Any = json.load(answer)
    except (URLError, OSError, ValueError):
        return False
    return bool(said == {"status": "ok"})


if __name__ == "__main__":
    sys.exit(main())
