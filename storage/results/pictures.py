"""The five pictures of an item, from what intake and reading stored."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

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
from storage.results.render.clahe import Contrast, contrast_in, equalise
from storage.results.render.film import Grey, decode_grey, shows_itself, to_png
from storage.results.render.maps import box_of, heat_at, mask_at
from storage.results.render.overlay import draw_heatmap, draw_overlay

DRAWING = 2
"""Raised whenever the same data would be drawn differently: part of each picture's ETag."""


@dataclass(frozen=True, slots=True)
class Pictures:
    """Draws pictures on request; nothing is kept.

    Every picture of a film that retention has dropped raises `FilmDropped`.

    Attributes:
        store: Where films, views and masks are.
        most_pixels: Films with more are not decoded.
        bundles: Say how they treat contrast.
    """

    store: ObjectStore
    most_pixels: int
    bundles: Bundles

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
            FilmRejected: It is too large, or cannot be decoded.
        """
        return to_png(self._grey(item, size))

    def mask(self, item: Item, size: int) -> bytes:
        """The lung mask in the film's geometry, as PNG, 0 and 255.

        Raises:
            PictureNotReady: The film has not been read.
        """
        prediction, grey = _read(item), self._grey(item, size)
        return to_png(self._mask(prediction, grey))

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
        prediction, grey = _read(item), self._grey(item, size)
        height, width = grey.shape
        box = box_of(prediction.region, width, height)
        return to_png(draw_heatmap(_heat(prediction, grey, label), box, fade=fade))

    def clahe(self, item: Item, size: int) -> bytes:
        """The film with its contrast equalised locally, as PNG.

        Raises:
            PictureNotReady: The film cannot be shown before it was read, or was refused.
            FilmRejected: It is too large, or cannot be decoded.
        """
        return to_png(equalise(self._grey(item, size), self._contrast(item)))

    def overlay(self, item: Item, size: int) -> bytes:
        """Film, lung contour and heat with the research-use notice, as PNG.

        Raises:
            PictureNotReady: The film has not been read.
        """
        prediction, grey = _read(item), self._grey(item, size)
        return to_png(draw_overlay(grey, self._mask(prediction, grey), _heat(prediction, grey)))

    def _grey(self, item: Item, size: int) -> Grey:
        film = _stored(item)
        if film.width * film.height > self.most_pixels:
            raise FilmRejected(
                "too_many_pixels", f"The film has more than {self.most_pixels:,} pixels, the limit."
            )
        data = self._get(film.object_key)
        if not shows_itself(data):
            view = item.prediction.view_key if item.prediction is not None else None
            if view is None:
                raise PictureNotReady("A film of this format can be shown once it was read.")
            data = self._get(view)
        return decode_grey(data, size)

    def _contrast(self, item: Item) -> Contrast:
        """As the bundle that read the item says; the usual one for others, or where it is gone."""
        if item.prediction is None:
            return Contrast()
        try:
            manifest, _ = self.bundles.told(self.bundles.resolve(item.prediction.bundle))
        except BundleNotFound:
            return Contrast()
        return contrast_in(manifest)

    def _mask(self, prediction: Prediction, grey: Grey) -> Grey:
        if prediction.mask_key is None:
            raise PictureNotReady("No lung mask was stored with this reading.")
        height, width = grey.shape
        return mask_at(self._get(prediction.mask_key), width, height)

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


def _heat(prediction: Prediction, grey: Grey, label: str | None = None) -> Grey:
    labels = [finding["label"] for finding in prediction.findings]
    maps = np.asarray(prediction.activation, np.float32)
    height, width = grey.shape
    if label is not None and label not in labels:
        raise InvalidParameter(f"label: this reading knows {', '.join(labels)}.")
    shown = maps[labels.index(label or prediction.top_label)]
    return heat_at(shown, prediction.region, width, height)
