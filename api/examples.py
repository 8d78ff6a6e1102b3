"""Examples for the OpenAPI document, made from its schemas, so that they cannot contradict them."""

from __future__ import annotations

from typing import Any

KEY_ID = "019ab3c1f2e3722fa1c2d3e4f5061728"
JOB_ID = "019ab3c1f2e47d0f8b1c2d3e4f506172"
WEBHOOK_ID = "019ab3c1f2ea7d44bf5061728394a5b6"
UPLOAD_ID = "019ab3c1f2e07b44ac1d2e3f40516273"
ITEM_ID = "019ab3c1f2e57a118c2d3e4f50617283"
REQUEST_ID = "019ab3c1f2e97c33ae4f506172839405"
_REF = "#/components/schemas/"
_TIME = "2026-01-02T03:04:05.130Z"

# By schema and property, or by property alone; what is not named here follows from its type.
_VALUES: dict[str, Any] = {
    "Job.id": JOB_ID,
    "Job.name": "night shift",
    "Job.status": "succeeded",
    "Job.metadata": {"study": "A-17"},
    "Job.queue_position": None,
    "Job.eta": _TIME,
    "Job.rate_films_per_second": 9.1,
    "Job.priority": "normal",
    "Job.expires_at": None,
    "Job.from_job": None,
    "ChangedFilm.seq": 0,
    "ChangedFilm.name": "film-0001.jpg",
    "ChangedFilm.external_id": "A-17/0001",
    "ChangedReading.item_id": ITEM_ID,
    "ChangedReading.probabilities": {"normal": 0.17, "bacterial_pneumonia": 0.83},
    "Moved.from": "normal",
    "Moved.to": "bacterial_pneumonia",
    "Moved.count": 12,
    "Item.id": ITEM_ID,
    "Item.name": "film-0001.jpg",
    "Item.external_id": "A-17/0001",
    "Item.metadata": {"age": 3},
    "Item.status": "succeeded",
    "Item.attempt": 1,
    "Item.seq": 0,
    "Item.study_hash": "7b1e" * 8,
    "Item.patient_hash": "c05d" * 8,
    "Film.sha256": "9f2c" * 16,
    "Entry.seq": 0,
    "Entry.name": "film-0001.jpg",
    "Entry.outcome": "accepted",
    "Entry.item_id": ITEM_ID,
    "Entry.size": 204_817,
    "Entry.sha256": "41d7" * 16,
    "Entry.error": None,
    "Film.dropped_at": None,
    "Film.width": 1422,
    "Film.height": 1152,
    "Finding.label": "bacterial_pneumonia",
    "Finding.probability": 0.83,
    "Finding.score": 2.1,
    "Finding.threshold": 0.45,
    "Lungs.count": 2,
    "Lungs.area_share": 0.31,
    "Prediction.runtime": "openvino",
    "Prediction.flags": [],
    "Health.status": "ready",
    "Health.parts": {
        "database": "ok",
        "store": "ok",
        "space": "ok",
        "broker": "ok",
        "workers": "ok",
    },
    "Counts.total": 1,
    "Counts.succeeded": 1,
    "Counts.reused": 0,
    "Reason.code": "truncated",
    "Reason.reason": "The file ends before its picture does.",
    "Retry.refused": 0,
    "Retry.retried": 1,
    "JobLinks.self": f"/v1/jobs/{JOB_ID}",
    "JobLinks.items": f"/v1/jobs/{JOB_ID}/items",
    "JobLinks.entries": f"/v1/jobs/{JOB_ID}/entries",
    "JobLinks.results": f"/v1/jobs/{JOB_ID}/results",
    "ItemLinks.self": f"/v1/items/{ITEM_ID}",
    "JobChange.name": "night shift",
    "JobChange.priority": "bulk",
    "NewKey.name": "ward 3",
    "NewKey.tenant": "ward-3",
    "NewKey.scopes": ["read", "submit"],
    "NewKey.expires_in": 7_776_000,
    "Key.id": KEY_ID,
    "Key.tenant": "ward-3",
    "Key.name": "ward 3",
    "Key.scopes": ["read", "submit"],
    "Key.revoked_at": None,
    "CreatedKey.id": KEY_ID,
    "CreatedKey.tenant": "ward-3",
    "CreatedKey.name": "ward 3",
    "CreatedKey.scopes": ["read", "submit"],
    "CreatedKey.revoked_at": None,
    "CreatedKey.key": f"lungline_{KEY_ID}_{'x' * 43}",
    "Event.id": 7,
    "Event.tenant": "ward-3",
    "Event.key_id": KEY_ID,
    "Event.action": "results.read",
    "Event.target": JOB_ID,
    "Event.request_id": REQUEST_ID,
    "NewUpload.filename": "films.zip",
    "NewUpload.size": 20_000_000,
    "NewUpload.sha256": None,
    "id": UPLOAD_ID,
    "filename": "films.zip",
    "status": "open",
    "size": 20_000_000,
    "sha256": None,
    "part_size": 16_777_216,
    "part_count": 2,
    "PartArrived.number": 1,
    "PartArrived.size": 16_777_216,
    "PartLink.number": 1,
    "PartLink.size": 16_777_216,
    "PartLink.url": f"/v1/uploads/{UPLOAD_ID}/parts/1?expires=1767323045&signature={'9f2c' * 16}",
    "FirstLinks.next": None,
    "FirstLinks.seconds": 3600,
    "PartLinks.seconds": 3600,
    "NewWebhook.url": "https://hooks.example/lungline",
    "NewWebhook.events": ["job.finished"],
    "Webhook.id": WEBHOOK_ID,
    "Webhook.url": "https://hooks.example/lungline",
    "Webhook.events": ["job.finished"],
    "WebhookSummary.id": WEBHOOK_ID,
    "WebhookSummary.url": "https://hooks.example/lungline",
    "WebhookSummary.events": ["job.finished"],
    "CreatedWebhook.id": WEBHOOK_ID,
    "CreatedWebhook.url": "https://hooks.example/lungline",
    "CreatedWebhook.events": ["job.finished"],
    "CreatedWebhook.secret": "whsec_bm90IGEgc2VjcmV0LCBidXQgYW4gZXhhbXBsZSE=",
    "Delivery.id": "019ab3c1f2eb7e55806172839405a6b7",
    "Delivery.type": "job.finished",
    "Delivery.status": "delivered",
    "Delivery.attempts": 1,
    "Delivery.next_at": None,
    "Delivery.last_status": 200,
    "Delivery.last_error": None,
    "LoggedDelivery.id": "019ab3c1f2eb7e55806172839405a6b7",
    "LoggedDelivery.type": "job.finished",
    "LoggedDelivery.status": "delivered",
    "LoggedDelivery.attempts": 1,
    "LoggedDelivery.next_at": None,
    "LoggedDelivery.last_status": 200,
    "LoggedDelivery.last_error": None,
    "etag": "9f2c" * 8,
    "NewExport.format": "csv",
    "Export.status": "succeeded",
    "ExportSummary.status": "succeeded",
    "Export.filename": f"lungline-{JOB_ID}.csv",
    "ExportSummary.filename": f"lungline-{JOB_ID}.csv",
    "Export.size": 204_817,
    "ExportSummary.size": 204_817,
    "Export.sha256": "41d7" * 16,
    "ExportSummary.sha256": "41d7" * 16,
    "Export.url": f"/v1/exports/{UPLOAD_ID}/content?expires=1767323045&signature={'9f2c' * 16}",
    "Export.error": None,
    "ExportSummary.error": None,
    "ExportProgress.items": 1560,
    "ExportProgress.total": 1560,
    "ExportLinks.self": f"/v1/exports/{UPLOAD_ID}",
    "ExportLinks.cancel": f"/v1/exports/{UPLOAD_ID}/cancel",
    "ExportLinks.job": f"/v1/jobs/{JOB_ID}",
    "UploadLinks.self": f"/v1/uploads/{UPLOAD_ID}",
    "UploadLinks.part_links": f"/v1/uploads/{UPLOAD_ID}/links",
    "UploadLinks.content": f"/v1/uploads/{UPLOAD_ID}/content",
    "UploadLinks.complete": f"/v1/uploads/{UPLOAD_ID}/complete",
    "UploadLinks.job": None,
    "Upload.job_id": None,
    "CreatedUpload.job_id": None,
    "UploadSummary.job_id": None,
    "ItemRows.labels": ["normal", "bacterial_pneumonia", "viral_pneumonia"],
    "ItemRows.id": [ITEM_ID],
    "ItemRows.seq": [0],
    "ItemRows.name": ["film-0001.jpg"],
    "ItemRows.status": ["succeeded"],
    "ItemRows.error_code": [None],
    "ItemRows.error_reason": [None],
    "ItemRows.duplicate": [False],
    "ItemRows.top_label": ["bacterial_pneumonia"],
    "ItemRows.probabilities": [[0.05, 0.83, 0.12]],
    "ItemRows.positive": [["bacterial_pneumonia"]],
    "ItemRows.in_distribution": [True],
    "ItemRows.flags": [[]],
    "System.version": "0.1.0",
    "System.runtime": "openvino",
    "System.precision": "f32",
    "System.parts": {
        "database": "ok",
        "store": "ok",
        "space": "ok",
        "broker": "ok",
        "workers": "ok",
    },
    "System.permits": {"analyze": 0, "expand": 0, "control": 0},
    "QueueNumbers.jobs": {"running": 1},
    "QueueNumbers.films": {"queued": 120},
    "QueueNumbers.oldest_queued_seconds": 4.2,
    "Worker.name": "reader-1",
    "Worker.films": 8,
    "Worker.since_seconds": 0.4,
    "Workers.ready": 2,
    "Limits.quotas": {
        "open_uploads": {"limit": 32, "used": 1, "left": 31},
        "open_exports": {"limit": 20, "used": 0, "left": 20},
        "open_jobs": {"limit": 1_000, "used": 2, "left": 998},
        "queued_films": {"limit": 1_000_000, "used": 1560, "left": 998_440},
        "stored_bytes": {"limit": 1_099_511_627_776, "used": 819_200, "left": 1_099_510_808_576},
    },
    "job_id": JOB_ID,
    "bundle": "paediatric-pneumonia@0.1.0",
    "top_label": "bacterial_pneumonia",
    "eta_seconds": 0.0,
    "reused": False,
    "paused": False,
    "duplicate_of": None,
    "Job.error": None,
    "Item.error": None,
    "expansion": None,
    "next": None,
} | {
    f"ItemLinks.{kind}": f"/v1/items/{ITEM_ID}/{kind}"
    for kind in ("film", "mask", "heatmap", "clahe")
}
_TEXTS = {
    "text/csv": "item_id,name,status,error_code,top_label\r\n"
    f"{ITEM_ID},film-0001.jpg,succeeded,,bacterial_pneumonia\r\n",
    "application/x-ndjson": f'{{"item_id": "{ITEM_ID}", "status": "succeeded"}}\n',
    "text/event-stream": f'id: 7\nevent: job.finished\ndata: {{"type": "job.finished", '
    f'"job_id": "{JOB_ID}", "at": "{_TIME}"}}\n\n',
    "text/plain": 'lungline_jobs{status="running"} 1.0\n',
}


