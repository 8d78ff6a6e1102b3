"""The items of a job beside the entries of its archive, so that nothing it held is left out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from storage.entries import Entries, Entry
from storage.items import Item
from storage.jobs import Job
from storage.results.rows import Row

_PAGE = 500


def accounted(
    items: Iterable[Item], job: Job, entries: Entries, *, ignored: bool = False
) -> Iterator[Row]:
    """Put items and entries together: both have the archive's order, and come by pages.

    Args:
        items: Of the job, all from its first.
        job: It.
        entries: Of all jobs.
        ignored: Whether entries that nobody means as films get rows too, at their places.
    """
    if job.source == "films":
        yield from map(Row, items)
        return
    queue = _Entries(job, entries)
    for item in items:
        while (entry := queue.take()) is not None and entry.item_id != item.id:
            if ignored and entry.item_id is None:
                yield Row(None, entry)
        yield Row(item, entry)
    while ignored and (entry := queue.take()) is not None and entry.item_id is None:
        yield Row(None, entry)


class _Entries:
    """Entries in their order; at the end those that came meanwhile, for as long as some do."""

    def __init__(self, job: Job, entries: Entries) -> None:
        self._job, self._entries = job, entries
        self._page: Iterator[Entry] = iter(())
        self._cursor: str | None = None

    def take(self) -> Entry | None:
        entry = next(self._page, None)
        if entry is None:
            page = self._entries.page(
                self._job.tenant, self._job.id, limit=_PAGE, cursor=self._cursor
            )
            self._page = iter(page.items)
            entry = next(self._page, None)
        if entry is not None:
            self._cursor = str(entry.seq)
        return entry
