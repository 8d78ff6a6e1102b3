"""/v1/webhooks: endpoints that are told of events, and the log of what they were told."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint, Schema
from apiflask.fields import Integer, List, Nested, String
from apiflask.validators import Length, OneOf
from flask import Response

from api.access import needs
from api.audit import audited
from api.conditional import Answer
from api.context import checked_job_cursor, checked_webhook_id, parts, tenant
from api.documented import UNCHANGED, problems
from api.paging import page_answer
from api.schemas import PageQuery
from api.wire import iso
from lungline.domain import DeliveryStatus, Scope
from lungline.errors import (
    AddressRefused,
    ClientError,
    CrossSite,
    DeliveryNotFound,
    InvalidParameter,
    TooManyWebhooks,
    WebhookNotFound,
)
from lungline.public_address import check_url
from storage import webhooks as stored
from storage.audit import Action
from storage.events import EventType

webhooks = APIBlueprint("webhooks", __name__, url_prefix="/v1", tag="Webhooks")

_NOT_KEPT = {"Cache-Control": "no-store"}
_TIME = {"format": "date-time"}
_EVENTS = [str(event) for event in EventType]
_ENDS = [str(event) for event in (EventType.FINISHED, EventType.CANCELLED, EventType.EXPIRED)]
_STATUSES = [str(status) for status in DeliveryStatus]


class NewWebhook(Schema):
    """An endpoint to be told."""

    url = String(
        required=True,
        validate=Length(1, 2_000),
        metadata={"description": "Where messages are sent, by POST: https, in public."},
    )
    events = List(
        String(validate=OneOf(_EVENTS)),
        load_default=lambda: list(_ENDS),
        validate=Length(1, len(_EVENTS)),
        metadata={"description": "Of which it is told; by default how jobs end."},
    )


class Webhook(Schema):
    """An endpoint."""

    id = String(required=True)
    url = String(required=True)
    events = List(String(validate=OneOf(_EVENTS)), required=True)
    created_at = String(required=True, metadata=_TIME)


class CreatedWebhook(Webhook):
    """An endpoint with a new secret."""

    secret = String(
        required=True, metadata={"description": "Verifies messages; told only now (`whsec_...`)."}
    )


class WebhookSummary(Webhook):
    """An endpoint in a list."""


class WebhookPage(Schema):
    """Some endpoints, newest first."""

    items = List(Nested(WebhookSummary), required=True)
    next = String(required=True, allow_none=True)


class Delivery(Schema):
    """One message to an endpoint."""

    id = String(required=True, metadata={"description": "Also the message's `webhook-id`."})
    type = String(required=True, metadata={"description": "Of the event; or `ping`."})
    job_id = String(required=True, allow_none=True)
    status = String(required=True, validate=OneOf(_STATUSES))
    attempts = Integer(required=True)
    created_at = String(required=True, metadata=_TIME)
    next_at = String(
        required=True,
        allow_none=True,
        metadata=_TIME | {"description": "When it is tried again; null: it has ended."},
    )
    ended_at = String(required=True, allow_none=True, metadata=_TIME)
    last_status = Integer(
        required=True, allow_none=True, metadata={"description": "HTTP status of the last answer."}
    )
    last_error = String(
        required=True,
        allow_none=True,
        metadata={"description": "Why the last try failed, and how its answer began."},
    )


class LoggedDelivery(Delivery):
    """One message in the log."""


class DeliveryPage(Schema):
    """Some messages, newest first."""

    items = List(Nested(LoggedDelivery), required=True)
    next = String(required=True, allow_none=True)


@webhooks.post("/webhooks")
@needs(Scope.SUBMIT)
@audited(Action.WEBHOOK_CREATED)
@webhooks.input(NewWebhook, location="json", arg_name="new")
@webhooks.output(CreatedWebhook, status_code=201, description="The endpoint; its secret, once.")
@webhooks.doc(
    operation_id="createWebhook",
    responses=problems(ClientError, InvalidParameter, AddressRefused, TooManyWebhooks, CrossSite),
)
def create_webhook(new: dict[str, Any]) -> Answer:
    """Let an endpoint be told of events from now on, signed by the Standard Webhooks specification.

    Messages may come twice and in another order; `webhook-id` is the same each time.
    """
    allowed = parts().settings.webhook_networks_allowed
    schemes = ("https", "http") if allowed else ("https",)
    check_url(new["url"], schemes=schemes, allowed=allowed)
    events = {EventType(event) for event in new["events"]}
    made = parts().repository.webhooks.create(tenant(), new["url"], events)
    return _wire(made.webhook) | {"secret": made.secret}, 201, _NOT_KEPT


@webhooks.get("/webhooks/<webhook_id>")
@needs(Scope.READ, Scope.SUBMIT)
@webhooks.output(Webhook)
@webhooks.doc(operation_id="getWebhook", responses=problems(WebhookNotFound))
def get_webhook(webhook_id: str) -> Answer:
    """Show an endpoint."""
    found = parts().repository.webhooks.get(tenant(), checked_webhook_id(webhook_id))
    return _wire(found), 200, _NOT_KEPT


@webhooks.get("/webhooks")
@needs(Scope.READ, Scope.SUBMIT)
@webhooks.input(PageQuery, location="query", arg_name="query")
@webhooks.output(WebhookPage)
@webhooks.doc(operation_id="listWebhooks", responses=UNCHANGED | problems(InvalidParameter))
def list_webhooks(query: dict[str, Any]) -> Answer | Response:
    """List endpoints, newest first."""
    page = parts().repository.webhooks.page(
        tenant(), limit=query["limit"], cursor=checked_job_cursor(query["cursor"])
    )
    return page_answer(page, _wire, lambda webhook: webhook.id)


@webhooks.delete("/webhooks/<webhook_id>")
@needs(Scope.SUBMIT)
@audited(Action.WEBHOOK_DELETED)
@webhooks.output({}, status_code=204)
@webhooks.doc(operation_id="deleteWebhook", responses=problems(WebhookNotFound, CrossSite))
def delete_webhook(webhook_id: str) -> tuple[str, int]:
    """Forget an endpoint, and what it was told; what is on its way may still arrive."""
    parts().repository.webhooks.delete(tenant(), checked_webhook_id(webhook_id))
    return "", 204


@webhooks.post("/webhooks/<webhook_id>/rotate")
@needs(Scope.SUBMIT)
@audited(Action.WEBHOOK_ROTATED)
@webhooks.output(CreatedWebhook, description="The endpoint; its new secret, once.")
@webhooks.doc(operation_id="rotateWebhookSecret", responses=problems(WebhookNotFound, CrossSite))
def rotate_webhook_secret(webhook_id: str) -> Answer:
    """Give an endpoint a new secret; for a day messages are signed with the old one too."""
    made = parts().repository.webhooks.rotate(tenant(), checked_webhook_id(webhook_id))
    return _wire(made.webhook) | {"secret": made.secret}, 200, _NOT_KEPT


@webhooks.post("/webhooks/<webhook_id>/ping")
@needs(Scope.SUBMIT)
@audited(Action.WEBHOOK_PINGED)
@webhooks.output(Delivery, status_code=202)
@webhooks.doc(operation_id="pingWebhook", responses=problems(WebhookNotFound, CrossSite))
def ping_webhook(webhook_id: str) -> Answer:
    """Send an endpoint a message of type `ping`."""
    made = parts().repository.webhooks.ping(tenant(), checked_webhook_id(webhook_id))
    return _delivery_wire(made), 202, _NOT_KEPT


@webhooks.get("/webhooks/<webhook_id>/deliveries")
@needs(Scope.READ, Scope.SUBMIT)
@webhooks.input(PageQuery, location="query", arg_name="query")
@webhooks.output(DeliveryPage)
@webhooks.doc(
    operation_id="listDeliveries",
    responses=UNCHANGED | problems(WebhookNotFound, InvalidParameter),
)
def list_deliveries(webhook_id: str, query: dict[str, Any]) -> Answer | Response:
    """List what an endpoint was told, newest first; what has ended is kept for 30 days."""
    page = parts().repository.webhooks.deliveries(
        tenant(),
        checked_webhook_id(webhook_id),
        limit=query["limit"],
        cursor=checked_job_cursor(query["cursor"]),
    )
    return page_answer(page, _delivery_wire, lambda each: (each.id, each.status, each.attempts))


@webhooks.post("/webhooks/<webhook_id>/deliveries/<delivery_id>/redeliver")
@needs(Scope.SUBMIT)
@audited(Action.WEBHOOK_REDELIVERED)
@webhooks.output(Delivery, status_code=202)
@webhooks.doc(
    operation_id="redeliver", responses=problems(WebhookNotFound, DeliveryNotFound, CrossSite)
)
def redeliver(webhook_id: str, delivery_id: str) -> Answer:
    """Send a message once more, whether it arrived or not, under the same `webhook-id`."""
    made = parts().repository.webhooks.redeliver(
        tenant(), checked_webhook_id(webhook_id), delivery_id
    )
    return _delivery_wire(made), 202, _NOT_KEPT


def _wire(webhook: stored.Webhook) -> dict[str, Any]:
    return {
        "id": webhook.id,
        "url": webhook.url,
        "events": list(webhook.events),
        "created_at": iso(webhook.created_at),
    }


def _delivery_wire(delivery: stored.Delivery) -> dict[str, Any]:
    return {
        "id": delivery.id,
        "type": delivery.type,
        "job_id": delivery.job_id,
        "status": str(delivery.status),
        "attempts": delivery.attempts,
        "created_at": iso(delivery.created_at),
        "next_at": iso(delivery.next_at),
        "ended_at": iso(delivery.ended_at),
        "last_status": delivery.last_status,
        "last_error": delivery.last_error,
    }
