"""Groups of calls of the client for asyncio: model bundles, webhooks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import ParamSpec, Protocol, TypeVar

from lungline.client.models import Model, Models
from lungline.client.webhooks import Delivery, Webhook, Webhooks

P = ParamSpec("P")
T = TypeVar("T")


class Threads(Protocol):
    """What runs calls on threads."""

    async def run(self, call: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
        """Run a call."""

    def each(self, begin: Callable[[], Iterator[T]]) -> AsyncIterator[T]:
        """Yield what an iterator yields."""


class AsyncModels:
    """The calls of `Models`, awaited."""

    def __init__(self, models: Models, threads: Threads) -> None:
        """Ask through `models`, on `threads`."""
        self._models, self._threads = models, threads

    async def all(self) -> list[Model]:
        """See `Models.all`."""
        return await self._threads.run(self._models.all)

    async def get(self, key: str) -> Model:
        """See `Models.get`."""
        return await self._threads.run(self._models.get, key)

    async def add(self, path: Path) -> Model:
        """See `Models.add`."""
        return await self._threads.run(self._models.add, path)

    async def activate(self, key: str, *, default: bool = False) -> Model:
        """See `Models.activate`."""
        return await self._threads.run(self._models.activate, key, default=default)

    async def remove(self, key: str) -> None:
        """See `Models.remove`."""
        await self._threads.run(self._models.remove, key)


class AsyncWebhooks:
    """The calls of `Webhooks`, awaited."""

    def __init__(self, webhooks: Webhooks, threads: Threads) -> None:
        """Ask through `webhooks`, on `threads`."""
        self._webhooks, self._threads = webhooks, threads

    async def add(self, url: str, events: Sequence[str] = ()) -> Webhook:
        """See `Webhooks.add`."""
        return await self._threads.run(self._webhooks.add, url, events)

    def all(self) -> AsyncIterator[Webhook]:
        """See `Webhooks.all`."""
        return self._threads.each(self._webhooks.all)

    async def get(self, webhook_id: str) -> Webhook:
        """See `Webhooks.get`."""
        return await self._threads.run(self._webhooks.get, webhook_id)

    async def rotate(self, webhook_id: str) -> Webhook:
        """See `Webhooks.rotate`."""
        return await self._threads.run(self._webhooks.rotate, webhook_id)

    async def ping(self, webhook_id: str) -> Delivery:
        """See `Webhooks.ping`."""
        return await self._threads.run(self._webhooks.ping, webhook_id)

    def deliveries(self, webhook_id: str) -> AsyncIterator[Delivery]:
        """See `Webhooks.deliveries`."""
        return self._threads.each(lambda: self._webhooks.deliveries(webhook_id))

    async def redeliver(self, webhook_id: str, delivery_id: str) -> Delivery:
        """See `Webhooks.redeliver`."""
        return await self._threads.run(self._webhooks.redeliver, webhook_id, delivery_id)

    async def remove(self, webhook_id: str) -> None:
        """See `Webhooks.remove`."""
        await self._threads.run(self._webhooks.remove, webhook_id)
