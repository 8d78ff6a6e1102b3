"""Objects that come in parts: in any order, several at a time, each as often as need be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from lungline.errors import ChecksumMismatch, WrongSize

MOST_PARTS = 10_000
"""https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html"""
LEAST_PART_BYTES = 5 * 1024 * 1024
"""Of any part but the last, by the same page."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part that has arrived.

    Attributes:
        number: From 1.
        size: Bytes.
        etag: What the store calls its content; the MD5 of it in hexadecimal, on most.
    """

    number: int
    size: int
    etag: str


@dataclass(frozen=True, slots=True)
class Parted:
    """An object that comes in parts.

    Attributes:
        key: Where it will be.
        token: What `PartedObjects.begin` returned.
        size: Bytes of the whole, 1 or more.
        part_size: Bytes of each part but the last.
    """

    key: str
    token: str
    size: int
    part_size: int

    @property
    def count(self) -> int:
        """Number of parts."""
        return -(-self.size // self.part_size)

    def offset(self, number: int) -> int:
        """Where a part begins."""
        return (number - 1) * self.part_size

    def size_of(self, number: int) -> int:
        """Bytes of a part.

        Raises:
            ValueError: There is no part of this number.
        """
        if not 1 <= number <= self.count:
            raise ValueError(f"parts are numbered from 1 to {self.count}, not {number}")
        return min(self.part_size, self.size - self.offset(number))

    def missing(self, parts: Sequence[Part]) -> list[int]:
        """The numbers of those parts that have not arrived, or not in their size."""
        arrived = {part.number for part in parts if self._fits(part)}
        return [number for number in range(1, self.count + 1) if number not in arrived]

    def _fits(self, part: Part) -> bool:
        return 1 <= part.number <= self.count and part.size == self.size_of(part.number)


@dataclass(frozen=True, slots=True)
class Unfinished:
    """An object whose parts are there, or may come, and that is not complete.

    Attributes:
        key: Where it would be.
        token: What `PartedObjects.begin` returned, or another name of the store's own.
        begun_at: In seconds since the epoch, by the store's clock.
    """

    key: str
    token: str
    begun_at: float


class PartedObjects(Protocol):
    """The part of an `ObjectStore` that takes objects in parts.

    Nothing can be seen under the key before `complete`; then all of it can, at once. Like every
    method of the store these raise `StoreUnavailable`, and those that get a `Parted` raise
    `ObjectNotFound` when it was completed or aborted before.
    """

    def begin(self, key: str) -> str:
        """Prepare to take an object; returns the token for its `Parted`."""
        ...

    def put(self, whole: Parted, number: int, stream: BinaryIO, md5: bytes | None = None) -> Part:
        """Take a part, in place of an earlier one; once this has returned it survives a crash.

        Args:
            whole: The object.
            number: Which part.
            stream: Just the bytes of the part are read; what it raises passes through.
            md5: What the bytes should hash to; None: unknown.

        Raises:
            WrongSize: The stream ended before the part did.
            ChecksumMismatch: They hash to something else.
            UploadBusy: The same part is being taken, or the object is being completed.
            ValueError: There is no part of this number.
        """
        ...

    def link(self, whole: Parted, number: int, seconds: int) -> str | None:
        """An address to which a client may PUT the part itself, without any other right.

        Returns:
            None when the store is not to be reached by clients: then the API takes the part.
        """
        ...

    def arrived(self, whole: Parted) -> list[Part]:
        """List the parts that have arrived, by number."""
        ...

    def complete(self, whole: Parted, parts: Sequence[Part]) -> None:
        """Make the object of its parts.

        Args:
            whole: The object.
            parts: All of them, as `arrived` listed them.

        Raises:
            UploadIncomplete: They are not what has arrived.
            UploadBusy: A part is being taken.
        """
        ...

    def abort(self, key: str, token: str | None = None) -> None:
        """Drop the parts under a key, of one token or of all; a completed object stays.

        Nothing happens where there is none.
        """
        ...

    def unfinished(self) -> Iterator[Unfinished]:
        """Yield what was begun, by whatever part of the service, and neither completed nor aborted.

        In no order, a page at a time.
        """
        ...


def wrong_size(number: int, size: int) -> WrongSize:
    """The error of a part that ended too early."""
    return WrongSize(f"Part {number} has {size:,} bytes; what came has fewer. Send it again.")


def check_md5(number: int, expected: bytes | None, actual: bytes) -> None:
    """Compare what was sent with what came.

    Raises:
        ChecksumMismatch: They differ.
    """
    if expected is not None and expected != actual:
        raise ChecksumMismatch(f"Part {number} changed on its way. Send it again.")
