"""How a bundle equalises contrast, as its manifest says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Contrast:
    """How contrast is treated; the names are those of the manifest's `preprocessing`.

    Attributes:
        clahe_clip: Clip limit of the equalisation.
        clahe_tiles: Tiles each way.
    """

    clahe_clip: float = 2.0
    clahe_tiles: int = 4


def contrast_in(manifest: Mapping[str, Any]) -> Contrast:
    """Tell how a bundle treats contrast; one that says nothing, by the usual figures."""
    usual, said = Contrast(), manifest.get("preprocessing", {})
    return Contrast(
        float(said.get("clahe_clip", usual.clahe_clip)),
        int(said.get("clahe_tiles", usual.clahe_tiles)),
    )
