from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lungline.domain import ItemStatus, JobStatus
from lungline.errors import DatabaseUnavailable, StoreUnavailable
from storage.items import Item
from tests.factories import films
from tests.factories.work import Desk
from tests.unit.workers.doubles import NullReader
from workers import backoff, stored_films, writing
from workers.analyze import fair_share, read_batch
from workers.analyzers import BundleUnusable
from workers.hopeless import HOPELESS
from workers.parts import Parts
from workers.sweep import sweep


@pytest.fixture(autouse=True)
def _no_long_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backoff, "LEAST_SECONDS", 0.0)
    monkeypatch.setattr(backoff, "MOST_SECONDS", 0.0)
    monkeypatch.setattr(stored_films, "WAITS", ())


def many(count: int) -> list[bytes]:
    return [films.jpeg(seed) for seed in range(count)]


def spend(parts: Parts) -> int:
    """Spend a permit, and wait for what it wrote."""
    taken = read_batch(parts)
    parts.writer.wait()
    return taken


def drain(parts: Parts) -> int:
    total = 0
    while taken := read_batch(parts):
        total += taken
    parts.writer.wait()
    return total


def test_a_job_is_read_batch_by_batch_to_its_end(make):
    reader = NullReader()
    parts, desk = make(reader)
    job = desk.submit(many(10))

    assert drain(parts) == 10

    job = desk.job(job)
    assert job.status is JobStatus.SUCCEEDED
    assert reader.batches == [4, 3, 2, 1]  # a process's share of what is left, 4 at most
    assert {item.attempt for item in desk.items(job)} == {1}
    assert desk.repository.repairs.check_counters() == []


def test_what_was_read_is_stored(make):
    parts, desk = make()
    job = desk.submit(many(1))

    spend(parts)

    prediction = desk.items(job)[0].prediction
    assert prediction.runtime == "null"
    assert [finding["label"] for finding in prediction.findings][:1] == ["normal"]
    assert prediction.region == [0.0, 0.0, 1.0, 1.0]
    assert desk.store.get(prediction.mask_key).startswith(b"\x89PNG")
    assert prediction.view_key is None


def test_no_work_spends_the_permit(make):
    parts, _ = make()

    assert read_batch(parts) == 0


def test_a_film_that_cannot_be_read_fails_alone(make):
    parts, desk = make()
    data = many(3)
    data[1] = films.jpeg(1, 16, 16)  # the null reader takes it for a truncated one
    assert len(data[1]) < 1000
    job = desk.submit(data)

    drain(parts)

    items = desk.items(job)
    assert [item.error_code for item in items] == [None, "truncated", None]
    assert desk.job(job).status is JobStatus.COMPLETED_WITH_ERRORS


def test_a_film_that_is_gone_from_the_store_fails_alone(make):
    parts, desk = make()
    job = desk.submit(many(3))
    desk.store.delete(desk.items(job)[2].film.object_key)

    drain(parts)

    assert [item.error_code for item in desk.items(job)] == [None, None, "missing_object"]


def test_films_whose_store_is_not_mounted_wait_for_it(make):
    parts, desk = make()
    job = desk.submit(many(2))
    place = parts.settings.objects_dir
    place.rename(place.with_name("away"))
    place.mkdir()

    for _ in range(4):
        spend(parts)
    assert desk.job(job).queued == 2

    place.rmdir()  # nothing was stored there
    place.with_name("away").rename(place)
    drain(parts)
    assert desk.job(job).succeeded == 2


def test_a_film_that_the_store_damages_is_given_up_alone_and_one_that_it_mends_is_read(make):
    parts, desk = make(max_attempts=2)
    job = desk.submit(many(3))
    damaged, mended = (desk.items(job)[place].film for place in (0, 2))
    right = desk.store.get(mended.object_key)
    for film in (damaged, mended):
        desk.store.put(film.object_key, b"other bytes")

    spend(parts)  # the batch is given up; its films are read alone from now on
    desk.store.put(mended.object_key, right)
    drain(parts)

    items = desk.items(job)
    assert [item.error_code for item in items] == ["attempts_exhausted", None, None]
    assert [item.attempt for item in items] == [2, 1, 1]
    assert "other bytes than were stored" in items[0].error_reason


