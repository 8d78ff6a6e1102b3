"""The files that are damaged: films made on the spot, and real DICOM files where they are."""

from __future__ import annotations

import csv
import io
import json
from functools import cache
from pathlib import Path

import cv2
from pydicom import uid

from tests.factories import archives, films
from tests.fixtures.parts import SHARED_DATA
from tests.unit.ml.dicom_files import ENCODERS, compressed, counts, remade

_LARGE = 300_000
"""Bytes. Larger files take their share of the cases, but a small one: each costs half a second."""


@cache
def real_films() -> tuple[bytes, ...]:
    """The DICOM files of the shared data; none where they are absent."""
    return tuple(path.read_bytes() for path in real_paths())


def real_paths() -> list[Path]:
    """Where they are, by name."""
    return sorted((SHARED_DATA / "dicom").glob("*.dcm"))


@cache
def film_corpus() -> tuple[bytes, ...]:
    """Films of every format and transfer syntax; small ones several times."""
    small = (*made_films(), *(each for each in real_films() if len(each) <= _LARGE))
    large = tuple(each for each in real_films() if len(each) > _LARGE)
    return small * 4 + large


@cache
def made_films() -> tuple[bytes, ...]:
    """Films made on the spot."""
    progressive = [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]
    pixels = counts(12, "u", 40, 48)
    return (
        films.jpeg(),
        films.jpeg(colour=True),
        films.jpeg_with_segments((0xE1, films.exif(6, text=b"x" * 20))),
        bytes(cv2.imencode(".jpg", films.pixels(), progressive)[1]),
        films.png8(),
        films.png16(),
        bytes(cv2.imencode(".png", cv2.merge([films.pixels()] * 4))[1]),
        films.dicom(),
        films.dicom(bits=8, photometric="MONOCHROME1"),
        films.dicom(syntax=uid.ExplicitVRBigEndian),
        films.dicom(bits=8, syntax=uid.JPEGBaseline8Bit),
        remade(films.dicom(), uid.DeflatedExplicitVRLittleEndian),
        *(compressed(pixels, syntax) for syntax in ENCODERS),
    )


@cache
def zip_corpus() -> tuple[bytes, ...]:
    """Zip archives, honest and hostile."""
    return (
        archives.zip_of_films(3),
        archives.zip_of({"a/b.txt": b"text" * 500, "c.jpg": films.jpeg()}, compressed=True),
        archives.cp949_zip(),
        archives.encrypted_zip(),
        archives.traversal_zip(),
        archives.nested_zip(),
        archives.wrong_crc_zip(),
        archives.bomb_zip(2),
        archives.hostile_zip(),
        archives.tiny_entries_zip(200),
    )


@cache
def tar_corpus() -> tuple[bytes, ...]:
    """Tar archives, honest and hostile; `mending.tar` packs them once they are damaged."""
    return (archives.tar_of_films(3), archives.hostile_tar())


@cache
def manifest_corpus() -> tuple[bytes, ...]:
    """Manifests as CSV and NDJSON."""
    lines = [
        {"name": f"a/{n}.jpg", "external_id": f"E{n}", "metadata": {"side": ["l", n, None]}}
        for n in range(20)
    ]
    table = io.StringIO()
    writer = csv.writer(table)
    writer.writerow(["name", "external_id", "metadata", "age"])
    writer.writerows([[f'"{n}", b.jpg', f"E{n}", '{"n": 1}', "3 months"] for n in range(20)])
    text = table.getvalue()
    return (
        "\n".join(map(json.dumps, lines)).encode(),
        text.encode(),
        b"\xef\xbb\xbf" + text.replace(",", ";").replace("\r\n", "\n").encode(),
        text.replace(",", "\t").encode(),
        ("name\n" + "가" * 300 + "\n").encode(),
        b'{"name": "x", "metadata": ' + b"[" * 500 + b"]" * 500 + b"}\n",
    )
