"""Webhooks over HTTP: endpoints that are told of events, and the log of what they were told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from lungline.client.errors import InputUnusable
from lungline.client.transport import Transport

PATH = "/v1/webhooks"


@dataclass(frozen=True, slots=True)
class Webhook:
    """An endpoint.

    Attributes:
        id: The endpoint's id.
        url: Where messages are sent.
        events: Of which it is told, such as `job.finished`.
        secret: Verifies messages (`whsec_...`); told only when it is made or rotated, else None.
        wire: All that the service said.
    """

    id: str
    url: str
    events: tuple[str, ...]
    secret: str | None
    wire: Mapping[str, Any]

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> Self:
        """Take what the service said."""
        events = tuple(str(event) for event in wire["events"])
        return cls(str(wire["id"]), str(wire["url"]), events, wire.get("secret"), dict(wire))


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message to an endpoint.

    Attributes:
        id: Also the message's `webhook-id`.
        type: Of the event; or `ping`.
        job_id: Of which job it tells; None: of none.
        status: `pending`, `delivered` or `failed`.
        attempts: How often it was sent since it was made or sent once more.
        last_status: HTTP status of the last answer; None: there was none.
        last_error: Why the last try failed; None: it did not.
        wire: All that the service said.
    """

    id: str
    type: str
    job_id: str | None
    status: str
    attempts: int
    last_status: int | None
    last_error: str | None
    wire: Mapping[str, Any]

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> Self:
        """Take what the service said."""
        return cls(
            id=str(wire["id"]),
            type=str(wire["type"]),
            job_id=wire["job_id"],
            status=str(wire["status"]),
            attempts=int(wire["attempts"]),
            last_status=wire["last_status"],
            last_error=wire["last_error"],
            wire=dict(wire),
        )


class Webhooks:
    """What a client can ask of webhooks; changes need a key with the scope `submit`."""

    def __init__(self, transport: Transport) -> None:
        """Ask through a connection."""
        self._transport = transport

    def add(self, url: str, events: Sequence[str] = ()) -> Webhook:
        """Let an endpoint be told of events from now on; its secret is told only here.

        Args:
            url: Where messages are sent, by POST: https, in public.
            events: Of which it is told; none: how jobs end.
        """
        asked = {"url": url} | ({"events": list(events)} if events else {})
        # Not repeated: nobody would know the secret that a lost answer told.
        return Webhook.from_wire(self._transport.post_json(PATH, asked, repeat=False))

    def all(self) -> Iterator[Webhook]:
        """Yield all endpoints, newest first, page by page."""
        yield from map(Webhook.from_wire, self._transport.pages(PATH))

    def get(self, webhook_id: str) -> Webhook:
        """Show one."""
        return Webhook.from_wire(self._transport.get(_path(webhook_id)))

    def rotate(self, webhook_id: str) -> Webhook:
        """Give it a new secret, told only here; for a day messages are signed with both."""
        path = f"{_path(webhook_id)}/rotate"
        return Webhook.from_wire(self._transport.post(path, repeat=False))

    def ping(self, webhook_id: str) -> Delivery:
        """Send it a message of type `ping`."""
        return Delivery.from_wire(self._transport.post(f"{_path(webhook_id)}/ping", repeat=False))

    def deliveries(self, webhook_id: str) -> Iterator[Delivery]:
        """Yield what it was told, newest first, page by page."""
        pages = self._transport.pages(f"{_path(webhook_id)}/deliveries")
        yield from map(Delivery.from_wire, pages)

    def redeliver(self, webhook_id: str, delivery_id: str) -> Delivery:
        """Send a message once more, whether it arrived or not, under the same `webhook-id`."""
        path = f"{_path(webhook_id)}/deliveries/{_checked(delivery_id, 'delivery')}/redeliver"
        return Delivery.from_wire(self._transport.post(path))

    def remove(self, webhook_id: str) -> None:
        """Forget an endpoint, and what it was told."""
        self._transport.delete(_path(webhook_id))


def _path(webhook_id: str) -> str:
    return f"{PATH}/{_checked(webhook_id, 'webhook')}"


def _checked(given: str, noun: str) -> str:
    if not given.isalnum():  # it becomes part of an address
        raise InputUnusable(f"{given!r} is no {noun} id: those have 32 hexadecimal digits")
    return given
