"""Workers, clients and the sweep in any order that hypothesis can think of.

The database's clock moves by rules, so leases expire between any two steps. What must always hold:
counters equal a recount (the fixture's database checks it after each write), a film is in at most
one living lease, an ended item never changes, a job has ended exactly when all its films have; and
once the sweep and one good worker are left alone, everything ends.
"""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import func, select

from lungline.domain import DEFAULT_TENANT, ItemStatus, JobStatus, Priority
from lungline.errors import NothingToRetry, WrongState
from storage.claims import Batch, Outcome
from storage.database import Database
from storage.deletions import KEPT_SECONDS
from storage.expansions import Expansion
from storage.items import Item, NewItem
from storage.jobs import Job
from storage.models import Base, EventRow, FailureRow, FilmRow, ItemRow, JobRow, PredictionRow
from storage.repository import Repository
from tests.factories.rows import (
    a_bad_film,
    a_film,
    a_prediction,
    claim,
    entries_of,
    read,
    read_all,
    submit,
    submit_archive,
)

MAX_ATTEMPTS = 2
RETRIABLE = {JobStatus.COMPLETED_WITH_ERRORS, JobStatus.FAILED}
OPEN = {JobStatus.EXPANDING, JobStatus.RUNNING}
# Few distinct films, so that jobs share them.
new_items = st.lists(
    st.sampled_from(range(8)).map(
        lambda seed: NewItem(f"{seed}", a_film(f"{seed}")) if seed else a_bad_film()
    ),
    min_size=1,
    max_size=6,
)
expiries = st.sampled_from([None, None, 5.0, 20.0])
workers = st.sampled_from(["w1", "w2", "w3"])


class Store:
    """Which objects there are."""

    def __init__(self) -> None:
        self.keys: set[str] = set()

    def delete(self, key: str) -> None:
        self.keys.discard(key)


