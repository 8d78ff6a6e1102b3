"""The findings of a whole job as CSV or NDJSON, row by row, never the whole job at once."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from storage.results.rows import Row, flat

LEADING_COLUMNS = (
    "item_id",
    "name",
    "status",
    "error_code",
    "top_label",
    "in_distribution",
    "flags",
    "bundle",
    "runtime",
    "attempt",
)
TRAILING_COLUMNS = (
    *("error_reason", "reused", "duplicate_of", "external_id", "metadata"),
    *("study_hash", "patient_hash", "outcome", "size", "sha256"),
)
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_ROWS_A_CHUNK = 200


def csv_rows(rows: Iterable[Row], labels: Sequence[str]) -> Iterator[str]:
    """Write RFC 4180 lines: a header, then the rows, in chunks of text.

    A name that a spreadsheet would take for a formula gets an apostrophe in front (and only in
    CSV: NDJSON carries names as they are).

    Args:
        rows: In their order.
        labels: The label set, whose probabilities become columns `p_<label>`.
    """
    sink = _Sink()
    writer = csv.writer(sink)
    writer.writerow([*LEADING_COLUMNS, *(f"p_{label}" for label in labels), *TRAILING_COLUMNS])
    for count, row in enumerate(map(flat, rows), start=1):
        probabilities = row["probabilities"]
        writer.writerow(
            [
                *(_cell(row[column]) for column in LEADING_COLUMNS),
                *(_cell(probabilities.get(label)) for label in labels),
                *(_cell(row[column]) for column in TRAILING_COLUMNS),
            ]
        )
        if count % _ROWS_A_CHUNK == 0:
            yield sink.taken()
    yield sink.taken()


def ndjson_rows(rows: Iterable[Row]) -> Iterator[str]:
    """Write one JSON object a line, in chunks of text."""
    lines: list[str] = []
    for row in rows:
        lines.append(json.dumps(flat(row), ensure_ascii=False) + "\n")
        if len(lines) == _ROWS_A_CHUNK:
            yield "".join(lines)
            lines.clear()
    yield "".join(lines)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ";".join(map(str, value))
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA_STARTS) else value
    return repr(value)


class _Sink:
    """What `csv.writer` writes to; emptied chunk by chunk."""

    def __init__(self) -> None:
        self._texts: list[str] = []

    def write(self, text: str) -> int:
        self._texts.append(text)
        return len(text)

    def taken(self) -> str:
        text = "".join(self._texts)
        self._texts.clear()
        return text
