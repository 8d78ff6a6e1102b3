"""The reference of the control plane: the least SQL that takes films off a table and keeps results.

No fairness, no leases that expire, no look for earlier results, no events: a claim, the rows of the
results, and a job's count, with the driver alone. It runs on the tables of the service, in as many
transactions for a batch, and as durably.
"""

from __future__ import annotations

import json
from multiprocessing.synchronize import Barrier

import psycopg

from lungline.domain import new_id
from lungline.settings import Settings

BATCH = 16
_CLAIM = """
    UPDATE items SET status = 'running', lease_id = %(lease)s
    WHERE id IN (
        SELECT id FROM items WHERE job_id = %(job)s AND status = 'queued'
        ORDER BY seq LIMIT %(most)s FOR UPDATE SKIP LOCKED
    )
    RETURNING id, film_id
"""
_KEEP = """
    INSERT INTO predictions (
        id, film_id, bundle, runtime, top_label, findings, flags, lungs, region, activation,
        created_at
    )
    SELECT * FROM json_to_recordset(%s::json) AS given (
        id text, film_id text, bundle text, runtime text, top_label text, findings json,
        flags json, lungs json, region json, activation json, created_at double precision
    )
"""
_FINISH = """
    UPDATE items SET status = 'succeeded', lease_id = NULL, prediction_id = predictions.id
    FROM predictions
    WHERE items.lease_id = %s AND items.status = 'running'
        AND predictions.film_id = items.film_id AND predictions.bundle = 'null@1'
"""
_COUNT = "UPDATE jobs SET queued = queued - %s, succeeded = succeeded + %s WHERE id = %s"
_FOUND = {
    "bundle": "null@1",
    "runtime": "null",
    "top_label": "normal",
    "findings": [{"label": "normal", "probability": 1 / 3, "score": 0.0, "threshold": 0.5}] * 3,
    "flags": [],
    "lungs": {"count": 0, "area_share": 0.0},
    "region": [0.0, 0.0, 640.0, 480.0],
    "activation": [[[0.0] * 4] * 3] * 3,
    "created_at": 1.0,
}


def read_plainly(settings: Settings, job_id: str, items: int, ready: Barrier) -> None:
    """Take `items` films of a job off the queue, sixteen at a time, as one of several processes."""
    url = settings.sqlalchemy_url.replace("+psycopg", "")
    with psycopg.connect(url, options="-c enable_seqscan=off -c jit=off") as connection:
        ready.wait(timeout=60)
        done = 0
        while done < items and (taken := _batch(connection, job_id)):
            done += taken


def _batch(connection: psycopg.Connection, job_id: str) -> int:
    lease = new_id()
    with connection.transaction():
        connection.execute("SET LOCAL synchronous_commit = off")
        asked = {"lease": lease, "job": job_id, "most": BATCH}
        rows = connection.execute(_CLAIM, asked).fetchall()
    made = [_FOUND | {"id": new_id(), "film_id": film_id} for _, film_id in rows]
    with connection.transaction():
        connection.execute(_KEEP, [json.dumps(made)])
        connection.execute(_FINISH, [lease])
        connection.execute(_COUNT, [len(rows), len(rows), job_id])
    return len(rows)
