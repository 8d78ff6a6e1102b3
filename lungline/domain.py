"""The words of the service: statuses, priorities, ids, in the terms of the glossary."""

from __future__ import annotations

import os
import time
from enum import IntEnum, StrEnum

DEFAULT_TENANT = "default"


class ItemStatus(StrEnum):
    """Where one film of a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def terminal(self) -> bool:
        """Whether no worker will touch the item again unless a client retries it."""
        return self in TERMINAL_ITEM_STATUSES


class JobStatus(StrEnum):
    """Where one request of a client stands."""

    RECEIVING = "receiving"
    EXPANDING = "expanding"
    RUNNING = "running"
    CANCELLING = "cancelling"
    SUCCEEDED = "succeeded"
    COMPLETED_WITH_ERRORS = "completed_with_errors"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"

    @property
    def terminal(self) -> bool:
        """Whether the job has ended: every film has its last status."""
        return self in TERMINAL_JOB_STATUSES


class UploadStatus(StrEnum):
    """Where an archive that comes in parts stands."""

    OPEN = "open"  # takes parts
    COMPLETING = "completing"  # a request puts its parts together
    COMPLETE = "complete"  # an object that waits for its job
    USED = "used"  # the object is a job's
    DELETING = "deleting"  # gone for its tenant; the sweep removes what is left


class ExportStatus(StrEnum):
    """Where results that are made in the background stand."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    DELETING = "deleting"  # gone for its tenant; the sweep removes what is left


class ExportFormat(StrEnum):
    """How the results of a whole job are written into one file."""

    CSV = "csv"
    NDJSON = "ndjson"
    PARQUET = "parquet"
    MASKS = "masks"
    OVERLAYS = "overlays"
    HEATMAPS = "heatmaps"

    @property
    def pictures(self) -> bool:
        """Whether it is a zip of pictures."""
        return self in PICTURE_FORMATS

    @property
    def extension(self) -> str:
        """How the name of such a file ends, with its dot."""
        return f".{self}.zip" if self.pictures else f".{self}"


PICTURE_FORMATS = frozenset({ExportFormat.MASKS, ExportFormat.OVERLAYS, ExportFormat.HEATMAPS})
TERMINAL_ITEM_STATUSES = frozenset({ItemStatus.SUCCEEDED, ItemStatus.FAILED, ItemStatus.CANCELLED})
TERMINAL_JOB_STATUSES = frozenset(
    {
        JobStatus.SUCCEEDED,
        JobStatus.COMPLETED_WITH_ERRORS,
        JobStatus.FAILED,
        JobStatus.CANCELLED,
        JobStatus.EXPIRED,
    }
)


class BundleStatus(StrEnum):
    """Where an added model bundle stands."""

    ADDING = "adding"
    READY = "ready"
    REMOVING = "removing"
    REMOVED = "removed"
    """Its files are gone; its name and version stay taken."""


class Scope(StrEnum):
    """What an API key may do with its tenant's data; `admin` and `monitor` see all tenants."""

    READ = "read"
    SUBMIT = "submit"
    """Send films, and change or delete jobs."""
    ADMIN = "admin"
    """Keys, and whatever else concerns the whole service."""
    MONITOR = "monitor"
    """Scrape `/metrics`."""


class Priority(IntEnum):
    """Which jobs a claim looks at first; lower is sooner."""

    INTERACTIVE = 0
    NORMAL = 10
    BULK = 20


class EntryOutcome(StrEnum):
    """What became of one entry of an archive."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    """A film that an earlier entry of the archive holds too; it has an item of its own."""
    IGNORED = "ignored"
    """A folder, or a file that nobody means as a film; it has no item."""
    REJECTED = "rejected"
    """Its item is born failed, and says why."""


class DeliveryStatus(StrEnum):
    """Where a webhook's message stands."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    """Given up: a day is over, or the receiver said that it wants none ever again."""


class FilmFormat(StrEnum):
    """The picture formats that intake takes."""

    JPEG = "jpeg"
    PNG = "png"
    DICOM = "dicom"


def first_id(milliseconds: int) -> str:
    """Give the least id that `new_id` can make at a time, in milliseconds since the epoch."""
    return f"{(milliseconds & (1 << 48) - 1) << 80:032x}"


def new_id() -> str:
    """Make a UUID version 7 as 32 hexadecimal digits.

    The first 48 bits are the time in milliseconds, so that ids sort by birth and an index
    grows at its end (RFC 9562, section 5.7).
    """
    milliseconds = time.time_ns() // 1_000_000
    random_bits = int.from_bytes(os.urandom(10), "big")
    value = (milliseconds & (1 << 48) - 1) << 80 | random_bits
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return f"{value:032x}"
