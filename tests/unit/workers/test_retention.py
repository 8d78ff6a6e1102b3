from __future__ import annotations

from contextlib import suppress

import pytest

from lungline.domain import DEFAULT_TENANT, ItemStatus, JobStatus
from lungline.errors import NothingToRetry
from lungline.retention import RetentionRules, retention_of
from storage.claims import Outcome
from storage.objects.local import LocalStore
from storage.retention import Kind
from tests.factories import archives, films
from tests.factories.work import make_settings
from workers.analyze import read_batch
from workers.retention import retain
from workers.sweep import sweep

DAY = 86_400.0


@pytest.mark.parametrize(
    ("settings", "removed"),
    [
        ({}, 0),
        ({"retain_days": 1.0}, 1),
        ({"retain_days_of": {DEFAULT_TENANT: 1.0}}, 1),
        ({"retain_days": 1.0, "retain_days_of": {DEFAULT_TENANT: 90.0}}, 0),
    ],
)
def test_what_a_tenant_may_keep_no_longer_is_deleted(make, settings, removed):
    parts, desk = make(**settings)
    job = desk.submit([films.jpeg(0)])
    desk.repository.jobs.cancel(DEFAULT_TENANT, job.id)
    sweep(parts)
    parts.repository.database.clock_offset += 2 * DAY

    assert retain(parts)["retention_jobs"] == removed


def test_a_dropped_film_cannot_be_read_and_comes_back_when_it_is_sent(make):
    parts, desk = make(retain_films_days=1.0)
    job = desk.submit([films.jpeg(0)])
    read_batch(parts)
    parts.writer.wait()
    (item,) = desk.items(job)
    keys = [item.film.object_key, item.prediction.mask_key]
    parts.repository.database.clock_offset += 2 * DAY

    assert sweep(parts) == {"retention_films": 1}
    assert sweep(parts) == {}

    assert not any(desk.store.exists(key) for key in keys)
    assert desk.items(job)[0].prediction.findings == item.prediction.findings
    assert parts.repository.retention.removed()[Kind.FILMS] == 1
    with pytest.raises(Exception, match="Send the request again"):
        desk.submit([films.jpeg(0)])


def test_a_retried_item_of_a_dropped_film_fails_and_says_so(make):
    parts, desk = make(retain_films_days=1.0)
    job = desk.submit([films.jpeg(0)])
    _fail(parts)
    parts.repository.database.clock_offset += 2 * DAY
    sweep(parts)

    desk.repository.control.retry(DEFAULT_TENANT, job.id)
    read_batch(parts)
    parts.writer.wait()

    (item,) = desk.items(job)
    assert (item.status, item.error_code) == (ItemStatus.FAILED, "film_dropped")
    assert desk.job(job).status.terminal


def _fail(parts):
    batch = parts.repository.claims.claim("w", limit=1, lease_seconds=9, hard_seconds=9)
    (item,) = batch.items
    outcome = Outcome(item.id, None, ("internal_error", "It broke."))
    parts.repository.claims.finish(batch.lease_id, [outcome])


def test_an_archive_that_is_going_is_not_expanded_further(make, monkeypatch):
    parts, desk = make(retain_uploads_days=1.0, max_attempts=1)
    job = desk.submit_archive(archives.zip_of_films(1))
    assert parts.repository.expansions.claim("dying", 1.0)
    parts.repository.database.clock_offset += 2 * DAY
    parts.repository.repairs.expired_expansions(1)
    assert desk.job(job).error_code == "attempts_exhausted"
    remove = LocalStore.delete

    def retry_and_remove(store, key):
        with suppress(NothingToRetry):
            desk.repository.control.retry(DEFAULT_TENANT, job.id)
        remove(store, key)

    monkeypatch.setattr(LocalStore, "delete", retry_and_remove)
    parts.repository.database.clock_offset += 2 * DAY
    sweep(parts)

    assert not desk.store.exists(job.archive_key)
    assert desk.job(job).status is JobStatus.FAILED


def test_the_rules_of_a_tenant(tmp_path):
    settings = make_settings(
        tmp_path, retain_days=30, retain_films_days_of={"ward": 7}, retain_uploads_days=1
    )

    assert retention_of(settings, "ward") == RetentionRules(30, 7, 1)
    assert retention_of(settings, "other") == RetentionRules(30, None, 1)
