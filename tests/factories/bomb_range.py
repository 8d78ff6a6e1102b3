"""Bombs: small films that would fill a careless service's memory.

`python -m tests.factories.bomb_range intake|reader|pictures FOLDER` opens those of a folder and
prints JSON: `came`, a word for each; `peak`, the most memory in bytes that the process, or the one
that draws for it, ever held. Only a process of its own can tell that.
"""

from __future__ import annotations

import json
import struct
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import psutil
from pydicom import uid
from pydicom.encaps import encapsulate

from lungline.errors import FilmRejected, PictureFailed
from lungline.settings import Settings
from tests.factories import films

MIB = 1 << 20
_HUGE = 40_000
_WIDE, _TALL = 7_000, 7_000  # within the limit of 50 million
Take = Callable[[bytes], str]


def png_that_inflates(width: int, height: int, to: int) -> bytes:
    """A PNG whose picture data inflate to `to` bytes, whatever its header says."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", _deflated(to, zlib.MAX_WBITS)), (b"IEND", b""))
    return films.PNG_MAGIC + b"".join(films.png_chunk(*chunk) for chunk in chunks)


def jpeg_that_claims(width: int, height: int) -> bytes:
    """A small JPEG under a frame header of another size."""
    data = bytearray(films.jpeg())
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def dicom_that_inflates(to: int) -> bytes:
    """A deflated data set that goes on with zeros behind a film."""
    data = films.dicom()
    start = data.index(b"\x08\x00\x05\x00", 132)
    deflated = uid.DeflatedExplicitVRLittleEndian.encode()
    syntax = b"\x02\x00\x10\x00UI" + struct.pack("<H", len(deflated)) + deflated
    return bytes(128) + b"DICM" + syntax + _deflated(to, -zlib.MAX_WBITS, data[start:])


def dicom_of(syntax: str, frame: bytes, width: int = 96, height: int = 80) -> bytes:
    """A DICOM file around a coded frame."""
    from tests.unit.ml.dicom_files import remade

    pixels = encapsulate([frame])
    return remade(films.dicom(), syntax, PixelData=pixels, Rows=height, Columns=width)


def rle_that_unpacks(to: int) -> bytes:
    """An RLE frame whose two segments are runs of 128 equal bytes."""
    packed = b"\x81\x00" * (to // 256)
    header = np.zeros(16, "<u4")
    header[:3] = 2, 64, 64 + len(packed)
    return header.tobytes() + packed * 2


def j2k_that_claims(width: int, height: int) -> bytes:
    """A JPEG 2000 frame under a SIZ segment of another size, in one tile."""
    import imagecodecs

    frame = bytearray(
        imagecodecs.jpeg2k_encode(
            films.pixels(1, bits=12), level=0, codecformat="j2k", reversible=True
        )
    )
    siz = frame.index(b"\xff\x4f\xff\x51")
    frame[siz + 8 : siz + 16] = struct.pack(">2I", width, height)
    frame[siz + 24 : siz + 32] = struct.pack(">2I", width, height)
    return bytes(frame)


BOMBS: dict[str, Callable[[], bytes]] = {
    "PNG that claims 1.6 GP": lambda: films.huge_png(_HUGE),
    "PNG that claims more than it has": lambda: png_that_inflates(_WIDE, _TALL, 64),
    "small PNG that inflates to 512 MiB": lambda: png_that_inflates(64, 64, 512 * MIB),
    "large PNG that inflates to 512 MiB": lambda: png_that_inflates(_WIDE, _TALL, 512 * MIB),
    "JPEG that claims 1.6 GP": lambda: jpeg_that_claims(_HUGE, _HUGE),
    "JPEG that claims more than it has": lambda: jpeg_that_claims(_WIDE, _TALL),
    "DICOM that inflates to 512 MiB": lambda: dicom_that_inflates(512 * MIB),
    "RLE that unpacks to 128 MiB": lambda: dicom_of(uid.RLELossless, rle_that_unpacks(128 * MIB)),
    "JPEG 2000 that claims 2^62 pixels": lambda: dicom_of(
        uid.JPEG2000Lossless, j2k_that_claims(1 << 31, 1 << 31)
    ),
    "JPEG 2000 that claims more than it has": lambda: dicom_of(
        uid.JPEG2000Lossless, j2k_that_claims(_WIDE, _TALL), _WIDE, _TALL
    ),
}


@cache
def _deflated(to: int, bits: int, first: bytes = b"") -> bytes:
    packer = zlib.compressobj(1, zlib.DEFLATED, bits)
    pieces = [packer.compress(first)]
    piece = bytes(MIB)
    pieces += [packer.compress(piece[: min(MIB, to - at)]) for at in range(0, to, MIB)]
    return b"".join([*pieces, packer.flush()])


@contextmanager
def _intake(folder: Path) -> Iterator[tuple[Take, Callable[[], int]]]:
    from storage.intake.film import FilmIntake
    from storage.objects.local import LocalStore

    intake = FilmIntake(
        LocalStore(folder), Settings(data_dir=folder, identity_key="of this test alone")
    )

    def take(data: bytes) -> str:
        intake.prepare("default", data)
        return "taken"

    yield take, psutil.Process


@contextmanager
def _reader(folder: Path) -> Iterator[tuple[Take, Callable[[], int]]]:
    from ml.decode import DecodeLimits, decode

    limits = DecodeLimits(max_inflated_bytes=Settings().max_film_bytes)  # as workers set it

    def take(data: bytes) -> str:
        decode(data, limits)
        return "read"

    yield take, psutil.Process


@contextmanager
def _pictures(folder: Path) -> Iterator[tuple[Take, Callable[[], int]]]:
    from storage.results.drawing.drawers import Drawers
    from storage.results.render.order import Order

    drawers = Drawers(Settings(picture_seconds=120, picture_processes=1))

    def take(data: bytes) -> str:
        drawers.draw(Order("film", 1024), data)
        return "drawn"

    yield take, lambda: psutil.Process().children()[0]
    drawers.close()


PLACES = {"intake": _intake, "reader": _reader, "pictures": _pictures}


def write_bombs(folder: Path) -> None:
    """Make them all; the file's name is the bomb's."""
    for name, make in BOMBS.items():
        (folder / name).write_bytes(make())


def main(place: str, bombs: Path) -> None:
    """Throw every bomb at one place."""
    from ml.errors import FilmError

    came = {}
    with TemporaryDirectory() as folder, PLACES[place](Path(folder)) as (take, process):
        for bomb in sorted(bombs.iterdir()):
            try:
                came[bomb.name] = take(bomb.read_bytes())
            except (FilmRejected, FilmError, PictureFailed) as error:
                came[bomb.name] = error.code
        peak = _peak_bytes(process().pid)
    print(json.dumps({"came": came, "peak": peak}))


def _peak_bytes(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
