from __future__ import annotations

from io import BytesIO

import pytest

from lungline.domain import DEFAULT_TENANT, ItemStatus, JobStatus, Priority, new_id
from lungline.errors import DatabaseUnavailable, ObjectNotFound
from storage.retention import Step
from tests.factories import films
from workers import sweep as sweep_module
from workers.outage import Outage
from workers.sweep import sweep


def test_films_of_a_worker_that_went_silent_are_put_back(make):
    parts, desk = make()
    job = desk.submit([films.jpeg(seed) for seed in range(3)])
    parts.repository.claims.claim("silent", limit=2, lease_seconds=0.0, hard_seconds=1)

    sweep(parts)
    sweep(parts)

    assert desk.job(job).queued == 3
    assert {item.status for item in desk.items(job)} == {ItemStatus.QUEUED}
    assert desk.repository.repairs.check_counters() == []


def test_who_lives_has_a_lease_to_come_back_after_the_database_was_away(make, monkeypatch):
    parts, desk = make(lease_seconds=12.0)
    now = [1_000.0]
    object.__setattr__(parts, "outage", Outage(lambda: now[0]))
    job = desk.submit([films.jpeg(seed) for seed in range(3)])
    parts.repository.claims.claim("worker", limit=3, lease_seconds=0.0, hard_seconds=60)
    desk.repository.jobs.create_with_archive(DEFAULT_TENANT, **_archive())
    assert parts.repository.expansions.claim("worker", 0.0) is not None

    def away(*arguments: object) -> int:
        raise DatabaseUnavailable("away")

    with monkeypatch.context() as trouble:
        trouble.setattr(parts.repository.repairs, "late_leases", away)
        sweep(parts)
    now[0] += 6.0
    with monkeypatch.context() as trouble:
        trouble.setattr(parts.repository.database, "check", away)
        sweep(parts)
    now[0] += 11.0
    sweep(parts)
    assert desk.job(job).running == 3

    now[0] += 2.0
    done = sweep(parts)
    assert (done["expired_leases"], done["expired_expansions"]) == (3, 1)


def test_a_repair_that_fails_by_itself_puts_off_nothing(make, monkeypatch):
    parts, desk = make()
    desk.submit([films.jpeg(0)])

    def locked(*arguments: object) -> int:
        raise DatabaseUnavailable("locked")

    monkeypatch.setattr(parts.repository.repairs, "cancelling", locked)
    sweep(parts)
    parts.repository.claims.claim("dead", limit=1, lease_seconds=0.0, hard_seconds=1)

    assert sweep(parts)["expired_leases"] == 1


def _archive():
    fields = {"name": "", "metadata": {}, "bundle": "b@1", "priority": Priority.NORMAL}
    keys = {"idempotency_key": None, "request_hash": None, "archive_key": "a", "archive_size": 1}
    return {"job_id": new_id(), **fields, **keys}


def test_films_of_a_dead_worker_come_back_although_the_clock_was_set_back(make):
    parts, desk = make()
    job = desk.submit([films.jpeg(seed) for seed in range(3)])
    parts.repository.claims.claim("dead", limit=3, lease_seconds=12.0, hard_seconds=120.0)
    parts.repository.database.clock_offset -= 3_600.0

    assert sweep(parts)["leases_shortened"] == 3
    parts.repository.database.clock_offset += 61.0
    sweep(parts)

    assert desk.job(job).queued == 3


def test_a_film_that_kills_alone_is_given_up_at_last(make):
    parts, desk = make(max_attempts=2)
    job = desk.submit([films.jpeg(0)])

    for _ in range(3):
        parts.repository.claims.claim("dying", limit=1, lease_seconds=0.0, hard_seconds=1)
        sweep(parts)

    item = desk.items(job)[0]
    assert (item.status, item.error_code) == (ItemStatus.FAILED, "attempts_exhausted")
    assert desk.job(job).status is JobStatus.FAILED


def test_repairs_go_on_in_chunks(make, monkeypatch):
    monkeypatch.setattr(sweep_module, "CHUNK", 2)
    parts, desk = make()
    job = desk.submit([films.jpeg(seed) for seed in range(5)])
    parts.repository.claims.claim("silent", limit=5, lease_seconds=0.0, hard_seconds=1)

    sweep(parts)

    assert desk.job(job).queued == 5


