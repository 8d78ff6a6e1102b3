"""What requests need, built when first used, once a process, and closed with it."""

from __future__ import annotations

from collections.abc import Callable
from threading import RLock
from typing import Any

from api.doorbell import Doorbell
from api.lookout import Lookout
from api.readiness import Readiness
from api.session import Sessions
from api.uploads.links import Links, signing_key
from api.waiting import Seats
from lungline.errors import DatabaseUnavailable, PartUnavailable
from lungline.queueing import Permits, Queue, make_celery
from lungline.settings import Settings
from storage.bundles import Bundles
from storage.database import Database
from storage.intake import FilmIntake
from storage.known import KnownObjects
from storage.objects import ObjectStore, open_store
from storage.overview import Overview
from storage.part_failures import PartFailures
from storage.quotas import Limits
from storage.repository import Repository
from storage.results.drawing.drawers import Drawers
from storage.space import Space


class Parts:
    """The parts of one process. Nothing is opened before the first request: a fork comes first."""

    def __init__(self, settings: Settings) -> None:
        """Remember the settings."""
        self.settings = settings
        self.space = Space(settings, lambda: self.database)
        self.waits = Seats(settings.max_waits)
        self.streams = Seats(settings.max_event_streams)
        self.readiness = Readiness(self._checks())
        self.lookout = Lookout(lambda job_ids: self.repository.jobs.some(job_ids))
        self.stopping: Callable[[], bool] = lambda: False  # the server tells, see api/gunicorn.py
        self._lock = RLock()
        self._database: Database | None = None
        self._repository: Repository | None = None
        self._failures: PartFailures | None = None
        self._store: ObjectStore | None = None
        self._intake: FilmIntake | None = None
        self._permits: Permits | None = None
        self._doorbell: Doorbell | None = None
        self._drawers: Drawers | None = None
        self._links: Links | None = None
        self._sessions: Sessions | None = None

    @property
    def database(self) -> Database:
        """The database."""
        with self._lock:
            if self._database is None:
                self._database = Database(self.settings.sqlalchemy_url)
            return self._database

    @property
    def repository(self) -> Repository:
        """All that the database is asked."""
        with self._lock:
            if self._repository is None:
                limits = Limits.of(self.settings)
                self._repository = Repository(self.database, limits=limits)
            return self._repository

    @property
    def overview(self) -> Overview:
        """The state of the whole queue."""
        return Overview(self.database)

    @property
    def failures(self) -> PartFailures:
        """How often parts did not answer."""
        with self._lock:
            if self._failures is None:
                self._failures = PartFailures(self.database, "api")
            return self._failures

    @property
    def bundles(self) -> Bundles:
        """What films can be read with."""
        return Bundles(self.database, self.settings)

    @property
    def store(self) -> ObjectStore:
        """The object store."""
        with self._lock:
            if self._store is None:
                self._store = open_store(self.settings, KnownObjects(self.database).some)
            return self._store

    @property
    def intake(self) -> FilmIntake:
        """The one way in for a film."""
        with self._lock:
            if self._intake is None:
                self._intake = FilmIntake(self.store, self.settings)
            return self._intake

    @property
    def permits(self) -> Permits:
        """The broker."""
        with self._lock:
            if self._permits is None:
                self._permits = Permits(make_celery(self.settings), self.settings)
            return self._permits

    @property
    def doorbell(self) -> Doorbell:
        """What tells workers of new work."""
        with self._lock:
            if self._doorbell is None:
                self._doorbell = Doorbell(self.permits, self.settings.batch_size)
            return self._doorbell

    @property
    def drawers(self) -> Drawers:
        """What draws pictures."""
        with self._lock:
            if self._drawers is None:
                self._drawers = Drawers(self.settings)
            return self._drawers

    @property
    def links(self) -> Links:
        """What signs the API's own links."""
        with self._lock:
            if self._links is None:
                self._links = Links(signing_key(self.settings))
            return self._links

    @property
    def sessions(self) -> Sessions:
        """What signs the sessions of the page."""
        with self._lock:
            if self._sessions is None:
                self._sessions = Sessions(signing_key(self.settings))
            return self._sessions

    def close(self) -> None:
        """Close what was opened. The parts are built anew when used again."""
        with self._lock:
            if self._database is not None:
                self._database.dispose()
            if self._drawers is not None:
                self._drawers.close()
            self._drawers = None
            self._database = self._repository = self._store = self._failures = None
            self._intake = self._permits = self._doorbell = None

    def _checks(self) -> dict[str, Callable[[], Any]]:
        """What is looked at for readiness."""
        return {
            "database": lambda: self.database.check(),
            "store": lambda: self.store.check(),
            "space": lambda: self.space.check(),
            "broker": lambda: self.permits.ready(Queue.ANALYZE),
            "workers": self._check_readers,
        }

    def _check_readers(self) -> None:
        """Look whether films that wait are read by anybody, on whatever machine.

        Raises:
            PartUnavailable: Nobody has read any for `LUNGLINE_STALL_SECONDS` (or a minute).
        """
        try:
            idle = self.overview.read().idle_seconds
        except DatabaseUnavailable:  # told by itself; of the readers nothing is known
            return
        if idle > (self.settings.stall_seconds or 60.0):
            raise PartUnavailable("Nobody reads the films that wait.")
