"""What the page shows of model bundles: their manifests' figures and their cards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from markdown_it import MarkdownIt

from lungline.errors import BundleNotFound
from storage.bundles import Bundles, ServedBundle


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
        default: Whether jobs that name no bundle get this one.
        active: Whether its name alone means this version.
        added: Whether it was added while the service ran; else it came with it.
        labels: The label set, in its order.
        test: The manifest's figures on the test films.
        card: The model card as HTML; empty where there is none.
    """

    key: str
    default: bool
    active: bool
    added: bool
    labels: tuple[Label, ...]
    test: dict[str, Any]
    card: str


def read_cards(bundles: Bundles) -> list[Card]:
    """Read all bundles that jobs can name: the default first, then by name, the newest first."""
    return sorted(_read_all(bundles), key=lambda card: not card.default)


def _read_all(bundles: Bundles) -> Iterator[Card]:
    for bundle in reversed(bundles.served()):
        try:
            manifest, card = bundles.told(bundle)
        except BundleNotFound:  # it was removed meanwhile
            continue
        yield _read(bundle, manifest, card)


def _read(bundle: ServedBundle, manifest: Mapping[str, Any], card: str) -> Card:
    test = _mapping(_mapping(manifest.get("metrics")).get("test"))
    thresholds, by_label = _mapping(manifest.get("thresholds")), _mapping(test.get("by_label"))
    labels = (
        Label(
            name=str(label["name"]),
            snomed_ct=label.get("snomed_ct"),
            threshold=thresholds.get(label["name"]),
            figures=_mapping(by_label.get(label["name"])),
        )
        for label in manifest["labels"]
    )
    added = bundle.path is None
    return Card(
        bundle.key, bundle.default, bundle.active, added, tuple(labels), _figures(test), _card(card)
    )


def _mapping(value: Any) -> dict[str, Any]:
    """A part of a manifest; its figures may come from anybody's evaluation, in any shape."""
    return dict(value) if isinstance(value, Mapping) else {}


def _figures(test: dict[str, Any]) -> dict[str, Any]:
    parts = {name: _mapping(value) for name, value in test.items() if isinstance(value, Mapping)}
    plain = {name: value for name, value in test.items() if isinstance(value, int | float)}
    return plain | parts


def _card(text: str) -> str:
    """A card as HTML, without what HTML it may hold itself, and without its title."""
    lines = text.splitlines()
    body = "\n".join(line for line in lines if not line.startswith("# "))
    # Headings of the card stand below one of the page.
    parser = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    tokens = parser.parse(body)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1]) + 1)}"
    return str(parser.renderer.render(tokens, parser.options, {}))
