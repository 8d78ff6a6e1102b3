"""Lines of a manifest meet the films of an archive, on both databases."""

from __future__ import annotations

from storage.entries import NewEntry
from storage.expansions import Expansion
from storage.items import NewItem
from storage.jobs import Job
from storage.manifests import Line, read_lines
from storage.repository import Repository
from tests.factories import rows


class Store:
    """Which objects were deleted."""

    def __init__(self) -> None:
        self.deleted: list[str] = []

    def delete(self, key: str) -> None:
        self.deleted.append(key)


CSV = b"""name,external_id,age
c.jpg,C,5
a.jpg,A,3
broken
a.jpg,again,4
missing.jpg,M,
list.csv,L,
"""


def begin(repo: Repository, data: bytes = CSV) -> tuple[Job, Expansion, list[Line]]:
    job = rows.submit_archive(repo, manifest=("default/uploads/manifest", len(data)))
    expansion = repo.expansions.claim("w", 12.0)
    assert expansion is not None
    lines = read_lines(lambda start, length: data[start : start + length], len(data), 1_000)
    return job, expansion, list(lines)


def commit_films(repo: Repository, expansion: Expansion, *names: str, first: int = 0) -> None:
    entries = [NewEntry(name, NewItem(name, rows.a_film(name)), 1_000) for name in names]
    entries.append(NewEntry("list.csv", None))
    cursor = first + len(entries)
    assert repo.expansions.commit_slice(
        expansion.lease_id, expansion.job_id, entries=entries, cursor=cursor, entries_total=None
    )


def test_every_line_is_accounted_for_whatever_the_order(repo: Repository) -> None:
    job, expansion, lines = begin(repo)
    lease = expansion.lease_id, expansion.job_id

    # The manifest comes in two pieces, with an expander in between that dies
    assert repo.expansions.commit_manifest(*lease, lines[:2])
    assert repo.expansions.hand_back(expansion.lease_id)
    again = repo.expansions.claim("w", 12.0)
    assert again is not None
    assert (again.manifest_offset, again.manifest_line) == (lines[1].offset, lines[1].last)
    lease = again.lease_id, again.job_id
    assert repo.expansions.commit_manifest(*lease, lines[2:])
    commit_films(repo, again, "a.jpg", "b.jpg", "c.jpg")
    counts = []
    while count := repo.expansions.commit_rest(*lease, 4):
        counts.append(count)
    assert repo.expansions.finish(*lease)

    assert counts == [4, 2]
    items = {item.name: item for item in repo.items.stream(job.tenant, job.id)}
    assert {name: (item.external_id, item.metadata) for name, item in items.items()} == {
        "a.jpg": ("again", {"age": "4"}),
        "b.jpg": (None, None),
        "c.jpg": ("C", {"age": "5"}),
        "line 4": (None, None),
        "missing.jpg": ("M", None),
        "list.csv": ("L", None),
    }
    entries = repo.entries.page(job.tenant, job.id, limit=100).items
    assert [entry.seq for entry in entries] == list(range(8))
    assert [(entry.name, entry.error_code) for entry in entries[4:]] == [
        ("line 4", "manifest_line"),
        ("a.jpg", "listed_twice"),
        ("missing.jpg", "missing_entry"),
        ("list.csv", "missing_entry"),
    ]
    job = repo.jobs.get(job.tenant, job.id)
    assert (job.total, job.queued, job.failed) == (7, 3, 4)
    assert (job.entries_seen, job.entries_total, job.entries_rejected) == (8, 8, 4)


def test_lines_of_one_job_do_not_reach_another(repo: Repository) -> None:
    _, one, lines = begin(repo)
    repo.expansions.commit_manifest(one.lease_id, one.job_id, lines)
    _, two, _ = begin(repo)
    commit_films(repo, two, "a.jpg")

    (item,) = repo.items.stream(two.tenant, two.job_id)
    assert item.external_id is None
    assert repo.expansions.commit_rest(two.lease_id, two.job_id, 10) == 0


def test_who_lost_the_lease_writes_nothing(repo: Repository) -> None:
    job, expansion, lines = begin(repo)
    repo.jobs.cancel(job.tenant, job.id)
    lease = expansion.lease_id, expansion.job_id

    assert not repo.expansions.commit_manifest(*lease, lines)
    assert repo.expansions.commit_rest(*lease, 10) is None


def test_a_deleted_job_leaves_no_line_and_no_manifest(repo: Repository) -> None:
    job, expansion, lines = begin(repo)
    repo.expansions.commit_manifest(expansion.lease_id, expansion.job_id, lines)
    repo.jobs.cancel(job.tenant, job.id)
    repo.deletions.delete(job.tenant, job.id)
    store = Store()

    while repo.deletions.rows(store, 4):
        pass

    assert store.deleted == [job.archive_key, "default/uploads/manifest"]
