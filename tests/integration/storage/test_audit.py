"""Audit events on both databases."""

from __future__ import annotations

from storage.audit import Action
from storage.repository import Repository


def test_events_come_newest_first_and_by_tenant(repo: Repository) -> None:
    for number, tenant in enumerate(("ward", "other", "ward")):
        repo.audit.record(
            Action.RESULTS_READ,
            tenant=tenant,
            key_id=None,
            target=f"job-{number}",
            request_id=f"r{number}",
        )

    first = repo.audit.page(limit=2)
    second = repo.audit.page(limit=2, cursor=int(first.next_cursor or 0))

    found = [*first.items, *second.items]
    assert [event.target for event in found] == ["job-2", "job-1", "job-0"]
    assert second.next_cursor is None
    assert all(event.at > 1e9 for event in found)
    mine = repo.audit.page(limit=9, tenant="ward").items
    assert [event.request_id for event in mine] == ["r2", "r0"]
