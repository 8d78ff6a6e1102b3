"""A multipart body, taken part by part as it arrives: fields in memory, files in the spool."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from werkzeug.datastructures import Headers
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import (
    Data,
    Epilogue,
    Event,
    Field,
    File,
    MultipartDecoder,
    NeedData,
)

from api.intake.body import CHUNK
from api.intake.kinds import is_archive
from api.intake.names import clean_name
from api.intake.spool import Slice, SliceWriter, Spool
from lungline.archives import HEAD_BYTES
from lungline.errors import InvalidParameter, MalformedBody, TooManyFilms

_DECODER_BUFFER = 4 * CHUNK  # part headers and the preamble must fit
_MOST_FIELDS = 16
MANIFEST = "manifest"
"""Field of the file that says what the client knows of the others."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one multipart body may hold.

    Attributes:
        films: Most files.
        film_bytes: Most bytes of a file that is no archive; what is above is not kept.
        field_bytes: Most bytes of a field that is no file.
    """

    films: int
    film_bytes: int
    field_bytes: int


@dataclass(frozen=True, slots=True)
class FilePart:
    """One file of the body.

    Attributes:
        name: As the client gave it, fit to be shown.
        content: Where its bytes are.
        received: Bytes that came; more than `content.size` when the file is above the limit.
        archive: Whether it is an archive of films.
    """

    name: str
    content: Slice
    received: int
    archive: bool


@dataclass(slots=True)
class Form:
    """A multipart body, taken apart."""

    fields: dict[str, str] = field(default_factory=dict)
    files: list[FilePart] = field(default_factory=list)
    manifest: Slice | None = None


class FormReader:
    """Takes one multipart body apart. Memory in use does not grow with the body."""

    def __init__(self, spool: Spool, limits: Limits) -> None:
        """Keep files in `spool`."""
        self._spool = spool
        self._limits = limits
        self._form = Form()
        self._part: _FieldPart | _FileWriter | _ManifestWriter | None = None

    def read(self, stream: BinaryIO, content_type: str) -> Form:
        """Read the body to its end.

        Args:
            stream: The body.
            content_type: The header, which names the boundary.

        Raises:
            MalformedBody: It is no multipart body.
            TooManyFilms: It has more files than the limit.
            InvalidParameter: A field is too long, or given twice.
        """
        boundary = parse_options_header(content_type)[1].get("boundary", "")
        if not boundary or len(boundary) > 200:
            raise MalformedBody("The Content-Type of a multipart body must name its boundary.")
        decoder = MultipartDecoder(boundary.encode(), max_form_memory_size=_DECODER_BUFFER)
        try:
            for event in _events(decoder, stream):
                self._take(event)
        except (ValueError, RequestEntityTooLarge) as error:
            raise MalformedBody(
                "The multipart body is cut off, or its parts are not as RFC 7578 says."
            ) from error
        return self._form

    def _take(self, event: Event) -> None:
        if isinstance(event, File) and event.name == MANIFEST:
            self._part = self._begin_manifest()
        elif isinstance(event, File):
            self._part = self._begin_file(event)
        elif isinstance(event, Field):
            self._part = self._begin_field(event)
        elif isinstance(event, Data) and self._part is not None:
            self._part.write(event.data)
            if not event.more_data:
                self._part.end(self._form)
                self._part = None

    def _begin_file(self, event: File) -> _FileWriter:
        if len(self._form.files) >= self._limits.films:
            raise TooManyFilms(
                f"The request has more than {self._limits.films:,} files, the limit. Send a zip "
                "archive, or several requests."
            )
        return _FileWriter(event.filename, self._spool, self._limits.film_bytes)

    def _begin_manifest(self) -> _ManifestWriter:
        if self._form.manifest is not None:
            raise InvalidParameter("The form carries two manifests.")
        return _ManifestWriter(self._spool)

    def _begin_field(self, event: Field) -> _FieldPart:
        name = event.name or ""
        if name in self._form.fields or len(self._form.fields) >= _MOST_FIELDS:
            raise InvalidParameter("A field is given twice, or there are too many fields.")
        return _FieldPart(name, event.headers, self._limits.field_bytes)


class _FieldPart:
    def __init__(self, name: str, headers: Headers, most: int) -> None:
        self._name = name
        self._most = most
        self._content = bytearray()

    def write(self, data: bytes) -> None:
        self._content += data
        if len(self._content) > self._most:
            raise InvalidParameter(
                f"A field of the form has more than {self._most:,} bytes, the limit."
            )

    def end(self, form: Form) -> None:
        form.fields[self._name] = self._content.decode()


class _FileWriter:
    def __init__(self, name: str, spool: Spool, film_bytes: int) -> None:
        self._name = name
        self._film_bytes = film_bytes
        self._head = b""
        self._writer = SliceWriter(spool)

    def write(self, data: bytes) -> None:
        self._head += data[: HEAD_BYTES - len(self._head)]
        self._writer.write(data, None if is_archive(self._head) else self._film_bytes)

    def end(self, form: Form) -> None:
        received = self._writer.received
        if not self._name and not received:
            return  # a browser's file field in which nothing was chosen
        name = clean_name(self._name) or "film"
        form.files.append(FilePart(name, self._writer.done(), received, is_archive(self._head)))


class _ManifestWriter:
    def __init__(self, spool: Spool) -> None:
        self._writer = SliceWriter(spool)

    def write(self, data: bytes) -> None:
        self._writer.write(data, None)

    def end(self, form: Form) -> None:
        form.manifest = self._writer.done()


def _events(decoder: MultipartDecoder, stream: BinaryIO) -> Iterator[Event]:
    ended = False
    while not ended:
        data = stream.read(CHUNK)
        ended = not data
        decoder.receive_data(data or None)
        event = decoder.next_event()
        while not isinstance(event, NeedData):
            yield event
            if isinstance(event, Epilogue):
                return
            event = decoder.next_event()
