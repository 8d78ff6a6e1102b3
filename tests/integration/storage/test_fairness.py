"""Whose films come first."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator

import pytest
from sqlalchemy import update

from lungline.domain import DEFAULT_TENANT, Priority
from storage.claims import Batch
from storage.database import Database
from storage.models import JobRow, TenantRow
from storage.repository import Repository
from tests.factories.rows import entries_of, must_claim, read, some_films, submit, submit_archive


@pytest.fixture
def plain(repo: Repository) -> Iterator[Repository]:
    """The same database without the recount after each write: for tests with many rows."""
    database = Database(repo.database.engine.url.render_as_string(hide_password=False))
    yield Repository(database)
    database.dispose()
    assert repo.repairs.check_counters() == []


def takes(repo: Repository, claims: int, limit: int = 1) -> list[str]:
    """Claim again and again; tell the job of each film."""
    taken = []
    for _ in range(claims):
        batch = must_claim(repo, limit)
        taken += [item.job_id for item in batch.items]
        repo.claims.finish(batch.lease_id, read(batch))
    return taken


def test_jobs_of_a_tenant_share(repo: Repository) -> None:
    jobs = [submit(repo, 100, bundle=f"b@{n}").id for n in range(3)]

    shares = Counter(takes(repo, 15, limit=2))

    assert shares == dict.fromkeys(jobs, 10)


def test_tenants_share_however_many_jobs_they_have(repo: Repository) -> None:
    for n in range(4):
        submit(repo, 50, tenant="many", bundle=f"b@{n}")
    one = submit(repo, 50, tenant="one", bundle="b@9").id

    assert Counter(takes(repo, 20))[one] == 10


def test_a_weight_of_three_is_three_times_the_share(repo: Repository) -> None:
    heavy = submit(repo, 100, tenant="heavy", bundle="b@1").id
    light = submit(repo, 100, tenant="light", bundle="b@2").id
    with repo.database.write() as connection:
        change = update(TenantRow).where(TenantRow.id == "heavy")
        connection.execute(change.values(weight=3.0))

    assert Counter(takes(repo, 40)) == {heavy: 30, light: 10}


def test_a_late_job_is_owed_nothing(repo: Repository) -> None:
    early = submit(repo, 100, bundle="b@1").id
    takes(repo, 30)
    late = submit(repo, 100, bundle="b@2").id

    shares = Counter(takes(repo, 20))

    assert shares[early] >= 9
    assert shares[late] >= 9


def test_an_idle_tenant_earns_no_credit(repo: Repository) -> None:
    submit(repo, 10, tenant="idle", bundle="b@1")
    takes(repo, 10)
    submit(repo, 100, tenant="busy", bundle="b@2")
    takes(repo, 40)
    back = submit(repo, 100, tenant="idle", bundle="b@1").id

    assert 9 <= Counter(takes(repo, 20))[back] <= 11


def test_a_newcomer_after_a_quiet_time_is_not_owed_the_past(repo: Repository) -> None:
    submit(repo, 40, tenant="old", bundle="b@1")
    takes(repo, 40)
    submit(repo, 100, tenant="new", bundle="b@2")
    old = submit(repo, 100, tenant="old", bundle="b@1").id

    assert 9 <= Counter(takes(repo, 20))[old] <= 11


@pytest.mark.parametrize("waiting", [Priority.NORMAL, Priority.BULK])
def test_urgent_first_but_others_get_a_tenth(repo: Repository, waiting: Priority) -> None:
    urgent = submit(repo, 100, bundle="b@1", priority=Priority.INTERACTIVE).id
    other = submit(repo, 100, bundle="b@2", priority=waiting).id

    assert Counter(takes(repo, 40)) == {urgent: 36, other: 4}


def test_interactive_counts_against_its_tenants_share(repo: Repository) -> None:
    submit(repo, 10, tenant="a", bundle="b@1", priority=Priority.INTERACTIVE)
    a = submit(repo, 100, tenant="a", bundle="b@1").id
    b = submit(repo, 100, tenant="b", bundle="b@2").id
    takes(repo, 12)  # the ten urgent films, and the turns of the others

    shares = Counter(takes(repo, 6))

    assert shares[b] > shares[a]


def test_a_batch_charges_each_job_for_its_own_films(repo: Repository) -> None:
    single = submit(repo, 1).id
    large = submit(repo, 20).id

    batch = must_claim(repo, 8)

    with repo.database.read() as connection:
        vtimes = {row.id: row.vtime for row in connection.execute(JobRow.__table__.select())}
        tenant = connection.execute(TenantRow.__table__.select()).one()
    assert len(batch.items) == 8
    assert (vtimes[single], vtimes[large]) == (1.0, 7.0)
    assert (tenant.id, tenant.vtime) == (DEFAULT_TENANT, 8.0)


def test_twenty_tenants_get_equal_shares(plain: Repository) -> None:
    """Whoever submits more jobs, larger ones or sooner; with several workers that hold batches."""
    tenants = [f"t{n}" for n in range(20)]
    for n, tenant in enumerate(tenants):
        for size in (30, 10, 20)[: 1 + n % 3]:
            submit(plain, size, tenant=tenant)
    shares: Counter[str] = Counter()
    held: deque[Batch] = deque()
    while shares.total() < 20 * 20:
        held.append(must_claim(plain, 2, f"w{len(held)}"))
        shares.update(item.tenant for item in held[-1].items)
        if len(held) == 4:
            batch = held.popleft()
            plain.claims.finish(batch.lease_id, read(batch))

    assert [shares[tenant] for tenant in tenants if not 18 <= shares[tenant] <= 22] == []


def test_a_resumed_job_is_owed_nothing(repo: Repository) -> None:
    paused = submit(repo, 30, tenant="a", bundle="b@1").id
    other = submit(repo, 30, tenant="a", bundle="b@2").id
    rival = submit(repo, 30, tenant="b", bundle="b@3").id
    repo.control.pause("a", paused)
    takes(repo, 20)
    repo.control.resume("a", paused)

    shares = Counter(takes(repo, 16))

    assert shares[rival] in (7, 8, 9)
    assert {shares[paused], shares[other]} <= {3, 4, 5}


def test_a_tenant_that_pauses_everything_is_owed_nothing(repo: Repository) -> None:
    paused = submit(repo, 30, tenant="a", bundle="b@1").id
    rival = submit(repo, 30, tenant="b", bundle="b@2").id
    repo.control.pause("a", paused)
    takes(repo, 20)
    repo.control.resume("a", paused)

    assert Counter(takes(repo, 10))[rival] in (4, 5, 6)


@pytest.mark.parametrize("busy", [Priority.NORMAL, Priority.BULK])
def test_a_single_film_is_next_whatever_waits(repo: Repository, busy: Priority) -> None:
    submit(repo, 40, tenant="archive", bundle="b@1")
    submit(repo, 40, tenant="archive", bundle="b@2", priority=busy)

    for _ in range(12):  # more than a round of turns
        takes(repo, 1, limit=2)
        item = submit(repo, 1, tenant="ward", priority=Priority.INTERACTIVE).id
        assert must_claim(repo, 2).items[0].job_id == item


def test_a_flood_of_interactive_films_leaves_a_tenth_to_bulk(repo: Repository) -> None:
    bulk = submit(repo, 100, tenant="archive", bundle="b@1", priority=Priority.BULK).id
    shares: Counter[str] = Counter()
    for _ in range(40):
        submit(repo, 2, tenant="ward", bundle="b@2", priority=Priority.INTERACTIVE)
        shares.update(takes(repo, 1))

    assert shares[bulk] == 4


def test_archives_with_little_to_read_are_expanded_first(repo: Repository) -> None:
    """A large archive that is handed back after its turn lets a small one go before it."""
    large, small = submit_archive(repo).id, submit_archive(repo).id
    turn = repo.expansions.claim("e1", 12)
    assert turn is not None
    assert turn.job_id == large
    repo.expansions.commit_slice(
        turn.lease_id, large, entries=entries_of(some_films(3)), cursor=3, entries_total=9
    )
    repo.expansions.hand_back(turn.lease_id)

    second = repo.expansions.claim("e1", 12)

    assert second is not None
    assert second.job_id == small


def expands(repo: Repository, turns: int) -> list[str]:
    """Whose archives are taken, each being handed back before anything of it is queued."""
    taken = []
    for _ in range(turns):
        expansion = repo.expansions.claim("e1", 12)
        assert expansion is not None
        taken.append(expansion.tenant)
        repo.database.clock_offset += 1.0
        repo.expansions.hand_back(expansion.lease_id)
    return taken


def test_archives_without_a_film_hold_up_no_other_tenant(repo: Repository) -> None:
    for _ in range(5):
        submit_archive(repo, "flood")
    for tenant in ("a", "b"):
        submit_archive(repo, tenant)

    assert Counter(expands(repo, 9)) == {"flood": 3, "a": 3, "b": 3}


def test_a_tenth_of_the_expanders_turns_is_for_bulk(repo: Repository) -> None:
    submit_archive(repo, "ward", priority=Priority.NORMAL)
    submit_archive(repo, "archive", priority=Priority.BULK)

    assert Counter(expands(repo, 40)) == {"ward": 36, "archive": 4}


def test_a_clock_set_back_gives_no_tenant_all_turns_of_the_expanders(repo: Repository) -> None:
    for tenant in ("a", "b"):
        submit_archive(repo, tenant)
    expands(repo, 2)
    repo.database.clock_offset -= 3600.0

    assert Counter(expands(repo, 6)) == {"a": 3, "b": 3}
