"""Zip archives, honest and hostile, read by ranges."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zipfile
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.factories import archives, films
from tests.factories.archives import DEFLATED, STORED, RawEntry
from workers.archive import (
    ArchiveError,
    ArchiveLimits,
    EntryError,
    ZipArchive,
    is_ignored,
    is_no_film,
)

LIMITS = ArchiveLimits(
    max_entries=1_000, max_entry_bytes=16 << 20, max_total_bytes=64 << 20, max_ratio=200
)


class Ranges:
    """An archive in the store that remembers what was read of it."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.reads: list[int] = []

    def __call__(self, start: int, length: int) -> bytes:
        self.reads.append(length)
        return self.data[start : start + length]


def opened(data: bytes, limits: ArchiveLimits = LIMITS) -> ZipArchive:
    return ZipArchive.open(Ranges(data), len(data), limits)


def contents(data: bytes) -> dict[str, bytes | str]:
    """Unpack all; an entry that cannot be unpacked gives its code."""
    archive = opened(data)
    found: dict[str, bytes | str] = {}
    for entry in archive.entries():
        try:
            found[entry.name] = archive.read(entry)
        except EntryError as error:
            found[entry.name] = error.code
    return found


@pytest.mark.parametrize("compressed", [False, True])
def test_gives_what_was_packed_in_order(compressed: bool):
    packed = {f"films/{n}.jpg": films.jpeg(n) for n in range(30)} | {"empty.txt": b""}

    assert list(contents(archives.zip_of(packed, compressed=compressed)).items()) == [
        *packed.items()
    ]


def test_goes_on_at_a_cursor():
    archive = opened(archives.zip_of_films(10))

    assert [entry.name for entry in archive.entries(7)] == [f"films/{n:05}.jpg" for n in (7, 8, 9)]
    assert archive.entries_total == 10


def test_small_neighbours_cost_one_read_together_and_nothing_is_read_whole():
    store = Ranges(archives.zip_of({f"{n}.bin": bytes([n]) * 200_000 for n in range(60)}))
    archive = ZipArchive.open(store, len(store.data), LIMITS)
    store.reads.clear()

    for entry in archive.entries():
        archive.read(entry)

    assert len(store.reads) < 10
    assert max(store.reads) < len(store.data) / 2


def test_zip64_is_read():
    stream = io.BytesIO()
    with (
        zipfile.ZipFile(stream, "w") as archive,
        archive.open("large.jpg", "w", force_zip64=True) as entry,
    ):
        entry.write(films.jpeg(1))

    assert contents(stream.getvalue()) == {"large.jpg": films.jpeg(1)}


def test_zip64_directory_of_more_than_65535_entries():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for n in range(66_000):
            archive.writestr(str(n), b"")
    limits = ArchiveLimits(100_000, 1 << 20, 1 << 30, 200)

    assert opened(stream.getvalue(), limits).entries_total == 66_000


