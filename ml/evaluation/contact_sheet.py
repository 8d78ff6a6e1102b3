"""A contact sheet: titled pictures in rows."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ml.evaluation.overlays import Picture
from ml.evaluation.themes import DARK, new_figure

_NOTICE = "Research use only, not a diagnosis."
_TILE_INCHES = 2.4
_TITLE_INCHES = 0.42
Titled = tuple[str, Sequence[Picture]]


def write_sheet(title: str, tiles: Sequence[Titled], columns: int, path: Path) -> Path:
    """Lay titled pictures out in rows on dark paper, where films are best seen.

    Args:
        title: Of the sheet.
        tiles: Titles with pictures to stand side by side, all of one height.
        columns: Tiles in a row.
        path: The PNG file.
    """
    wide = len(tiles[0][1])
    columns = min(columns, len(tiles))
    rows = -(-len(tiles) // columns)
    size = (columns * wide * _TILE_INCHES, rows * (_TILE_INCHES + _TITLE_INCHES))
    with new_figure(DARK, *size) as figure:
        grid = figure.subplots(rows, columns, squeeze=False)
        for ax in grid.flat:
            ax.axis("off")
        figure.suptitle(f"{title}\n{_NOTICE}", fontsize=10)
        for ax, (name, pictures) in zip(grid.flat, tiles, strict=False):
            ax.imshow(_side_by_side(pictures))
            ax.set_title(name, fontsize=8.5, fontweight="normal", pad=3)
        figure.savefig(path)
    return path


def _side_by_side(pictures: Sequence[Picture]) -> Picture:
    gap = np.zeros((pictures[0].shape[0], 6, 3), np.uint8)
    parts = [part for picture in pictures for part in (gap, picture)][1:]
    return np.concatenate(parts, axis=1)
