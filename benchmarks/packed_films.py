"""Archives of films made on the way into an S3 bucket: no file, no more memory than a part."""

from __future__ import annotations

import io
import os
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any, BinaryIO

import boto3
import cv2
import numpy as np

from lungline.settings import Settings
from tests.fixtures.seaweedfs import ACCESS_KEY, SECRET_KEY

READ_AHEAD = 8 << 20
_SIDE = 512


def film() -> bytes:
    """A grey JPEG of about 300 kB."""
    noise = np.random.default_rng(1).integers(0, 256, (_SIDE, _SIDE), np.uint8)
    return bytes(cv2.imencode(".jpg", noise, [cv2.IMWRITE_JPEG_QUALITY, 97])[1])


def write_films(count: int, distinct: int) -> Callable[[BinaryIO], None]:
    """What writes a zip of `count` films, of which `distinct` differ."""
    data = film()
    # Into the picture itself: what lies before it, intake drops.
    place = next(at for at in range(len(data) // 2, len(data)) if 0xFF not in data[at - 1 : at + 9])

    def write(target: BinaryIO) -> None:
        with zipfile.ZipFile(target, "w") as archive:
            for number in range(count):
                mark = b"%08d" % (number % distinct)
                archive.writestr(f"{number:07}.jpg", data[:place] + mark + data[place + 8 :])

    return write


@contextmanager
def bucket(settings: Settings) -> Iterator[Any]:
    """A plain client of boto3 for the bucket of the settings."""
    session = boto3.session.Session(ACCESS_KEY, SECRET_KEY, region_name=settings.s3_region)
    with closing(session.client("s3", endpoint_url=settings.s3_endpoint_url)) as client:
        yield client


def store(settings: Settings, key: str, write: Callable[[BinaryIO], None]) -> int:
    """Put what `write` writes under a key; return its bytes."""
    reading, writing = os.pipe()

    def fill() -> None:
        with os.fdopen(writing, "wb") as target:
            write(target)

    filler = threading.Thread(target=fill)
    filler.start()
    with bucket(settings) as client, os.fdopen(reading, "rb") as source:
        client.upload_fileobj(source, settings.s3_bucket, key)
        filler.join()
        return int(client.head_object(Bucket=settings.s3_bucket, Key=key)["ContentLength"])


def copy_entries(settings: Settings, key: str, prefix: str) -> int:
    """The plain loop: each entry of a stored zip becomes an object; return their number."""
    with bucket(settings) as client:
        stored = _Stored(client, settings.s3_bucket, key)
        with zipfile.ZipFile(io.BufferedReader(stored, READ_AHEAD)) as archive:
            for entry in archive.infolist():
                client.put_object(
                    Bucket=settings.s3_bucket,
                    Key=f"{prefix}/{entry.filename}",
                    Body=archive.read(entry),
                )
            return len(archive.infolist())


class _Stored(io.RawIOBase):
    """An object as a file that can be read anywhere."""

    def __init__(self, client: Any, bucket: str, key: str) -> None:
        self._client, self._where, self._at = client, {"Bucket": bucket, "Key": key}, 0
        self._size = int(client.head_object(**self._where)["ContentLength"])

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = start + offset
        return self._at

    def readinto(self, buffer: Any) -> int:
        end = min(self._at + len(buffer), self._size)
        if self._at >= end:
            return 0
        answer = self._client.get_object(Range=f"bytes={self._at}-{end - 1}", **self._where)
        data = answer["Body"].read()
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)
