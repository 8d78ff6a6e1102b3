"""One picture from the bytes of a film, and of its lung mask: the only place that decodes them."""

from __future__ import annotations

from storage.results.render.clahe import equalise
from storage.results.render.film import Grey, decode_grey, to_png
from storage.results.render.maps import box_of, heat_at, mask_at
from storage.results.render.order import Order
from storage.results.render.overlay import draw_heatmap, draw_overlay


def draw(order: Order, film: bytes, mask: bytes = b"") -> bytes:
    """Draw a picture, as PNG.

    Args:
        order: Which.
        film: The stored film, or its view: JPEG or PNG of 8 bits.
        mask: The stored lung mask, for `mask` and `overlay`.

    Raises:
        FilmRejected: The film, or the mask, cannot be decoded.
        MemoryError: It needs more memory than there is.
    """
    grey = decode_grey(film, order.size)
    height, width = grey.shape
    match order.kind:
        case "film":
            return to_png(grey)
        case "clahe":
            return to_png(equalise(grey, order.contrast))
        case "mask":
            return to_png(mask_at(mask, width, height))
        case "heatmap":
            box = box_of(order.region, width, height)
            return to_png(draw_heatmap(_heat(order, grey), box, fade=order.fade))
        case "overlay":
            return to_png(draw_overlay(grey, mask_at(mask, width, height), _heat(order, grey)))


def _heat(order: Order, grey: Grey) -> Grey:
    height, width = grey.shape
    return heat_at(order.activation, order.region, width, height)
