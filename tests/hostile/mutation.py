"""Damage done to files: what links do, what attackers do."""

from __future__ import annotations

import struct
from collections.abc import Callable
from random import Random

Damage = Callable[[Random, bytes], bytes]

_DAMAGES_DONE = (1, 1, 1, 2, 3, 4)
_HEADERS = 512
_EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def mutate(random: Random, data: bytes, other: bytes) -> bytes:
    """Damage a file in one to four ways.

    Args:
        random: Decides all; the same state gives the same file.
        data: The file.
        other: Another one, from which pieces may come.
    """
    for _ in range(random.choice(_DAMAGES_DONE)):
        damage = random.choice(_DAMAGES)
        data = damage(random, data) if data else random.randbytes(16)
    if random.random() < 0.1:
        data = data[: random.randrange(len(data) + 1)] + other[random.randrange(len(other) + 1) :]
    return data


def _place(random: Random, data: bytes) -> int:
    """Headers decide most, so a third of all damage is done to the first bytes."""
    most = len(data) if random.random() < 0.67 else min(len(data), _HEADERS)
    return random.randrange(most)


def _flip(random: Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 8, 64))):
        changed[_place(random, data)] ^= 1 << random.randrange(8)
    return bytes(changed)


def _number(random: Random, data: bytes) -> bytes:
    """Write a number that lengths and counts do not expect, in either byte order."""
    order, kind = random.choice("<>"), random.choice("BHI")
    size = struct.calcsize(kind)
    value = random.choice(_EXTREMES) & ((1 << 8 * size) - 1)
    at = _place(random, data)
    return data[:at] + struct.pack(order + kind, value) + data[at + size :]


def _noise(random: Random, data: bytes) -> bytes:
    at = _place(random, data)
    noise = random.randbytes(random.choice((1, 4, 32, 256)))
    return data[:at] + noise + data[at + len(noise) :]


def _insert(random: Random, data: bytes) -> bytes:
    at = _place(random, data)
    piece = random.choice((b"\0" * 8, b"\xff" * 8, random.randbytes(12)))
    return data[:at] + piece * random.choice((1, 1, 16)) + data[at:]


def _delete(random: Random, data: bytes) -> bytes:
    at = _place(random, data)
    return data[:at] + data[at + random.choice((1, 2, 8, 64, 1024)) :]


def _repeat(random: Random, data: bytes) -> bytes:
    at = _place(random, data)
    return data[: at + random.choice((8, 64, 1024))] + data[at:]


def _cut(random: Random, data: bytes) -> bytes:
    return data[: random.randrange(len(data))]


_DAMAGES: tuple[Damage, ...] = (
    _flip,
    _flip,
    _number,
    _number,
    _noise,
    _insert,
    _delete,
    _repeat,
    _cut,
)
