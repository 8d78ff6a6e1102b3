"""A worker without a model, in a process of its own."""

from __future__ import annotations

from multiprocessing.queues import Queue

from storage.repository import Repository
from tests.factories.rows import claim, read


def read_until_empty(repo: Repository, worker: str, written: Queue[int]) -> None:
    """Read with a repository that came over the fork; tell the number of films."""
    films = 0
    while (batch := claim(repo, 4, worker)) is not None:
        films += repo.claims.finish(batch.lease_id, read(batch))
    written.put(films)
