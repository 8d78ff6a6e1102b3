"""Pictures of many items as files, drawn one after the other."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator

from lungline.domain import ExportFormat
from lungline.errors import (
    FilmDropped,
    FilmRejected,
    PictureFailed,
    PictureNotReady,
    PicturesBusy,
)
from storage.items import Item

MISSING = "missing.csv"
PICTURE_OF = {
    ExportFormat.MASKS: "mask",
    ExportFormat.OVERLAYS: "overlay",
    ExportFormat.HEATMAPS: "heatmap",
}
"""Which picture an export holds."""
_NONE = (PictureNotReady, FilmDropped, FilmRejected, PictureFailed, PicturesBusy)
PICTURE_SIDE = 1024
"""Pixels of the longest side, where nobody says."""


def picture_files(
    items: Iterable[Item], draw: Callable[[Item], bytes]
) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of a picture an item, and last a list of those that have none.

    Names are made of the item's place and id: what clients call their films is no safe file name.

    Args:
        items: In their order.
        draw: Draws the picture; the errors of `_NONE` say why there is none.

    Raises:
        StoreUnavailable: The object store failed.
    """
    listed = io.BytesIO()  # a quarter of what it would take as text
    text = io.TextIOWrapper(listed, "utf-8", newline="", write_through=True)
    missing = csv.writer(text)
    missing.writerow(["seq", "item_id", "code", "reason"])
    for item in items:
        try:
            yield f"{item.seq:07}-{item.id}.png", draw(item)
        except _NONE as error:
            missing.writerow([item.seq, item.id, error.code, error.message])
    yield MISSING, listed.getvalue()
