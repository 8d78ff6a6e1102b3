"""Uploads on each database: who completes, who deletes, and what expires."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import select, text

from lungline.domain import DEFAULT_TENANT, JobStatus, UploadStatus, new_id
from lungline.errors import (
    TooManyUploads,
    UploadBusy,
    UploadIncomplete,
    UploadNotFound,
    UploadUsed,
)
from lungline.settings import Settings
from storage.database import Database
from storage.models import TenantRow
from storage.objects import open_store
from storage.repository import Repository
from storage.uploads import Upload
from tests.factories.rows import submit, submit_archive


def begin(repo: Repository, tenant: str = DEFAULT_TENANT, most_held: int = 9) -> Upload:
    upload = repo.uploads.create(
        tenant,
        filename="폐렴\x00.zip",
        size=20,
        sha256=None,
        part_size=10,
        seconds=100.0,
        most_held=most_held,
    )
    return repo.uploads.ready(upload.id, "token")


def completed(repo: Repository) -> Upload:
    upload = begin(repo)
    lease_id = repo.uploads.begin_completing(upload.tenant, upload.id, 60.0)
    assert lease_id is not None
    assert repo.uploads.finish(lease_id, 100.0)
    return repo.uploads.get(upload.tenant, upload.id)


def test_an_upload_begins_open(repo: Repository) -> None:
    upload = begin(repo)
    assert (upload.status, upload.filename) == (UploadStatus.OPEN, "폐렴\ufffd.zip")
    assert upload.expires_at == pytest.approx(upload.created_at + 100.0)
    assert (upload.whole.count, upload.whole.token) == (2, "token")
    assert repo.uploads.known(upload.id) == upload


def test_one_request_completes_it(repo: Repository) -> None:
    upload = begin(repo)

    def take(_: int) -> str:
        try:
            return repo.uploads.begin_completing(upload.tenant, upload.id, 60.0) or "done"
        except UploadBusy:
            return "busy"

    with ThreadPoolExecutor(4) as pool:
        (lease_id,) = set(pool.map(take, range(4))) - {"busy"}
    assert repo.uploads.renew(lease_id, 60.0)
    repo.uploads.reopen(lease_id)
    assert not repo.uploads.finish(lease_id, 100.0)
    assert repo.uploads.get(upload.tenant, upload.id).status is UploadStatus.OPEN


def test_a_lease_that_is_over_is_taken_by_another(repo: Repository, database: Database) -> None:
    upload = begin(repo)
    lost = repo.uploads.begin_completing(upload.tenant, upload.id, 60.0)
    database.clock_offset = 61.0
    taken = repo.uploads.begin_completing(upload.tenant, upload.id, 60.0)
    assert lost is not None
    assert taken is not None
    assert not repo.uploads.finish(lost, 100.0)
    assert repo.uploads.finish(taken, 100.0)
    assert repo.uploads.begin_completing(upload.tenant, upload.id, 60.0) is None


def test_the_tenant_s_limit_holds_when_raced(repo: Repository) -> None:
    def announce(_: int) -> bool:
        try:
            return bool(begin(repo, most_held=3))
        except TooManyUploads:
            return False

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(announce, range(8))) == 3
    assert repo.uploads.held(DEFAULT_TENANT) == 3
    assert begin(repo, "another", most_held=3)


def test_an_upload_goes_over_to_its_job(repo: Repository) -> None:
    upload = completed(repo)
    fields = {"archive_key": upload.object_key, "archive_size": 20, "upload_id": upload.id}
    job = submit_archive(repo, idempotency_key="k", request_hash="h", **fields)
    again = submit_archive(repo, idempotency_key="k", request_hash="h", **fields)
    assert (job.id, job.status) == (again.id, JobStatus.EXPANDING)
    with pytest.raises(UploadUsed, match=job.id):
        submit_archive(repo, **fields)
    with pytest.raises(UploadUsed):
        repo.uploads.delete(upload.tenant, upload.id)
    used = repo.uploads.get(upload.tenant, upload.id)
    assert (used.status, used.job_id) == (UploadStatus.USED, job.id)
    assert repo.uploads.held(DEFAULT_TENANT) == 0
    assert len(repo.jobs.page(DEFAULT_TENANT, limit=9).items) == 1


def test_a_repetition_that_waits_for_the_first_request_gets_its_job(repo: Repository) -> None:
    if repo.database.is_sqlite:
        pytest.skip("SQLite has one writer at a time")
    upload = completed(repo)
    submit(repo, 1)
    fields = {"archive_key": upload.object_key, "archive_size": 20, "upload_id": upload.id}

    def send() -> str:
        return submit_archive(repo, idempotency_key="k", request_hash="h", **fields).id

    with ThreadPoolExecutor(2) as pool:
        # Whoever makes a job needs its tenant's row: the first one has the upload by then.
        with repo.database.write() as connection:
            connection.execute(select(TenantRow.id).with_for_update())
            first = pool.submit(send)
            wait_for_waiting(repo.database, 1)
            again = pool.submit(send)
            wait_for_waiting(repo.database, 2)
        assert first.result() == again.result()
    assert len(repo.jobs.page(DEFAULT_TENANT, limit=9).items) == 2


def wait_for_waiting(database: Database, count: int) -> None:
    """Wait until so many transactions wait for locks of others."""
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    while True:
        with database.read() as connection:
            if connection.execute(waiting).scalar_one() >= count:
                return
        time.sleep(0.01)


def test_no_job_of_an_upload_that_is_not_complete(repo: Repository) -> None:
    upload = begin(repo)
    with pytest.raises(UploadIncomplete):
        submit_archive(repo, upload_id=upload.id)
    with pytest.raises(UploadNotFound):
        submit_archive(repo, upload_id=new_id())
    with pytest.raises(UploadNotFound):
        submit_archive(repo, tenant="another", upload_id=completed(repo).id)
    assert repo.jobs.page(DEFAULT_TENANT, limit=9).items == []


def test_pages_newest_first(repo: Repository) -> None:
    made = [begin(repo).id for _ in range(3)]
    first = repo.uploads.page(DEFAULT_TENANT, limit=2)
    rest = repo.uploads.page(DEFAULT_TENANT, limit=2, cursor=first.next_cursor)
    assert [one.id for one in (*first.items, *rest.items)] == made[::-1]


def test_what_expires_is_removed_and_what_is_being_completed_is_not(
    repo: Repository, database: Database, tmp_path: Path
) -> None:
    store = open_store(Settings(store_dir=tmp_path))
    open_one, busy, waiting = begin(repo), begin(repo), completed(repo)
    store.put(waiting.object_key, b"x")
    database.clock_offset = 99.0
    assert repo.uploads.begin_completing(busy.tenant, busy.id, 60.0)
    assert repo.uploads.expire(100) == 0

    database.clock_offset = 101.0
    assert repo.uploads.expire(100) == 2
    assert repo.uploads.expire(100) == 0
    assert repo.uploads.remove(store) == 2
    assert repo.uploads.remove(store) == 0

    assert not store.exists(waiting.object_key)
    with pytest.raises(UploadNotFound):
        repo.uploads.known(open_one.id)
    assert repo.uploads.held(DEFAULT_TENANT) == 1  # the one that is being completed
    database.clock_offset = 300.0
    assert repo.uploads.expire(100) == 1
