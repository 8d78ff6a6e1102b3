"""Leases: renewal, expiry, attempts, dead processes."""

from __future__ import annotations

from lungline.domain import DEFAULT_TENANT, ItemStatus, JobStatus
from storage.repository import Repository
from tests.factories.rows import WORKER, claim, must_claim, read, read_all, submit


def later(repo: Repository, seconds: float) -> None:
    """Let time pass on the server's clock."""
    repo.database.clock_offset += seconds


def test_a_renewed_lease_is_not_taken_back(repo: Repository) -> None:
    submit(repo, 2)
    batch = must_claim(repo)

    for _ in range(5):
        later(repo, 8)
        assert repo.claims.renew(batch.lease_id, 12)
        assert repo.repairs.expired_leases() == 0

    assert repo.claims.finish(batch.lease_id, read(batch)) == 2


def test_an_expired_lease_is_taken_back_and_cannot_be_renewed(repo: Repository) -> None:
    submit(repo, 2)
    batch = must_claim(repo)

    later(repo, 11)
    assert repo.repairs.expired_leases() == 0
    later(repo, 2)
    assert repo.repairs.expired_leases() == 2
    assert repo.repairs.expired_leases() == 0

    assert not repo.claims.renew(batch.lease_id, 12)
    assert repo.claims.finish(batch.lease_id, read(batch)) == 0
    assert not repo.claims.renew("nothing", 12)


def test_a_late_worker_whose_lease_nobody_took_back_may_go_on(repo: Repository) -> None:
    submit(repo, 1)
    batch = must_claim(repo)
    later(repo, 30)

    assert repo.claims.renew(batch.lease_id, 12)
    assert repo.repairs.expired_leases() == 0


def test_a_lease_is_never_renewed_past_its_hard_end(repo: Repository) -> None:
    submit(repo, 1)
    batch = must_claim(repo)
    later(repo, 115)
    assert repo.claims.renew(batch.lease_id, 12)

    later(repo, 6)

    assert not repo.claims.renew(batch.lease_id, 12)
    assert repo.repairs.expired_leases() == 1


def test_films_of_a_dead_batch_are_read_alone(repo: Repository) -> None:
    submit(repo, 3)
    must_claim(repo)
    later(repo, 13)
    repo.repairs.expired_leases()

    batches = [must_claim(repo) for _ in range(3)]

    assert [len(batch.items) for batch in batches] == [1, 1, 1]
    assert all(batch.items[0].alone and batch.items[0].attempt == 0 for batch in batches)
    assert claim(repo) is None


def test_lone_films_and_others_do_not_mix(repo: Repository) -> None:
    submit(repo, 2)
    must_claim(repo)
    later(repo, 13)
    repo.repairs.expired_leases()
    submit(repo, 4)

    sizes = sorted(len(must_claim(repo).items) for _ in range(3))

    assert sizes == [1, 1, 4]


def test_only_deaths_alone_count_and_the_last_fails_the_film(repo: Repository) -> None:
    job = submit(repo, 1)
    attempts = []
    for _ in range(4):
        attempts.append(must_claim(repo).items[0].attempt)
        later(repo, 13)
        assert repo.repairs.expired_leases() == 1

    assert attempts == [0, 0, 1, 2]
    assert claim(repo) is None
    item = repo.items.page(DEFAULT_TENANT, job.id, limit=1).items[0]
    assert (item.status, item.attempt) == (ItemStatus.FAILED, 3)
    assert item.error_code == "attempts_exhausted"
    assert repo.jobs.get(DEFAULT_TENANT, job.id).status is JobStatus.FAILED


def test_a_film_that_succeeds_after_deaths_shows_them(repo: Repository) -> None:
    job = submit(repo, 1)
    for _ in range(2):
        must_claim(repo)
        later(repo, 13)
        repo.repairs.expired_leases()

    read_all(repo)

    item = repo.items.page(DEFAULT_TENANT, job.id, limit=1).items[0]
    assert (item.status, item.attempt) == (ItemStatus.SUCCEEDED, 2)


def test_hand_backs_never_use_attempts_up(repo: Repository) -> None:
    submit(repo, 1)
    must_claim(repo)
    later(repo, 13)
    repo.repairs.expired_leases()

    for _ in range(10):
        batch = must_claim(repo)
        assert batch.items[0].attempt == 0
        repo.claims.hand_back(batch.lease_id)


def test_the_parent_hands_back_what_a_dead_child_held(repo: Repository) -> None:
    submit(repo, 4)
    must_claim(repo, 2, worker="child-1")
    other = must_claim(repo, 2, worker="child-2")

    assert repo.claims.hand_back_worker("child-1") == 2
    assert repo.claims.hand_back_worker("child-1") == 0

    assert must_claim(repo).items[0].alone
    assert repo.claims.finish(other.lease_id, read(other)) == 2


def test_a_film_that_kills_its_process_each_time_is_given_up(repo: Repository) -> None:
    job = submit(repo, 1)
    for _ in range(4):
        must_claim(repo)
        assert repo.claims.hand_back_worker(WORKER) == 1

    assert claim(repo) is None
    assert repo.jobs.get(DEFAULT_TENANT, job.id).status is JobStatus.FAILED


def test_a_stopped_worker_hands_back_without_blame(repo: Repository) -> None:
    submit(repo, 2)
    must_claim(repo)

    assert repo.claims.hand_back_worker(WORKER, died=False) == 2

    batch = must_claim(repo)
    assert [item.alone for item in batch.items] == [False, False]


def test_the_sweep_works_in_chunks(repo: Repository) -> None:
    submit(repo, 25)
    must_claim(repo, 25)
    later(repo, 13)

    assert [repo.repairs.expired_leases(limit=10) for _ in range(4)] == [10, 10, 5, 0]


def test_a_cancelled_jobs_lost_films_are_cancelled_by_the_sweep(repo: Repository) -> None:
    job = submit(repo, 3)
    must_claim(repo)
    repo.jobs.cancel(DEFAULT_TENANT, job.id)
    later(repo, 13)

    repo.repairs.expired_leases()
    assert claim(repo) is None
    assert repo.repairs.cancelling() == 3

    done = repo.jobs.get(DEFAULT_TENANT, job.id)
    assert (done.status, done.cancelled) == (JobStatus.CANCELLED, 3)
