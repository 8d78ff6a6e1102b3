"""The findings of a whole job as a table, in the format that somebody wants."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from lungline.domain import ItemStatus
from storage.bundles import Bundles
from storage.items import Items
from storage.jobs import Job
from storage.results import parquet
from storage.results.rows import Row
from storage.results.texts import csv_rows, ndjson_rows

TABLES = {"csv": "text/csv", "ndjson": "application/x-ndjson", "parquet": parquet.MEDIA_TYPE}
"""The media type of each format."""


def table_pieces(kind: str, rows: Iterable[Row], labels: Sequence[str]) -> Iterator[bytes]:
    """Write a table in pieces; never the whole is in memory.

    Args:
        kind: A key of `TABLES`.
        rows: In their order.
        labels: The label set, whose probabilities become columns.

    Raises:
        InvalidParameter: The format is not to be had here.
    """
    if kind == "parquet":
        return parquet.parquet_pieces(rows, labels)
    texts = csv_rows(rows, labels) if kind == "csv" else ndjson_rows(rows)
    return (text.encode() for text in texts if text)


def labels_of(job: Job, items: Items, bundles: Bundles) -> Sequence[str]:
    """The label set of a job's bundle; from a prediction where the bundle was removed."""
    if labels := bundles.labels(job.bundle):
        return labels
    page = items.page(job.tenant, job.id, limit=1, status=ItemStatus.SUCCEEDED)
    predictions = [item.prediction for item in page.items if item.prediction is not None]
    return [finding["label"] for read in predictions for finding in read.findings]
