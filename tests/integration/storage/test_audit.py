"""Audit events on both databases."""

from __future__ import annotations

import pytest

from lungline.domain import Scope
from lungline.errors import KeyNotFound
from storage import audit
from storage.audit import Action, Asked, asked_by
from storage.repository import Repository


def test_events_come_newest_first_and_by_tenant(repo: Repository) -> None:
    for number, tenant in enumerate(("ward", "other", "ward")):
        asked = Asked(Action.RESULTS_READ, tenant, None, f"r{number}")
        repo.audit.record(asked, [f"job-{number}"])

    first = repo.audit.page(limit=2)
    second = repo.audit.page(limit=2, cursor=int(first.next_cursor or 0))

    found = [*first.items, *second.items]
    assert [event.target for event in found] == ["job-2", "job-1", "job-0"]
    assert second.next_cursor is None
    assert all(event.at > 1e9 for event in found)
    mine = repo.audit.page(limit=9, tenant="ward").items
    assert [event.request_id for event in mine] == ["r2", "r0"]


def test_an_event_stands_in_the_transaction_of_its_change(repo: Repository) -> None:
    made = repo.keys.create("ward", name="", scopes=[Scope.READ]).key

    class PulledPlug(Exception):
        pass

    def change_in_vain() -> None:
        with repo.database.write() as connection:
            audit.tell(connection, 1.0, made.id)
            raise PulledPlug

    asked_by(Asked(Action.KEY_REVOKED, "ward", None, "r1"))
    try:
        with pytest.raises(PulledPlug):
            change_in_vain()
        assert not repo.audit.page(limit=9).items

        with pytest.raises(KeyNotFound):
            repo.keys.revoke("0" * 32)
        assert not repo.audit.page(limit=9).items

        repo.keys.revoke(made.id)
    finally:
        asked_by(None)
    (event,) = repo.audit.page(limit=9).items
    assert (event.action, event.target, event.request_id) == ("key.revoked", made.id, "r1")
    assert event.at == next(key.revoked_at for key in repo.keys.page(limit=1).items)

    repo.keys.create("ward", name="", scopes=[Scope.READ])
    assert len(repo.audit.page(limit=9).items) == 1, "nobody asked for that"
