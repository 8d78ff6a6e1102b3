"""Work for the workers: parts over a fresh database and store, and jobs submitted by repository."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lungline.domain import DEFAULT_TENANT, Priority, new_id
from lungline.errors import FilmRejected
from lungline.queueing import make_celery
from lungline.settings import Settings
from storage.database import Database
from storage.intake import FilmIntake
from storage.items import NewItem
from storage.jobs import Job
from storage.migrate import upgrade
from storage.objects import ObjectStore, open_store
from storage.repository import Repository
from workers.analyzers import Analyzers, Reader
from workers.parts import Parts, build_parts

NOBODY = "redis://127.0.0.1:1/0"  # no broker: what needs none must work without
BUNDLE = "tiny@1"


def make_settings(folder: Path, **changes: Any) -> Settings:
    """Settings of a small, quick service with its data in `folder`."""
    values: dict[str, Any] = {
        "data_dir": folder,
        "broker_url": NOBODY,
        "bundles_dir": folder / "bundles",
        "bundle": "tiny",
        "worker_processes": 2,
        "batch_size": 4,
    }
    return Settings(**values | changes)


def migrate(settings: Settings) -> None:
    """Make the tables."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    database = Database(settings.sqlalchemy_url)
    upgrade(database)
    database.dispose()


def make_parts(settings: Settings, load: Callable[[str], Reader], **changes: Any) -> Parts:
    """Parts of a worker in this process, over a database with tables."""
    migrate(settings)
    return build_parts(
        make_celery(settings),
        settings,
        changes.pop("worker_id", "test-worker-0"),
        analyzers=Analyzers(load),
        **changes,
    )


class Desk:
    """Where jobs are submitted and looked at, as the API would."""

    def __init__(self, settings: Settings) -> None:
        """Open the database and the store of `settings`; the tables must be there."""
        self.settings = settings
        self.database = Database(settings.sqlalchemy_url)
        self.repository = Repository(self.database, max_attempts=settings.max_attempts)
        self.store: ObjectStore = open_store(settings)

    def submit(self, films: Sequence[bytes], bundle: str = BUNDLE) -> Job:
        """Submit a job of films."""
        intake = FilmIntake(self.store, self.settings)
        items = [_item(intake, number, data) for number, data in enumerate(films)]
        return self.repository.jobs.create_with_films(
            DEFAULT_TENANT, items=items, **_request(bundle)
        ).job

    def submit_archive(
        self,
        archive: bytes,
        bundle: str = BUNDLE,
        manifest: bytes | None = None,
        expires_in: float | None = None,
    ) -> Job:
        """Submit a job of an archive."""
        key = f"{DEFAULT_TENANT}/uploads/{new_id()}"
        self.store.put(key, archive)
        return self.repository.jobs.create_with_archive(
            DEFAULT_TENANT,
            archive_key=key,
            archive_size=len(archive),
            manifest=self._told(manifest),
            expires_in=expires_in,
            **_request(bundle),
        ).job

    def submit_prefix(self, prefix: str, manifest: bytes | None = None) -> Job:
        """Submit a job of a folder outside the service."""
        return self.repository.jobs.create_with_archive(
            DEFAULT_TENANT,
            archive_key=None,
            archive_size=None,
            prefix=prefix,
            manifest=self._told(manifest),
            **_request(BUNDLE),
        ).job

    def submit_again(self, job: Job, bundle: str = "tiny@2") -> Job:
        """Submit a job of the stored films of another."""
        return self.repository.jobs.create_with_archive(
            DEFAULT_TENANT, from_job=job.id, **_request(bundle)
        ).job

    def _told(self, manifest: bytes | None) -> tuple[str, int] | None:
        """Store a manifest."""
        if manifest is None:
            return None
        key = f"{DEFAULT_TENANT}/uploads/{new_id()}"
        self.store.put(key, manifest)
        return key, len(manifest)

    def job(self, job: Job) -> Job:
        """The job as it stands now."""
        return self.repository.jobs.get(DEFAULT_TENANT, job.id)

    def items(self, job: Job) -> list[Any]:
        """All items of a job, in order."""
        return list(self.repository.items.stream(DEFAULT_TENANT, job.id))

    def close(self) -> None:
        """Close the database."""
        self.database.dispose()


def _item(intake: FilmIntake, number: int, data: bytes) -> NewItem:
    name = f"film-{number:04}"
    try:
        return NewItem(name, intake.take(DEFAULT_TENANT, data))
    except FilmRejected as error:
        return NewItem(name, None, (error.code, error.message))


def _request(bundle: str) -> dict[str, Any]:
    return {
        "job_id": new_id(),
        "name": "",
        "metadata": {},
        "bundle": bundle,
        "priority": Priority.NORMAL,
        "idempotency_key": None,
        "request_hash": None,
    }


@contextmanager
def exporter(settings: Settings, worker_id: str = "host-1-0") -> Iterator[Parts]:
    """Parts of an expander, which reads no films, over a database that has its tables."""
    parts = build_parts(make_celery(settings), settings, worker_id, analyzers=Analyzers(_no_bundle))
    try:
        yield parts
    finally:
        parts.close()


def _no_bundle(bundle: str) -> Reader:
    raise AssertionError(f"an expander reads no films, with {bundle} or any other bundle")
