"""A manifest line by line: what it says, or why it cannot be taken, never with its content."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

from storage.external import NOTHING, External, read_external
from storage.manifests.encoding import BOM, Encoding, ReadRange, encoding_of
from storage.manifests.text import MOST_LINE, Lines

NAME, EXTERNAL_ID, METADATA = "name", "external_id", "metadata"
MOST_NAME = 1_000
"""Characters of a name; entries of archives are told by as many."""
_MOST_COLUMNS = 100
_MOST_RECORD = 2 * MOST_LINE
"""Bytes of the lines of one CSV record: a quote that is never closed swallows no more."""


class ManifestUnreadable(Exception):
    """The manifest as a whole cannot be used; the message is for people, without its content."""


class _Bad(ValueError):
    """One line cannot be used."""


@dataclass(frozen=True, slots=True)
class Line:
    """What one line says of one film.

    Attributes:
        number: Of the line, from 1; of the first one where a record has several.
        name: Of the film's file or entry, or its key; empty where there is a problem with it.
        external: What is said of it.
        problem: Why the line cannot be taken, if so.
        offset: Where the next line begins.
        last: Number of the last line that was read.
    """

    number: int
    name: str
    external: External
    problem: str | None
    offset: int
    last: int


def check_manifest(read_range: ReadRange, size: int) -> None:
    """Check a manifest's beginning, before it is taken.

    Raises:
        ManifestUnreadable: It is empty, or its first line names no columns that can be.
    """
    _begin(Lines(read_range, size, encoding_of(read_range, size)))


def read_lines(
    read_range: ReadRange, size: int, most_metadata: int, offset: int = 0, last: int = 0
) -> Iterator[Line]:
    """Yield what a manifest says, line by line; empty lines say nothing.

    Args:
        read_range: Reads the manifest.
        size: Its bytes.
        most_metadata: Largest metadata of one film, in bytes.
        offset: That of the line after which reading goes on; 0: from the beginning.
        last: The same line's `last`.

    Raises:
        ManifestUnreadable: See `check_manifest`.
    """
    lines = Lines(read_range, size, encoding_of(read_range, size))
    columns = _begin(lines)
    if offset:
        lines.go_on(offset, last)
    records = _Records(lines, columns)
    while (record := records.take()) is not None:
        number, values = record
        try:
            if isinstance(values, _Bad):
                raise values
            name, external = _said(values, most_metadata)
        except ValueError as error:
            until = f" to {lines.number:,}" if lines.number > number else ""
            problem = f"Line {number:,}{until} of the manifest: {error}."
            yield Line(number, "", NOTHING, problem, lines.offset, lines.number)
        else:
            yield Line(number, name, external, None, lines.offset, lines.number)


@dataclass(frozen=True, slots=True)
class _Columns:
    """Those of a CSV; an NDJSON has none.

    Attributes:
        names: In their order.
        delimiter: Between them.
    """

    names: Sequence[str]
    delimiter: str


def _begin(lines: Lines) -> _Columns | None:
    """Read the columns of a CSV; of an NDJSON read nothing."""
    first = lines.take()
    if first is None:
        raise ManifestUnreadable("The manifest is empty.")
    first = first.removeprefix(BOM)
    if first.lstrip().startswith(b"{"):
        lines.go_on(0, 0)
        return None
    try:
        header = _decoded(first, lines.encoding)
        delimiter = max(",;\t", key=header.count)
        names = next(csv.reader([header], strict=True, delimiter=delimiter), [])
    except (_Bad, csv.Error) as error:
        why = error if isinstance(error, _Bad) else "it is no CSV"
        raise ManifestUnreadable(f"Line 1: {why}.") from None
    names = [name.strip() for name in names]
    if NAME not in names:
        raise ManifestUnreadable(
            f"Line 1: there is no column {NAME!r}. A CSV begins with the names of its columns: "
            f"{NAME}, {EXTERNAL_ID}, {METADATA}, and others that become metadata. An NDJSON has "
            "one JSON object a line."
        )
    if len(set(names)) < len(names) or "" in names or len(names) > _MOST_COLUMNS:
        raise ManifestUnreadable(
            f"Line 1: each column needs a name of its own, and there may be {_MOST_COLUMNS} of "
            "them at most."
        )
    return _Columns(names, delimiter)


class _Records:
    """The records of a manifest, as members with their texts."""

    def __init__(self, lines: Lines, columns: _Columns | None) -> None:
        self._lines, self._columns = lines, columns
        self._size = 0
        if columns is not None:
            self._reader = csv.reader(self, strict=True, delimiter=columns.delimiter)

    def __iter__(self) -> Self:
        """Be what the CSV reader reads from; unlike a generator it goes on after an error."""
        return self

    def __next__(self) -> str:
        """Give the CSV reader its next line."""
        line = self._lines.take()
        if line is None:
            raise StopIteration
        self._size += len(line)
        if self._size > _MOST_RECORD:
            raise _Bad("a field is not closed, or the line is too long")
        return _decoded(line, self._lines.encoding)

    def take(self) -> tuple[int, dict[str, Any] | _Bad] | None:
        """Give the next record with the number of its first line; None behind the last."""
        while True:
            self._size, before = 0, self._lines.number
            try:
                values = self._object() if self._columns is None else self._row(self._columns)
            except StopIteration:
                return None
            except _Bad as error:
                return before + 1, error
            except csv.Error:
                return before + 1, _Bad("it is no CSV; see its quotes")
            if values is not None:
                return before + 1, values

    def _object(self) -> dict[str, Any] | None:
        """Read a line of NDJSON; None for an empty one."""
        first = self._lines.number == 0
        line = self._lines.take()
        if line is None:
            raise StopIteration
        text = _decoded(line.removeprefix(BOM) if first else line, self._lines.encoding)
        if not text.strip():
            return None
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            raise _Bad("it is no JSON") from None
        if not isinstance(value, dict):
            raise _Bad("it is no JSON object")
        if not value.keys() <= {NAME, EXTERNAL_ID, METADATA}:
            raise _Bad(f"it has members other than {NAME}, {EXTERNAL_ID} and {METADATA}")
        metadata = value.get(METADATA)
        if metadata is not None:
            value[METADATA] = json.dumps(metadata, ensure_ascii=False)
        return value

    def _row(self, columns: _Columns) -> dict[str, Any] | None:
        """Read a record of CSV; None for an empty one."""
        values = next(self._reader)
        if not any(values):
            return None
        if len(values) != len(columns.names):
            raise _Bad(f"it has {len(values)} fields, and the first line {len(columns.names)}")
        members = dict(zip(columns.names, values, strict=True))
        others = {
            name: text
            for name, text in members.items()
            if text and name not in (NAME, EXTERNAL_ID, METADATA)
        }
        if others:
            members[METADATA] = json.dumps(
                _object_of(members.get(METADATA) or "{}") | others, ensure_ascii=False
            )
        return members


def _said(values: dict[str, Any], most_metadata: int) -> tuple[str, External]:
    name, external_id = values.get(NAME), values.get(EXTERNAL_ID)
    if not isinstance(name, str) or not name.strip():
        raise _Bad(f"{NAME} is missing")
    if len(name) > MOST_NAME:
        raise _Bad(f"{NAME} has more than {MOST_NAME:,} characters")
    if not isinstance(external_id, str | None):
        raise _Bad(f"{EXTERNAL_ID} is no text")
    return name, read_external(external_id or "", values.get(METADATA) or "", most_metadata)


def _object_of(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise _Bad(f"{METADATA} is no JSON object")
    return value


def _decoded(line: bytes, encoding: Encoding) -> str:
    if not line:
        raise _Bad(f"it has more than {MOST_LINE:,} bytes")
    try:
        return line.decode(encoding)
    except UnicodeDecodeError:
        raise _Bad("it is not UTF-8; save the manifest as UTF-8") from None
