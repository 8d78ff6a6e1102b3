"""Films that are one picture, and the groups of films that must not be divided."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

NEAR = 24
"""Bits of 256 in which the hashes of two copies may differ. Copies at 70 % of the size, saved as
JPEG of quality 60 and brighter by a tenth differ in 16 at the most (550 films of
paediatric_pneumonia); of its 15 million pairs of different films none differs in fewer than 36."""


def near_pairs(hashes: Sequence[str], most: int = NEAR) -> Iterator[tuple[int, int]]:
    """Give the places of all pairs of films that look the same.

    Args:
        hashes: As `ml.datasets.hashes.perceptual_hash` makes them.
        most: Bits that may differ.
    """
    if not hashes:
        return
    words = np.frombuffer(bytes.fromhex("".join(hashes)), np.uint64).reshape(len(hashes), -1)
    for place in range(len(words) - 1):
        apart = np.bitwise_count(words[place + 1 :] ^ words[place]).sum(axis=1)
        for other in np.flatnonzero(apart <= most):
            yield place, place + 1 + int(other)


def same_groups(count: int, pairs: Iterable[tuple[int, int]]) -> list[int]:
    """Join places that pairs connect, whatever the way; give each the first place of its group."""
    first = list(range(count))

    def root(place: int) -> int:
        while first[place] != place:
            first[place] = first[first[place]]
            place = first[place]
        return place

    for one, other in pairs:
        low, high = sorted((root(one), root(other)))
        first[high] = low
    return [root(place) for place in range(count)]


def pairs_of_equals(keys: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Pair each place with the first that has the same key."""
    firsts: dict[str, int] = {}
    for place, key in enumerate(keys):
        if firsts.setdefault(key, place) != place:
            yield firsts[key], place
