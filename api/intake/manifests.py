"""What a client says of the films of its request: beside them in a form, or of an archive's."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import BinaryIO, Self

from api.intake.spool import Slice, Spool
from lungline.errors import BadManifest
from storage.external import External
from storage.manifests import ManifestUnreadable, check_manifest, key_of, read_lines

_MOST_HELD = 16 * 1024 * 1024
"""Bytes of a manifest beside films in a form, of which there are few."""
_HEAD = 128 * 1024


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest as it came.

    Attributes:
        size: Bytes.
        sha256: Hexadecimal digest of them.
        open: Opens it from its first byte.
    """

    size: int
    sha256: str
    open: Callable[[], BinaryIO]

    @classmethod
    def spooled(cls, spool: Spool, part: Slice) -> Self:
        """One that lies in a spool, of which nothing else is read meanwhile."""
        return cls(part.size, part.sha256, lambda: spool.open(part))

    @classmethod
    def held(cls, data: bytes) -> Self:
        """One in memory."""
        return cls(len(data), hashlib.sha256(data).hexdigest(), lambda: io.BytesIO(data))


def check_beginning(manifest: Manifest) -> None:
    """Check the beginning of a manifest that an expander will read.

    Raises:
        BadManifest: It is none.
    """
    head = manifest.open().read(min(manifest.size, _HEAD))
    try:
        check_manifest(lambda start, length: head[start : start + length], len(head))
    except ManifestUnreadable as error:
        raise BadManifest(str(error)) from None


def read_manifest(
    manifest: Manifest, names: Collection[str], most_metadata: int
) -> dict[str, External]:
    """Read what is said of films in the same form: few, so every line must be good.

    Args:
        manifest: It.
        names: Of the films.
        most_metadata: Largest metadata of one film, in bytes.

    Returns:
        What is said of each film, by `key_of` its name.

    Raises:
        BadManifest: It is too large; or a line cannot be taken, names no film of the form, or one
            that another line names.
    """
    if manifest.size > _MOST_HELD:
        raise BadManifest(f"The manifest has more than {_MOST_HELD:,} bytes. Send an archive.")
    data = manifest.open().read(manifest.size)
    known, said = {key_of(name) for name in names}, dict[str, External]()
    try:
        for line in read_lines(
            lambda start, length: data[start : start + length], len(data), most_metadata
        ):
            key, where = key_of(line.name), f"Line {line.number:,} of the manifest"
            if line.problem is not None:
                raise BadManifest(line.problem)
            if key not in known:
                raise BadManifest(f"{where} names a film that the form does not carry.")
            if key in said:
                raise BadManifest(f"{where} names a film that an earlier line names.")
            said[key] = line.external
    except ManifestUnreadable as error:
        raise BadManifest(str(error)) from None
    return said