def test_sizes_behind_the_data_are_read():
    class Unseekable(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def tell(self) -> int:
            raise OSError

    stream = Unseekable()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.jpg", films.jpeg(1))

    assert contents(stream.getvalue()) == {"a.jpg": films.jpeg(1)}


@pytest.mark.parametrize("counted", [True, False])
def test_bytes_in_front_are_stepped_over_whether_the_writer_counted_them(counted: bool):
    entries = [RawEntry(b"a.jpg", films.jpeg(1)), RawEntry(b"b.jpg", films.jpeg(2))]
    front = b"#!/bin/sh\n" * 20
    data = archives.raw_zip(entries, prefix=front) if counted else front + archives.raw_zip(entries)

    assert contents(data) == {"a.jpg": films.jpeg(1), "b.jpg": films.jpeg(2)}


def test_a_comment_that_holds_an_end_record_is_a_comment():
    inner = archives.zip_of({"inner.jpg": b"x"})[-22:]
    data = archives.raw_zip([RawEntry(b"a.jpg", films.jpeg(1))], comment=b"see " + inner[:10])

    assert list(contents(data)) == ["a.jpg"]


@pytest.mark.parametrize(
    ("raw", "flags", "name"),
    [
        ("폐렴/소아.jpg".encode("cp949"), 0, "폐렴/소아.jpg"),
        ("폐렴/소아.jpg".encode(), 0x800, "폐렴/소아.jpg"),
        ("폐렴/소아.jpg".encode(), 0, "폐렴/소아.jpg"),
        (b"folder\\film.jpg", 0, "folder/film.jpg"),
        (b"\xff\xfe.jpg", 0, "\xa0\u25a0.jpg"),
        (b"\xff.jpg", 0x800, "\ufffd.jpg"),
    ],
)
def test_names_are_read_in_the_code_page_they_were_written_in(raw: bytes, flags: int, name: str):
    data = archives.raw_zip([RawEntry(raw, films.jpeg(1), flags=flags)])

    assert list(contents(data)) == [name]


def test_a_unicode_path_field_wins_only_when_it_was_written_for_this_name():
    def field(crc: int) -> bytes:
        value = b"\x01" + struct.pack("<I", crc) + "폐렴.jpg".encode()
        return struct.pack("<HH", 0x7075, len(value)) + value

    own = RawEntry(b"a.jpg", films.jpeg(1), extra=field(zlib.crc32(b"a.jpg")))
    stale = RawEntry(b"b.jpg", films.jpeg(2), extra=field(zlib.crc32(b"other.jpg")))

    assert list(contents(archives.raw_zip([own, stale]))) == ["폐렴.jpg", "b.jpg"]


def test_bad_entries_fail_alone():
    found = contents(archives.hostile_zip())

    assert found.pop("good.jpg") == films.jpeg(0)
    assert {name: found[name] for name in found if isinstance(found[name], str)} == {
        "secret.jpg": "encrypted_entry",
        "../../etc/film.jpg": "unsafe_name",
        "bad.jpg": "wrong_checksum",
        "inner.zip": "nested_archive",
        "bomb.png": "suspicious_ratio",
        "link.jpg": "special_entry",
    }


BAD: Mapping[str, tuple[RawEntry, str]] = {
    "absolute": (RawEntry(b"/etc/film.jpg", b"x"), "unsafe_name"),
    "drive": (RawEntry(b"C:\\film.jpg", b"x"), "unsafe_name"),
    "backslashes": (RawEntry(b"..\\..\\film.jpg", b"x"), "unsafe_name"),
    "NUL": (RawEntry(b"film.jpg\0.exe", b"x"), "unsafe_name"),
    "strong": (RawEntry(b"a", b"x", flags=0x40), "encrypted_entry"),
    "lzma": (RawEntry(b"a", b"x", method=14), "unsupported_compression"),
    "device": (RawEntry(b"a", b"x", external=0o020644 << 16), "special_entry"),
    "link of macOS": (RawEntry(b"a", b"/", external=0o120777 << 16, system=19), "special_entry"),
    "pipe": (RawEntry(b"a", b"x", external=0o010644 << 16), "special_entry"),
    "gzip": (RawEntry(b"a", b"\x1f\x8b\x08" + bytes(20)), "nested_archive"),
    "tar": (RawEntry(b"a", archives.tar_of({"a": b"x"})), "nested_archive"),
    "claims less": (RawEntry(b"a", b"x" * 100, size=50), "corrupt_entry"),
    "claims more": (RawEntry(b"a", b"x" * 100, size=150), "corrupt_entry"),
    "stored, two sizes": (RawEntry(b"a", b"x" * 100, method=STORED, size=50), "corrupt_entry"),
    "local size": (RawEntry(b"a", b"x" * 100, local_size=99), "corrupt_entry"),
    "local name": (RawEntry(b"a", b"x", local_name=b"b"), "corrupt_entry"),
    "longer local name": (RawEntry(b"a", b"x", local_name=b"abc"), "corrupt_entry"),
    "too large": (RawEntry(b"a", b"x", size=17 << 20), "too_large"),
}


@pytest.mark.parametrize(("entry", "code"), BAD.values(), ids=BAD)
def test_every_kind_of_bad_entry_has_its_code(entry: RawEntry, code: str):
    good = RawEntry(b"good.jpg", films.jpeg(0))

    found = contents(archives.raw_zip([good, entry, RawEntry(b"last.jpg", films.jpeg(1))]))

    assert list(found.values()) == [films.jpeg(0), code, films.jpeg(1)]


def test_damaged_packed_data_are_told():
    data = bytearray(archives.raw_zip([RawEntry(b"a", films.jpeg(0) * 3, method=DEFLATED)]))
    data[31:60] = b"\xff" * 29

    assert contents(bytes(data)) == {"a": "corrupt_entry"}


def test_a_ratio_does_not_matter_for_a_small_entry():
    blank = bytes(1 << 20)

    assert contents(archives.raw_zip([RawEntry(b"blank", blank)])) == {"blank": blank}


def test_lying_about_the_size_does_not_get_a_bomb_in():
    bomb = RawEntry(b"bomb", bytes(32 << 20), size=1000, local_size=1000)

    assert contents(archives.raw_zip([bomb])) == {"bomb": "corrupt_entry"}


def test_duplicated_names_are_entries_of_their_own():
    archive = opened(
        archives.raw_zip([RawEntry(b"a", films.jpeg(0)), RawEntry(b"a", films.jpeg(1))])
    )

    assert [archive.read(entry) for entry in archive.entries()] == [films.jpeg(0), films.jpeg(1)]


@pytest.mark.parametrize("ordered", [True, False])
def test_very_many_entries_need_little_memory(ordered: bool):
    data = archives.tiny_entries_zip(40_000)
    if not ordered:  # the first record of the directory goes behind the others
        at, record = data.index(b"PK\x01\x02"), 46 + 11
        end = data.index(b"PK\x06\x06")
        data = data[:at] + data[at + record : end] + data[at : at + record] + data[end:]
    limits = ArchiveLimits(1_000_000, 1 << 20, 1 << 30, 200)
    tracemalloc.start()
    try:
        archive = opened(data, limits)
        count = sum(1 for _ in archive.entries())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert (count, archive.entries_total) == (40_000, 40_000)
    # A window of the directory and, out of order, 16 bytes an entry with what sorting them takes.
    assert peak < (2 << 20 if ordered else 6 << 20)


def test_more_entries_than_allowed_are_not_counted_to_the_end():
    store = Ranges(archives.tiny_entries_zip(40_000))

    with pytest.raises(ArchiveError) as caught:
        ZipArchive.open(store, len(store.data), replace(LIMITS, max_entries=1_000))

    assert caught.value.code == "too_many_entries"
    assert sum(store.reads) < 1 << 20


def test_entries_of_one_archive_may_not_share_bytes():
    kernel = RawEntry(b"a", films.jpeg(0))
    twice = RawEntry(b"a", films.jpeg(0), offset=0)

    with pytest.raises(ArchiveError) as caught:
        opened(archives.raw_zip([kernel, twice]))

    assert caught.value.code == "overlapping_entries"


def test_entries_may_lie_in_another_order_than_the_directory_lists_them():
    first, second = RawEntry(b"a", b"x" * 50), RawEntry(b"b", b"y" * 50)
    plain = archives.raw_zip([first, second])
    at = plain.index(b"PK\x01\x02")
    swapped = plain.index(b"PK\x01\x02", at + 1)
    end = plain.index(b"PK\x05\x06")
    data = plain[:at] + plain[swapped:end] + plain[at:swapped] + plain[end:]

    assert contents(data) == {"b": b"y" * 50, "a": b"x" * 50}


def test_overlap_is_found_in_any_order():
    entries = [
        RawEntry(b"a", b"x" * 50),
        RawEntry(b"b", b"y" * 50),
        RawEntry(b"c", b"z" * 50, offset=3),
    ]

    with pytest.raises(ArchiveError) as caught:
        opened(archives.raw_zip(entries))

    assert caught.value.code == "overlapping_entries"


def test_an_entry_may_not_reach_into_the_directory():
    with pytest.raises(ArchiveError) as caught:
        opened(archives.raw_zip([RawEntry(b"a", b"x", packed_size=5000)]))

    assert caught.value.code == "overlapping_entries"


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        (ArchiveLimits(4, 1 << 20, 1 << 30, 200), "too_many_entries"),
        (ArchiveLimits(5, 1 << 20, 10_000, 200), "archive_too_large"),
    ],
)
def test_an_archive_above_a_limit_is_refused_as_a_whole(limits: ArchiveLimits, code: str):
    with pytest.raises(ArchiveError) as caught:
        opened(archives.zip_of_films(5), limits)

    assert caught.value.code == code


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PK\x05\x06",
        b"PK\x03\x04" + bytes(500),
        archives.zip_of_films(3)[:-1],
        archives.zip_of_films(3)[: len(archives.zip_of_films(3)) // 2],
        archives.zip_of_films(3)[1000:],
        archives.zip_of_films(3).replace(b"PK\x01\x02", b"PK\x01\x03", 1),
    ],
)
def test_what_is_no_whole_archive_is_unreadable(data: bytes):
    with pytest.raises(ArchiveError) as caught:
        opened(data)

    assert caught.value.code == "archive_unreadable"


