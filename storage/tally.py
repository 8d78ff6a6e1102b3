"""How much each counter of each job, and of tenants, changes in one transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from lungline.domain import ItemStatus


class Tally:
    """Collects the changes of job counters while items are changed, to be settled after them.

    Items are locked before jobs everywhere; so the counters wait until all items are done.
    """

    def __init__(self) -> None:
        """Start with no change."""
        self.deltas: dict[str, Counter[str]] = {}
        self.film_bytes: Counter[str] = Counter()
        self.taken: dict[str, tuple[int, int]] = {}

    def add(self, job_id: str, counter: str, amount: int) -> None:
        """Change one counter of a job by `amount`."""
        self.deltas.setdefault(job_id, Counter())[counter] += amount

    def stored(self, tenant: str, size: int) -> None:
        """Count `size` bytes of films that a tenant has got, or lost if it is negative."""
        self.film_bytes[tenant] += size

    def took(self, tenant: str, films: int, size: int) -> None:
        """Count films that a tenant submitted, and their bytes."""
        if films:
            before = self.taken.get(tenant, (0, 0))
            self.taken[tenant] = (before[0] + films, before[1] + size)

    def moved(self, job_ids: Iterable[str], source: ItemStatus | None, target: ItemStatus) -> int:
        """Count items, one for each job id, that went from `source` (None: born) to `target`.

        Returns:
            The number of items.
        """
        counted = Counter(job_ids)
        for job_id, count in counted.items():
            self.add(job_id, source.value if source else "total", -count if source else count)
            self.add(job_id, target.value, count)
            if source is ItemStatus.RUNNING and target.terminal:
                self.add(job_id, "films_read", count)
        return counted.total()
