"""One thread looks at jobs for all who follow them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import fields, replace

import pytest

from api.lookout import Gone, Lookout
from lungline.errors import DatabaseUnavailable
from storage.jobs import Job

WAIT = 30.0


class Table:
    """Jobs by id, with a clock that each look moves on."""

    def __init__(self, *jobs: Job) -> None:
        self.jobs = {job.id: job for job in jobs}
        self.looks: list[list[str]] = []
        self.failure: Exception | None = None

    def look(self, job_ids: Sequence[str]) -> dict[str, Job]:
        self.looks.append(sorted(job_ids))
        if self.failure:
            raise self.failure
        return {
            each: replace(self.jobs[each], read_at=float(len(self.looks)))
            for each in job_ids
            if each in self.jobs
        }

    def change(self, job_id: str, **values: int) -> None:
        self.jobs[job_id] = replace(self.jobs[job_id], **values)


def job(job_id: str) -> Job:
    """A job of which nothing matters but its id and its counters."""
    return Job(**dict.fromkeys((field.name for field in fields(Job)), 0) | {"id": job_id})


def test_all_followed_jobs_are_read_at_once_and_a_change_is_told_to_its_follower() -> None:
    table = Table(job("a"), job("b"))
    lookout = Lookout(table.look)
    with lookout.watch("a") as first, lookout.watch("b") as second:
        table.change("b", succeeded=7)

        assert second.newer(job("b"), WAIT).succeeded == 7
        assert first.newer(job("a"), 0.3) is None
    assert table.looks[0] == ["a", "b"]


def test_followers_of_one_job_share_it() -> None:
    table = Table(job("a"))
    lookout = Lookout(table.look)
    with lookout.watch("a") as first, lookout.watch("a") as second:
        table.change("a", running=3)
        assert first.newer(job("a"), WAIT).running == 3
        assert second.newer(job("a"), WAIT).running == 3
    assert set(map(tuple, table.looks)) == {("a",)}


def test_what_was_seen_before_the_job_was_read_is_no_news() -> None:
    table = Table(job("a"))
    lookout = Lookout(table.look)
    with lookout.watch("a") as view:
        table.change("a", running=3)
        seen = view.newer(job("a"), WAIT)
        younger = replace(seen, running=5, read_at=seen.read_at + 1_000)
        assert view.newer(younger, 0.5) is None


@pytest.mark.parametrize(
    "harm",
    [
        lambda table: table.jobs.clear(),
        lambda table: setattr(table, "failure", DatabaseUnavailable("It does not answer.")),
        lambda table: setattr(table, "failure", ValueError("a fault of ours")),
    ],
)
def test_followers_are_told_when_a_job_cannot_be_read(harm: Callable[[Table], None]) -> None:
    table = Table(job("a"))
    lookout = Lookout(table.look)
    with lookout.watch("a") as view:
        harm(table)
        with pytest.raises(Gone):
            view.newer(job("a"), WAIT)
        # Who follows it from now on waits for a new look
        table.jobs, table.failure = {"a": replace(job("a"), queued=9)}, None
        with lookout.watch("a") as later:
            assert later.newer(job("a"), WAIT).queued == 9


def test_nobody_looks_when_nobody_follows() -> None:
    lookout = Lookout(Table(job("a")).look)
    for _ in range(2):
        with lookout.watch("a"):
            pass
        for thread in threading.enumerate():
            if thread.name == "lookout":
                thread.join(WAIT)
        assert not any(thread.name == "lookout" for thread in threading.enumerate())
