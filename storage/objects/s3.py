"""Objects in a bucket of S3, or of a server that speaks its protocol."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from typing import Any, BinaryIO

from botocore.exceptions import (
    ClientError,
    FlexibleChecksumError,
    IncompleteReadError,
    ResponseStreamingError,
)

from lungline.errors import ObjectNotFound
from lungline.settings import Settings
from storage.objects.base import LimitedReader, Listed, StoredStream
from storage.objects.client import ClientOfProcess, error_code, store_errors
from storage.objects.keys import check_key, check_range
from storage.objects.marker import NAME, WORDS, Known, Marker, nothing_known
from storage.objects.multipart import PartedUpload, part_size
from storage.objects.parallel import for_all
from storage.objects.parted import PartedObjects
from storage.objects.s3_parts import S3Parts

_UPLOADS = 8
_BROKEN_OFF = (FlexibleChecksumError, IncompleteReadError, ResponseStreamingError)


class S3Store:
    """An `ObjectStore` in a bucket, which has to exist."""

    def __init__(self, settings: Settings, known: Known = nothing_known) -> None:
        """Use the bucket that the settings name; nothing is sent yet.

        Args:
            settings: Which bucket.
            known: What should be in it, asked where it has no marker.
        """
        self._bucket = settings.s3_bucket
        self._client = ClientOfProcess(settings)
        self._through_store = settings.upload_parts == "store"
        self._signer = ClientOfProcess(
            settings, endpoint=settings.s3_public_endpoint_url, checksums=False
        )
        self._marker = Marker(self._is_marked, self._mark, self._has, known)
        self._marked = False
        self.parts: PartedObjects = S3Parts(settings, self._signer, self._ready, self._errors)

    def put(self, key: str, data: bytes) -> None:
        """See `ObjectStore.put`."""
        where = self._where(key)
        self._ready()
        with store_errors(absent=False):
            self._client.get().put_object(**where, Body=data)

    def put_many(self, objects: Mapping[str, bytes]) -> None:
        """See `ObjectStore.put_many`."""
        for key in objects:
            check_key(key)
        if objects:
            self._ready()
        for_all(self.put, list(objects.items()), _UPLOADS)

    def put_stream(self, key: str, stream: BinaryIO, limit: int) -> StoredStream:
        """See `ObjectStore.put_stream`."""
        check_key(key)
        self._ready()
        upload = PartedUpload(self._client.get(), self._bucket, key)
        return upload.send(LimitedReader(stream, limit), part_size(limit))

    def get(self, key: str) -> bytes:
        """See `ObjectStore.get`."""
        where = self._where(key)
        return self._twice(lambda client: _body(client.get_object(**where)))

    def get_range(self, key: str, start: int, length: int) -> bytes:
        """See `ObjectStore.get_range`."""
        check_range(start, length)
        where = self._where(key)
        # S3 has no empty range, so an empty one asks for a byte that is then dropped.
        wanted = f"bytes={start}-{start + max(length, 1) - 1}"
        return self._twice(lambda client: _range(client, where, wanted))[:length]

    def size(self, key: str) -> int:
        """See `ObjectStore.size`."""
        where = self._where(key)
        with self._errors():
            return int(self._client.get().head_object(**where)["ContentLength"])

    def exists(self, key: str) -> bool:
        """See `ObjectStore.exists`."""
        try:
            self.size(key)
        except ObjectNotFound:
            return False
        return True

    def delete(self, key: str) -> None:
        """See `ObjectStore.delete`."""
        where = self._where(key)
        with suppress(ObjectNotFound), self._errors():  # not every server calls it done
            self._client.get().delete_object(**where)

    def discard(self, key: str) -> None:
        """See `ObjectStore.discard`."""
        self.parts.abort(key)
        self.delete(key)

    def link(self, key: str, seconds: int, filename: str, media_type: str) -> str | None:
        """See `ObjectStore.link`."""
        if not self._through_store:
            return None
        wanted = {
            **self._where(key),
            "ResponseContentDisposition": f'attachment; filename="{filename}"',
            "ResponseContentType": media_type,
            "ResponseCacheControl": "no-store",
        }
        with store_errors():
            signer = self._signer.get()
            link = signer.generate_presigned_url("get_object", Params=wanted, ExpiresIn=seconds)
        return str(link)

    def keys(self, prefix: str) -> Iterator[str]:
        """See `ObjectStore.keys`."""
        yield from (listed.key for listed in self.listing(prefix))

    def listing(self, prefix: str) -> Iterator[Listed]:
        """See `ObjectStore.listing`."""
        pages = self._client.get().get_paginator("list_objects_v2")
        self._marker.check()
        with store_errors(absent=False):
            for page in pages.paginate(Bucket=self._bucket, Prefix=prefix):
                for entry in page.get("Contents", ()):
                    if entry["Key"] == NAME:
                        continue
                    at = entry["LastModified"].timestamp()
                    yield Listed(str(entry["Key"]), int(entry["Size"]), at)

    def check(self) -> None:
        """See `ObjectStore.check`."""
        with store_errors(absent=False):
            self._client.get().head_bucket(Bucket=self._bucket)
        self._marker.check()

    def _where(self, key: str) -> dict[str, str]:
        check_key(key)
        return {"Bucket": self._bucket, "Key": key}

    def _ready(self) -> None:
        """Look for the marker once a process: a store that is away fails what is put there."""
        if not self._marked:
            self._marker.ready()
            self._marked = True

    def _is_marked(self) -> bool:
        try:
            with store_errors():
                # Read, not only looked at: the answer to a HEAD does not say what is wrong.
                _body(self._client.get().get_object(Bucket=self._bucket, Key=NAME))
        except ObjectNotFound:
            return False
        return True

    def _mark(self) -> None:
        with store_errors(absent=False):
            self._client.get().put_object(Bucket=self._bucket, Key=NAME, Body=WORDS)

    def _has(self, key: str) -> bool:
        try:
            with store_errors():
                self._client.get().head_object(Bucket=self._bucket, Key=key)
        except ObjectNotFound:
            return False
        return True

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            with store_errors():
                yield
        except ObjectNotFound:
            self._marker.check()
            raise

    def _twice(self, read: Callable[[Any], bytes]) -> bytes:
        """Read again when an answer breaks off: boto3's own retries end where the body begins."""
        with self._errors():
            client = self._client.get()
            try:
                return read(client)
            except _BROKEN_OFF:
                return read(client)


def _body(answer: Any) -> bytes:
    # Not `with answer["Body"]`, which gives what is below the checks of length and checksum.
    with closing(answer["Body"]) as body:
        return bytes(body.read())


def _range(client: Any, where: Mapping[str, str], wanted: str) -> bytes:
    try:
        return _body(client.get_object(**where, Range=wanted))
    except ClientError as error:
        # The range begins behind the end.
        if error_code(error) in ("InvalidRange", "416"):
            return b""
        raise