def test_uploads_that_were_given_up_or_have_expired_are_removed(make):
    parts, desk = make()
    given_up, expired, kept = (_upload(desk, seconds) for seconds in (1_000, 500, 1_000))
    desk.repository.uploads.delete(DEFAULT_TENANT, given_up.id)
    parts.repository.database.clock_offset = 501.0

    repaired = sweep_module._repair(parts)
    removed = sweep_module._deletions(parts)

    assert (repaired["expired_uploads"], removed["removed_uploads"]) == (1, 2)
    assert len(desk.store.parts.arrived(kept.whole)) == 1
    for upload in (given_up, expired):
        with pytest.raises(ObjectNotFound):
            desk.store.parts.arrived(upload.whole)


def _upload(desk, seconds):
    fields = {"filename": "", "size": 1, "sha256": None, "part_size": 1, "most_held": 9}
    upload = desk.repository.uploads.create(DEFAULT_TENANT, seconds=seconds, **fields)
    token = desk.store.parts.begin(upload.object_key)
    upload = desk.repository.uploads.ready(upload.id, token)
    desk.store.parts.put(upload.whole, 1, BytesIO(b"x"))
    return upload


def test_a_broker_that_is_down_stops_neither_the_repair_nor_deletions(make):
    parts, desk = make()  # there is no broker in these tests
    desk.submit([films.jpeg(0)])
    ended = desk.submit([films.jpeg(1)])
    desk.repository.jobs.cancel(DEFAULT_TENANT, ended.id)
    desk.repository.deletions.delete(DEFAULT_TENANT, ended.id)

    assert sweep(parts) == {"deleted_items": 1, "purged_films": 1}


@pytest.mark.parametrize(
    ("noun", "method"),
    [
        ("repairs", "expired_leases"),
        ("repairs", "finishable"),
        ("jobs", "queued_films"),
        ("retention", "films"),
        ("expansions", "remove_spent"),
        ("webhooks", "due"),
        ("sweeps", "note"),
    ],
)
def test_an_unexpected_error_of_one_step_stops_no_other_and_is_counted(
    make, monkeypatch, noun, method
):
    parts, desk = make()
    monkeypatch.setattr(parts.permits, "top_up", lambda queue, wanted: wanted)
    desk.submit([films.jpeg(0)])
    ended = desk.submit([films.jpeg(1)])
    desk.repository.jobs.cancel(DEFAULT_TENANT, ended.id)
    desk.repository.deletions.delete(DEFAULT_TENANT, ended.id)
    upload = _upload(desk, 1_000)
    desk.repository.uploads.delete(DEFAULT_TENANT, upload.id)

    def fail(*arguments: object) -> int:
        raise RuntimeError("on purpose")

    monkeypatch.setattr(getattr(parts.repository, noun), method, fail)

    done = sweep(parts)

    wanted = {"deleted_items": 1, "purged_films": 1, "removed_uploads": 1, "analyze_permits": 1}
    if method == "queued_films":
        del wanted["analyze_permits"]
    assert done == wanted
    parts.failures.write()
    assert parts.failures.read()["worker", "internal_error"] == 1


def test_one_tenant_whose_retention_fails_keeps_no_other_from_it(make, monkeypatch):
    parts, _ = make(retain_days=1.0)
    asked: list[str] = []

    def jobs(tenant: str, days: float, limit: int) -> Step:
        asked.append(tenant)
        if tenant == "first":
            raise RuntimeError("on purpose")
        return Step(0, 0)

    monkeypatch.setattr(parts.repository.retention, "tenants", lambda: ["first", "second"])
    monkeypatch.setattr(parts.repository.retention, "jobs", jobs)

    sweep(parts)

    assert asked == ["first", "second"]


def test_a_sweep_that_was_cut_short_is_one_too(make):
    parts, _ = make()  # there is no broker in these tests
    assert parts.repository.sweeps.age_seconds() is None

    sweep(parts)

    assert parts.repository.sweeps.age_seconds() is not None