def break_film(desk: Desk, item: Item) -> Path:
    """Let the system fail for the file of a film, alone and for ever; return the file."""
    path = next(desk.settings.objects_dir.rglob(item.film.sha256))
    path.unlink()
    path.symlink_to(path)  # "too many levels of symbolic links"
    return path


def test_a_film_for_which_alone_the_store_fails_is_given_up_and_the_others_are_read(make):
    parts, desk = make(max_attempts=2)
    job = desk.submit(many(7))
    break_film(desk, desk.items(job)[0])

    for _ in range(12):
        spend(parts)

    items = desk.items(job)
    assert [item.error_code for item in items] == ["attempts_exhausted", *[None] * 6]
    assert [item.attempt for item in items] == [2, *[1] * 6]
    assert "symbolic links" in items[0].error_reason
    assert "send it again" in items[0].error_reason
    assert desk.job(job).status is JobStatus.COMPLETED_WITH_ERRORS


def test_the_only_film_of_all_for_which_the_store_fails_is_given_up_too(make):
    parts, desk = make(max_attempts=2)
    job = desk.submit(many(1))
    break_film(desk, desk.items(job)[0])

    for _ in range(3):
        spend(parts)

    assert desk.job(job).status is JobStatus.FAILED


@pytest.mark.parametrize("broken", [3, 4])
def test_a_store_that_fails_for_half_of_the_others_is_away_and_no_attempt_counts(make, broken: int):
    parts, desk = make(max_attempts=2)
    job = desk.submit(many(4))
    for item in desk.items(job)[:broken]:
        break_film(desk, item)

    for _ in range(8):
        spend(parts)

    items = desk.items(job)
    assert {item.attempt for item in items[:broken]} == {0}
    assert {item.status for item in items[:broken]} == {ItemStatus.QUEUED}


def test_no_attempt_counts_while_the_store_is_away_or_slow(make, monkeypatch: pytest.MonkeyPatch):
    parts, desk = make(max_attempts=2)
    job = desk.submit(many(3))
    break_film(desk, desk.items(job)[0])
    spend(parts)  # from now on it is read alone
    place = parts.settings.objects_dir

    place.rename(place.with_name("away"))
    place.mkdir()
    for _ in range(3):
        spend(parts)
    place.rmdir()
    place.with_name("away").rename(place)
    with monkeypatch.context() as slow:
        slow.setattr(stored_films, "PATIENCE_SECONDS", 0.0)
        for _ in range(3):
            spend(parts)
    assert {item.attempt for item in desk.items(job)} == {0}

    for _ in range(5):
        spend(parts)
    assert [item.attempt for item in desk.items(job)] == [2, 1, 1]


def test_a_store_that_fails_now_and_then_costs_no_film_an_attempt(
    make, monkeypatch: pytest.MonkeyPatch
):
    parts, desk = make(max_attempts=2)
    job = desk.submit(many(12))
    monkeypatch.setattr(stored_films, "WAITS", (0.0, 0.0, 0.0))
    luck = random.Random(1)
    for name in ("get", "get_range", "check"):
        monkeypatch.setattr(parts.store, name, _every_other(luck, getattr(parts.store, name)))

    while desk.job(job).status is JobStatus.RUNNING:
        spend(parts)

    assert desk.job(job).status is JobStatus.SUCCEEDED
    assert {item.attempt for item in desk.items(job)} == {1}


def _every_other(luck: random.Random, call: Callable[..., object]) -> Callable[..., object]:
    def ask(*arguments: object) -> object:
        if luck.random() < 0.5:
            raise StoreUnavailable("The object store refused a request (InternalError).")
        return call(*arguments)

    return ask


def test_a_store_that_fails_hands_the_batch_back_uncounted(make):
    parts, desk = make()
    job = desk.submit(many(2))
    for item in desk.items(job):
        break_film(desk, item)

    spend(parts)

    assert desk.job(job).queued == 2
    assert {item.attempt for item in desk.items(job)} == {0}
    assert {item.status for item in desk.items(job)} == {ItemStatus.QUEUED}


