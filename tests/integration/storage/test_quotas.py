"""What a tenant may have, also when it asks for much at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from lungline.domain import DEFAULT_TENANT, ExportFormat, new_id
from lungline.errors import (
    LunglineError,
    QuotaExceeded,
    StorageFull,
    StorageQuotaReached,
    TooManyOpenJobs,
    TooManyQueuedFilms,
)
from lungline.settings import Settings
from storage.database import Database
from storage.items import NewItem
from storage.quotas import Limits, Usage
from storage.repository import Repository
from storage.space import Space
from tests.factories.rows import (
    entries_of,
    must_claim,
    read,
    read_all,
    some_films,
    submit,
    submit_archive,
)

FILM_BYTES = 1_000  # of `tests.factories.rows.a_film`


@pytest.fixture
def limited(database: Database) -> Callable[..., Repository]:
    """A repository with quotas."""
    return lambda **limits: Repository(database, limits=Limits(**limits))


@pytest.fixture
def plain(database: Database) -> Iterator[Database]:
    """The same database without the recount after each write, which would order the threads."""
    plain = Database(database.engine.url.render_as_string(hide_password=False))
    yield plain
    plain.dispose()


def test_open_jobs(limited: Callable[..., Repository]) -> None:
    repo = limited(open_jobs=2)
    submit(repo), submit_archive(repo)

    for another in (submit, submit_archive):
        with pytest.raises(TooManyOpenJobs, match="2 open jobs"):
            another(repo)
    submit(repo, tenant="somebody-else")
    read_all(repo)
    submit(repo)

    assert len(repo.jobs.page(DEFAULT_TENANT, limit=9).items) == 3


def test_queued_films(limited: Callable[..., Repository]) -> None:
    repo = limited(queued_films=5)
    submit(repo, 3)

    with pytest.raises(TooManyQueuedFilms, match="would have 6"):
        submit(repo, 3)
    submit_archive(repo)  # it waits instead
    submit(repo, 2)

    used = repo.quotas.allowance(DEFAULT_TENANT)
    assert used.used == Usage(open_jobs=3, queued_films=5, stored_bytes=5 * FILM_BYTES + 12_345)
    assert used.left == Limits(open_jobs=None, queued_films=0, stored_bytes=None)


def test_stored_bytes_are_counted_once_a_film_and_come_back(
    limited: Callable[..., Repository],
) -> None:
    repo = limited(stored_bytes=3 * FILM_BYTES)
    films = some_films(2)
    first, second = submit(repo, films), submit(repo, films)
    assert repo.quotas.allowance(DEFAULT_TENANT).left.stored_bytes == FILM_BYTES

    with pytest.raises(StorageQuotaReached):
        submit(repo, 2)
    with pytest.raises(StorageQuotaReached):
        submit_archive(repo)
    read_all(repo)
    repo.deletions.delete(DEFAULT_TENANT, first.id)
    repo.deletions.rows(Nowhere())
    assert repo.quotas.allowance(DEFAULT_TENANT).left.stored_bytes == FILM_BYTES
    repo.deletions.delete(DEFAULT_TENANT, second.id)
    repo.deletions.rows(Nowhere())

    assert repo.quotas.allowance(DEFAULT_TENANT).left.stored_bytes == 3 * FILM_BYTES
    submit(repo, 3)


def test_an_announced_upload_counts_like_the_archive_it_becomes(
    limited: Callable[..., Repository],
) -> None:
    repo = limited(stored_bytes=20_000)
    fields = {"filename": "", "sha256": None, "part_size": 9_000, "seconds": 60, "most_held": 9}
    repo.uploads.create(DEFAULT_TENANT, size=12_000, **fields)

    assert repo.quotas.allowance(DEFAULT_TENANT).left.stored_bytes == 8_000
    with pytest.raises(StorageQuotaReached):
        repo.uploads.create(DEFAULT_TENANT, size=8_001, **fields)
    repo.uploads.create(DEFAULT_TENANT, size=8_000, **fields)


def test_a_manifest_that_waits_counts_beside_its_archive(
    limited: Callable[..., Repository],
) -> None:
    repo = limited(stored_bytes=20_000)
    manifest = (f"{DEFAULT_TENANT}/uploads/{new_id()}", 5_000)
    submit_archive(repo, archive_size=10_000, manifest=manifest)

    assert repo.quotas.allowance(DEFAULT_TENANT).left.stored_bytes == 5_000
    prefix = {"archive_key": None, "archive_size": None, "prefix": "place/"}
    with pytest.raises(StorageQuotaReached):
        submit_archive(repo, manifest=(manifest[0], 5_001), **prefix)
    submit_archive(repo, manifest=manifest, **prefix)


def test_exports_count_until_they_are_gone(limited: Callable[..., Repository]) -> None:
    repo = limited(stored_bytes=3_000)
    job = submit(repo, 2)
    read_all(repo)

    def export(form: ExportFormat, size: int) -> str:
        asked = repo.exports.create(DEFAULT_TENANT, job.id, form, 60.0)
        made = repo.exports.claim("host-1-0", 60.0)
        assert made is not None
        assert repo.exports.finish(made, size, "0" * 64, 2, 60.0)
        return asked.id

    export(ExportFormat.CSV, 1_000)
    assert repo.quotas.allowance(DEFAULT_TENANT).left.stored_bytes == 0
    large = export(ExportFormat.MASKS, 5_000)  # nobody knows before how large it will be
    with pytest.raises(StorageQuotaReached):
        repo.exports.create(DEFAULT_TENANT, job.id, ExportFormat.PARQUET, 60.0)
    assert repo.exports.create(DEFAULT_TENANT, job.id, ExportFormat.MASKS, 60.0).id == large
    repo.exports.delete(DEFAULT_TENANT, large)
    repo.exports.remove(Nowhere())

    repo.exports.create(DEFAULT_TENANT, job.id, ExportFormat.PARQUET, 60.0)


def test_what_is_allotted_to_the_store_is_that_of_all_tenants(repo: Repository) -> None:
    """Films, exports, and archives that wait or come; it is free again once they have gone."""
    space = Space(Settings(max_store_bytes=50_000, min_free_bytes=0), lambda: repo.database)
    space.check(50_000)
    job = submit(repo, 2)
    read_all(repo)
    repo.exports.create(DEFAULT_TENANT, job.id, ExportFormat.CSV, 60.0)
    export = repo.exports.claim("host-1-0", 60.0)
    assert export is not None
    repo.exports.finish(export, 3_000, "0" * 64, 2, 60.0)
    submit_archive(repo, tenant="ward", archive_size=10_000, manifest=("ward/uploads/m", 1_000))
    fields = {"filename": "", "sha256": None, "part_size": 9_000, "seconds": 60, "most_held": 9}
    repo.uploads.create("other", size=4_000, **fields)

    space.check(30_000)
    with pytest.raises(StorageFull, match=r"object store .* LUNGLINE_MAX_STORE_BYTES"):
        space.check(30_001)
    Space(Settings(min_free_bytes=0), lambda: repo.database).check(1 << 60)
    repo.deletions.delete(DEFAULT_TENANT, job.id)
    repo.deletions.rows(Nowhere())
    space.check(32_000)


def test_what_is_allotted_to_the_database_is_its_own_size(repo: Repository) -> None:
    def check(most: int) -> None:
        settings = Settings(max_database_bytes=most, min_free_bytes=0)
        Space(settings, lambda: repo.database).check()

    check(1 << 40)
    with pytest.raises(StorageFull, match=r"database .* LUNGLINE_MAX_DATABASE_BYTES"):
        check(50_000)


def test_a_film_that_comes_back_while_it_is_deleted_counts(
    limited: Callable[..., Repository],
) -> None:
    repo = limited(stored_bytes=10 * FILM_BYTES)
    films = some_films(2)
    job = submit(repo, films)
    read_all(repo)
    repo.deletions.delete(DEFAULT_TENANT, job.id)
    repo.deletions.rows(Nowhere())

    submit(repo, films, restore=lambda digests: None)

    assert repo.quotas.allowance(DEFAULT_TENANT).used.stored_bytes == 2 * FILM_BYTES


def test_what_surely_does_not_fit_is_refused_before_it_is_sent(
    limited: Callable[..., Repository],
) -> None:
    repo = limited(open_jobs=1, stored_bytes=3_000)

    repo.quotas.check(DEFAULT_TENANT, 3_000)
    with pytest.raises(StorageQuotaReached):
        repo.quotas.check(DEFAULT_TENANT, 3_001)
    submit(repo)
    with pytest.raises(TooManyOpenJobs):
        repo.quotas.check(DEFAULT_TENANT)


@pytest.mark.parametrize(
    ("limits", "fit"),
    [
        (Limits(open_jobs=5), 5),
        (Limits(queued_films=11), 5),
        (Limits(stored_bytes=11 * FILM_BYTES), 5),
    ],
)
def test_many_at_once_do_not_overshoot(plain: Database, limits: Limits, fit: int) -> None:
    repo = Repository(plain, limits=limits)

    def another(number: int) -> LunglineError | None:
        try:
            submit(repo, 2)
        except QuotaExceeded as error:
            return error
        return None

    with ThreadPoolExecutor(6) as pool:
        errors = list(pool.map(another, range(12)))

    assert errors.count(None) == fit
    assert repo.repairs.check_counters() == []


def test_films_of_archives_count_in_place_of_their_archive(
    limited: Callable[..., Repository],
) -> None:
    repo = limited(stored_bytes=10 * FILM_BYTES)
    archive = submit_archive(repo, archive_size=9 * FILM_BYTES)
    expansion = repo.expansions.claim("e1", 12)
    assert expansion is not None
    first, more = some_films(9), some_films(2)

    def commit(items: list[NewItem], cursor: int) -> bool:
        repo.expansions.check(expansion, [item.film for item in items if item.film])
        entries = entries_of(items)
        return repo.expansions.commit_slice(
            expansion.lease_id, archive.id, entries=entries, cursor=cursor, entries_total=20
        )

    assert commit(first, 9)
    assert commit(first, 18)
    with pytest.raises(StorageQuotaReached, match="would have 11,000"):
        commit(more, 20)
    assert repo.jobs.get(DEFAULT_TENANT, archive.id).entries_seen == 18
    assert repo.expansions.finish(expansion.lease_id, archive.id)
    assert repo.quotas.allowance(DEFAULT_TENANT).left.stored_bytes == FILM_BYTES


def test_many_archives_at_once_do_not_overshoot(plain: Database) -> None:
    repo = Repository(plain, limits=Limits(stored_bytes=11 * FILM_BYTES))
    for _ in range(6):
        submit_archive(repo, archive_size=1)

    def expand(number: int) -> bool:
        expansion = repo.expansions.claim(f"e{number}", 60)
        assert expansion is not None
        try:
            return repo.expansions.commit_slice(
                expansion.lease_id,
                expansion.job_id,
                entries=entries_of(some_films(3)),
                cursor=3,
                entries_total=3,
            )
        except StorageQuotaReached:
            return False

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(expand, range(6))) == 3

    assert repo.repairs.check_counters() == []


def test_an_archive_waits_until_half_of_the_quota_is_free(
    limited: Callable[..., Repository],
) -> None:
    repo = limited(queued_films=4)
    archive = submit_archive(repo)
    other = submit_archive(repo, tenant="somebody-else")
    expansion = repo.expansions.claim("e1", 12)
    assert expansion is not None
    for cursor in (3, 6):
        assert not repo.quotas.films_full(DEFAULT_TENANT)
        repo.expansions.commit_slice(
            expansion.lease_id,
            archive.id,
            entries=entries_of(some_films(3)),
            cursor=cursor,
            entries_total=9,
        )
    assert repo.quotas.films_full(DEFAULT_TENANT)
    repo.expansions.hand_back(expansion.lease_id)

    assert repo.expansions.waiting() == 1
    elsewhere = repo.expansions.claim("e1", 12)
    assert elsewhere is not None
    assert elsewhere.job_id == other.id
    assert repo.expansions.claim("e1", 12) is None
    batch = must_claim(repo, 5)
    repo.claims.finish(batch.lease_id, read(batch))

    again = repo.expansions.claim("e1", 12)
    assert again is not None
    assert (again.job_id, again.cursor) == (archive.id, 6)


class Nowhere:
    """An object store that holds nothing."""

    def delete(self, key: str) -> None:
        pass

    def discard(self, key: str) -> None:
        pass