def machine_over(database: Database) -> type[RuleBasedStateMachine]:
    """A state machine whose every run begins with empty tables."""

    class Machine(RuleBasedStateMachine):
        batches: Bundle[Batch] = Bundle("batches")
        expansions: Bundle[Expansion] = Bundle("expansions")

        def __init__(self) -> None:
            super().__init__()
            database.clock_offset = 0.0
            with database.write() as connection:
                for table in reversed(Base.metadata.sorted_tables):
                    connection.execute(table.delete())
            self.repo = Repository(database, max_attempts=MAX_ATTEMPTS)
            self.ended: dict[str, Item] = {}
            self.retries: Counter[str] = Counter()
            self.entries: Counter[str] = Counter()
            self.store = Store()

        @rule(
            items=new_items,
            priority=st.sampled_from([0, 10, 20]),
            bundle=st.sampled_from("ab"),
            expires_in=expiries,
        )
        def submit_films(
            self, items: list[NewItem], priority: int, bundle: str, expires_in: float | None
        ) -> None:
            bundle = f"{bundle}@1"
            self._put(items)
            submit(
                self.repo,
                items,
                priority=priority,
                bundle=bundle,
                expires_in=expires_in,
                restore=lambda digests: self._put(items),
            )

        @rule(expires_in=expiries)
        def submit_archive(self, expires_in: float | None) -> None:
            submit_archive(self.repo, bundle="a@1", expires_in=expires_in)

        @rule(target=batches, worker=workers, limit=st.integers(1, 5))
        def claim(self, worker: str, limit: int) -> Batch | None:
            batch = claim(self.repo, limit, worker)
            if batch is not None:
                held = {item.job_id for item in batch.items}
                assert not any(self.repo.jobs.get(DEFAULT_TENANT, job).paused for job in held)
                assert 1 <= len(batch.items) <= limit
                assert len(batch.items) == 1 or not any(item.alone for item in batch.items)
            return batch

        @rule(batch=consumes(batches), bad=st.booleans())
        def finish(self, batch: Batch | None, bad: bool) -> None:
            if batch is not None:
                outcomes = read(batch)
                if bad:
                    outcomes[0] = Outcome(batch.items[0].id, None, ("undecodable", "Not a film."))
                held = self._held(batch)
                assert self.repo.claims.finish(batch.lease_id, outcomes) == held

        @rule(batch=batches)
        def finish_one(self, batch: Batch | None) -> None:
            if batch is not None:
                outcome = Outcome(batch.items[-1].id, a_prediction())
                self.repo.claims.finish(batch.lease_id, [outcome])

        @rule(batch=batches)
        def renew(self, batch: Batch | None) -> None:
            if batch is not None:
                held = self._held(batch)
                assert held or not self.repo.claims.renew(batch.lease_id, 12)

        @rule(batch=batches)
        def hand_back(self, batch: Batch | None) -> None:
            if batch is not None:
                self.repo.claims.hand_back(batch.lease_id)

        @rule(worker=workers, died=st.booleans())
        def hand_back_worker(self, worker: str, died: bool) -> None:
            self.repo.claims.hand_back_worker(worker, died=died)

        @rule(target=expansions)
        def expand(self) -> Expansion | None:
            return self.repo.expansions.claim("e1", 12)

        @rule(expansion=expansions, items=new_items)
        def commit_slice(self, expansion: Expansion | None, items: list[NewItem]) -> None:
            if expansion is not None:
                before = set(self.store.keys)
                self._put(items)
                committed = self.repo.expansions.commit_slice(
                    expansion.lease_id,
                    expansion.job_id,
                    entries=entries_of(items),
                    cursor=self.entries[expansion.job_id] + len(items),
                    entries_total=None,
                    restore=lambda digests: self._put(items),
                )
                if committed:
                    self.entries[expansion.job_id] += len(items)
                else:  # what was stored without a row is the audit's business
                    self.store.keys = before

        @rule(expansion=consumes(expansions), bad=st.booleans())
        def finish_expansion(self, expansion: Expansion | None, bad: bool) -> None:
            if expansion is not None:
                error = ("archive_unreadable", "The archive is cut off.") if bad else None
                self.repo.expansions.finish(expansion.lease_id, expansion.job_id, error)

        @rule(index=st.integers(0, 5))
        def cancel(self, index: int) -> None:
            job = self._job(index)
            if job is not None:
                try:
                    self.repo.jobs.cancel(DEFAULT_TENANT, job.id)
                except WrongState:
                    assert job.status.terminal

        @rule(index=st.integers(0, 5), action=st.sampled_from(["pause", "resume"]))
        def pause_or_resume(self, index: int, action: str) -> None:
            job = self._job(index)
            if job is not None:
                try:
                    changed = getattr(self.repo.control, action)(DEFAULT_TENANT, job.id)
                    assert changed.paused == (action == "pause")
                except WrongState:
                    assert job.status not in OPEN

        @rule(index=st.integers(0, 5), priority=st.sampled_from(Priority))
        def reprioritize(self, index: int, priority: Priority) -> None:
            job = self._job(index)
            if job is not None:
                try:
                    changed = self.repo.control.reprioritize(DEFAULT_TENANT, job.id, priority)
                    assert changed.priority is priority
                except WrongState:
                    assert job.status not in OPEN

        @rule(index=st.integers(0, 5), limit=st.sampled_from([1, 2, 100]))
        def retry(self, index: int, limit: int) -> None:
            job = self._job(index)
            if job is None:
                return
            items = list(self.repo.items.stream(DEFAULT_TENANT, job.id))
            failed = [item for item in items if item.status is ItemStatus.FAILED]
            stored = [item for item in failed if item.film is not None]
            try:
                retry = self.repo.control.retry(DEFAULT_TENANT, job.id, limit)
            except NothingToRetry:
                assert not stored
            except WrongState:
                assert job.status not in RETRIABLE
            else:
                assert job.status in RETRIABLE
                assert (retry.retried, retry.refused) == (len(stored), len(failed) - len(stored))
                for item in stored:
                    del self.ended[item.id]
                    self.retries[item.id] += 1

        @rule(index=st.integers(0, 5))
        def delete(self, index: int) -> None:
            job = self._job(index)
            if job is not None:
                try:
                    self.repo.deletions.delete(DEFAULT_TENANT, job.id)
                except WrongState:
                    assert not job.status.terminal
                else:
                    assert job.status.terminal

        @rule(limit=st.sampled_from([1, 3, 100]), forget=st.booleans())
        def sweep_what_was_deleted(self, limit: int, forget: bool) -> None:
            self.repo.deletions.rows(self.store, limit)
            self.repo.deletions.films(self.store, limit)
            if forget:
                database.clock_offset += KEPT_SECONDS + 1
                self.repo.deletions.forget()

        @rule(seconds=st.sampled_from([1.0, 7.0, 13.0, 130.0]))
        def wait(self, seconds: float) -> None:
            database.clock_offset += seconds

        @rule()
        def sweep(self) -> None:
            self.repo.repairs.expired_leases()
            self.repo.repairs.expired_expansions()
            self.repo.repairs.retried(limit=2)
            self.repo.repairs.expired_jobs()
            self.repo.repairs.cancelling()
            assert self.repo.repairs.finishable() == 0

        @invariant()
        def ended_is_ended(self) -> None:
            for job in self.repo.jobs.page(DEFAULT_TENANT, limit=1_000).items:
                items = list(self.repo.items.stream(DEFAULT_TENANT, job.id))
                busy = [item for item in items if not item.status.terminal]
                assert not (job.status.terminal and busy)
                drained = not busy and job.status is not JobStatus.EXPANDING
                assert job.status.terminal == (drained and not self._is_retried(job))
                assert not (job.paused and job.status not in OPEN)
                for item in items:
                    # A film that waits for its retry has left its end already.
                    if job.status.terminal or item.id not in self.retries:
                        self._check(item)

        def _job(self, index: int) -> Job | None:
            jobs = self.repo.jobs.page(DEFAULT_TENANT, limit=50).items
            return jobs[index] if index < len(jobs) else None

        @invariant()
        def stored_films_are_there(self) -> None:
            for job in self.repo.jobs.page(DEFAULT_TENANT, limit=1_000).items:
                for item in self.repo.items.stream(DEFAULT_TENANT, job.id):
                    assert item.film is None or item.film.object_key in self.store.keys

        def _put(self, items: list[NewItem]) -> None:
            self.store.keys.update(item.film.object_key for item in items if item.film is not None)

        def _is_retried(self, job: Job) -> bool:
            """Whether failed films of a job still have to go back into the queue."""
            query = select(JobRow.retry_before).where(JobRow.id == job.id)
            with database.read() as connection:
                return connection.execute(query).scalar_one() is not None

        def _held(self, batch: Batch) -> int:
            """Count what a lease still holds, read without the code under test."""
            query = select(func.count()).where(
                ItemRow.lease_id == batch.lease_id, ItemRow.status == ItemStatus.RUNNING
            )
            with database.read() as connection:
                return connection.execute(query).scalar_one()

        def _check(self, item: Item) -> None:
            most = MAX_ATTEMPTS * (1 + self.retries[item.id])
            assert item.attempt <= most or item.status is not ItemStatus.FAILED
            failures = self.repo.items.failures(DEFAULT_TENANT, item.id)
            assert len(failures) <= self.retries[item.id]
            assert (item.prediction is not None) == (item.status is ItemStatus.SUCCEEDED)
            assert (item.error_code is not None) == (item.status is ItemStatus.FAILED)
            if item.status.terminal:
                assert self.ended.setdefault(item.id, item) == item

        def teardown(self) -> None:
            for job in self.repo.jobs.page(DEFAULT_TENANT, limit=1_000).items:
                if job.paused:
                    self.repo.control.resume(DEFAULT_TENANT, job.id)
            for _ in range(2 * MAX_ATTEMPTS + 5):
                database.clock_offset += 13.0
                self.sweep()
                while (expansion := self.repo.expansions.claim("e2", 12)) is not None:
                    self.repo.expansions.finish(expansion.lease_id, expansion.job_id)
                read_all(self.repo)
            self.ended_is_ended()
            for job in self.repo.jobs.page(DEFAULT_TENANT, limit=1_000).items:
                assert job.status.terminal
                self.repo.deletions.delete(DEFAULT_TENANT, job.id)
            self.sweep_what_was_deleted(limit=1_000, forget=True)
            assert not {key for key in self.store.keys if "/films/" in key}
            with database.read() as connection:
                for table in (JobRow, ItemRow, FilmRow, PredictionRow, EventRow, FailureRow):
                    assert not connection.execute(select(func.count()).select_from(table)).scalar()

    return Machine


def test_any_order_of_steps_ends_well(database: Database) -> None:
    run_state_machine_as_test(
        machine_over(database),
        settings=settings(
            max_examples=25,
            stateful_step_count=25,
            deadline=None,
            derandomize=True,  # a red run is red again
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.slow
def test_many_orders_of_steps_end_well(database: Database) -> None:
    run_state_machine_as_test(
        machine_over(database),
        settings=settings(
            max_examples=15,
            stateful_step_count=40,
            deadline=None,
            derandomize=True,  # a red run is red again
            suppress_health_check=list(HealthCheck),
        ),
    )
