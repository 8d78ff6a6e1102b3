"""The version before goes on working while the schema is migrated, and afterwards."""

from __future__ import annotations

import threading
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import Boolean, Connection, Integer, MetaData, String, Table, select, update

from lungline.domain import JobStatus, new_id
from storage.database import Database
from storage.migrate import current_revision, head_revision, revisions, upgrade
from storage.repository import Repository

PATIENCE_SECONDS = 120.0
TENANT = "t"


class Version:
    """Code of a revision: it knows the tables and columns of then, and no others."""

    def __init__(self, database: Database) -> None:
        """Know what is there now."""
        self.database = database
        metadata = MetaData()
        with database.read() as connection:
            metadata.reflect(connection)
        self.tables = {name: t for name, t in metadata.tables.items() if name != "alembic_version"}
        self.in_order = [t for t in metadata.sorted_tables if t.name in self.tables]

    def insert(self, connection: Connection, table: str, **values: Any) -> None:
        """Insert a row that gives what must be given and has no default."""
        connection.execute(self.tables[table].insert(), _filled(self.tables[table], values))

    def read_a_film(self) -> str:
        """Submit a job of one film and read it, in the steps of the service; return its id."""
        job, film, item = new_id(), new_id(), new_id()
        own = {"tenant": TENANT}

        def submit(connection: Connection) -> None:
            self.insert(connection, "films", id=film, sha256=film, object_key=film, **own)
            counts = {"total": 1, "queued": 1, "status": "running", "client_metadata": {}}
            self.insert(
                connection, "jobs", id=job, name="j", source="films", bundle="b@1", **own, **counts
            )
            told = {"seq": 0, "name": "f", "status": "queued", "film_id": film}
            self.insert(connection, "items", id=item, job_id=job, **told, **own)

        def claim(connection: Connection) -> None:
            lease = {"status": "running", "worker_id": "w", "lease_id": new_id()}
            self.change(connection, "items", item, **lease)
            self.change(connection, "jobs", job, queued=0, running=1)

        def finish(connection: Connection) -> None:
            prediction = new_id()
            found = {"findings": [], "flags": [], "lungs": {}, "region": [], "activation": []}
            told = {"id": prediction, "film_id": film, "top_label": "normal", "runtime": "r"}
            self.insert(connection, "predictions", bundle="b@1", **told, **found)
            done = {"status": "succeeded", "lease_id": None, "worker_id": None}
            self.change(connection, "items", item, prediction_id=prediction, **done)
            ended = {"status": "succeeded", "finished_at": 1.0}
            self.change(connection, "jobs", job, running=0, succeeded=1, **ended)

        for step in (submit, claim, finish):
            self.database.run(step)
        with self.database.read() as connection:
            jobs = self.tables["jobs"]
            (row,) = connection.execute(select(jobs).where(jobs.c.id == job)).all()
        assert (row.status, row.succeeded) == ("succeeded", 1)
        return job

    def change(self, connection: Connection, table: str, id_: str, **values: Any) -> None:
        """Change a row."""
        rows = self.tables[table]
        changed = connection.execute(update(rows).where(rows.c.id == id_).values(**values))
        assert changed.rowcount == 1


class Traffic:
    """Clients and workers of a version, until they are told to stop."""

    def __init__(self, version: Version) -> None:
        self._version = version
        self.jobs: list[str] = []
        self.errors: list[Exception] = []
        self._stop = threading.Event()
        self._more = threading.Condition()
        self._threads = [threading.Thread(target=self._run) for _ in range(2)]

    def __enter__(self) -> Traffic:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def await_more(self, count: int = 2) -> None:
        """Wait for further films to be read."""
        with self._more:
            wanted = len(self.jobs) + count
            arrived = self._more.wait_for(
                lambda: self.errors or len(self.jobs) >= wanted, PATIENCE_SECONDS
            )
        assert arrived
        assert self.errors == []

    def _run(self) -> None:
        while not self._stop.is_set() and not self.errors:
            try:
                job = self._version.read_a_film()
            except Exception as error:
                self.errors.append(error)
                job = ""
            with self._more:
                self.jobs.append(job)
                self._more.notify_all()


@pytest.mark.parametrize("first", ["0001", revisions()[-2]])
def test_an_older_version_works_on_through_all_migrations(empty: Database, first: str) -> None:
    upgrade(empty, first)
    old = Version(empty)
    empty.run(lambda connection: old.insert(connection, "tenants", id=TENANT, weight=1.0))

    with Traffic(old) as traffic:
        traffic.await_more()
        for revision in revisions()[revisions().index(first) + 1 :]:
            upgrade(empty, revision)
            traffic.await_more()

    assert traffic.errors == []
    assert current_revision(empty) == head_revision()
    repository = Repository(empty)
    assert repository.repairs.check_counters() == []
    found = repository.jobs.some(traffic.jobs)
    assert len(found) == len(traffic.jobs)
    assert {job.status for job in found.values()} == {JobStatus.SUCCEEDED}


def test_rows_of_the_latest_versions_are_taken_by_the_next(empty: Database) -> None:
    latest = revisions()[-5:]  # what was once migrated does not change any more
    upgrade(empty, latest[0])
    for revision, following in pairwise(latest):
        before = Version(empty)
        upgrade(empty, following)
        empty.run(lambda c, before=before, id_=f"{int(revision):032}": _a_row_each(c, before, id_))


def _a_row_each(connection: Connection, version: Version, id_: str) -> None:
    """Insert a row into each table, read it and change it to what it is."""
    for table in version.in_order:
        keys = [column for column in table.primary_key if isinstance(column.type, String)]
        needed = [each.parent for each in table.foreign_keys if not each.parent.nullable]
        named = {column.name: id_[-(column.type.length or 0) :] for column in (*keys, *needed)}
        numbers = [column for column in table.primary_key if isinstance(column.type, Integer)]
        given = [column for column in numbers if column is not table.autoincrement_column]
        named |= {column.name: int(id_) for column in given}
        inserted = connection.execute(table.insert().values(_filled(table, named)))
        key = inserted.inserted_primary_key
        assert key is not None
        where = [column == value for column, value in zip(table.primary_key, key, strict=True)]
        row = connection.execute(select(table).where(*where)).mappings().one()
        changed = connection.execute(update(table).where(*where).values(**row))
        assert changed.rowcount == 1


def _filled(table: Table, values: dict[str, Any]) -> dict[str, Any]:
    """A row of a table as it was, with 0 in what must not be empty."""
    zero = {
        column.name: False if isinstance(column.type, Boolean) else 0
        for column in table.columns
        if not column.nullable and column.server_default is None
        if column is not table.autoincrement_column
    }
    return zero | values
