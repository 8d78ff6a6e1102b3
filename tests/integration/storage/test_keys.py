"""Keys on both databases: what is kept of them, and when they open something."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select

from lungline.domain import DEFAULT_TENANT, Scope
from lungline.errors import KeyExpired, KeyInvalid, KeyNotFound
from storage.keys import USE_NOTED_SECONDS
from storage.models import ApiKeyRow
from storage.repository import Repository


def test_only_the_hash_of_the_secret_is_kept(repo: Repository) -> None:
    made = repo.keys.create(DEFAULT_TENANT, name="ward 3", scopes=[Scope.READ])

    secret = made.token.split("_", 2)[2]
    with repo.database.read() as connection:
        (row,) = connection.execute(select(ApiKeyRow.__table__)).all()
    assert secret not in repr(row)
    assert row.secret_hash == hashlib.sha256(secret.encode()).hexdigest()
    assert secret not in repr(made)
    assert made.token.startswith(f"lungline_{made.key.id}_")


def test_a_key_tells_its_tenant_and_scopes(repo: Repository) -> None:
    made = repo.keys.create("ward", name="", scopes=[Scope.SUBMIT, Scope.READ], expires_in=60)

    key = repo.keys.check(made.token)

    assert (key.tenant, key.scopes) == ("ward", {Scope.READ, Scope.SUBMIT})
    assert key == made.key
    repo.database.clock_offset = 61
    with pytest.raises(KeyExpired):
        repo.keys.check(made.token)
    with pytest.raises(KeyExpired):
        repo.keys.get(made.key.id)
    with pytest.raises(KeyInvalid) as caught:
        repo.keys.check(made.token[:-4] + "AAAA")
    assert caught.type is KeyInvalid, "who has not the secret is not told that the key is old"


def test_a_secret_is_compared_in_constant_time_whether_the_key_is_there_or_not(
    repo: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[int] = []

    def compare(one: str, other: str) -> bool:
        compared.append(len(other))
        return one == other

    token = repo.keys.create("ward", name="", scopes=[Scope.READ]).token
    monkeypatch.setattr("storage.keys.hmac.compare_digest", compare)
    wrong = token[:-2] + ("AA" if token[-2:] != "AA" else "BB")
    nobodys = f"lungline_{'0' * 32}_{'A' * 43}"
    for each in (wrong, nobodys):
        with pytest.raises(KeyInvalid):
            repo.keys.check(each)
    assert repo.keys.check(token).tenant == "ward"
    assert compared == [64, 64, 64], "as long for a key that nobody has"


def test_a_revoked_key_stays_in_the_list(repo: Repository) -> None:
    first = repo.keys.create("ward", name="first", scopes=[Scope.READ])
    second = repo.keys.create("other", name="second", scopes=[Scope.READ])

    repo.keys.revoke(first.key.id)
    (revoked,) = repo.keys.page(limit=10, tenant="ward").items
    repo.keys.revoke(first.key.id)

    assert revoked.revoked_at is not None
    assert repo.keys.page(limit=10, tenant="ward").items == [revoked], "twice is once"
    with pytest.raises(KeyInvalid):
        repo.keys.check(first.token)
    assert repo.keys.check(second.token) == second.key
    with pytest.raises(KeyNotFound):
        repo.keys.revoke("0" * 32)


def test_pages(repo: Repository) -> None:
    made = [repo.keys.create("ward", name=str(n), scopes=[Scope.READ]).key.id for n in range(3)]

    first = repo.keys.page(limit=2)
    second = repo.keys.page(limit=2, cursor=first.next_cursor)

    assert [key.id for key in (*first.items, *second.items)] == sorted(made, reverse=True)
    assert second.next_cursor is None


def test_its_last_use_is_noted_now_and_then(repo: Repository) -> None:
    made = repo.keys.create("ward", name="", scopes=[Scope.READ])

    def noted() -> float | None:
        return repo.keys.page(limit=1).items[0].last_used_at

    assert noted() is None
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(repo.keys.check, [made.token] * 8))
    used = noted()
    assert used is not None
    repo.keys.check(made.token)
    assert noted() == used
    repo.database.clock_offset = USE_NOTED_SECONDS + 1
    repo.keys.check(made.token)
    assert noted() >= used + USE_NOTED_SECONDS


def test_an_admin_is_one_that_may_still_do_something(repo: Repository) -> None:
    repo.keys.create("ward", name="", scopes=[Scope.READ, Scope.SUBMIT])
    assert not repo.keys.any_admin()
    short = repo.keys.create("ward", name="", scopes=[Scope.ADMIN], expires_in=60)
    assert repo.keys.any_admin()
    repo.database.clock_offset = 61
    assert not repo.keys.any_admin()
    long = repo.keys.create("ward", name="", scopes=[Scope.ADMIN])
    assert repo.keys.any_admin()
    repo.keys.revoke(long.key.id)
    assert not repo.keys.any_admin()
    assert short.key.expires_at is not None