def test_a_store_that_takes_no_pictures_hands_the_batch_back_uncounted(make):
    parts, desk = make()
    job = desk.submit(many(2))
    masks = parts.settings.objects_dir / "default" / "masks"
    masks.symlink_to(masks)

    assert spend(parts) == 1

    assert desk.job(job).queued == 2
    masks.unlink()
    drain(parts)
    assert desk.job(job).status is JobStatus.SUCCEEDED
    assert {item.attempt for item in desk.items(job)} == {1}


def test_an_unknown_bundle_fails_the_films_and_not_the_worker(make):
    def load(bundle: str):
        raise BundleUnusable("There is no model bundle.")

    parts, desk = make(load=load)
    job = desk.submit(many(2))

    drain(parts)

    assert desk.job(job).status is JobStatus.FAILED
    assert {item.error_code for item in desk.items(job)} == {"bundle_unusable"}


def test_a_batch_that_raises_is_read_one_by_one_and_the_culprit_fails(make):
    bad = films.jpeg(2)

    def raise_on_bad(batch: list[bytes]) -> None:
        if any(len(film) == len(bad) and film == bad for film in batch):
            raise MemoryError("on purpose")

    parts, desk = make(NullReader(raise_on_bad), max_attempts=2)
    job = desk.submit(many(4))
    for _ in range(20):
        spend(parts)

    items = desk.items(job)
    assert [item.error_code for item in items] == [None, None, "attempts_exhausted", None]
    assert [item.attempt for item in items] == [1, 1, 2, 1]
    assert desk.job(job).status is JobStatus.COMPLETED_WITH_ERRORS


def test_a_worker_told_to_stop_in_a_batch_hands_it_back(make):
    def exit_now(batch: list[bytes]) -> None:
        raise SystemExit(0)

    parts, desk = make(NullReader(exit_now), stopping=lambda: True)
    job = desk.submit(many(2))

    with pytest.raises(SystemExit):
        read_batch(parts)

    assert desk.job(job).queued == 2
    assert not any(item.attempt for item in desk.items(job))


def test_a_batch_that_takes_too_long_counts_once_it_is_alone(make):
    def exit_now(batch: list[bytes]) -> None:
        raise SystemExit(0)

    parts, desk = make(NullReader(exit_now))
    job = desk.submit(many(1))

    for attempt in (0, 1, 2):
        with pytest.raises(SystemExit):
            read_batch(parts)
        assert desk.items(job)[0].attempt == attempt


def test_who_dies_of_a_film_that_it_reads_alone_holds_no_other(make):
    held: list[int] = []

    def look(batch: list[bytes]) -> None:
        held.append(sum(item.status is ItemStatus.RUNNING for item in desk.items(job)))
        if len(held) == 1:
            raise MemoryError("on purpose")

    parts, desk = make(NullReader(look))
    job = desk.submit(many(6))
    finish = parts.repository.claims.finish

    def finish_late(*args: object) -> int:
        time.sleep(0.2)  # the next film would be claimed meanwhile
        return finish(*args)

    object.__setattr__(parts.repository.claims, "finish", finish_late)

    drain(parts)

    assert held[: 1 + 3] == [3, 1, 1, 1]  # the batch, then each of its films
    assert desk.job(job).status is JobStatus.SUCCEEDED


def test_results_of_a_lost_lease_are_dropped(make):
    def lose(batch: list[bytes]) -> None:
        desk.repository.claims.hand_back_worker(parts.worker_id, died=False)

    parts, desk = make(NullReader(lose))
    job = desk.submit(many(2))

    spend(parts)

    assert desk.job(job).queued == 2
    assert not any(item.prediction for item in desk.items(job))


def test_a_database_that_is_away_for_a_moment_does_not_cost_the_batch(
    make, monkeypatch: pytest.MonkeyPatch
):
    parts, desk = make()
    job = desk.submit(many(2))
    finish, calls = parts.repository.claims.finish, []

    def fail_once(*arguments):
        calls.append(1)
        if len(calls) == 1:
            raise DatabaseUnavailable("away")
        return finish(*arguments)

    monkeypatch.setattr(parts.repository.claims, "finish", fail_once)

    drain(parts)

    assert desk.job(job).status is JobStatus.SUCCEEDED