def problem_example(code: str, title: str, status: int) -> dict[str, Any]:
    """What an error looks like."""
    return {
        "type": f"urn:lungline:error:{code}",
        "title": title,
        "status": status,
        "detail": f"{title}. This sentence says where, and what to do.",
        "code": code,
        "instance": f"/v1/jobs/{JOB_ID}",
        "request_id": REQUEST_ID,
    }


def add_examples(operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Give each text that an operation takes or answers an example, where it has none."""
    bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
    for body in bodies:
        for mimetype, content in body.get("content", {}).items():
            if "example" in content or "examples" in content:
                continue
            if mimetype in _TEXTS:
                content["example"] = _TEXTS[mimetype]
            elif mimetype == "application/json":
                content["example"] = example_of(content["schema"], schemas)


def example_of(schema: dict[str, Any], schemas: dict[str, Any], name: str = "") -> Any:
    """Make a value that a schema describes.

    Args:
        schema: The schema, or a reference to one.
        schemas: Those that references name.
        name: `Schema.property`, by which a telling value may be known.
    """
    for known in (name, name.rpartition(".")[2]):
        if known in _VALUES:
            return _VALUES[known]
    for one in (schema, *schema.get("allOf", ()), *schema.get("anyOf", ())):
        if "$ref" in one:
            target = one["$ref"].removeprefix(_REF)
            return _object(target, schemas[target], schemas)
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type", "object")
    kinds = kind if isinstance(kind, list) else [kind]
    if kinds[0] == "array":
        return [example_of(schema.get("items", {}), schemas, name)]
    if schema.get("format") == "date-time":
        return _TIME
    return {"string": "text", "integer": 0, "number": 0.5, "boolean": True}.get(kinds[0], {})


def _object(name: str, schema: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    members = schema.get("properties", {})
    return {key: example_of(value, schemas, f"{name}.{key}") for key, value in members.items()}
