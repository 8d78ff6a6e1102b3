"""Everything that a task works with, built once in each process, after the fork."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial

from celery import Celery

from lungline.queueing import Permits
from lungline.settings import Settings
from storage.claims import ClaimedItem
from storage.database import Database
from storage.known import KnownObjects
from storage.objects import ObjectStore, open_store
from storage.part_failures import PartFailures
from storage.quotas import Limits
from storage.repository import Repository
from storage.results.drawing.drawers import Drawers
from storage.space import Space
from workers.analyzers import Analyzers
from workers.backoff import Backoff
from workers.lease import LeaseKeeper
from workers.outage import Outage
from workers.stored_films import fetch_film
from workers.webhooks import Courier, deliver_due
from workers.writer import Writer

HELPERS = 4
"""Threads that wait for others: films fetched at once, which hides the round trips to S3."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a task needs, passed in.

    Attributes:
        settings: Of this process.
        repository: The database.
        store: Films, archives, masks, views.
        fetch: Gives the stored bytes of a film, see `fetch_film`.
        permits: Counts and sends permits.
        analyzers: Loaded bundles; loads nothing before it is asked.
        backoff: Waits after a part failed.
        failures: Counts how often one did.
        outage: Remembers when the database was away, for the sweep.
        helpers: Threads that fetch films and send permits.
        writer: Writes what was read.
        leases: Keeps what this process works under.
        courier: Carries webhooks beside the sweep.
        drawers: Draw the pictures of an export, one at a time.
        hold: Entered while this process holds work; it may be entered many times.
        worker_id: Under which this process claims.
        stopping: Whether the worker was told to stop.
    """

    settings: Settings
    repository: Repository
    store: ObjectStore
    fetch: Callable[[ClaimedItem], bytes]
    permits: Permits
    analyzers: Analyzers
    backoff: Backoff
    failures: PartFailures
    outage: Outage
    helpers: ThreadPoolExecutor
    writer: Writer
    leases: LeaseKeeper
    courier: Courier
    drawers: Drawers
    hold: AbstractContextManager[object]
    worker_id: str
    stopping: Callable[[], bool]

    @property
    def space(self) -> Space:
        """Room for what is about to be stored."""
        return Space(self.settings, lambda: self.repository.database)

    def close(self) -> None:
        """Let go of threads and connections."""
        self.courier.close()
        self.drawers.close()
        self.writer.close()
        self.leases.close()
        self.helpers.shutdown()
        self.permits.close()
        self.repository.database.dispose()


def build_parts(
    app: Celery,
    settings: Settings,
    worker_id: str,
    *,
    analyzers: Analyzers,
    role: str = "worker",
    parent: int | None = None,
    stopping: Callable[[], bool] = lambda: False,
    hold: AbstractContextManager[object] | None = None,
) -> Parts:
    """Build the parts of this process; connects to nothing yet.

    Args:
        app: The Celery application, for sending permits.
        settings: Of this process.
        worker_id: Under which this process claims.
        analyzers: Loads and keeps bundles.
        role: Under which failures of parts are counted.
        parent: Process id of the parent, without which a child exits; None to go on.
        stopping: See `Parts`.
        hold: See `Parts`.
    """
    hold = nullcontext() if hold is None else hold
    repository = Repository(
        Database(settings.sqlalchemy_url),
        max_attempts=settings.max_attempts,
        limits=Limits.of(settings),
    )
    failures = PartFailures(repository.database, role)
    known = KnownObjects(repository.database)
    store = open_store(settings, known.some)
    return Parts(
        settings=settings,
        repository=repository,
        store=store,
        fetch=partial(fetch_film, store, known.beside),
        permits=Permits(app, settings),
        analyzers=analyzers,
        backoff=Backoff(stopping, count=failures.count),
        failures=failures,
        outage=Outage(),
        helpers=ThreadPoolExecutor(HELPERS, thread_name_prefix="helper"),
        writer=Writer(hold),
        leases=LeaseKeeper(settings.lease_renewal_seconds, parent),
        courier=Courier(partial(deliver_due, repository, settings, stopping)),
        drawers=Drawers(settings, most=1),
        hold=hold,
        worker_id=worker_id,
        stopping=stopping,
    )
