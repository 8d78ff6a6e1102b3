"""Which files are films, and what they are called."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lungline.archives import ArchiveFormat
from lungline.client import InputUnusable, gather
from tests.factories import archives, films

JPEG = films.jpeg(0)


def write(folder: Path, *names: str, data: bytes = JPEG) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def names(*paths: Path) -> list[str]:
    return [film.name for film in gather(paths).films]


def test_folder_is_searched_in_order_with_names_relative_to_it(tmp_path: Path) -> None:
    write(tmp_path, "b.png", "a.jpg", "ward/2.jpeg", "ward/deep/3.dcm", "z.JPG")

    assert names(tmp_path) == ["a.jpg", "b.png", "z.JPG", "ward/2.jpeg", "ward/deep/3.dcm"]


def test_korean_names_stay_as_they_are(tmp_path: Path) -> None:
    write(tmp_path, "폐렴/소아 흉부.jpg")

    assert names(tmp_path) == ["폐렴/소아 흉부.jpg"]


def test_names_of_an_older_encoding_are_read(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + "/폐렴.jpg".encode("cp949"))).write_bytes(JPEG)

    assert names(tmp_path) == ["폐렴.jpg"]


def test_what_is_no_film_is_left_out_and_counted(tmp_path: Path) -> None:
    write(tmp_path, "a.jpg", ".DS_Store", "__MACOSX/a.jpg", "labels.csv", "more.zip", data=b"x")
    write(tmp_path, "IM0001")
    (tmp_path / "broken.jpg").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe.jpg")

    inputs = gather([tmp_path])

    assert [film.name for film in inputs.films] == ["IM0001", "a.jpg"]
    assert inputs.skipped == {
        "hidden": 2,
        "not a film (.csv)": 1,
        "an archive inside a folder": 1,
        "a link to nowhere": 1,
        "not a file": 1,
    }


def test_links_that_lead_round_are_followed_once(tmp_path: Path) -> None:
    write(tmp_path, "films/a.jpg", "elsewhere/b.jpg")
    (tmp_path / "films" / "round").symlink_to(tmp_path / "films")
    (tmp_path / "films" / "other").symlink_to(tmp_path / "elsewhere")

    assert names(tmp_path / "films") == ["a.jpg", "other/b.jpg"]


def test_several_paths_get_names_of_their_own(tmp_path: Path) -> None:
    write(tmp_path, "one/films/a.jpg", "two/films/a.jpg", "a.jpg", "three/a.jpg")
    paths = ("one/films", "two/films", "a.jpg", "three/a.jpg")

    assert names(*(tmp_path / path for path in paths)) == [
        "films/a.jpg",
        "films-2/a.jpg",
        "a.jpg",
        "a-2.jpg",
    ]


def test_archives_are_known_by_name_or_by_their_first_bytes(tmp_path: Path) -> None:
    write(tmp_path, "cut.ZIP", data=b"not a zip at all")
    (tmp_path / "packed").write_bytes(archives.tar_of_films(1, ArchiveFormat.TAR_ZSTD))
    write(tmp_path, "more.tar.gz", data=b"whatever it is")
    write(tmp_path, "films.bin", data=b"PK\3\4rest")

    named = [tmp_path / name for name in ("cut.ZIP", "packed", "more.tar.gz", "films.bin")]
    assert gather(named).archives == named


@pytest.mark.parametrize(
    ("name", "message"), [("absent.jpg", "no such file"), ("notes.txt", "not a film")]
)
def test_named_path_of_no_use_is_an_error_that_names_it(
    tmp_path: Path, name: str, message: str
) -> None:
    write(tmp_path, "notes.txt", data=b"hello")

    with pytest.raises(InputUnusable, match=f"{name}: .*{message}"):
        gather([tmp_path / name])


def test_named_film_with_wrong_content_is_left_to_the_service(tmp_path: Path) -> None:
    write(tmp_path, "text.jpg", data=b"hello")

    assert names(tmp_path / "text.jpg") == ["text.jpg"]
