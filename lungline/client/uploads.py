"""Uploads of any size: found again or begun, sent in parts, completed, made a job."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from lungline.client.errors import InputChanged, InputUnusable, ServiceError, ServiceUnreachable
from lungline.client.forms import FormFile
from lungline.client.remembered import Memory, Remembered
from lungline.client.retry import Retry
from lungline.client.sending import PATIENCE_SECONDS, Links, PartSender, Progress
from lungline.client.sources import Source
from lungline.client.transport import Transport

UPLOAD_ABOVE_BYTES = 64_000_000
"""What is larger goes in parts, and can be resumed."""
_ROUNDS = 3
_PAUSE_SECONDS = 1.0
_SENT = frozenset({"completing", "complete", "used"})
_SPENT = frozenset({"upload_used", "upload_not_found"})
"""Answers that say that no job can be made of an upload any more."""


class Uploads:
    """Makes jobs of what is too large for one body."""

    def __init__(
        self,
        transport: Transport,
        remembered: Remembered,
        retry: Retry,
        note: Callable[[str], None],
    ) -> None:
        """Prepare.

        Args:
            transport: Carries the requests.
            remembered: Uploads that were broken off.
            retry: How long to wait before a part is sent again.
            note: Told what people may want to know.
        """
        self._transport = transport
        self._remembered = remembered
        self._retry = retry
        self._note = note

    def submit(
        self,
        source: Source,
        filename: str,
        options: Mapping[str, str | int | None],
        sent: Callable[[int], None],
        manifest: FormFile | None = None,
    ) -> Any:
        """Make a job of `source`; go on where an earlier command was broken off.

        Args:
            source: What to send.
            filename: For people.
            options: Of the job.
            sent: Told how many bytes have been sent, those of earlier commands among them.
            manifest: What is said of its entries.

        Returns:
            The job as the service tells it.

        Raises:
            InputUnusable: Source or manifest cannot be read now; the next command goes on.
            InputChanged: The source changed meanwhile; the next command begins anew.
        """
        url, identity = self._transport.url, source.identity()
        memory = self._remembered.recall(url, identity)
        upload = None if memory is None else self._known(memory)
        if memory is not None and upload is None:
            job = self._made(memory, options, manifest)
            if job is not None:
                self._remembered.forget(url, identity)
                sent(source.size)
                return job
        if memory is None or upload is None:
            upload = self._begin(source, filename)
            memory = self._remembered.keep(url, identity, str(upload["id"]))
        elif upload["status"] not in _SENT:
            arrived = _arrived(upload)
            self._note(
                f"Going on with an earlier upload: {len(arrived):,} of "
                f"{upload['part_count']:,} parts have arrived"
            )
        try:
            self._send(source, upload, sent)
            if source.identity() != identity:
                raise InputChanged(f"{filename}: changed while it was sent; nothing was submitted")
            job = self._job(memory, options, manifest)
        except ServiceError as error:
            if error.code in _SPENT | {"archive_unreadable"}:
                self._remembered.forget(url, identity)  # the next command begins anew
            raise
        except InputChanged:
            self._remembered.forget(url, identity)
            raise
        self._remembered.forget(url, identity)
        return job

    def _known(self, memory: Memory) -> Mapping[str, Any] | None:
        """Ask for a remembered upload; None when a job has it, or it has gone."""
        try:
            upload = dict(self._transport.get(_path(memory.upload_id)))
        except ServiceError as error:
            if error.code == "upload_not_found":
                return None
            raise
        return None if upload["status"] == "used" else upload

    def _made(
        self,
        memory: Memory,
        options: Mapping[str, str | int | None],
        manifest: FormFile | None,
    ) -> Any | None:
        """Ask for the job that an earlier command made without learning of it; None: it made none.

        The service answers a repeated request with its job, whatever has become of the upload.
        """
        try:
            job = self._job(memory, options, manifest)
        except ServiceError as error:
            if error.code in _SPENT:
                return None
            raise
        self._note("An earlier command has made the job; nothing is sent again")
        return job

    def _begin(self, source: Source, filename: str) -> Mapping[str, Any]:
        document = {"filename": filename, "size": source.size}
        upload = dict(self._transport.post_json("/v1/uploads", document))
        _path(str(upload["id"]))  # or each further command would fail on it
        return upload

    def _send(self, source: Source, upload: Mapping[str, Any], sent: Callable[[int], None]) -> None:
        """Send what is missing and complete the upload."""
        path = _path(str(upload["id"]))
        for left in reversed(range(_ROUNDS)):
            if upload["status"] not in _SENT:
                self._send_missing(source, upload, path, sent)
            try:
                self._complete(path)
            except ServiceError as error:
                # A part that the store does not have after all is sent again.
                if error.code != "upload_incomplete" or not left:
                    raise
                upload = self._transport.get(path)
            else:
                sent(source.size)
                return

    def _send_missing(
        self,
        source: Source,
        upload: Mapping[str, Any],
        path: str,
        sent: Callable[[int], None],
    ) -> None:
        part_size, count = int(upload["part_size"]), int(upload["part_count"])
        arrived = _arrived(upload)
        missing = {
            number
            for number in range(1, count + 1)
            if arrived.get(number) != min(part_size, source.size - (number - 1) * part_size)
        }
        bytes_there = sum(size for number, size in arrived.items() if number not in missing)
        links = Links(self._transport, f"{path}/links", upload.get("part_links"))
        sender = PartSender(self._transport, links, Progress(bytes_there, sent), self._retry)
        sender.send(source, part_size, missing)

    def _complete(self, path: str) -> None:
        """Complete an upload; one that takes longer than an answer is asked after."""
        give_up = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                self._transport.post(f"{path}/complete")
            except (ServiceUnreachable, ServiceError) as error:
                if isinstance(error, ServiceError) and not (
                    error.temporary or error.code == "upload_busy"
                ):
                    raise
                status = self._status(path)
                if status == "completing":
                    give_up = time.monotonic() + PATIENCE_SECONDS
                elif time.monotonic() > give_up:
                    raise
                if status in {"complete", "used"}:
                    return
                time.sleep(_PAUSE_SECONDS)
            else:
                return

    def _status(self, path: str) -> str:
        """Where an upload stands; empty when that is not to be had now."""
        try:
            return str(self._transport.get(path)["status"])
        except ServiceUnreachable:
            return ""
        except ServiceError as error:
            if not error.temporary:
                raise
            return ""

    def _job(
        self,
        memory: Memory,
        options: Mapping[str, str | int | None],
        manifest: FormFile | None,
    ) -> Any:
        given = {name: value for name, value in options.items() if value is not None}
        # Other options make another request, and so need another key; so does another manifest.
        told: list[Any] = [memory.secret, sorted(given.items())]
        if manifest is not None:
            told.append(_digest(manifest))
        key = hashlib.sha256(json.dumps(told).encode()).hexdigest()
        headers = {"Idempotency-Key": key}
        if manifest is not None:
            fields = {**given, "upload": memory.upload_id}
            return self._transport.post_form("/v1/jobs", fields, [manifest], headers)
        document: dict[str, Any] = {"upload": memory.upload_id, **given}
        if "metadata" in document:  # a text where it is part of an address
            document["metadata"] = json.loads(document["metadata"])
        return self._transport.post_json("/v1/jobs", document, headers)


def _digest(manifest: FormFile) -> str:
    digest = hashlib.sha256()
    for piece in manifest.body():
        digest.update(piece)
    return digest.hexdigest()


def _arrived(upload: Mapping[str, Any]) -> dict[int, int]:
    return {int(part["number"]): int(part["size"]) for part in upload.get("parts", ())}


def _path(upload_id: str) -> str:
    if not upload_id.isalnum():  # it becomes part of an address
        raise InputUnusable("the service gave an upload an id that is none")
    return f"/v1/uploads/{upload_id}"
