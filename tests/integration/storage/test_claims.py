"""Claims, results and fencing."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Connection, Select, event, func, select, text, update

from lungline.domain import DEFAULT_TENANT, ItemStatus, JobStatus
from storage import claims
from storage.claims import Outcome
from storage.items import NewItem
from storage.models import ITEM_QUEUED, JOB_RUNNABLE, ItemRow, JobRow
from storage.repository import Repository
from tests.factories.rows import (
    BUNDLE,
    a_film,
    a_prediction,
    claim,
    must_claim,
    read,
    read_all,
    some_films,
    submit,
    submit_archive,
)


def test_no_work_is_no_batch(repo: Repository) -> None:
    submit_archive(repo)

    assert claim(repo) is None


def test_a_batch_holds_the_next_films_of_a_job(repo: Repository) -> None:
    job = submit(repo, 10)

    batch = must_claim(repo, 4)

    assert (batch.bundle, batch.queued_left) == (BUNDLE, 6)
    assert [item.seq for item in batch.items] == [0, 1, 2, 3]
    assert {item.job_id for item in batch.items} == {job.id}
    assert {item.tenant for item in batch.items} == {DEFAULT_TENANT}
    assert all(item.film.object_key.startswith("default/films/") for item in batch.items)
    after = repo.jobs.get(DEFAULT_TENANT, job.id)
    assert (after.queued, after.running) == (6, 4)
    assert after.started_at == after.first_claim_at is not None


def test_a_batch_is_filled_from_further_jobs_of_its_bundle(repo: Repository) -> None:
    singles = {submit(repo, 1).id for _ in range(5)}
    submit(repo, 1, bundle="another@1")

    batch = must_claim(repo, 8)

    assert {item.job_id for item in batch.items} == singles
    assert must_claim(repo, 8).bundle == "another@1"


def test_a_paused_job_gives_nothing(repo: Repository) -> None:
    job = submit(repo, 3)
    with repo.database.write() as connection:
        connection.execute(update(JobRow).where(JobRow.id == job.id).values(paused=True))

    assert claim(repo) is None
    assert repo.jobs.queued_films() == 0


def test_results_end_the_job(repo: Repository) -> None:
    job = submit(repo, 3)
    batch = must_claim(repo)
    first, second, third = batch.items
    outcomes = [
        Outcome(first.id, a_prediction()),
        Outcome(second.id, None, ("truncated", "The file ends before its picture does.")),
    ]

    assert repo.claims.finish(batch.lease_id, outcomes) == 2
    halfway = repo.jobs.get(DEFAULT_TENANT, job.id)
    assert repo.claims.finish(batch.lease_id, [Outcome(third.id, a_prediction())]) == 1

    assert (halfway.status, halfway.running) == (JobStatus.RUNNING, 1)
    done = repo.jobs.get(DEFAULT_TENANT, job.id)
    assert done.status is JobStatus.COMPLETED_WITH_ERRORS
    assert (done.succeeded, done.failed) == (2, 1)
    assert done.finished_at is not None
    failed = repo.items.get(DEFAULT_TENANT, second.id)
    assert (failed.error_code, failed.attempt) == ("truncated", 1)


def test_results_are_written_once(repo: Repository) -> None:
    submit(repo, 3)
    batch = must_claim(repo)

    assert repo.claims.finish(batch.lease_id, read(batch)) == 3
    assert repo.claims.finish(batch.lease_id, read(batch)) == 0


def test_the_results_of_a_lost_lease_are_dropped(repo: Repository) -> None:
    job = submit(repo, 2)
    lost = must_claim(repo)
    repo.claims.hand_back(lost.lease_id)
    held = must_claim(repo)

    assert repo.claims.finish(lost.lease_id, read(lost, "viral_pneumonia")) == 0
    assert repo.claims.finish(held.lease_id, read(held, "normal")) == 2

    for item in repo.items.stream(DEFAULT_TENANT, job.id):
        assert item.prediction is not None
        assert item.prediction.top_label == "normal"


def test_only_the_batchs_own_items_are_written(repo: Repository) -> None:
    submit(repo, 2)
    mine, other = must_claim(repo, 1), must_claim(repo, 1)

    outcomes = [*read(mine), *read(other), Outcome("nothing", a_prediction())]

    assert repo.claims.finish(mine.lease_id, outcomes) == 1


def test_the_first_prediction_of_a_film_stays(repo: Repository) -> None:
    film = a_film()
    submit(repo, [NewItem("a", film)])
    submit(repo, [NewItem("b", film)])
    first, second = must_claim(repo, 1), must_claim(repo, 1)

    repo.claims.finish(first.lease_id, read(first, "normal"))
    repo.claims.finish(second.lease_id, read(second, "viral_pneumonia"))

    items = [repo.items.get(DEFAULT_TENANT, batch.items[0].id) for batch in (first, second)]
    assert items[0].prediction == items[1].prediction
    assert [item.reused for item in items] == [False, False]


def test_a_film_read_meanwhile_succeeds_in_passing(repo: Repository) -> None:
    films = some_films(20)
    first, second = submit(repo, films), submit(repo, [*films, *some_films(1)])
    assert read_all(repo, limit=20) == 21

    done = repo.jobs.get(DEFAULT_TENANT, second.id)

    assert repo.jobs.get(DEFAULT_TENANT, first.id).status is JobStatus.SUCCEEDED
    assert (done.status, done.succeeded, done.reused) == (JobStatus.SUCCEEDED, 21, 20)
    told = [event.type for event in repo.events.after(DEFAULT_TENANT, second.id)]
    assert told[-1] == "job.finished"


def test_a_job_that_needs_no_reading_any_more_ends_by_a_claim(repo: Repository) -> None:
    films = some_films(20)
    submit(repo, films, priority=0)
    second = submit(repo, films, priority=10)
    while repo.jobs.get(DEFAULT_TENANT, second.id).queued == 20 and (batch := claim(repo, 20)):
        repo.claims.finish(batch.lease_id, read(batch))

    assert repo.jobs.get(DEFAULT_TENANT, second.id).status is JobStatus.SUCCEEDED


def test_hand_back_counts_no_attempt(repo: Repository) -> None:
    submit(repo, 3)
    batch = must_claim(repo)

    assert repo.claims.hand_back(batch.lease_id) == 3
    assert repo.claims.hand_back(batch.lease_id) == 0

    again = must_claim(repo)
    assert [item.id for item in again.items] == [item.id for item in batch.items]
    assert {(item.attempt, item.alone) for item in again.items} == {(0, False)}


def test_an_outcome_is_either_way() -> None:
    with pytest.raises(ValueError, match="either"):
        Outcome("x", None)


def plan_of(repo: Repository, query: Select[Any]) -> str:
    """What the database would do, were sequential scans dear (in small tables they are not)."""
    with repo.database.read() as connection:
        explain = "EXPLAIN QUERY PLAN " if repo.database.is_sqlite else "EXPLAIN "
        if not repo.database.is_sqlite:
            connection.execute(text("SET LOCAL enable_seqscan = off"))
        compiled = query.compile(connection, compile_kwargs={"literal_binds": True})
        return str(connection.execute(text(explain + str(compiled))).all())


def test_claims_use_the_partial_indexes(repo: Repository) -> None:
    job = submit(repo, 50)
    queued = select(ItemRow.id).where(ItemRow.job_id == job.id, ITEM_QUEUED).order_by(ItemRow.seq)
    runnable = select(func.sum(JobRow.queued)).where(JOB_RUNNABLE)

    assert "ix_items_queued" in plan_of(repo, queued)
    assert "ix_jobs_runnable" in plan_of(repo, runnable)


def test_terminal_items_hold_no_lease(repo: Repository) -> None:
    submit(repo, 3)
    read_all(repo)

    with repo.database.read() as connection:
        rows = connection.execute(ItemRow.__table__.select()).mappings().all()

    assert {row["status"] for row in rows} == {ItemStatus.SUCCEEDED}
    assert {row["lease_id"] for row in rows} == {row["worker_id"] for row in rows} == {None}


def test_a_power_cut_may_undo_a_claim_but_no_result(repo: Repository) -> None:
    if repo.database.is_sqlite:
        pytest.skip("SQLite flushes each commit")
    submit(repo, 4)
    waits: list[str] = []

    def note(connection: Connection, *_: object) -> None:
        waits.append(connection.exec_driver_sql("SHOW synchronous_commit").scalar_one())

    event.listen(repo.database.engine, "commit", note)
    try:
        batch = must_claim(repo, 2)
        claimed = waits[0]
        waits.clear()
        repo.claims.finish(batch.lease_id, read(batch))
        assert (claimed, waits[0]) == ("off", "on")
    finally:
        event.remove(repo.database.engine, "commit", note)


def test_no_claim_looks_at_all_that_a_bundle_has_read(repo: Repository) -> None:
    if repo.database.is_sqlite:
        pytest.skip("SQLite looks up each film")
    job = submit(repo, 4)
    with repo.database.read() as connection:
        connection.execute(text("ANALYZE"))  # it finds no prediction: a scan would seem to be free
        query = claims._FILMS.compile(connection, compile_kwargs={"render_postcompile": True})
        asked = query.params | {"job": job.id, "of_bundle": BUNDLE, "most": 16}
        plan = connection.exec_driver_sql(f"EXPLAIN {query}", asked).scalars().all()

    (lookup,) = [line for line in plan if "on predictions" in line]
    assert "Index Scan using uq_predictions_film_id_bundle" in lookup
    assert not [line for line in plan if "hashed" in line or "Seq Scan" in line]
