"""Parts of objects in S3: its own multipart uploads, whose parts clients send by signed links."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, BinaryIO

from botocore.exceptions import ClientError

from lungline.errors import ObjectNotFound, UploadIncomplete
from lungline.settings import Settings
from storage.objects.base import CHUNK
from storage.objects.client import ClientOfProcess, error_code, store_errors
from storage.objects.keys import check_key
from storage.objects.parted import Part, Parted, Unfinished, check_md5, wrong_size

_NOT_ARRIVED = frozenset({"InvalidPart", "InvalidPartOrder", "EntityTooSmall"})


class S3Parts:
    """`PartedObjects` in a bucket."""

    def __init__(
        self,
        settings: Settings,
        signer: ClientOfProcess,
        ready: Callable[[], None],
        errors: Callable[[], AbstractContextManager[None]],
    ) -> None:
        """Use the bucket of the settings; nothing is sent yet.

        Args:
            settings: Which bucket.
            signer: A client that signs links.
            ready: Called before something is stored.
            errors: Turns boto3's errors into the store's, absence among them.
        """
        self._bucket = settings.s3_bucket
        self._through_store = settings.upload_parts == "store"
        # AWS wants the checksum of its own kind with all parts of an upload or with none, and
        # nobody can ask it of every client. Each part has its MD5.
        self._client = ClientOfProcess(settings, checksums=False)
        self._signer = signer
        self._ready = ready
        self._errors = errors

    def begin(self, key: str) -> str:
        """See `PartedObjects.begin`."""
        check_key(key)
        self._ready()
        with store_errors(absent=False):
            answer = self._client.get().create_multipart_upload(Bucket=self._bucket, Key=key)
        return str(answer["UploadId"])

    def put(self, whole: Parted, number: int, stream: BinaryIO, md5: bytes | None = None) -> Part:
        """See `PartedObjects.put`; the part is in memory meanwhile."""
        size = whole.size_of(number)
        data = _read(stream, size)
        if len(data) < size:
            raise wrong_size(number, size)
        digest = hashlib.md5(data, usedforsecurity=False).digest()
        check_md5(number, md5, digest)
        with self._errors():
            answer = self._client.get().upload_part(
                **self._where(whole),
                PartNumber=number,
                Body=data,
                ContentMD5=b64encode(digest).decode(),
            )
        return Part(number, size, _plain(answer["ETag"]))

    def link(self, whole: Parted, number: int, seconds: int) -> str | None:
        """See `PartedObjects.link`; the link takes a part of the right size only."""
        size = whole.size_of(number)
        if not self._through_store:
            return None
        part = {**self._where(whole), "PartNumber": number, "ContentLength": size}
        with store_errors():
            return str(
                self._signer.get().generate_presigned_url(
                    "upload_part", Params=part, ExpiresIn=seconds
                )
            )

    def arrived(self, whole: Parted) -> list[Part]:
        """See `PartedObjects.arrived`."""
        with self._errors():
            parts = [
                Part(int(part["PartNumber"]), int(part["Size"]), _plain(part["ETag"]))
                for page in self._pages("list_parts", **self._where(whole))
                for part in page.get("Parts", ())
            ]
        return sorted(parts, key=lambda part: part.number)

    def complete(self, whole: Parted, parts: Sequence[Part]) -> None:
        """See `PartedObjects.complete`."""
        listed = [{"PartNumber": part.number, "ETag": part.etag} for part in parts]
        if whole.missing(parts):
            raise UploadIncomplete("Parts are missing.")
        with self._errors():
            try:
                self._client.get().complete_multipart_upload(
                    **self._where(whole), MultipartUpload={"Parts": listed}
                )
            except ClientError as error:
                if error_code(error) not in _NOT_ARRIVED:
                    raise
                raise UploadIncomplete("The parts are not those that have arrived.") from error

    def abort(self, key: str, token: str | None = None) -> None:
        """See `PartedObjects.abort`."""
        check_key(key)
        begun = [one.token for one in self._begun(key) if one.key == key]
        for each in begun:
            if token in (None, each):
                self._abort(key, each)

    def unfinished(self) -> Iterator[Unfinished]:
        """See `PartedObjects.unfinished`: other programs' in the same bucket are among them."""
        yield from self._begun("")

    def _begun(self, prefix: str) -> Iterator[Unfinished]:
        with store_errors(absent=False):
            for page in self._pages("list_multipart_uploads", Bucket=self._bucket, Prefix=prefix):
                for upload in page.get("Uploads", ()):
                    at = upload["Initiated"].timestamp()
                    yield Unfinished(str(upload["Key"]), str(upload["UploadId"]), at)

    def _abort(self, key: str, token: str) -> None:
        try:
            with self._errors():
                self._client.get().abort_multipart_upload(
                    Bucket=self._bucket, Key=key, UploadId=token
                )
        except ObjectNotFound:  # somebody else was first
            return

    def _pages(self, operation: str, **arguments: Any) -> Iterator[Any]:
        yield from self._client.get().get_paginator(operation).paginate(**arguments)

    def _where(self, whole: Parted) -> dict[str, str]:
        check_key(whole.key)
        return {"Bucket": self._bucket, "Key": whole.key, "UploadId": whole.token}


def _read(stream: BinaryIO, size: int) -> bytearray:
    """Read `size` bytes, or what there is; without a second copy of them."""
    data = bytearray()
    while len(data) < size and (piece := stream.read(min(size - len(data), CHUNK))):
        data += piece
    return data


def _plain(etag: str) -> str:
    return etag.strip('"')
