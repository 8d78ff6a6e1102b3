"""/v1/keys: API keys of every tenant, for administrators."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint, Schema
from apiflask.fields import Integer, List, Nested, String
from apiflask.validators import Length, OneOf, Range, Regexp
from flask import Response

from api.access import needs
from api.audit import audit_target, audited
from api.conditional import Answer
from api.context import checked_job_cursor, checked_key_id, parts, tenant
from api.documented import UNCHANGED, problems
from api.intake.names import clean_name
from api.paging import page_answer
from api.schemas import PageQuery
from api.wire import iso
from lungline.domain import Scope
from lungline.errors import ClientError, CrossSite, InvalidParameter, KeyNotFound
from storage.audit import Action
from storage.keys import Key as StoredKey

keys = APIBlueprint("keys", __name__, url_prefix="/v1", tag="Keys")

# It becomes part of object keys.
TENANT_PATTERN = r"[a-z0-9][a-z0-9_-]{0,63}"
_TENANT = Regexp(rf"^{TENANT_PATTERN}\Z")
_SCOPES = [str(scope) for scope in Scope]
_TIME = {"format": "date-time"}
_LONGEST_SECONDS = 10 * 366 * 86_400


class NewKey(Schema):
    """A key to be made."""

    name = String(
        load_default="", validate=Length(max=200), metadata={"description": "For people."}
    )
    tenant = String(
        load_default=None,
        validate=_TENANT,
        metadata={"description": "Whose data it opens; by default that of the key that asks."},
    )
    scopes = List(
        String(validate=OneOf(_SCOPES)),
        load_default=lambda: [str(Scope.READ), str(Scope.SUBMIT)],
        validate=Length(min=1),
        metadata={"description": "What it may do; by default `read` and `submit`."},
    )
    expires_in = Integer(
        load_default=None,
        validate=Range(1, _LONGEST_SECONDS),
        metadata={"description": "Seconds after which it opens nothing; by default never."},
    )


class Key(Schema):
    """What is known of a key."""

    id = String(required=True, metadata={"description": "Public: it stands in logs."})
    tenant = String(required=True)
    name = String(required=True)
    scopes = List(String(validate=OneOf(_SCOPES)), required=True)
    created_at = String(required=True, metadata=_TIME)
    expires_at = String(required=True, allow_none=True, metadata=_TIME)
    revoked_at = String(required=True, allow_none=True, metadata=_TIME)
    last_used_at = String(
        required=True,
        allow_none=True,
        metadata=_TIME | {"description": "Right to within five minutes."},
    )


class CreatedKey(Key):
    """A key that was just made."""

    key = String(required=True, metadata={"description": "The key itself; told only now."})


class KeyPage(Schema):
    """Some keys."""

    items = List(Nested(Key), required=True)
    next = String(required=True, allow_none=True)


class KeyPageQuery(PageQuery):
    """Which keys."""

    tenant = String(
        load_default=None, validate=_TENANT, metadata={"description": "Only this one's."}
    )


@keys.post("/keys")
@needs(Scope.ADMIN)
@audited(Action.KEY_CREATED)
@keys.input(NewKey, location="json", arg_name="new")
@keys.output(CreatedKey, status_code=201, description="The key, which is told only now.")
@keys.doc(operation_id="createKey", responses=problems(ClientError, InvalidParameter, CrossSite))
def create_key(new: dict[str, Any]) -> Answer:
    """Make an API key; a tenant that is new is made with it."""
    made = parts().repository.keys.create(
        new["tenant"] or tenant(),
        name=clean_name(new["name"]),
        scopes={Scope(scope) for scope in new["scopes"]},
        expires_in=new["expires_in"],
    )
    audit_target(made.key.id)
    return key_wire(made.key) | {"key": made.token}, 201, {"Cache-Control": "no-store"}


@keys.get("/keys")
@needs(Scope.ADMIN)
@keys.input(KeyPageQuery, location="query", arg_name="query")
@keys.output(KeyPage)
@keys.doc(operation_id="listKeys", responses=UNCHANGED | problems(InvalidParameter))
def list_keys(query: dict[str, Any]) -> Answer | Response:
    """List keys of all tenants, newest first, revoked and expired ones too."""
    page = parts().repository.keys.page(
        limit=query["limit"], cursor=checked_job_cursor(query["cursor"]), tenant=query["tenant"]
    )
    return page_answer(page, key_wire, lambda key: (key.id, key.revoked_at, key.last_used_at))


@keys.delete("/keys/<key_id>")
@needs(Scope.ADMIN)
@audited(Action.KEY_REVOKED)
@keys.output({}, status_code=204)
@keys.doc(operation_id="revokeKey", responses=problems(KeyNotFound, CrossSite))
def revoke_key(key_id: str) -> tuple[str, int]:
    """Revoke a key: it opens nothing from now on, and stays in the list."""
    parts().repository.keys.revoke(checked_key_id(key_id))
    return "", 204


def key_wire(key: StoredKey) -> dict[str, Any]:
    """A key as the API tells it."""
    return {
        "id": key.id,
        "tenant": key.tenant,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "created_at": iso(key.created_at),
        "expires_at": iso(key.expires_at),
        "revoked_at": iso(key.revoked_at),
        "last_used_at": iso(key.last_used_at),
    }
