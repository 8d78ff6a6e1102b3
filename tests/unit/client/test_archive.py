"""The zip that is made on the way."""

from __future__ import annotations

import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from lungline.client import InputUnusable, gather
from lungline.client.archive import PIECE_BYTES, zip_films, zip_size
from lungline.client.films import FilmFile


def folder_of(folder: Path, count: int, size: int = 100) -> list[FilmFile]:
    for number in range(count):
        (folder / f"필름-{number:05}.png").write_bytes(number.to_bytes(4, "big") * (size // 4))
    return gather([folder]).films


def test_archive_holds_the_films_under_their_names(tmp_path: Path) -> None:
    films = folder_of(tmp_path, 5)

    archive = zipfile.ZipFile(BytesIO(b"".join(zip_films(films))))

    assert archive.namelist() == [film.name for film in films]
    assert [archive.read(film.name) for film in films] == [f.path.read_bytes() for f in films]
    assert archive.testzip() is None


def test_entries_are_stored_with_true_headers_and_no_descriptors(tmp_path: Path) -> None:
    data = b"".join(zip_films(folder_of(tmp_path, 2)))

    entries = zipfile.ZipFile(BytesIO(data)).infolist()

    assert {entry.compress_type for entry in entries} == {zipfile.ZIP_STORED}
    assert not any(entry.flag_bits & 0x8 for entry in entries)
    assert data[14:18] == entries[0].CRC.to_bytes(4, "little"), "in the local header"


def test_same_films_give_the_same_bytes(tmp_path: Path) -> None:
    films = folder_of(tmp_path, 3)

    assert b"".join(zip_films(films)) == b"".join(zip_films(films))


def test_more_entries_than_a_plain_zip_can_hold(tmp_path: Path) -> None:
    (film,) = folder_of(tmp_path, 1, size=4)
    many = [FilmFile(film.path, f"{number}.png", 4) for number in range(66_000)]

    data = b"".join(zip_films(many))

    assert len(zipfile.ZipFile(BytesIO(data)).namelist()) == 66_000
    assert zip_size(many) == len(data)


def test_pieces_are_small_and_progress_adds_up(tmp_path: Path) -> None:
    films = folder_of(tmp_path, 3, size=PIECE_BYTES * 2)
    told: list[int] = []

    pieces = list(zip_films(films, told.append))

    assert max(map(len, pieces)) <= PIECE_BYTES
    assert told == [film.size for film in films[:1]] + [films[0].size * 2, films[0].size * 3]


def test_film_that_has_gone_is_named(tmp_path: Path) -> None:
    films = folder_of(tmp_path, 2)
    films[1].path.unlink()

    with pytest.raises(InputUnusable, match=films[1].path.name):
        list(zip_films(films))


@pytest.mark.parametrize("count", [1, 3, 300])
def test_the_size_is_known_before_anything_is_read(count: int) -> None:
    films = [FilmFile(Path("/dev/null"), f"필름-{number}.png", 0) for number in range(count)]
    assert zip_size(films) == sum(map(len, zip_films(films)))


def test_the_size_above_four_gigabytes() -> None:
    large = [FilmFile(Path("none"), f"{number}.png", 1 << 30) for number in range(5)]
    entries = sum(30 + 46 + 2 * len(film.name) + film.size for film in large)
    zip64_offsets, zip64_ends = 3 * 12, 56 + 20  # of those that begin above 2 GiB
    assert zip_size(large) == entries + zip64_offsets + zip64_ends + 22
