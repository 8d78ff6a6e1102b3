"""Zips that are written while they are sent are those that `zipfile` writes, in less memory."""

from __future__ import annotations

import io
import tracemalloc
import zipfile
from zipfile import ZipFile, ZipInfo

import pytest

from lungline.zipping import TIMESTAMP, zip_stored


@pytest.mark.parametrize(
    "files",
    [
        [],
        [("a.png", b"x"), ("폐렴/소아.jpg", b""), ("a.png", b"again"), ("b" * 300, bytes(70_000))],
        [(f"{number:07}.png", b"") for number in range(300)],
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_the_bytes_are_those_of_zipfile(files: list[tuple[str, bytes]]) -> None:
    plain = io.BytesIO()
    with ZipFile(plain, "w") as archive:
        for name, content in files:
            archive.writestr(ZipInfo(name, TIMESTAMP), content)

    assert b"".join(zip_stored(files)) == plain.getvalue()


def test_more_files_than_the_first_format_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 100)
    data = b"".join(zip_stored((f"{number}", b"x") for number in range(101)))

    with ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert len(archive.namelist()) == 101
    assert b"PK\x06\x06" in data


def test_a_file_that_was_written_takes_little_memory() -> None:
    count = 5_000
    pieces = zip_stored((f"{number:040}.png", b"") for number in range(count))
    tracemalloc.start()
    try:
        for _ in range(count):
            next(pieces)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    pieces.close()

    assert held < 150 * count
