"""What tenants submitted is counted by month, and stays when their jobs go."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from lungline.domain import DEFAULT_TENANT
from storage.models import UsageRow
from storage.repository import Repository
from storage.usage import Month
from tests.factories.rows import (
    a_bad_film,
    entries_of,
    read_all,
    some_films,
    submit,
    submit_archive,
)


def counted(repo: Repository, tenant: str = DEFAULT_TENANT) -> list[tuple[int, int]]:
    return [(month.films, month.bytes) for month in repo.usage.months(tenant)]


def test_films_count_each_time_they_come_and_refused_ones_never(repo: Repository) -> None:
    films = some_films(3)
    submit(repo, [*films, a_bad_film()])
    read_all(repo)
    assert counted(repo) == [(3, 3_000)]
    again = submit(repo, films)
    submit(repo, 2, tenant="ward")

    assert again.reused == 3
    assert counted(repo) == [(6, 6_000)]
    assert counted(repo, "ward") == [(2, 2_000)]
    assert counted(repo, "nobody") == []


def test_slices_of_an_archive_count(repo: Repository) -> None:
    submit_archive(repo)
    expansion = repo.expansions.claim("expander", 12.0)
    assert expansion is not None
    for cursor in (4, 8):
        repo.expansions.commit_slice(
            expansion.lease_id,
            expansion.job_id,
            entries=entries_of(some_films(4)),
            cursor=cursor,
            entries_total=8,
        )

    assert counted(repo) == [(8, 8_000)]


def test_deleting_a_job_takes_nothing_away(repo: Repository) -> None:
    class Store:
        def delete(self, key: str) -> None:
            pass

    job = submit(repo, 3)
    read_all(repo)
    repo.deletions.delete(DEFAULT_TENANT, job.id)
    while repo.deletions.rows(Store()):
        pass

    assert counted(repo) == [(3, 3_000)]


def test_months_are_told_newest_first(repo: Repository) -> None:
    submit(repo, 1)
    with repo.database.write() as connection:
        row = UsageRow.__table__.insert()
        connection.execute(
            row, [{"tenant": DEFAULT_TENANT, "month": "2001-02", "films": 7, "bytes": 9}]
        )
    repo.database.clock_offset = 40 * 86_400.0
    submit(repo, 2)

    newest, between, oldest = repo.usage.months(DEFAULT_TENANT)
    assert newest.month > between.month > oldest.month
    assert (newest.films, between.films, oldest) == (2, 1, Month("2001-02", 7, 9))


def test_many_at_once_lose_no_count(repo: Repository) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: submit(repo, 2), range(8)))

    assert counted(repo) == [(16, 16_000)]
