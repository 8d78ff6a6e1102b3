"""/v1/models: the model bundles that jobs can name; added, activated and removed as it runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryFile
from typing import Any, BinaryIO, cast

from apiflask import APIBlueprint, Schema
from apiflask.fields import Boolean, Dict, List, Nested, Raw, String
from flask import request

from api.access import needs
from api.audit import audited, not_audited
from api.bodies import streams_body
from api.bundle_zip import BundleZip, copied
from api.context import parts
from api.documented import problems
from api.intake.body import open_body
from api.wire import iso
from lungline.domain import Scope
from lungline.errors import (
    BundleExists,
    BundleInUse,
    BundleNotFound,
    BundleRejected,
    ClientError,
    CrossSite,
    InvalidParameter,
    LunglineError,
    ModelNotFound,
    StorageFull,
    StoreUnavailable,
    TooLarge,
)
from storage.audit import Action
from storage.bundles import ServedBundle

models = APIBlueprint("models", __name__, url_prefix="/v1", tag="Models")

Answer = tuple[dict[str, Any], int, dict[str, str]]
_NOT_KEPT = {"Cache-Control": "no-store"}
_ZIP_ROOM = 1024 * 1024
"""Bytes of a zip besides its files, which may be stored unpacked."""


class ModelLinks(Schema):
    """Where it is."""

    self = String(required=True)


class Model(Schema):
    """A model bundle."""

    key = String(required=True, metadata={"example": "paediatric-pneumonia@0.1.0"})
    name = String(required=True)
    version = String(required=True)
    labels = List(String(), required=True, metadata={"description": "The label set, in order."})
    active = Boolean(required=True, metadata={"description": "Its name alone means this version."})
    default = Boolean(required=True, metadata={"description": "Jobs that name none get it."})
    built_in = Boolean(required=True, metadata={"description": "It came with the service."})
    checksum = String(
        required=True, allow_none=True, metadata={"description": "SHA-256 of its manifest."}
    )
    added_at = String(required=True, allow_none=True, metadata={"format": "date-time"})
    links = Nested(ModelLinks, required=True)


class ModelList(Schema):
    """All bundles that jobs can name."""

    items = List(Nested(Model), required=True)


class ModelDetail(Model):
    """A model bundle with its figures and its card."""

    metrics = Dict(
        keys=String(), values=Raw(), required=True, metadata={"description": "As evaluated."}
    )
    thresholds = Dict(keys=String(), values=Raw(), required=True)
    licence = String(required=True)
    card = String(required=True, metadata={"description": "The model card, Markdown."})


class Activation(Schema):
    """What a bundle becomes."""

    default = Boolean(
        load_default=False,
        metadata={"description": "Also the default of jobs that name no bundle."},
    )


@models.get("/models")
@needs(Scope.READ, Scope.SUBMIT)
@models.output(ModelList)
@models.doc(operation_id="listModels")
def list_models() -> Answer:
    """List the model bundles that a job can name, as `model=name` or `model=name@version`."""
    served = parts().bundles.served()
    return {"items": [_wire(bundle) for bundle in served]}, 200, _NOT_KEPT


@models.get("/models/<key>")
@needs(Scope.READ, Scope.SUBMIT)
@models.output(ModelDetail)
@models.doc(operation_id="getModel", responses=problems(ModelNotFound))
def get_model(key: str) -> Answer:
    """Show a bundle, by `name` or `name@version`, with its figures and its card."""
    with _addressed():
        return _detail(parts().bundles.resolve(key)), 200, _NOT_KEPT


@models.post("/models")
@needs(Scope.ADMIN)
@streams_body
@audited(Action.MODEL_ADDED)
@models.output(
    ModelDetail, status_code=201, description="Jobs can name it; or could already (200)."
)
@models.doc(
    operation_id="addModel",
    responses=problems(
        BundleRejected, BundleExists, TooLarge, CrossSite, StorageFull, StoreUnavailable
    ),
)
def add_model() -> Answer:
    """Add a bundle: the body is a zip of the folder that `python -m ml publish` made.

    Each file must be the one that the manifest names by its SHA-256. The bundle can be named by
    `name@version` at once; what a name alone means changes only by activation, unless nothing
    else has the name.
    """
    here = parts()
    most = here.settings.max_bundle_bytes
    body, stream = open_body(request, most + _ZIP_ROOM)
    announced = request.content_length or 0
    here.space.check(2 * announced)
    here.space.check_disks(announced, spooled=True)
    with stream, TemporaryFile(dir=here.settings.spool_dir) as file:
        try:
            copied(here.space.watch(cast(BinaryIO, stream), spooled=True), file)
            bundle = BundleZip(cast(BinaryIO, file), most)
            here.space.check(bundle.size)
        except LunglineError:
            body.discard()
            raise
        new = here.bundles.add(
            here.store, bundle.files, bundle.manifest, bundle.card, bundle.size, bundle.open
        )
    if not new:
        not_audited()
    key = bundle.files.key
    headers = _NOT_KEPT | {"Location": f"/v1/models/{key}"}
    return _detail(here.bundles.resolve(key)), 201 if new else 200, headers


@models.post("/models/<key>/activate")
@needs(Scope.ADMIN)
@audited(Action.MODEL_ACTIVATED)
@models.input(Activation, arg_name="activation")
@models.output(ModelDetail)
@models.doc(
    operation_id="activateModel",
    responses=problems(ClientError, InvalidParameter, ModelNotFound, CrossSite),
)
def activate_model(key: str, activation: dict[str, Any]) -> Answer:
    """Let a bundle's name mean this version for new jobs; with `default`, also no name at all.

    Jobs that are open go on with the bundle that they pinned.
    """
    with _addressed():
        bundle = parts().bundles.activate(key, default=activation["default"])
    return _detail(bundle), 200, _NOT_KEPT


@models.delete("/models/<key>")
@needs(Scope.ADMIN)
@audited(Action.MODEL_REMOVED)
@models.output({}, status_code=204)
@models.doc(
    operation_id="removeModel",
    responses=problems(ModelNotFound, BundleInUse, CrossSite, StoreUnavailable),
)
def remove_model(key: str) -> tuple[str, int]:
    """Remove an added bundle for ever, by `name@version`; its findings stay.

    Refused while it is the default, or what its name means while other versions are there, or
    open jobs are read with it.
    """
    with _addressed():
        parts().bundles.remove(parts().store, key)
    return "", 204


@contextmanager
def _addressed() -> Iterator[None]:
    """What an address names and is not there is a 404, as everywhere."""
    try:
        yield
    except BundleNotFound as error:
        raise ModelNotFound(error.message) from None


def _wire(bundle: ServedBundle) -> dict[str, Any]:
    return {
        "key": bundle.key,
        "name": bundle.name,
        "version": bundle.version,
        "labels": list(bundle.labels),
        "active": bundle.active,
        "default": bundle.default,
        "built_in": bundle.path is not None,
        "checksum": bundle.checksum or None,
        "added_at": iso(bundle.added_at),
        "links": {"self": f"/v1/models/{bundle.key}"},
    }


def _detail(bundle: ServedBundle) -> dict[str, Any]:
    manifest, card = parts().bundles.told(bundle)
    return _wire(bundle) | {
        "metrics": manifest.get("metrics", {}),
        "thresholds": manifest.get("thresholds", {}),
        "licence": str(manifest.get("licence", "")),
        "card": card,
    }