def test_one_of_several_volumes_is_unreadable():
    data = bytearray(archives.zip_of_films(1))
    data[-18:-16] = b"\x01\x00"

    with pytest.raises(ArchiveError) as caught:
        opened(bytes(data))

    assert caught.value.code == "archive_unreadable"


@pytest.mark.parametrize(
    ("name", "ignored"),
    [
        ("folder/", True),
        ("__MACOSX/._film.jpg", True),
        ("a/__MACOSX/film.jpg", True),
        (".DS_Store", True),
        ("a/Thumbs.db", True),
        ("desktop.ini", True),
        ("film.jpg", False),
        ("a/film", False),
        ("notes.txt", False),
        ("./films/a.jpg", False),
        ("../film.jpg", False),
        (".git/film.jpg", True),
        ("DICOMDIR", True),
    ],
)
def test_what_no_person_put_there_is_ignored(name: str, ignored: bool):
    assert is_ignored(name) is ignored


@pytest.mark.parametrize(
    ("name", "code", "none"),
    [
        ("notes.txt", "unsupported_format", True),
        ("list.csv", "too_large", True),
        ("list.csv", "suspicious_ratio", True),
        ("README", "unsupported_format", True),
        ("README", "wrong_checksum", False),
        ("1.2.840.10008.17", "too_large", False),
        ("film.jpg", "unsupported_format", False),
        ("film.DCM", "empty_file", False),
        ("link.txt", "special_entry", False),
        ("../notes.txt", "unsafe_name", False),
        ("more.zip", "too_large", False),
        ("more.rar", "unsupported_format", False),
        ("notes.txt", "nested_archive", False),
    ],
)
def test_what_nobody_means_as_a_film_is_not_missed(name: str, code: str, none: bool):
    assert is_no_film(name, code) is none


VICTIM = archives.raw_zip(
    [RawEntry(b"a", b"x" * 40), RawEntry(b"b", b"y" * 40, method=STORED), RawEntry(b"c", b"z")]
)


@given(
    st.lists(
        st.tuples(st.integers(0, len(VICTIM) - 1), st.integers(0, 255)), min_size=1, max_size=6
    ),
    st.integers(0, len(VICTIM)),
)
@example([(0, 0)], len(VICTIM))
def test_a_damaged_archive_gives_named_errors_only(damage: list[tuple[int, int]], length: int):
    data = bytearray(VICTIM)
    for place, value in damage:
        data[place] = value

    with suppress(ArchiveError):  # nothing else may leave
        assert len(contents(bytes(data[:length]))) <= 3
