"""The five pictures of an item, from what intake and reading stored."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from lungline.errors import (
    BundleNotFound,
    FilmDropped,
    FilmRejected,
    InvalidParameter,
    ObjectNotFound,
    PictureNotReady,
)
from storage.bundles import Bundles
from storage.films import FilmRef
from storage.items import Item
from storage.objects import ObjectStore
from storage.predictions import Prediction
from storage.results.drawing.drawers import Drawers
from storage.results.render.contrast import Contrast, contrast_in
from storage.results.render.depth import shows_itself
from storage.results.render.order import Order

DRAWING = 2
"""Raised whenever the same data would be drawn differently: part of each picture's ETag."""


@dataclass(frozen=True, slots=True)
class Pictures:
    """Draws pictures on request, in processes that can be killed; nothing is kept.

    Every picture raises, besides what it says itself, what `Drawers.draw` raises, and `FilmDropped`
    of a film that retention has dropped.

    Attributes:
        store: Where films, views and masks are.
        most_pixels: Films with more are not decoded.
        bundles: Say how they treat contrast.
        drawers: The processes.
    """

    store: ObjectStore
    most_pixels: int
    bundles: Bundles
    drawers: Drawers

    def pencil(self, kind: str, size: int, **how: Any) -> Callable[[Item], bytes]:
        """What draws one kind of picture: `film`, `mask`, `heatmap`, `clahe` or `overlay`."""
        draw: dict[str, Callable[..., bytes]] = {
            "film": self.film,
            "mask": self.mask,
            "heatmap": self.heatmap,
            "clahe": self.clahe,
            "overlay": self.overlay,
        }
        return partial(draw[kind], size=size, **how)

    def film(self, item: Item, size: int) -> bytes:
        """The film in grey, as PNG.

        Raises:
            PictureNotReady: The film cannot be shown before it was read, or was refused.
        """
        return self.drawers.draw(Order("film", size), self._film(item))

    def mask(self, item: Item, size: int) -> bytes:
        """The lung mask in the film's geometry, as PNG, 0 and 255.

        Raises:
            PictureNotReady: The film has not been read.
        """
        prediction, film = _read(item), self._film(item)
        return self.drawers.draw(Order("mask", size), film, self._mask(prediction))

    def heatmap(
        self, item: Item, size: int, *, label: str | None = None, fade: bool = False
    ) -> bytes:
        """Where a label's score comes from, as PNG with alpha.

        Args:
            item: Whose.
            size: Longest side, in pixels.
            label: Which label; None: the top one.
            fade: Whether alpha follows the heat, or is full wherever the classifier looked.

        Raises:
            PictureNotReady: The film has not been read.
            InvalidParameter: The label set has no such label.
        """
        order = _with_heat(Order("heatmap", size, fade=fade), _read(item), label)
        return self.drawers.draw(order, self._film(item))

    def clahe(self, item: Item, size: int) -> bytes:
        """The film with its contrast equalised locally, as PNG.

        Raises:
            PictureNotReady: The film cannot be shown before it was read, or was refused.
        """
        order = Order("clahe", size, contrast=self._contrast(item))
        return self.drawers.draw(order, self._film(item))

    def overlay(self, item: Item, size: int) -> bytes:
        """Film, lung contour and heat with the research-use notice, as PNG.

        Raises:
            PictureNotReady: The film has not been read.
        """
        prediction, film = _read(item), self._film(item)
        order = _with_heat(Order("overlay", size), prediction)
        return self.drawers.draw(order, film, self._mask(prediction))

    def _film(self, item: Item) -> bytes:
        """The stored film, or the view of it that was made in reading: 8 bits, JPEG or PNG."""
        film = _stored(item)
        if film.width * film.height > self.most_pixels:
            raise FilmRejected(
                "too_many_pixels", f"The film has more than {self.most_pixels:,} pixels, the limit."
            )
        data = self._get(film.object_key)
        if shows_itself(data):
            return data
        view = item.prediction.view_key if item.prediction is not None else None
        if view is None:
            raise PictureNotReady("A film of this format can be shown once it was read.")
        return self._get(view)

    def _contrast(self, item: Item) -> Contrast:
        """As the bundle that read the item says; the usual one for others, or where it is gone."""
        if item.prediction is None:
            return Contrast()
        try:
            manifest, _ = self.bundles.told(self.bundles.resolve(item.prediction.bundle))
        except BundleNotFound:
            return Contrast()
        return contrast_in(manifest)

    def _mask(self, prediction: Prediction) -> bytes:
        if prediction.mask_key is None:
            raise PictureNotReady("No lung mask was stored with this reading.")
        return self._get(prediction.mask_key)

    def _get(self, key: str) -> bytes:
        try:
            return self.store.get(key)
        except ObjectNotFound as error:
            raise PictureNotReady("What the picture is made of is no longer stored.") from error


def etag(kind: str, item: Item, size: int, **how: Any) -> str:
    """What a picture is made of, in one word: the same word, the same picture."""
    film = _stored(item)
    reading = item.prediction.id if item.prediction is not None else ""
    text = f"{DRAWING}/{kind}/{film.sha256}/{reading}/{size}/{sorted(how.items())}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _stored(item: Item) -> FilmRef:
    if item.film is None:
        raise PictureNotReady("The film was refused at intake, so there is no picture of it.")
    if item.film.dropped_at is not None:
        raise FilmDropped(
            "The film reached the age at which its pixels and masks are dropped; its findings are "
            "kept. Send the film again to have its pictures."
        )
    return item.film


def _read(item: Item) -> Prediction:
    if item.prediction is None:
        raise PictureNotReady(f"The film has not been read: its item is {item.status}.")
    return item.prediction


def _with_heat(order: Order, prediction: Prediction, label: str | None = None) -> Order:
    labels = [finding["label"] for finding in prediction.findings]
    if label is not None and label not in labels:
        raise InvalidParameter(f"label: this reading knows {', '.join(labels)}.")
    activation = prediction.activation[labels.index(label or prediction.top_label)]
    return replace(order, activation=activation, region=prediction.region)
