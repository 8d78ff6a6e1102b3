"""Exports as the client sees them: results of a whole job that the service makes into one file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from lungline.domain import ExportStatus

EXPORT_PAUSE_SECONDS = 1.0
"""Between two questions how far an export is."""
_GOING_ON = (ExportStatus.QUEUED, ExportStatus.RUNNING)


@dataclass(frozen=True, slots=True)
class Export:
    """An export of a job.

    Attributes:
        id: The export's id.
        status: Where it stands.
        items: Items written so far.
        total: Items of the job.
        sha256: Of its bytes, in hexadecimal, once it is made.
        url: Where they are, once they are; for a while.
        reason: Why it failed.
        wire: All that the service said.
    """

    id: str
    status: str
    items: int
    total: int
    sha256: str | None
    url: str | None
    reason: str | None
    wire: Mapping[str, Any]

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> Self:
        """Take what the service said."""
        progress, error = wire["progress"], wire["error"]
        return cls(
            id=str(wire["id"]),
            status=str(wire["status"]),
            items=int(progress["items"]),
            total=int(progress["total"]),
            sha256=wire["sha256"],
            url=wire["url"],
            reason=None if error is None else str(error["reason"]),
            wire=wire,
        )

    @property
    def ended(self) -> bool:
        """Whether it is made, or never will be."""
        return self.status not in _GOING_ON
