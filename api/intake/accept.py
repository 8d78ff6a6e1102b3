"""From a body to a committed job: everything is stored first, then the rows are made at once."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, BinaryIO, cast

from api.context import checked_job_id, checked_upload_id
from api.intake.batches import FilmBatches
from api.intake.counted import counted
from api.intake.document import FROM_JOB, PREFIX, UPLOAD, Document, take_origin
from api.intake.kinds import Kind, is_archive
from api.intake.manifests import Manifest, check_beginning, read_manifest
from api.intake.multipart import FilePart, FormReader, Limits
from api.intake.names import clean_name
from api.intake.parameters import (
    Parameters,
    check_interactive,
    check_single,
    read_parameters,
)
from api.intake.spool import IN_MEMORY, Spool
from api.parts import Parts
from lungline.archives import HEAD_BYTES
from lungline.domain import Priority, UploadStatus, new_id
from lungline.errors import (
    ArchiveNotAlone,
    DatabaseUnavailable,
    EmptyBody,
    InvalidParameter,
    NotAnArchive,
    StoreUnavailable,
    TooLarge,
)
from lungline.telemetry import get_logger
from storage.external import External
from storage.films import Restore
from storage.items import NewItem
from storage.jobs import Created
from storage.manifests import key_of
from storage.sources import open_source

FILENAME = "filename"

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Origin:
    """Where an expander finds the films of a job.

    Attributes:
        request_hash: Of the request that says so.
        values: What says so to `Jobs.create_with_archive`.
    """

    request_hash: str
    values: Mapping[str, Any]


class Acceptance:
    """Takes one submission of one tenant."""

    def __init__(self, parts: Parts, tenant: str, idempotency_key: str | None) -> None:
        """Prepare to take a submission."""
        self._parts = parts
        self._settings = parts.settings
        self._tenant = tenant
        self._key = idempotency_key

    def check_room(self, size: int, *, spooled: bool) -> None:
        """Refuse, before anything of the body is read, what could not be kept.

        Args:
            size: Bytes of the body; 0 where the client does not say.
            spooled: Whether it passes through the spool, as forms do.

        Raises:
            QuotaExceeded: The tenant has as much as it may.
            StorageFull: A disk is nearly full.
        """
        if spooled and size > IN_MEMORY:
            self._parts.space.check_disks(size, spooled=True)
        jobs = self._parts.repository.jobs
        if self._key is not None and jobs.by_idempotency_key(self._tenant, self._key) is not None:
            return  # it is a repetition, which keeps nothing
        self._parts.space.check(size)
        self._parts.repository.quotas.check(self._tenant, size)

    def multipart(self, stream: BinaryIO, content_type: str) -> Created:
        """Take films, or one archive, with fields.

        A film that cannot be taken becomes an item that is born failed.

        Raises:
            LunglineError: See `FormReader.read`, `read_parameters`, `ArchiveNotAlone`, `EmptyBody`.
        """
        with Spool(self._settings.spool_dir) as spool:
            limits = Limits(
                films=self._settings.max_films_per_request,
                film_bytes=self._settings.max_film_bytes,
                field_bytes=max(
                    4096, self._settings.max_metadata_bytes, self._settings.max_film_metadata_bytes
                ),
            )
            watched = self._parts.space.watch(stream, spooled=True)
            form = FormReader(spool, limits).read(watched, content_type)
            manifest = Manifest.spooled(spool, form.manifest) if form.manifest else None
            elsewhere = take_origin(form.fields)
            parameters = read_parameters(form.fields, self._settings, self._parts.bundles)
            if elsewhere is not None:
                _none(form.files)
                return self._elsewhere(*elsewhere, parameters, manifest)
            if not form.files:
                raise EmptyBody("The form carries no file. Send each film as a file part.")
            contents = [(part.name, part.content.sha256) for part in form.files]
            request_hash = parameters.request_hash(contents + _content(manifest))
            if any(part.archive for part in form.files):
                archive = _only(form.files)
                file = spool.open(archive.content)
                return self._archive(file, parameters, request_hash, manifest)
            most = self._settings.max_interactive_films
            check_interactive(parameters.priority, len(form.files), most)
            check_single(parameters.external, len(form.files))
            said = self._said(manifest, form.files)
            if earlier := self._earlier(request_hash):
                return earlier
            with counted(self._parts, self._tenant, parameters.bundle) as coming:
                batches = FilmBatches(self._parts.intake, self._tenant, coming)
                items = [
                    replace(item, external=said.get(key_of(item.name), parameters.external))
                    for item in batches.take(spool, form.files)
                ]
                again = partial(self._store_again, spool, form.files, items)
                return self._films(items, parameters, request_hash, again)

    def raw(self, kind: Kind, stream: io.BufferedReader, query: Mapping[str, str]) -> Created:
        """Take a body that is one film or one archive, with its fields in the query.

        Raises:
            LunglineError: See `read_parameters`; `EmptyBody`, `NotAnArchive`, `TooLarge`,
                `FilmRejected`.
        """
        fields = {key: value for key, value in query.items() if key != FILENAME}
        parameters = read_parameters(fields, self._settings, self._parts.bundles)
        head = stream.peek(HEAD_BYTES)
        if not head:
            raise EmptyBody("The body is empty. Send a film, or an archive of films.")
        archive = is_archive(head)
        if kind is Kind.ARCHIVE and not archive:
            raise NotAnArchive(
                "The body does not begin like a zip, tar, tar.gz or tar.zst archive."
            )
        if archive and kind is not Kind.FILM:
            return self._archive(cast(BinaryIO, stream), parameters, None)
        name = clean_name(query.get(FILENAME, "")) or "film"
        return self._one_film(stream, name, parameters)

    def elsewhere(self, document: Document) -> Created:
        """Take films that do not come with the request: an expander fetches them.

        Raises:
            LunglineError: See `read_parameters`; `UploadNotFound`, `UploadIncomplete`,
                `UploadUsed`, `NotAnArchive`, `BadManifest`, `PrefixNotAllowed`, `JobNotFound`,
                `SourceExpanding`.
        """
        parameters = read_parameters(document.fields, self._settings, self._parts.bundles)
        manifest = None if document.manifest is None else Manifest.held(document.manifest)
        return self._elsewhere(document.origin, document.place, parameters, manifest)

    def _elsewhere(
        self, origin: str, place: str, parameters: Parameters, manifest: Manifest | None
    ) -> Created:
        request_hash = parameters.request_hash([(origin, place), *_content(manifest)])
        if earlier := self._earlier(request_hash):
            return earlier  # whatever has become of the upload, the folder or the job since
        find = {UPLOAD: self._upload, PREFIX: self._prefix, FROM_JOB: self._from_job}[origin]
        found = _Origin(request_hash, find(place, parameters, manifest))
        return self._expanding(parameters, manifest, lambda kept: found)

    def _prefix(
        self, prefix: str, parameters: Parameters, manifest: Manifest | None
    ) -> Mapping[str, Any]:
        """Look whether a folder outside the service may be read."""
        self._check_many(parameters)
        open_source(self._settings, self._tenant, prefix)
        return {"prefix": prefix}

    def _from_job(
        self, given_id: str, parameters: Parameters, manifest: Manifest | None
    ) -> Mapping[str, Any]:
        """Look whether the stored films of another job may be read again."""
        if manifest is not None:
            raise InvalidParameter("from_job takes no manifest: films keep what was said of them.")
        source, films = checked_job_id(given_id), None
        if parameters.priority is Priority.INTERACTIVE:
            films = self._parts.repository.lineage.total(self._tenant, source)
        self._check_many(parameters, films)
        return {"from_job": source}

    def _upload(
        self, given_id: str, parameters: Parameters, manifest: Manifest | None
    ) -> Mapping[str, Any]:
        """Find a complete upload, which becomes the archive of the job."""
        self._check_many(parameters)
        upload = self._parts.repository.uploads.get(self._tenant, checked_upload_id(given_id))
        if upload.status is UploadStatus.COMPLETE:
            head = self._parts.store.get_range(upload.object_key, 0, HEAD_BYTES)
            if not is_archive(head):
                raise NotAnArchive("The upload does not begin like an archive of films.")
        where = {"archive_key": upload.object_key, "archive_size": upload.size}
        return {**where, "upload_id": upload.id}

    def _archive(
        self,
        stream: BinaryIO,
        parameters: Parameters,
        request_hash: str | None,
        manifest: Manifest | None = None,
    ) -> Created:
        """Take an archive that comes with the request.

        Args:
            stream: The archive.
            parameters: Of the job.
            request_hash: None: it follows from the bytes, which are still to come.
            manifest: What is said of its films.
        """
        self._check_many(parameters)

        def store(kept: list[str]) -> _Origin:
            key = f"{self._tenant}/uploads/{new_id()}"
            kept.append(key)
            watched = self._parts.space.watch(stream)
            stored = self._parts.store.put_stream(key, watched, self._settings.max_body_bytes)
            contents = [("", stored.sha256), *_content(manifest)]
            where = {"archive_key": key, "archive_size": stored.size}
            return _Origin(request_hash or parameters.request_hash(contents), where)

        return self._expanding(parameters, manifest, store)

    def _expanding(
        self,
        parameters: Parameters,
        manifest: Manifest | None,
        keep: Callable[[list[str]], _Origin],
    ) -> Created:
        """Make a job whose films an expander will find.

        Args:
            parameters: Of the job.
            manifest: What is said of the films.
            keep: Stores what has to be, and lists its keys.
        """
        job_id = new_id()
        with self._cleaned() as kept:
            origin = keep(kept)
            created = self._parts.repository.jobs.create_with_archive(
                self._tenant,
                **self._asked(job_id, parameters, origin.request_hash),
                manifest=self._kept_manifest(manifest, kept),
                **origin.values,
            )
        if created.replayed:  # nothing is kept of a repetition
            for key in kept:
                self._delete(key)
        else:
            self._parts.doorbell.archive_waits()
        return created

    def _asked(self, job_id: str, parameters: Parameters, request_hash: str) -> dict[str, Any]:
        """What all jobs are made of, wherever their films come from."""
        return {
            "job_id": job_id,
            "name": parameters.name,
            "metadata": parameters.metadata,
            "bundle": parameters.bundle,
            "priority": parameters.priority,
            "expires_in": parameters.expires_in,
            "idempotency_key": self._key,
            "request_hash": request_hash,
        }

    def _check_many(self, parameters: Parameters, films: int | None = None) -> None:
        """Refuse what fits a few films only; None: nobody knows yet how many these are."""
        check_interactive(parameters.priority, films, self._settings.max_interactive_films)
        check_single(parameters.external, None)

    def _one_film(self, stream: BinaryIO, name: str, parameters: Parameters) -> Created:
        most = self._settings.max_film_bytes
        data = stream.read(most + 1)
        if len(data) > most:
            raise TooLarge(f"The film has more than {most:,} bytes, the limit.")
        prepared = self._parts.intake.prepare(self._tenant, data)
        digest = hashlib.sha256(data).hexdigest()
        item = NewItem(name=name, film=prepared.film, error=None, external=parameters.external)
        request_hash = parameters.request_hash([(name, digest)])
        if earlier := self._earlier(request_hash):
            return earlier

        def store(digests: Collection[str] = ()) -> None:
            self._parts.intake.store_all([prepared])

        with counted(self._parts, self._tenant, parameters.bundle) as coming:
            coming.add([prepared.film])
            store()
            return self._films([item], parameters, request_hash, store)

    def _earlier(self, request_hash: str) -> Created | None:
        """What an earlier request with this idempotency key made."""
        return self._parts.repository.jobs.replay(self._tenant, self._key, request_hash)

    def _store_again(
        self,
        spool: Spool,
        files: Iterable[FilePart],
        items: Iterable[NewItem],
        digests: Collection[str],
    ) -> None:
        """Store films of a form that a deletion took away after they were stored."""
        for part, item in zip(files, items, strict=True):
            if item.film is not None and item.film.sha256 in digests:
                self._parts.intake.take(self._tenant, spool.read(part.content))

    def _films(
        self, items: list[NewItem], parameters: Parameters, request_hash: str, restore: Restore
    ) -> Created:
        created = self._parts.repository.jobs.create_with_films(
            self._tenant,
            **self._asked(new_id(), parameters, request_hash),
            items=items,
            restore=restore,
        )
        if not created.replayed:
            self._parts.doorbell.films_wait(created.job.queued)
        return created

    def _said(self, manifest: Manifest | None, files: Iterable[FilePart]) -> Mapping[str, External]:
        """Read what is said of the films of a form."""
        if manifest is None:
            return {}
        most = self._settings.max_film_metadata_bytes
        return read_manifest(manifest, [part.name for part in files], most)

    def _kept_manifest(self, manifest: Manifest | None, kept: list[str]) -> tuple[str, int] | None:
        """Store a manifest for the expander; give its key and bytes."""
        if manifest is None:
            return None
        check_beginning(manifest)
        key = f"{self._tenant}/uploads/{new_id()}"
        kept.append(key)
        watched = self._parts.space.watch(manifest.open())
        self._parts.store.put_stream(key, watched, self._settings.max_body_bytes)
        return key, manifest.size

    @contextmanager
    def _cleaned(self) -> Iterator[list[str]]:
        """Remove the objects that are added to the list when the job is surely not made."""
        kept: list[str] = []
        try:
            yield kept
        except DatabaseUnavailable:
            # A commit whose answer was lost may have happened, or may yet happen: the same request
            # sent again would get that job, so its archive stays. The audit finds what has none.
            for key in kept:
                log.warning("archive_left", object_key=key)
            raise
        except BaseException:
            for key in kept:
                self._delete(key)
            raise

    def _delete(self, object_key: str) -> None:
        try:
            self._parts.store.delete(object_key)
        except StoreUnavailable:
            log.warning("archive_left", object_key=object_key)


def _content(manifest: Manifest | None) -> list[tuple[str, str]]:
    """What a manifest adds to a request's hash."""
    return [] if manifest is None else [("manifest", manifest.sha256)]


def _none(files: Iterable[FilePart]) -> None:
    if any(True for _ in files):
        raise ArchiveNotAlone(
            "A form that says where the films are carries no file but its manifest."
        )


def _only(files: Iterable[FilePart]) -> FilePart:
    first, *others = files
    if others:
        raise ArchiveNotAlone(
            "An archive must be the only file of its request. Send it alone, or send its films."
        )
    return first
