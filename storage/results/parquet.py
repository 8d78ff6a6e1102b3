"""The findings of a whole job as Parquet: a row group at a time, never the whole job at once.

Needs pyarrow (the extra `parquet`), which is loaded when somebody asks for the first such file.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from lungline.errors import InvalidParameter
from storage.results.rows import Row, flat

MEDIA_TYPE = "application/vnd.apache.parquet"
ROWS_A_GROUP = 5_000
"""Some megabytes in memory; readers skip groups, so they should not be smaller."""
_TEXTS_FIRST = ("item_id", "job_id", "name", "status", "error_code", "top_label")
_TEXTS_LAST = (
    *("bundle", "runtime", "error_reason", "duplicate_of", "external_id", "metadata"),
    *("study_hash", "patient_hash", "outcome", "sha256"),
)


def parquet_pieces(
    rows: Iterable[Row], labels: Sequence[str], group: int = ROWS_A_GROUP
) -> Iterator[bytes]:
    """Write a Parquet file in pieces, a row group after the other.

    Args:
        rows: In their order.
        labels: The label set, whose probabilities become columns `p_<label>`.
        group: Rows of a group.

    Raises:
        InvalidParameter: pyarrow is not installed; raised by the call, not by the first piece.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise InvalidParameter(
            "format: this service writes no Parquet; its operator can install the extra `parquet`. "
            "Take csv or ndjson."
        ) from None
    return _pieces(pyarrow, iter(rows), labels, group)


def _pieces(arrow: Any, rows: Iterator[Row], labels: Sequence[str], group: int) -> Iterator[bytes]:
    sink = _Sink()
    schema = _schema(arrow, labels)
    with arrow.parquet.ParquetWriter(sink, schema, compression="zstd") as writer:
        while told := [_told(row, labels) for row in islice(rows, group)]:
            writer.write_table(arrow.Table.from_pylist(told, schema=schema), row_group_size=group)
            yield sink.taken()
    yield sink.taken()


def _schema(arrow: Any, labels: Sequence[str]) -> Any:
    text = arrow.string()
    columns = [
        *((name, text) for name in _TEXTS_FIRST),
        ("seq", arrow.int64()),
        ("attempt", arrow.int32()),
        ("in_distribution", arrow.bool_()),
        ("flags", arrow.list_(text)),
        *((name, text) for name in _TEXTS_LAST),
        ("size", arrow.int64()),
        ("reused", arrow.bool_()),
        *((f"p_{label}", arrow.float64()) for label in labels),
    ]
    return arrow.schema(columns, metadata={"research_use_only": "true"})


def _told(row: Row, labels: Sequence[str]) -> dict[str, Any]:
    told = flat(row)
    if told["metadata"] is not None:  # its members differ from film to film
        told["metadata"] = json.dumps(told["metadata"], ensure_ascii=False)
    return told | {f"p_{label}": told["probabilities"].get(label) for label in labels}


class _Sink:
    """What pyarrow writes to; emptied piece by piece, while its position goes on."""

    closed = False

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._size = 0

    def write(self, data: bytes) -> int:
        piece = bytes(data)
        self._pieces.append(piece)
        self._size += len(piece)
        return len(piece)

    def tell(self) -> int:
        return self._size

    def flush(self) -> None:
        """Nothing is held back."""

    def writable(self) -> bool:
        return True

    def readable(self) -> bool:
        return False

    def seekable(self) -> bool:
        return False

    def close(self) -> None:
        """Stay open: what was written is still to be taken."""

    def taken(self) -> bytes:
        piece = b"".join(self._pieces)
        self._pieces.clear()
        return piece
