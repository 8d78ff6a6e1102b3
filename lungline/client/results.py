"""A job's results: as bytes, as rows, as a table."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from importlib import import_module
from types import TracebackType
from typing import Any, Literal

import httpx

from lungline.client.errors import InputUnusable

ResultsFormat = Literal["csv", "ndjson", "parquet"]
Open = Callable[[ResultsFormat], AbstractContextManager[httpx.Response]]
Row = Mapping[str, Any]


class Results:
    """What was found in a job. Nothing is asked before it is used, and each use asks anew.

    As a context it yields the bytes in the format that was asked for, piece by piece.
    """

    def __init__(self, begin: Open, kind: ResultsFormat) -> None:
        """Remember how to ask."""
        self._begin = begin
        self._kind = kind
        self._opened: AbstractContextManager[httpx.Response] | None = None

    def __enter__(self) -> Iterator[bytes]:
        """Begin; yields the pieces."""
        self._opened = self._begin(self._kind)
        return self._opened.__enter__().iter_bytes()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        """Let the connection go."""
        opened, self._opened = self._opened, None
        return opened.__exit__(kind, error, trace) if opened else None

    def rows(self) -> Iterator[Row]:
        """Yield a row for each film, in the order of submission, as NDJSON has them."""
        with self._begin("ndjson") as response:
            yield from map(json.loads, lines_of(response.iter_bytes()))

    def to_pandas(self) -> Any:
        """Make a `pandas.DataFrame`: a row for each film, a column `p_LABEL` for each label.

        Raises:
            InputUnusable: pandas is not installed; the extra `pandas` brings it.
        """
        try:
            pandas = import_module("pandas")
        except ImportError:
            raise InputUnusable(
                "pandas is not installed: run `pip install 'lungline[pandas]'`"
            ) from None
        return pandas.DataFrame.from_records([_flat(row) for row in self.rows()])


def _flat(row: Row) -> dict[str, Any]:
    kept = {name: value for name, value in row.items() if name not in ("probabilities", "findings")}
    return kept | {f"p_{label}": p for label, p in (row.get("probabilities") or {}).items()}


def lines_of(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the lines of a stream, however its pieces fall."""
    rest = b""
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        yield from (line for line in lines if line)
    if rest:
        yield rest
