"""Bodies of parts, and of whole archives, on their way into the object store."""

from __future__ import annotations

import binascii
from base64 import b64decode
from typing import BinaryIO, cast

from flask import Request

from api.intake.body import CHUNK, Body
from lungline.domain import UploadStatus
from lungline.errors import InvalidParameter, LunglineError, TooLarge, UploadClosed, WrongSize
from storage.objects import ObjectStore, Part
from storage.space import Space
from storage.uploads import Upload

_MD5_BYTES = 16


class _Exactly:
    """Gives out a body of a known size; its last bytes only once it is sure that no more follow."""

    def __init__(self, body: Body, size: int) -> None:
        self._body = body
        self._size = self._left = size

    def read(self, size: int = -1) -> bytes:
        """Read some bytes; none at the end.

        Raises:
            TooLarge: More bytes follow than there should be.
        """
        wanted = min(size if size >= 0 else CHUNK, self._left, CHUNK)
        data = self._body.read(wanted) or b"" if wanted else b""
        self._left -= len(data)
        if data and not self._left and self._body.read(1):
            raise _too_large(self._size)
        return data


def take_part(
    store: ObjectStore, space: Space, upload: Upload, number: int, request: Request
) -> Part:
    """Store a part that is the body of a request.

    Raises:
        InvalidParameter: There is no part of this number, or `Content-MD5` is none.
        UploadClosed: The upload takes no parts any more.
        TooLarge: The body is larger than the part.
        WrongSize: It is smaller.
        ChecksumMismatch: It does not hash to what `Content-MD5` says.
        StorageFull: There is no room for more of it.
    """
    check_open(upload)
    if not 1 <= number <= upload.whole.count:
        raise InvalidParameter(f"The upload's parts are numbered from 1 to {upload.whole.count}.")
    md5 = _content_md5(request.headers.get("Content-MD5"))
    with _Receiving(request, upload.whole.size_of(number), space) as stream:
        return store.parts.put(upload.whole, number, stream, md5)


def take_whole(store: ObjectStore, space: Space, upload: Upload, request: Request) -> None:
    """Store a body that is the whole archive, part by part.

    What has arrived when it breaks off stays, so that the rest can be sent in parts.

    Raises:
        UploadClosed: The upload takes no parts any more.
        TooLarge: The body is larger than the archive.
        WrongSize: It is smaller.
        StorageFull: There is no room for more of it.
    """
    check_open(upload)
    with _Receiving(request, upload.size, space) as stream:
        for number in range(1, upload.whole.count + 1):
            store.parts.put(upload.whole, number, stream)


def check_open(upload: Upload) -> None:
    """Refuse parts of an upload that has all of them.

    Raises:
        UploadClosed: It takes no parts any more.
    """
    if upload.status is not UploadStatus.OPEN:
        raise UploadClosed(f"The upload is {upload.status}; it takes no parts any more.")


class _Receiving:
    """A request's body of `size` bytes, drained when it is refused in the middle of sending."""

    def __init__(self, request: Request, size: int, space: Space) -> None:
        declared = request.content_length
        self._body = Body(
            cast(BinaryIO, request.stream), declared, max(size, declared or 0) + CHUNK
        )
        self._size = size
        self._declared = declared
        self._space = space

    def __enter__(self) -> BinaryIO:
        try:
            if self._declared is not None and self._declared > self._size:
                raise _too_large(self._size)
            if self._declared is not None and self._declared < self._size:
                raise WrongSize(
                    f"{self._size:,} bytes belong here; the request announces {self._declared:,}."
                )
        except LunglineError:
            self._body.discard()
            raise
        return self._space.watch(cast(BinaryIO, _Exactly(self._body, self._size)))

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, LunglineError):
            self._body.discard()


def _too_large(size: int) -> TooLarge:
    return TooLarge(f"{size:,} bytes belong here; the body has more.")


def _content_md5(header: str | None) -> bytes | None:
    if header is None:
        return None
    try:
        digest = b64decode(header, validate=True)
    except binascii.Error:
        digest = b""
    if len(digest) != _MD5_BYTES:
        raise InvalidParameter("Content-MD5 must be 16 bytes as Base64 (RFC 1864).")
    return digest
