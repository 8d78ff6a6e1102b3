"""A prefix in a bucket of S3, read with the service's own credentials."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any
from urllib.parse import quote, unquote

from botocore.exceptions import ClientError

from lungline.errors import FilmRejected, ObjectNotFound, SourceUnavailable, StoreUnavailable
from lungline.settings import Settings
from storage.objects.client import ClientOfProcess, error_code, store_errors
from storage.sources.base import (
    Found,
    SourceUnreadable,
    missing,
    refused,
    too_large,
)

KEYS = 1_000
"""Keys of one answer, as many as S3 gives."""
_DENIED = frozenset({"AccessDenied", "403", "Forbidden", "InvalidAccessKeyId"})
_ARCHIVED = frozenset({"InvalidObjectState"})
"""It lies where reading takes hours, such as Glacier, and nobody has asked for it."""
_NO_BUCKET = frozenset({"NoSuchBucket", "404", "InvalidBucketName"})


class BucketSource:
    """A `Source` in a bucket."""

    def __init__(self, settings: Settings, bucket: str, prefix: str) -> None:
        """Read the objects whose keys begin with `prefix`, which ends with `/` or is empty."""
        self._client = ClientOfProcess(settings)
        self._bucket, self._prefix = bucket, prefix

    def files(self, after: str | None) -> Iterator[Found]:
        """See `Source.files`; by key."""
        last = unquote(after) if after else None
        while True:
            page = self._page(last)
            for entry in page.get("Contents", ()):
                key = str(entry["Key"])
                # A server that ignores where to begin would make us go round for ever.
                if last is None or key.encode() > last.encode():
                    yield Found(key[len(self._prefix) :] or "/", int(entry["Size"]), quote(key))
                    last = key
            if not page.get("IsTruncated"):
                return

    def named(self, name: str) -> Found:
        """See `Source.named`."""
        return Found(name, 0, quote(self._prefix + name, errors="replace"))

    def read(self, file: Found, most: int) -> bytes:
        """See `Source.read`."""
        key = unquote(file.place)
        # Not every server leaves a path as it is: what leads up could lead out of the prefix.
        parts = key.removeprefix(self._prefix).split("/")
        if (
            any(part in ("", ".", "..") or "\0" in part for part in parts)
            or len(key.encode()) > 1_024
        ):
            raise FilmRejected("unsafe_name", "The name leads out of the folder, or is none.")
        try:
            with _errors():
                answer = self._get(key)
                with closing(answer["Body"]) as body:  # as in `storage.objects.s3`
                    if answer["ContentLength"] > most:
                        raise too_large(most)
                    return bytes(body.read())
        except ObjectNotFound:
            raise missing() from None

    def _get(self, key: str) -> Any:
        try:
            return self._client.get().get_object(Bucket=self._bucket, Key=key)
        except ClientError as error:
            if error_code(error) in _DENIED | _ARCHIVED:
                raise refused() from None
            raise

    def _page(self, last: str | None) -> Any:
        where = {"Bucket": self._bucket, "Prefix": self._prefix, "MaxKeys": KEYS}
        if last is not None:
            where["StartAfter"] = last
        with _errors():
            try:
                return self._client.get().list_objects_v2(**where)
            except ClientError as error:
                code = error_code(error)
                if code in _DENIED:
                    raise SourceUnreadable("The service may not list the bucket there.") from None
                if code in _NO_BUCKET:
                    raise SourceUnreadable("There is no such bucket.") from None
                raise


@contextmanager
def _errors() -> Iterator[None]:
    try:
        with store_errors():
            yield
    except StoreUnavailable as error:
        raise SourceUnavailable(error.message) from error