def test_a_batch_that_can_be_neither_written_nor_given_back_ends_the_process_alone(
    make, monkeypatch: pytest.MonkeyPatch
):
    parts, desk = make()
    job = desk.submit(many(4))
    ended: list[int] = []
    monkeypatch.setattr(os, "_exit", ended.append)

    def fail(*arguments: object, **options: object) -> int:
        raise MemoryError("on purpose")

    with monkeypatch.context() as trouble:
        for name in ("finish", "hand_back_worker"):
            trouble.setattr(parts.repository.claims, name, fail)
        spend(parts)
    assert ended == [HOPELESS]

    desk.repository.claims.hand_back_worker(parts.worker_id)  # as its successor does
    drain(parts)
    assert desk.job(job).status is JobStatus.SUCCEEDED


def test_a_batch_that_cannot_even_be_begun_ends_the_process(make, monkeypatch: pytest.MonkeyPatch):
    parts, desk = make()
    desk.submit(many(1))

    class Ended(BaseException):
        pass

    def end(status: int) -> None:
        raise Ended(status)

    def fail(*arguments: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(os, "_exit", end)
    monkeypatch.setattr(parts.helpers, "submit", fail)

    with pytest.raises(Ended, match=str(HOPELESS)):
        read_batch(parts)


def test_no_outage_of_the_database_counts_as_an_attempt(make, monkeypatch: pytest.MonkeyPatch):
    away = [False]

    def leave(films: object) -> None:
        away[0] = True

    parts, desk = make(NullReader(leave), max_attempts=2)
    monkeypatch.setattr(writing, "FINISH_WAITS", ())
    job = desk.submit(many(1))
    desk.repository.claims.claim("dead", limit=1, lease_seconds=0.0, hard_seconds=1)
    desk.repository.claims.hand_back_worker("dead")  # so that it is read alone
    claims = parts.repository.claims
    for name in ("finish", "hand_back", "renew", "claim"):
        monkeypatch.setattr(claims, name, _while_there(away, getattr(claims, name)))

    for _ in range(4):
        spend(parts)
        assert away == [True]
        assert desk.items(job)[0].status is ItemStatus.RUNNING
        away[0] = False
        parts.repository.database.clock_offset += 13.0  # the lease is over
        parts.leases.settle()  # as the thread of the leases does
        sweep(parts)

    assert desk.items(job)[0].status is ItemStatus.QUEUED
    assert desk.items(job)[0].attempt == 0


def test_what_is_owed_is_given_back_before_more_is_taken(make, monkeypatch: pytest.MonkeyPatch):
    parts, desk = make(lease_renewal_seconds=100.0, lease_seconds=300.0)
    job = desk.submit(many(2))
    away = [True]
    claims = parts.repository.claims
    batch = claims.claim(parts.worker_id, limit=2, lease_seconds=60.0, hard_seconds=60.0)
    monkeypatch.setattr(claims, "hand_back", _while_there(away, claims.hand_back))
    writing.hand_back(parts, batch)

    assert read_batch(parts) == 0
    assert desk.job(job).running == 2
    away[0] = False
    drain(parts)

    assert desk.job(job).status is JobStatus.SUCCEEDED


def _while_there(away: list[bool], call: Callable[..., object]) -> Callable[..., object]:
    def ask(*arguments: object, **options: object) -> object:
        if away[0]:
            raise DatabaseUnavailable("away")
        return call(*arguments, **options)

    return ask


def test_a_database_that_is_away_makes_the_worker_wait(make, monkeypatch: pytest.MonkeyPatch):
    parts, _ = make()

    def away(*arguments, **options) -> int:
        raise DatabaseUnavailable("away")

    monkeypatch.setattr(parts.repository.claims, "claim", away)

    assert read_batch(parts) == 0


@pytest.mark.parametrize(
    ("queued", "share"), [(0, 1), (1, 1), (2, 1), (3, 2), (7, 4), (8, 4), (1000, 4)]
)
def test_the_last_films_are_shared_out(make, queued: int, share: int):
    parts, _ = make()

    assert fair_share(queued, parts) == share


def test_films_read_before_are_answered_without_reading(make):
    reader = NullReader()
    parts, desk = make(reader)
    desk.submit(many(2))
    drain(parts)
    again: Desk = desk

    job = again.submit(many(2))

    assert again.job(job).reused == 2
    assert sum(reader.batches) == 2
