"""Many workers at once, as threads and as processes: every film is read once, no count is lost."""

from __future__ import annotations

import multiprocessing
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from sqlalchemy import select

from lungline.domain import DEFAULT_TENANT, ItemStatus, JobStatus
from lungline.errors import WrongState
from storage.database import Database
from storage.models import ItemRow
from storage.repository import Repository
from tests.factories.rows import claim, entries_of, read, some_films, submit, submit_archive
from tests.integration.storage.reader import read_until_empty


@pytest.fixture
def plain(repo: Repository) -> Iterator[Repository]:
    """The same database without the recount after each write, which would order the threads."""
    database = Database(repo.database.engine.url.render_as_string(hide_password=False))
    yield Repository(database)
    database.dispose()
    assert repo.repairs.check_counters() == []


def all_items(repo: Repository, *job_ids: str) -> Counter[ItemStatus]:
    return Counter(
        item.status for job_id in job_ids for item in repo.items.stream(DEFAULT_TENANT, job_id)
    )


def test_threads_read_every_film_once(plain: Repository) -> None:
    jobs = [submit(plain, 60).id for _ in range(3)] + [submit(plain, 1).id for _ in range(20)]
    seen: Counter[str] = Counter()
    guard = threading.Lock()

    def work(number: int) -> int:
        written = 0
        while (batch := claim(plain, 8, f"w{number}")) is not None:
            with guard:
                seen.update(item.id for item in batch.items)
            written += plain.claims.finish(batch.lease_id, read(batch))
        return written

    with ThreadPoolExecutor(6) as pool:
        written = sum(pool.map(work, range(6)))

    assert written == len(seen) == 200
    assert set(seen.values()) == {1}
    assert all_items(plain, *jobs) == {ItemStatus.SUCCEEDED: 200}
    statuses = {plain.jobs.get(DEFAULT_TENANT, job_id).status for job_id in jobs}
    assert statuses == {JobStatus.SUCCEEDED}


def test_processes_read_every_film_once(plain: Repository) -> None:
    """Forked after the parent has used its connections, as Celery's children are."""
    job = submit(plain, 200)
    context = multiprocessing.get_context("fork")
    written = context.Queue()
    children = [
        context.Process(target=read_until_empty, args=(plain, f"w{number}", written))
        for number in range(3)
    ]
    for child in children:
        child.start()
    while any(child.is_alive() for child in children):
        plain.jobs.get(DEFAULT_TENANT, job.id)  # the parent's own connections go on working
    for child in children:
        child.join()

    assert [child.exitcode for child in children] == [0, 0, 0]
    assert sum(written.get(timeout=60) for _ in children) == 200
    assert all_items(plain, job.id) == {ItemStatus.SUCCEEDED: 200}
    written.close()


def test_a_claim_finds_the_film_behind_many_jobs_that_others_hold(plain: Repository) -> None:
    if plain.database.is_sqlite:
        pytest.skip("SQLite has one writer at a time")
    held = [submit(plain, 1).id for _ in range(60)]
    free = submit(plain, 1)

    with plain.database.write() as connection:
        locked = select(ItemRow.id).where(ItemRow.job_id.in_(held)).with_for_update()
        assert len(connection.execute(locked).all()) == 60
        batch = claim(plain, 8)

    assert batch is not None
    assert [item.job_id for item in batch.items] == [free.id]


def test_everything_at_once_loses_nothing(plain: Repository) -> None:
    """Readers, an expander, hand backs, cancels and sweeps, all against each other."""
    stop = threading.Event()
    kept = [submit(plain, 40).id for _ in range(3)]
    doomed = [submit(plain, 40).id for _ in range(3)]
    archive = submit_archive(plain).id

    def worker(number: int) -> None:
        turn = number
        while not stop.is_set():
            batch = claim(plain, 4, f"w{number}")
            turn += 1
            if batch is None:
                stop.wait(0.01)
            elif turn % 5 == 0:
                plain.claims.hand_back(batch.lease_id)
            elif turn % 7 == 0:
                plain.claims.hand_back_worker(f"w{number}", died=False)
            else:
                plain.claims.renew(batch.lease_id, 12)
                plain.claims.finish(batch.lease_id, read(batch))

    def sweeper() -> None:
        while not stop.wait(0.02):
            plain.repairs.expired_leases()
            plain.repairs.cancelling()
            plain.repairs.finishable()
            plain.jobs.queued_films()

    def expander() -> None:
        expansion = plain.expansions.claim("e", 60)
        assert expansion is not None
        for cursor in range(10):
            plain.expansions.commit_slice(
                expansion.lease_id,
                archive,
                entries=entries_of(some_films(6)),
                cursor=6 * (cursor + 1),
                entries_total=60,
            )
        plain.expansions.finish(expansion.lease_id, archive)

    def canceller() -> None:
        for job_id in doomed:
            with suppress(WrongState):  # it may have been read by then
                plain.jobs.cancel(DEFAULT_TENANT, job_id)
        while any(not plain.jobs.get(DEFAULT_TENANT, j).status.terminal for j in [*kept, archive]):
            stop.wait(0.02)
        stop.set()

    def guarded(part: Callable[..., None], *arguments: int) -> None:
        try:
            part(*arguments)
        except BaseException:
            stop.set()  # or the others would wait for ever
            raise

    with ThreadPoolExecutor(8) as pool:
        tasks = [pool.submit(guarded, worker, number) for number in range(4)]
        tasks += [pool.submit(guarded, part) for part in (sweeper, sweeper, expander, canceller)]
        for task in tasks:
            task.result(timeout=120)
    plain.repairs.cancelling()

    assert all_items(plain, *kept) == {ItemStatus.SUCCEEDED: 120}
    assert all_items(plain, archive) == {ItemStatus.SUCCEEDED: 60}
    assert all_items(plain, *doomed).total() == 120
    ends = {plain.jobs.get(DEFAULT_TENANT, job_id).status for job_id in doomed}
    assert ends <= {JobStatus.CANCELLED, JobStatus.SUCCEEDED}
