"""What the parent hands back when it leaves."""

from __future__ import annotations

import pytest

from tests.factories import films
from workers import worker
from workers.crew import Crew


@pytest.mark.parametrize(("stopped", "together"), [(True, 2), (False, 1)])
def test_films_are_suspected_only_when_their_worker_was_not_told_to_stop(
    make, stopped: bool, together: int
):
    crew = Crew(1)
    parts, desk = make(worker_id=crew.worker_id(0))
    job = desk.submit([films.jpeg(number) for number in range(2)])
    claim = {"limit": 2, "lease_seconds": 60, "hard_seconds": 60}
    assert len(parts.repository.claims.claim(parts.worker_id, **claim).items) == 2
    crew.mark(0)
    if stopped:
        crew.stop()

    worker._leave(parts.settings, crew)

    assert desk.job(job).queued == 2
    batch = parts.repository.claims.claim("other", **claim)
    assert len(batch.items) == together
    assert batch.items[0].alone is not stopped
