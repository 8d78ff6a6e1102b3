"""The service as Python sees it: one method for each thing a client can ask."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import httpx

from lungline.client.archive import PIECE_BYTES, zip_films
from lungline.client.errors import InputUnusable
from lungline.client.exports import EXPORT_PAUSE_SECONDS, Export
from lungline.client.films import FilmFile
from lungline.client.following import follow
from lungline.client.forms import Body, FormFile, manifest_file
from lungline.client.items import Item
from lungline.client.jobs import Job, Retried
from lungline.client.models import Models
from lungline.client.remembered import Remembered
from lungline.client.results import Results, ResultsFormat
from lungline.client.retry import Retry
from lungline.client.sources import FileSource, FilmsSource, Source
from lungline.client.submitting import Submittable, sort_out, type_of
from lungline.client.transport import Transport
from lungline.client.uploads import UPLOAD_ABOVE_BYTES, Uploads
from lungline.client.webhooks import Webhooks
from lungline.domain import ExportFormat, Scope
from lungline.terms import Term, term_parameters

PictureKind = Literal["film", "mask", "heatmap", "overlay"]
Sent = Callable[[int], None]
Note = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class JobOptions:
    """What a client may say of a job; None leaves it to the service.

    Attributes:
        name: Shown to people, never used as a key.
        bundle: `name` or `name@version`.
        priority: `interactive`, `normal` or `bulk`.
        expires_in: Seconds after which films that still wait are given up.
        metadata: Of the job; given back as it came.
        external_id: The caller's own id of the only film, given back with it.
        film_metadata: What else is to be given back with the only film.
    """

    name: str | None = None
    bundle: str | None = None
    priority: str | None = None
    expires_in: int | None = None
    metadata: Mapping[str, Any] | None = None
    external_id: str | None = None
    film_metadata: Mapping[str, Any] | None = None

    @property
    def parameters(self) -> dict[str, str | int | None]:
        """As query parameters."""
        return {
            "name": self.name,
            "bundle": self.bundle,
            "priority": self.priority,
            "expires_in": self.expires_in,
            "metadata": _json(self.metadata),
            "external_id": self.external_id,
            "film_metadata": _json(self.film_metadata),
        }

    @property
    def document(self) -> dict[str, Any]:
        """As members of a JSON document."""
        given: dict[str, Any] = {
            name: value for name, value in self.parameters.items() if value is not None
        }
        if self.metadata is not None:
            given["metadata"] = dict(self.metadata)
        return given


def _json(value: Mapping[str, Any] | None) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False, sort_keys=True)


def _ignore(total: int) -> None:
    """Nobody wants to know how many bytes were sent."""


def _unnoted(note: str) -> None:
    """Nobody wants to know."""


class LunglineClient:
    """Talks to one service; use it in a `with` block. Safe to share between threads.

    Every method raises `ServiceUnreachable` when nobody answers and `ServiceError` when the
    service answers with a problem; both only after the tries that `retry` allows.
    """

    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        retry: Retry | None = None,
        transport: httpx.BaseTransport | None = None,
        state_dir: Path | None = None,
        upload_above: int = UPLOAD_ABOVE_BYTES,
    ) -> None:
        """Connect when first used.

        Args:
            url: Where the service is.
            key: The API key; None: none, for a service on this machine. See `read_key`.
            retry: How often to try; by default 4 times within about two seconds.
            transport: Another way to carry requests, for tests.
            state_dir: Where uploads that were broken off are remembered, to be resumed by another
                process; None: nowhere.
            upload_above: Bytes above which a submission is uploaded in parts.

        Raises:
            ConfigurationError: `url` is no http or https address.
        """
        self._retry = retry or Retry()
        self._transport = Transport(url, self._retry, transport, key)
        self.models = Models(self._transport)
        self.webhooks = Webhooks(self._transport)
        self._remembered = Remembered(state_dir)
        self._upload_above = upload_above

    def __enter__(self) -> Self:
        """Return the client itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connections."""
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    @property
    def url(self) -> str:
        """Where the service is."""
        return self._transport.url

    def submit(
        self,
        source: Submittable,
        options: JobOptions | None = None,
        *,
        filename: str = "",
        manifest: str | PathLike[str] | None = None,
    ) -> Job:
        """Submit whatever makes one job.

        Args:
            source: A film, folder or archive by its path; several films and folders by theirs; or
                the bytes of one film (JPEG, PNG, DICOM) or archive.
            options: Of the job.
            filename: What bytes are called.
            manifest: A CSV or NDJSON that gives the films of a path your own ids and words.

        Raises:
            InputUnusable: It cannot be read, holds no film, or is more than one job.
        """
        said = None if manifest is None else Path(manifest)
        if isinstance(source, bytes):
            if said is not None:
                raise InputUnusable("a manifest goes with the path of films or of an archive")
            called = filename or None
            return self._submit(
                lambda: iter((source,)), type_of(source), options, called, len(source)
            )
        found = sort_out(source)
        if isinstance(found, Path):
            return self.submit_archive(found, options, manifest=said)
        return self.submit_films(found, options, manifest=said)

    def submit_again(self, job_id: str, options: JobOptions | None = None) -> Job:
        """Read the stored films of another job once more, as a new job; nothing is sent.

        Args:
            job_id: Whose films; names, external ids and metadata of them come along.
            options: Of the new job; its `bundle` is the model that reads.
        """
        return self._elsewhere("from_job", job_id, options)

    def changes(self, job_id: str) -> Iterator[Mapping[str, Any]]:
        """Yield films whose top label differs from that in the job it was made of, page by page."""
        yield from self._transport.pages(f"{_job_path(job_id)}/changes")

    def change_counts(self, job_id: str) -> list[Mapping[str, Any]]:
        """Count films by their top label in the job that this was made of, and in this one.

        Returns:
            Mappings of `from`, `to` (None: not read there) and `count`; unchanged films too.
        """
        return list(self._transport.get(f"{_job_path(job_id)}/changes", limit=1)["summary"])

    def wait(self, job_id: str, timeout: float | None = None) -> Job:
        """Wait until a job has ended; return its last state.

        Args:
            job_id: Which job.
            timeout: Seconds to wait at most; None: for ever.

        Raises:
            StillRunning: It has not ended in that time; it goes on.
        """
        for job in follow(self._transport, _job_path(job_id), lambda why: None, timeout):
            last = job
        return last

    def submit_films(
        self,
        films: Sequence[FilmFile],
        options: JobOptions | None = None,
        sent: Sent = _ignore,
        note: Note = _unnoted,
        *,
        manifest: Path | None = None,
    ) -> Job:
        """Submit films as one job: one film as it is, several in one zip made on the way.

        Args:
            films: At least one; see `gather`.
            options: Of the job.
            sent: Told how many bytes were sent so far; a repeated request begins again.
            note: Told what people may want to know, such as that an upload goes on.
            manifest: A CSV or NDJSON that gives films your own ids and words by their names.

        Raises:
            InputUnusable: A film or the manifest cannot be read.
        """
        if len(films) == 1 and manifest is None:
            film = films[0]
            body = _file_body(film.path, sent)
            return self._submit(body, _film_type(film.path), options, film.name, film.size)
        if sum(film.size for film in films) > self._upload_above:
            return self._upload(FilmsSource(films), "films.zip", options, sent, note, manifest)
        if manifest is not None:
            return self._form(
                options, {}, manifest, _archive("films.zip", partial(zip_films, films, sent))
            )
        return self._submit(lambda: zip_films(films, sent), "application/zip", options)

    def submit_archive(
        self,
        path: Path,
        options: JobOptions | None = None,
        sent: Sent = _ignore,
        note: Note = _unnoted,
        *,
        manifest: Path | None = None,
    ) -> Job:
        """Submit an archive of films as one job, as it is; a large one in parts.

        Args:
            path: A zip, tar, tar.gz or tar.zst.
            options: Of the job.
            sent: Told how many bytes were sent so far; a repeated request begins again.
            note: Told what people may want to know, such as that an upload goes on.
            manifest: A CSV or NDJSON that gives entries your own ids and words by their names.

        Raises:
            InputUnusable: The archive or the manifest cannot be read.
        """
        body = _file_body(path, sent)
        size = path.stat().st_size
        if size > self._upload_above:
            source = FileSource(path, size)
            return self._upload(source, path.name, options, sent, note, manifest)
        if manifest is not None:
            return self._form(options, {}, manifest, _archive(path.name, body))
        # The service looks for itself which kind of archive it is.
        return self._submit(body, "application/zip", options, path.name, size)

    def submit_prefix(
        self, prefix: str, options: JobOptions | None = None, *, manifest: Path | None = None
    ) -> Job:
        """Let the service read films where they lie, as one job; nothing is sent but the manifest.

        Args:
            prefix: `NAME/FOLDER/`, below a place that the operator of the service has allowed.
            options: Of the job.
            manifest: A CSV or NDJSON of names below the prefix: exactly those films are read, with
                your own ids and words; None: all that lie there.

        Raises:
            InputUnusable: The manifest cannot be read.
        """
        if manifest is not None:
            return self._form(options, {"prefix": prefix}, manifest)
        return self._elsewhere("prefix", prefix, options)

    def job(self, job_id: str) -> Job:
        """Ask where a job stands."""
        return Job.from_wire(self._transport.get(_job_path(job_id)))

    def watch(self, job_id: str, away: Callable[[str], None] = lambda why: None) -> Iterator[Job]:
        """Yield the job after each change until it has ended; its last state comes last.

        A service that goes away in between may come back within two minutes.

        Args:
            job_id: Which job.
            away: Told why when the service does not answer.
        """
        yield from follow(self._transport, _job_path(job_id), away)

    def cancel(self, job_id: str) -> Job:
        """Cancel a job: films that wait are not read; cancelling twice does no harm."""
        return Job.from_wire(self._transport.post(f"{_job_path(job_id)}/cancel"))

    def jobs(
        self,
        *,
        status: str | None = None,
        name: str | None = None,
        from_job: str | None = None,
        created_after: str | None = None,
        metadata: Mapping[str, Term] | None = None,
    ) -> Iterator[Job]:
        """Yield jobs, newest first, page by page.

        Args:
            status: Only jobs that stand there.
            name: Only jobs that are called exactly so.
            from_job: Only jobs that read the films of this one again.
            created_after: Only jobs made after this time, as ISO 8601 text.
            metadata: Only jobs whose metadata has all of these keys and values.
        """
        filters = {"status": status, "name": name, "from_job": from_job}
        filters["created_after"] = created_after
        filters |= term_parameters(metadata)
        for wire in self._transport.pages("/v1/jobs", **filters):
            yield Job.from_wire(wire)

    def usage(self) -> Mapping[str, Any]:
        """Tell `open_jobs` now, and films and bytes that were submitted in each of `months`."""
        return dict(self._transport.get("/v1/usage"))

    def find(
        self,
        *,
        external_id: str | None = None,
        study: str | None = None,
        metadata: Mapping[str, Term] | None = None,
    ) -> Iterator[Mapping[str, Any]]:
        """Yield items of all jobs that all which is given fits, newest first.

        Args:
            external_id: The caller's own id; one of the three must be given.
            study: Their `study_hash`.
            metadata: Keys and values that their metadata has.
        """
        filters = {"external_id": external_id, "study": study} | term_parameters(metadata)
        yield from self._transport.pages("/v1/items", **filters)

    def pause(self, job_id: str) -> Job:
        """Pause a job: films that wait are not read until it is resumed."""
        return Job.from_wire(self._transport.post(f"{_job_path(job_id)}/pause"))

    def resume(self, job_id: str) -> Job:
        """Let a paused job go on."""
        return Job.from_wire(self._transport.post(f"{_job_path(job_id)}/resume"))

    def retry(self, job_id: str) -> Retried:
        """Read the films of an ended job that failed again; go on with an archive given up."""
        return Retried.from_wire(self._transport.post(f"{_job_path(job_id)}/retry"))

    def delete(self, job_id: str) -> None:
        """Delete an ended job for ever, with its films, unless other jobs have them too."""
        self._transport.delete(_job_path(job_id))

    def item(self, item_id: str) -> Item:
        """Ask where a film stands, and for its findings once it was read."""
        return Item.from_wire(self._transport.get(_item_path(item_id)))

    def picture(self, item_id: str, kind: PictureKind, size: int = 1024) -> bytes:
        """Draw a picture of a film, as PNG.

        Args:
            item_id: Which film.
            kind: `film`, `mask`, `heatmap` or `overlay`; all but the first once it was read.
            size: Longest side in pixels, 16 to 4,096; a smaller film is not enlarged.
        """
        with self._transport.stream(f"{_item_path(item_id)}/{kind}", size=size) as response:
            return response.read()

    def readiness(self) -> dict[str, Any]:
        """Ask whether the service is ready, and which of its parts are down."""
        return dict(self._transport.get("/readyz"))

    def failures(self, item_id: str) -> list[Mapping[str, Any]]:
        """List how an item failed before it was retried."""
        return list(self._transport.get(f"{_item_path(item_id)}/failures")["items"])

    def change(self, job_id: str, *, name: str | None = None, priority: str | None = None) -> Job:
        """Change what a job is called, or which jobs come before it; None leaves it as it is."""
        asked = {"name": name, "priority": priority}
        changes = {key: value for key, value in asked.items() if value is not None}
        return Job.from_wire(self._transport.patch(_job_path(job_id), changes))

    def items(self, job_id: str, *, status: str | None = None) -> Iterator[Item]:
        """Yield a job's items with their findings, page by page."""
        for wire in self._transport.pages(f"{_job_path(job_id)}/items", status=status):
            yield Item.from_wire(wire)

    def entries(self, job_id: str, *, outcome: str | None = None) -> Iterator[Mapping[str, Any]]:
        """Yield what a job's archive holds and what became of each entry, page by page."""
        yield from self._transport.pages(f"{_job_path(job_id)}/entries", outcome=outcome)

    def keys(self, *, tenant: str | None = None) -> Iterator[Mapping[str, Any]]:
        """Yield API keys, newest first, page by page; needs a key with the scope `admin`."""
        yield from self._transport.pages("/v1/keys", tenant=tenant)

    def create_key(
        self,
        *,
        name: str = "",
        tenant: str | None = None,
        scopes: Sequence[Scope] | None = None,
        expires_in: int | None = None,
    ) -> Mapping[str, Any]:
        """Make an API key, which is told now and never again; needs the scope `admin`.

        Args:
            name: For people.
            tenant: Whose data it opens; None: that of the client's own key.
            scopes: What it may do; None: read and submit.
            expires_in: Seconds after which it opens nothing; None: never.
        """
        asked = {"name": name, "tenant": tenant, "scopes": scopes, "expires_in": expires_in}
        given = {field: value for field, value in asked.items() if value is not None}
        # Not repeated: nobody would know the key that a lost answer told.
        return dict(self._transport.post_json("/v1/keys", given, repeat=False))

    def revoke_key(self, key_id: str) -> None:
        """Let an API key open nothing any more; needs the scope `admin`."""
        if not key_id.isalnum():  # it becomes part of an address; a whole key does not get there
            raise InputUnusable("this is no id of a key: those have 32 hexadecimal digits")
        self._transport.delete(f"/v1/keys/{key_id}")

    def results(
        self, job_id: str, kind: ResultsFormat = "csv", *, ignored: bool = False
    ) -> Results:
        """A job's results in the order of submission: bytes as a context, rows, or a table.

        Args:
            job_id: The job.
            kind: Of the bytes.
            ignored: Whether entries of an archive that are no films have rows too.
        """
        path, more = f"{_job_path(job_id)}/results", "true" if ignored else None
        return Results(lambda form: self._transport.stream(path, format=form, ignored=more), kind)

    def export(self, job_id: str, kind: ExportFormat) -> Export:
        """Let the results of an ended job be written into one file in the background."""
        path = f"{_job_path(job_id)}/exports"
        return Export.from_wire(self._transport.post_json(path, {"format": str(kind)}))

    def exported(self, export: Export) -> Iterator[Export]:
        """Yield an export as it goes on, until it has ended."""
        while True:
            export = Export.from_wire(self._transport.get(f"/v1/exports/{export.id}"))
            yield export
            if export.ended:
                return
            time.sleep(EXPORT_PAUSE_SECONDS)

    @contextmanager
    def export_content(self, export: Export) -> Iterator[Iterator[bytes]]:
        """Open an export that has succeeded as a stream of bytes."""
        if export.url is None:
            raise InputUnusable(f"the export is {export.status}: there is nothing to fetch")
        with self._transport.stream(export.url) as response:
            yield response.iter_raw()

    def delete_export(self, export: Export) -> None:
        """Remove an export, made or not."""
        self._transport.delete(f"/v1/exports/{export.id}")

    def _elsewhere(self, origin: str, place: str, options: JobOptions | None) -> Job:
        """Make a job of films that the service fetches itself."""
        document = {**(options or JobOptions()).document, origin: place}
        key = {"Idempotency-Key": uuid.uuid4().hex}
        return Job.from_wire(self._transport.post_json("/v1/jobs", document, key))

    def _upload(
        self,
        source: Source,
        name: str,
        options: JobOptions | None,
        sent: Sent,
        note: Note,
        manifest: Path | None,
    ) -> Job:
        uploads = Uploads(self._transport, self._remembered, self._retry, note)
        parameters = (options or JobOptions()).parameters
        said = None if manifest is None else manifest_file(manifest)
        return Job.from_wire(uploads.submit(source, name, parameters, sent, said))

    def _form(
        self,
        options: JobOptions | None,
        further: Mapping[str, str],
        manifest: Path,
        *files: FormFile,
    ) -> Job:
        fields = {**(options or JobOptions()).parameters, **further}
        parts = [manifest_file(manifest), *files]
        key = {"Idempotency-Key": uuid.uuid4().hex}
        return Job.from_wire(self._transport.post_form("/v1/jobs", fields, parts, key))

    def _submit(
        self,
        body: Body,
        content_type: str,
        options: JobOptions | None,
        filename: str | None = None,
        size: int | None = None,
    ) -> Job:
        headers = {"Content-Type": content_type, "Idempotency-Key": uuid.uuid4().hex}
        if size is not None:  # else the body goes in chunks
            headers["Content-Length"] = str(size)
        parameters = {**(options or JobOptions()).parameters, "filename": filename}
        wire = self._transport.post("/v1/jobs", body=body, parameters=parameters, headers=headers)
        return Job.from_wire(wire)


def _archive(name: str, body: Body) -> FormFile:
    return FormFile("file", name, "application/zip", body)


def _film_type(path: Path) -> str:
    with path.open("rb") as file:
        kind = type_of(file.read(132))
    # Some DICOM files begin without their preamble.
    return kind if kind.startswith("image/") else "application/dicom"


def _job_path(job_id: str) -> str:
    if not job_id.isalnum():  # it becomes part of an address
        raise InputUnusable(f"{job_id!r} is no job id: those have 32 hexadecimal digits")
    return f"/v1/jobs/{job_id}"


def _item_path(item_id: str) -> str:
    if not item_id.isalnum():
        raise InputUnusable(f"{item_id!r} is no item id: those have 32 hexadecimal digits")
    return f"/v1/items/{item_id}"


def _file_body(path: Path, sent: Sent) -> Body:
    def pieces() -> Iterator[bytes]:
        try:
            with path.open("rb") as file:
                while piece := file.read(PIECE_BYTES):
                    yield piece
                    sent(file.tell())
        except OSError as error:
            raise InputUnusable(f"{path}: cannot be read ({error.strerror})") from None

    return pieces
