"""What the page shows of model bundles: their manifests' figures and their cards."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt

from lungline.bundles import MANIFEST, find_bundle, list_bundles
from lungline.errors import BundleNotFound

CARD = "MODEL_CARD.md"


@dataclass(frozen=True, slots=True)
class Label:
    """A label of a bundle's label set, with its figures on the test films.

    Attributes:
        name: As findings carry it.
        snomed_ct: Its code; None: it has none.
        threshold: The operating threshold, 0 to 1; None: unknown.
        figures: From the manifest: `films`, `sensitivity`, `specificity`, `auc` and so on.
    """

    name: str
    snomed_ct: str | None
    threshold: float | None
    figures: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Card:
    """A bundle as people see it.

    Attributes:
        key: `name@version`.
        active: Whether jobs that name no bundle get this one.
        labels: The label set, in its order.
        test: The manifest's figures on the test films.
        card: The model card as HTML; empty where there is none.
    """

    key: str
    active: bool
    labels: tuple[Label, ...]
    test: dict[str, Any]
    card: str


def read_cards(root: Path, wanted: str) -> list[Card]:
    """Read all bundles below `root`, the active one first, then the newest.

    Args:
        root: Folder of the bundles.
        wanted: The setting that names the active one.
    """
    try:
        active = find_bundle(root, wanted).key
    except BundleNotFound:
        active = ""
    cards = [_read(ref.path, ref.key, active) for ref in list_bundles(root)]
    return sorted(reversed(cards), key=lambda card: not card.active)


def _read(path: Path, key: str, active: str) -> Card:
    manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
    test = manifest.get("metrics", {}).get("test", {})
    thresholds, by_label = manifest.get("thresholds", {}), test.get("by_label", {})
    labels = (
        Label(
            name=str(label["name"]),
            snomed_ct=label.get("snomed_ct"),
            threshold=thresholds.get(label["name"]),
            figures=by_label.get(label["name"], {}),
        )
        for label in manifest["labels"]
    )
    return Card(key, key == active, tuple(labels), test, _card(path / CARD))


def _card(path: Path) -> str:
    """A card as HTML, without what HTML it may hold itself, and without its title."""
    if not path.is_file():
        return ""
    lines = path.read_text(encoding="utf-8").splitlines()
    body = "\n".join(line for line in lines if not line.startswith("# "))
    # Headings of the card stand below one of the page.
    parser = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    tokens = parser.parse(body)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1]) + 1)}"
    return str(parser.renderer.render(tokens, parser.options, {}))
