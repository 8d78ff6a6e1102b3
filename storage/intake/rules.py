"""Rules for the values of DICOM elements: numbers and the standard's own terms, no free text."""

from __future__ import annotations

import re
from collections.abc import Callable

Rule = Callable[[bytes], bytes | None]
"""Takes a raw value; gives what is stored, or None to drop the element."""

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_STORAGE_CLASS = re.compile(r"1\.2\.840\.10008\.5\.1\.4\.1\.1(\.\d{1,3}){1,4}")
SECONDARY_CAPTURE = b"1.2.840.10008.5.1.4.1.1.7"
_OLDEST_YEARS = 89
"""Ages above 89 identify (45 CFR 164.514(b)(2)(i)(C))."""


def binary(width: int, most: int) -> Rule:
    """Up to `most` numbers of `width` bytes each."""
    return lambda raw: raw if raw and len(raw) % width == 0 and len(raw) <= width * most else None


def decimals(most: int) -> Rule:
    """Up to `most` numbers as text."""

    def rule(raw: bytes) -> bytes | None:
        values = _texts(raw)
        good = all(_NUMBER.fullmatch(value) and len(value) <= 16 for value in values)
        return "\\".join(values).encode() if good and len(values) <= most else None

    return rule


def term(known: str) -> Rule:
    """One of the standard's terms, which `known` lists with commas, whatever its case."""
    return terms(1, known)


def terms(most: int, known: str) -> Rule:
    """Up to `most` of the standard's terms, which `known` lists with commas."""
    vocabulary = frozenset(known.split(", "))

    def rule(raw: bytes) -> bytes | None:
        values = [value.upper() for value in _texts(raw)]
        good = vocabulary.issuperset(values)
        return "\\".join(values).encode() if good and len(values) <= most else None

    return rule


def storage_class(raw: bytes) -> bytes:
    """The kind of image by the standard's own numbers; any other becomes a secondary capture."""
    uid = raw.rstrip(b"\x00 ").decode("ascii", "replace")
    return uid.encode() if _STORAGE_CLASS.fullmatch(uid) else SECONDARY_CAPTURE


def coarse_age(raw: bytes) -> bytes | None:
    """An age in whole months below two years, and in whole years from then on, at most 89."""
    found = re.fullmatch(r"(\d{3})([DWMY])", _texts(raw)[0])
    if not found:
        return None
    days = int(found[1]) * {"D": 1.0, "W": 7.0, "M": 30.4375, "Y": 365.25}[found[2]]
    # A day's grace, so that 12 months are not found to be 11.
    months = int((days + 1) / 30.4375)
    years = min(months // 12, _OLDEST_YEARS)
    return f"{months:03}M".encode() if months < 24 else f"{years:03}Y".encode()


def _texts(raw: bytes) -> list[str]:
    text = raw.decode("ascii", "replace").rstrip("\x00 ")
    return [value.strip(" ") for value in text.split("\\")]
