"""A stream into S3 in parts, of which one at a time is in memory."""

from __future__ import annotations

import hashlib
from typing import Any

from lungline.errors import LunglineError
from lungline.telemetry import get_logger
from storage.objects.base import LimitedReader, StoredStream
from storage.objects.client import store_errors
from storage.objects.parted import MOST_PARTS

_PART = 8 * 1024 * 1024

_log = get_logger(__name__)


def part_size(limit: int) -> int:
    """Bytes of a part such that a stream of `limit` bytes needs no more parts than S3 allows."""
    return max(_PART, -(-limit // MOST_PARTS))


class PartedUpload:
    """One upload of a stream to `key`; nothing of it can be seen before it is complete."""

    def __init__(self, client: Any, bucket: str, key: str) -> None:
        """Prepare; nothing is sent."""
        self._client = client
        self._where = {"Bucket": bucket, "Key": key}
        self._digest = hashlib.sha256()
        self._size = 0

    def send(self, reader: LimitedReader, size: int) -> StoredStream:
        """Send the stream in parts of `size` bytes; a stream of one part is sent at once.

        Raises:
            TooLarge: The stream is longer than the reader's limit.
            StoreUnavailable: The store failed.
        """
        first = self._read(reader, size)
        if len(first) < size:
            with store_errors(absent=False):
                self._client.put_object(**self._where, Body=first)
        else:
            self._send_parts(first, reader, size)
        return StoredStream(self._size, self._digest.hexdigest())

    def _send_parts(self, part: bytes, reader: LimitedReader, size: int) -> None:
        with store_errors(absent=False):
            answer = self._client.create_multipart_upload(**self._where, ChecksumAlgorithm="CRC32")
        upload = {**self._where, "UploadId": answer["UploadId"]}
        try:
            parts: list[dict[str, Any]] = []
            while part:
                parts.append(self._send_part(upload, len(parts) + 1, part))
                part = self._read(reader, size)
            with store_errors():
                self._client.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
        except BaseException:
            self._abort(upload)
            raise

    def _send_part(self, upload: dict[str, Any], number: int, part: bytes) -> dict[str, Any]:
        with store_errors():
            answer = self._client.upload_part(
                **upload, PartNumber=number, Body=part, ChecksumAlgorithm="CRC32"
            )
        sent = {"PartNumber": number, "ETag": answer["ETag"]}
        # Not every server echoes the checksum; AWS wants it back where it did.
        return sent | {name: answer[name] for name in ("ChecksumCRC32",) if name in answer}

    def _abort(self, upload: dict[str, Any]) -> None:
        """Drop the parts sent. Where that fails too, a lifecycle rule of the bucket has to."""
        try:
            with store_errors():
                self._client.abort_multipart_upload(**upload)
        except LunglineError as error:
            _log.warning("upload_not_aborted", reason=error.message)

    def _read(self, reader: LimitedReader, size: int) -> bytes:
        part = reader.read(size)
        self._digest.update(part)
        self._size += len(part)
        return part
