"""From parts to an object: checked, put together once, and safe to ask for again.

One request at a time works at an upload, under a lease. The object is made before the row says so:
a request that dies in between is repeated, finds the object, and says it.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from contextlib import suppress

from api.parts import Parts
from lungline.errors import (
    ChecksumMismatch,
    DatabaseUnavailable,
    ObjectNotFound,
    UploadBusy,
    UploadIncomplete,
)
from storage.objects import ObjectStore, Part
from storage.uploads import Upload

LEASE_SECONDS = 60.0
_RENEWAL_SECONDS = 10.0
_PIECE = 8 * 1024 * 1024
_MOST_NAMED = 10


def complete(parts: Parts, tenant: str, upload_id: str) -> Upload:
    """Put an upload together, unless it is so already.

    Raises:
        UploadNotFound: There is no such upload.
        UploadBusy: Another request is at it, or the store still is.
        UploadIncomplete: Parts are missing.
        ChecksumMismatch: The whole does not hash to what was announced; the upload is gone.
    """
    uploads = parts.repository.uploads
    upload = uploads.get(tenant, upload_id)
    lease_id = uploads.begin_completing(tenant, upload_id, LEASE_SECONDS)
    if lease_id is None:
        return uploads.get(tenant, upload_id)
    try:
        _assemble(parts.store, upload)
        _check_sha256(parts, upload, lease_id)
    except ChecksumMismatch:
        uploads.delete(tenant, upload_id, lease_id)
        raise
    except BaseException:
        with suppress(DatabaseUnavailable):  # then the lease expires
            uploads.reopen(lease_id)
        raise
    uploads.finish(lease_id, parts.settings.upload_seconds)
    return uploads.get(tenant, upload_id)


def arrived(store: ObjectStore, upload: Upload) -> list[Part]:
    """List what has arrived of an upload that is open.

    Where the parts have become the object, but the row does not say so yet, these are all.
    """
    whole = upload.whole
    try:
        parts = store.parts.arrived(whole)
    except ObjectNotFound:
        parts = []
    if not whole.missing(parts) or not _is_there(store, upload):
        return parts
    return [Part(number, whole.size_of(number), "") for number in range(1, whole.count + 1)]


def _assemble(store: ObjectStore, upload: Upload) -> None:
    missing: Sequence[int] = ()
    try:
        parts = store.parts.arrived(upload.whole)
        missing = upload.whole.missing(parts)
        if not missing:
            store.parts.complete(upload.whole, parts)
    except ObjectNotFound:
        # An earlier request came as far as this, and died before it could say so.
        pass
    # Where it died while it tidied up, some parts are there still.
    if _is_there(store, upload):
        return
    if missing:
        raise UploadIncomplete(_missing(missing))
    # A store that is slow may be putting it together for longer than anybody waits for its answer.
    raise UploadBusy(
        "The store has the parts no longer, and not yet the whole. Try again in a while; if it "
        "stays so for long, the store has lost them: begin a new upload."
    )


def _is_there(store: ObjectStore, upload: Upload) -> bool:
    try:
        return store.size(upload.object_key) == upload.size
    except ObjectNotFound:
        return False


def _check_sha256(parts: Parts, upload: Upload, lease_id: str) -> None:
    """Read the object through, where its hash was announced."""
    if upload.sha256 is None:
        return
    digest, renewed_at = hashlib.sha256(), time.monotonic()
    for start in range(0, upload.size, _PIECE):
        digest.update(parts.store.get_range(upload.object_key, start, _PIECE))
        if time.monotonic() - renewed_at > _RENEWAL_SECONDS:
            renewed_at = time.monotonic()
            if not parts.repository.uploads.renew(lease_id, LEASE_SECONDS):
                raise UploadBusy("Another request is completing the upload.")
    if digest.hexdigest() != upload.sha256:
        raise ChecksumMismatch(
            "The archive does not hash to the SHA-256 that was announced; it is dropped. "
            "Upload it again."
        )


def _missing(numbers: Sequence[int]) -> str:
    named = ", ".join(map(str, numbers[:_MOST_NAMED]))
    more = len(numbers) - _MOST_NAMED
    rest = f" and {more:,} more" if more > 0 else ""
    noun = "Part" if len(numbers) == 1 else "Parts"
    return (
        f"{noun} {named}{rest} of the upload have not arrived whole. Send them, then complete it."
    )
