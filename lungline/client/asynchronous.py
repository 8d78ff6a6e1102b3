"""The client for asyncio: the same calls, awaited.

Each call runs the code of `LunglineClient` on a thread of its own pool, so that retries, resumed
uploads and errors are the same to the letter, and the event loop is never held up. A call that is
cancelled is not waited for; what it asked of the service may still happen.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar

from lungline.client.awaited import AsyncModels, AsyncWebhooks
from lungline.client.client import JobOptions, LunglineClient, PictureKind
from lungline.client.exports import Export
from lungline.client.items import Item
from lungline.client.jobs import Job, Retried
from lungline.client.results import Row
from lungline.client.submitting import Submittable
from lungline.domain import ExportFormat
from lungline.terms import Term

P = ParamSpec("P")
T = TypeVar("T")

MOST_CALLS = 32
"""Calls at a time; further ones wait. Each job that is watched or waited for takes one."""
_END = object()


class AsyncLunglineClient:
    """Talks to one service; use it in an `async with` block, from one event loop.

    Its methods are those of `LunglineClient`, and raise the same errors.
    """

    def __init__(self, url: str, *, most_calls: int = MOST_CALLS, **options: Any) -> None:
        """Connect when first used.

        Args:
            url: Where the service is.
            most_calls: Calls at a time.
            options: See `LunglineClient`.
        """
        self._client = LunglineClient(url, **options)
        self._threads = ThreadPoolExecutor(most_calls, "lungline")
        self.models = AsyncModels(self._client.models, self)
        self.webhooks = AsyncWebhooks(self._client.webhooks, self)

    async def __aenter__(self) -> Self:
        """Return the client itself."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connections; calls that still run end with an error that nobody sees."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._client.close()

    async def submit(
        self, source: Submittable, options: JobOptions | None = None, **more: Any
    ) -> Job:
        """See `LunglineClient.submit`."""
        return await self.run(self._client.submit, source, options, **more)

    async def submit_prefix(
        self, prefix: str, options: JobOptions | None = None, *, manifest: Path | None = None
    ) -> Job:
        """See `LunglineClient.submit_prefix`."""
        return await self.run(self._client.submit_prefix, prefix, options, manifest=manifest)

    async def submit_again(self, job_id: str, options: JobOptions | None = None) -> Job:
        """See `LunglineClient.submit_again`."""
        return await self.run(self._client.submit_again, job_id, options)

    def changes(self, job_id: str) -> AsyncIterator[Mapping[str, Any]]:
        """See `LunglineClient.changes`."""
        return self.each(lambda: self._client.changes(job_id))

    async def change_counts(self, job_id: str) -> list[Mapping[str, Any]]:
        """See `LunglineClient.change_counts`."""
        return await self.run(self._client.change_counts, job_id)

    async def wait(self, job_id: str, timeout: float | None = None) -> Job:
        """See `LunglineClient.wait`."""
        return await self.run(self._client.wait, job_id, timeout)

    def watch(self, job_id: str) -> AsyncIterator[Job]:
        """See `LunglineClient.watch`."""
        return self.each(lambda: self._client.watch(job_id))

    async def job(self, job_id: str) -> Job:
        """See `LunglineClient.job`."""
        return await self.run(self._client.job, job_id)

    def jobs(
        self,
        *,
        status: str | None = None,
        name: str | None = None,
        from_job: str | None = None,
        created_after: str | None = None,
        metadata: Mapping[str, Term] | None = None,
    ) -> AsyncIterator[Job]:
        """See `LunglineClient.jobs`."""
        only = {"status": status, "name": name, "from_job": from_job}
        only["created_after"] = created_after
        return self.each(lambda: self._client.jobs(**only, metadata=metadata))

    def find(
        self,
        *,
        external_id: str | None = None,
        study: str | None = None,
        metadata: Mapping[str, Term] | None = None,
    ) -> AsyncIterator[Mapping[str, Any]]:
        """See `LunglineClient.find`."""
        only = {"external_id": external_id, "study": study}
        return self.each(lambda: self._client.find(**only, metadata=metadata))

    def items(self, job_id: str, *, status: str | None = None) -> AsyncIterator[Item]:
        """See `LunglineClient.items`."""
        return self.each(lambda: self._client.items(job_id, status=status))

    def entries(
        self, job_id: str, *, outcome: str | None = None
    ) -> AsyncIterator[Mapping[str, Any]]:
        """See `LunglineClient.entries`."""
        return self.each(lambda: self._client.entries(job_id, outcome=outcome))

    async def item(self, item_id: str) -> Item:
        """See `LunglineClient.item`."""
        return await self.run(self._client.item, item_id)

    async def picture(self, item_id: str, kind: PictureKind, size: int = 1024) -> bytes:
        """See `LunglineClient.picture`."""
        return await self.run(self._client.picture, item_id, kind, size)

    def rows(self, job_id: str) -> AsyncIterator[Row]:
        """The rows of a job's results, see `Results.rows`."""
        return self.each(lambda: self._client.results(job_id).rows())

    async def to_pandas(self, job_id: str) -> Any:
        """A job's results as a table, see `Results.to_pandas`."""
        return await self.run(self._client.results(job_id).to_pandas)

    async def export(self, job_id: str, kind: ExportFormat) -> Export:
        """See `LunglineClient.export`."""
        return await self.run(self._client.export, job_id, kind)

    def exported(self, export: Export) -> AsyncIterator[Export]:
        """See `LunglineClient.exported`."""
        return self.each(lambda: self._client.exported(export))

    async def export_content(self, export: Export) -> AsyncIterator[bytes]:
        """The bytes of an export that has succeeded, see `LunglineClient.export_content`."""
        opened = self._client.export_content(export)
        pieces = await self.run(opened.__enter__)
        try:
            async for piece in self.each(lambda: pieces):
                yield piece
        finally:
            await self.run(opened.__exit__, None, None, None)

    async def delete_export(self, export: Export) -> None:
        """See `LunglineClient.delete_export`."""
        await self.run(self._client.delete_export, export)

    async def usage(self) -> Mapping[str, Any]:
        """See `LunglineClient.usage`."""
        return await self.run(self._client.usage)

    async def cancel(self, job_id: str) -> Job:
        """See `LunglineClient.cancel`."""
        return await self.run(self._client.cancel, job_id)

    async def pause(self, job_id: str) -> Job:
        """See `LunglineClient.pause`."""
        return await self.run(self._client.pause, job_id)

    async def resume(self, job_id: str) -> Job:
        """See `LunglineClient.resume`."""
        return await self.run(self._client.resume, job_id)

    async def retry(self, job_id: str) -> Retried:
        """See `LunglineClient.retry`."""
        return await self.run(self._client.retry, job_id)

    async def change(
        self, job_id: str, *, name: str | None = None, priority: str | None = None
    ) -> Job:
        """See `LunglineClient.change`."""
        return await self.run(self._client.change, job_id, name=name, priority=priority)

    async def delete(self, job_id: str) -> None:
        """See `LunglineClient.delete`."""
        await self.run(self._client.delete, job_id)

    async def failures(self, item_id: str) -> list[Mapping[str, Any]]:
        """See `LunglineClient.failures`."""
        return await self.run(self._client.failures, item_id)

    def keys(self, *, tenant: str | None = None) -> AsyncIterator[Mapping[str, Any]]:
        """See `LunglineClient.keys`."""
        return self.each(lambda: self._client.keys(tenant=tenant))

    async def create_key(self, **asked: Any) -> Mapping[str, Any]:
        """See `LunglineClient.create_key`."""
        return await self.run(self._client.create_key, **asked)

    async def revoke_key(self, key_id: str) -> None:
        """See `LunglineClient.revoke_key`."""
        await self.run(self._client.revoke_key, key_id)

    async def readiness(self) -> dict[str, Any]:
        """See `LunglineClient.readiness`."""
        return await self.run(self._client.readiness)

    async def run(self, call: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
        """Run a call of the client on a thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, partial(call, *args, **options))

    async def each(self, begin: Callable[[], Iterator[T]]) -> AsyncIterator[T]:
        """Yield what an iterator of the client yields, each step of it on a thread."""
        values = begin()
        while True:
            value: Any = await self.run(partial(next, values, _END))
            if value is _END:
                return
            yield value
