"""Tar archives, plain and packed, honest and hostile, read front to back."""

from __future__ import annotations

import gzip
import tarfile
import tracemalloc
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from lungline.archives import HEAD_BYTES, ArchiveFormat, archive_format
from tests.factories import archives, films
from tests.factories.archives import packed, raw_tar, tar_block, tar_of
from workers.archive import ArchiveError, ArchiveLimits, EntryError, TarArchive, is_ignored, stream

LIMITS = ArchiveLimits(
    max_entries=1_000, max_entry_bytes=16 << 20, max_total_bytes=256 << 20, max_ratio=200
)
TAR, GZIP, ZSTD = ArchiveFormat.TAR, ArchiveFormat.TAR_GZIP, ArchiveFormat.TAR_ZSTD
KINDS = [TAR, GZIP, ZSTD]
END = bytes(1024)


class Ranges:
    """An archive in the store that remembers how much was read of it."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.read = 0

    def __call__(self, start: int, length: int) -> bytes:
        self.read += min(length, len(self.data) - start)
        return self.data[start : start + length]


def opened(data: bytes, limits: ArchiveLimits = LIMITS, offset: int = 0) -> TarArchive:
    kind = archive_format(data[:HEAD_BYTES]) or TAR
    return TarArchive.open(kind, Ranges(data), len(data), limits, offset)


def contents(data: bytes, limits: ArchiveLimits = LIMITS) -> list[tuple[str, bytes | str]]:
    """Unpack all; an entry that cannot be read gives its code, the archive's own comes last."""
    found: list[tuple[str, bytes | str]] = []
    try:
        archive = opened(data, limits)
        for entry in archive.entries():
            try:
                found.append((entry.name, archive.read(entry)))
            except EntryError as error:
                found.append((entry.name, error.code))
    except ArchiveError as error:
        found.append(("", error.code))
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_gives_what_was_packed_in_order(kind: ArchiveFormat):
    files = {f"films/{n}.jpg": films.jpeg(n) for n in range(9)} | {"empty.txt": b""}
    data = tar_of(files, kind)

    assert archive_format(data[:HEAD_BYTES]) is kind
    assert contents(data) == [*files.items()]


@pytest.mark.parametrize("kind", KINDS)
def test_goes_on_at_an_offset(kind: ArchiveFormat):
    data = archives.tar_of_films(5, kind)
    first = opened(data)
    entries = first.entries()
    for _ in range(3):
        next(entries)

    second = opened(data, offset=first.offset)

    assert [(entry.name, second.read(entry)) for entry in second.entries(3)] == [
        (f"films/{n:05}.jpg", films.jpeg(n)) for n in (3, 4)
    ]
    assert second.entries_total == 5


def test_what_is_not_wanted_of_a_plain_tar_is_not_read():
    store = Ranges(tar_of({f"{n}.raw": bytes(9 << 20) for n in range(4)}))

    assert len(list(TarArchive.open(TAR, store, len(store.data), LIMITS).entries())) == 4

    assert store.read < len(store.data)


@pytest.mark.parametrize("how", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("encoding", ["utf-8", "cp949"])
def test_names_of_every_format_are_read(how: int, encoding: str):
    names = {"폐렴/소아.jpg": b"x", "/".join(["folder"] * 20) + "/film.jpg": b"y"}
    if how != tarfile.USTAR_FORMAT:
        names["폐" * 120 + ".jpg"] = b"z"
    data = tar_of(names, format=how, encoding=encoding)

    assert contents(data) == [*names.items()]


def test_folders_are_ignored_and_labels_are_no_entries():
    data = raw_tar(
        tar_block(b"backup of monday", kind=b"V"),
        tar_block(b"films", kind=b"5", size=b"00000001000\0"),
        tar_block(b"dump", b"Yfilm.jpg\0\0", kind=b"D"),
        tar_block(b"old/", kind=b"0"),
        tar_block(b"a", b"x", kind=b"\0", fill={257: bytes(8)}),
    )

    found = contents(data)

    assert [name for name, _ in found] == ["films/", "dump/", "old/", "a"]
    assert [is_ignored(name) for name, _ in found] == [True, True, True, False]
    assert found[-1] == ("a", b"x")


def pax(*records: bytes) -> bytes:
    body = b"".join(
        next(
            b"%d %s\n" % (length, record)
            for length in range(len(record) + 8)
            if len(b"%d %s\n" % (length, record)) == length
        )
        for record in records
    )
    return tar_block(b"pax", body, b"x")


BAD: Mapping[str, tuple[bytes, str]] = {
    "absolute": (tar_block(b"/etc/film.jpg", b"x"), "unsafe_name"),
    "upwards": (tar_block(b"a/../../film.jpg", b"x"), "unsafe_name"),
    "upwards by pax": (pax(b"path=../film.jpg") + tar_block(b"a", b"x"), "unsafe_name"),
    "hard link": (tar_block(b"a", kind=b"1", size=b"00000000777\0"), "special_entry"),
    "symbolic link": (tar_block(b"a", kind=b"2"), "special_entry"),
    "character device": (tar_block(b"a", kind=b"3"), "special_entry"),
    "block device": (tar_block(b"a", kind=b"4"), "special_entry"),
    "pipe": (tar_block(b"a", kind=b"6"), "special_entry"),
    "second volume": (tar_block(b"a", b"x", kind=b"M"), "special_entry"),
    "unknown type": (tar_block(b"a", b"x", kind=b"Q"), "special_entry"),
    "sparse": (tar_block(b"a", b"x", kind=b"S"), "special_entry"),
    "sparse with a map of two blocks": (
        tar_block(b"a", kind=b"S", fill={482: b"\1", 124: b"00000000001\0"})
        + (bytes(504) + b"\1" + bytes(7))
        + bytes(512)
        + (b"x" + bytes(511)),
        "special_entry",
    ),
    "sparse by pax": (
        pax(b"GNU.sparse.major=1", b"GNU.sparse.realsize=99999999999") + tar_block(b"a", b"x"),
        "special_entry",
    ),
    "too large": (tar_block(b"a", bytes((16 << 20) + 1)), "too_large"),
    "damaged pax": (tar_block(b"p", b"99 path=x\n", b"x") + tar_block(b"a", b"x"), "corrupt_entry"),
    "pax without end": (tar_block(b"p", b"7 path=", b"x") + tar_block(b"a", b"x"), "corrupt_entry"),
    "negative pax size": (pax(b"size=-1") + tar_block(b"a", b"x"), "corrupt_entry"),
    "pax of 2 MB": (
        tar_block(b"p", bytes(2 << 20), b"x") + tar_block(b"a", b"x"),
        "corrupt_entry",
    ),
    "gzip": (tar_block(b"a", b"\x1f\x8b\x08" + bytes(20)), "nested_archive"),
    "tar": (tar_block(b"a", tar_of({"b": b"x"})), "nested_archive"),
    "zip": (tar_block(b"a", archives.zip_of({"b": b"x"})), "nested_archive"),
}


@pytest.mark.parametrize("kind", [TAR, GZIP])
@pytest.mark.parametrize(("block", "code"), BAD.values(), ids=BAD)
def test_every_kind_of_bad_entry_fails_alone(block: bytes, code: str, kind: ArchiveFormat):
    data = raw_tar(tar_block(b"good.jpg", b"1"), block, tar_block(b"last.jpg", b"2"))

    assert [what for _, what in contents(packed(data, kind))] == [b"1", code, b"2"]


def test_a_size_in_a_pax_header_counts():
    data = raw_tar(pax(b"size=3") + tar_block(b"a", b"xyz", size=b"00000000000\0"))

    assert contents(data) == [("a", b"xyz")]


def test_a_binary_size_is_read():
    data = raw_tar(tar_block(b"a", b"xyz", size=b"\x80" + bytes(10) + b"\3"))

    assert contents(data) == [("a", b"xyz")]


def test_duplicated_names_are_entries_of_their_own():
    data = raw_tar(tar_block(b"a", b"1"), tar_block(b"a", b"2"))

    assert contents(data) == [("a", b"1"), ("a", b"2")]


UNREADABLE: Mapping[str, bytes] = {
    "wrong header checksum": tar_block(b"a", b"x") + b"\1" + tar_block(b"b", b"x")[1:] + END,
    "negative size": tar_block(b"a", b"x") + tar_block(b"b", size=b"\xff" * 12) + END,
    "size of letters": tar_block(b"a", b"x") + tar_block(b"b", size=b"twelve\0\0\0\0\0\0") + END,
    "no end": tar_block(b"a", b"x"),
    "cut in a header": tar_block(b"a", b"x") + tar_block(b"b", b"x")[:100],
    "extended headers without end": tar_block(b"a", b"x") + 20 * pax(b"path=b") + END,
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("data", UNREADABLE.values(), ids=UNREADABLE)
def test_what_comes_before_the_damage_is_read(data: bytes, kind: ArchiveFormat):
    assert contents(packed(data, kind)) == [("a", b"x"), ("", "archive_unreadable")]


@pytest.mark.parametrize("kind", KINDS)
def test_a_cut_tells_the_entry_and_the_archive(kind: ArchiveFormat):
    data = tar_block(b"a", b"x") + tar_block(b"b", bytes(2000))[:1500]

    found = contents(packed(data, kind))

    assert found == [("a", b"x"), ("b", "corrupt_entry"), ("", "archive_unreadable")]


@pytest.mark.parametrize("kind", [GZIP, ZSTD])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9])
def test_a_packed_archive_that_is_cut_is_unreadable_from_there(kind: ArchiveFormat, share: float):
    data = archives.tar_of_films(20, kind)

    found = contents(data[: max(5, int(share * len(data)))])

    assert found[-1] == ("", "archive_unreadable")
    good = [what for _, what in found if isinstance(what, bytes)]
    assert good == [films.jpeg(n) for n in range(len(good))]
    assert len(good) < 20


@pytest.mark.parametrize(
    ("kind", "nothing"),
    [
        (GZIP, gzip.compress(b"") * 30_000),
        (GZIP, b"\x1f\x8b\x08\x08" + bytes(6) + b"name" * 150_000),
        (GZIP, bytes(600_000)),
        (ZSTD, zstandard.compress(b"") * 70_000),
        (ZSTD, (b"\x50\x2a\x4d\x18\x04\x00\x00\x00" + bytes(4)) * 50_000),
    ],
    ids=["members", "name", "padding", "frames", "skipped frames"],
)
def test_packed_data_that_hold_nothing_have_an_end(kind, nothing, monkeypatch):
    data = packed(tar_block(b"a", b"x") + END, kind)
    monkeypatch.setattr(stream, "_EMPTY", 1 << 20)
    assert contents(data + nothing)[0] == ("a", b"x")

    monkeypatch.setattr(stream, "_EMPTY", 1 << 18)

    assert contents(data + nothing) == [("a", b"x"), ("", "archive_unreadable")]


def test_a_wrong_checksum_of_a_gzip_is_told():
    data = bytearray(archives.tar_of_films(2, GZIP))
    data[-8] ^= 1

    assert [what for _, what in contents(bytes(data))][2:] == ["archive_unreadable"]


def test_several_members_and_frames_are_one_archive():
    data = archives.tar_of_films(3)
    half = len(data) // 2
    for kind in (GZIP, ZSTD):
        both = packed(data[:half], kind) + packed(data[half:], kind)
        assert len(contents(both)) == 3


@pytest.mark.parametrize("kind", KINDS)
def test_an_archive_of_nothing_has_no_entry(kind: ArchiveFormat):
    archive = opened(packed(bytes(10_240), kind))

    assert list(archive.entries()) == []
    assert archive.entries_total == 0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("change", "code"),
    [({"max_entries": 4}, "too_many_entries"), ({"max_total_bytes": 9_000}, "archive_too_large")],
)
def test_caps_are_counted_while_reading(kind: ArchiveFormat, change: dict[str, int], code: str):
    found = contents(archives.tar_of_films(5, kind), replace(LIMITS, **change))

    assert found[-1] == ("", code)


@pytest.mark.parametrize("kind", [GZIP, ZSTD])
@pytest.mark.parametrize("behind", [False, True])
def test_a_bomb_is_left_early_and_memory_stays_small(kind: ArchiveFormat, behind: bool):
    zeros = bytes(80 << 20)
    inside = tar_block(b"b", size=b"77777777777\0") + zeros
    data = packed(tar_block(b"a", b"x") + (END + zeros if behind else inside), kind)
    del zeros, inside
    tracemalloc.start()
    try:
        found = contents(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    told = [] if behind else [("b", "too_large")]
    assert found == [("a", b"x"), *told, ("", "suspicious_ratio")]
    assert peak < 24 << 20


def test_packed_data_that_need_too_much_memory_are_refused():
    parameters = zstandard.ZstdCompressionParameters(window_log=28, enable_ldm=False)
    packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    data = packer.compress(archives.tar_of_films(1)) + packer.flush()

    assert contents(data) == [("", "archive_unreadable")]


@pytest.mark.parametrize("data", [b"", b"words", bytes(100), b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd"])
def test_what_is_no_archive_is_unreadable(data: bytes):
    assert contents(data) == [("", "archive_unreadable")]


def test_a_packed_file_that_is_no_tar_is_unreadable():
    assert contents(packed(films.jpeg(1), GZIP)) == [("", "archive_unreadable")]


def test_films_are_no_archives():
    for data in (films.jpeg(1), films.png8(1), films.dicom(1), b"", bytes(HEAD_BYTES)):
        assert archive_format(data[:HEAD_BYTES]) is None


VICTIM = raw_tar(
    pax(b"path=x/y.jpg", b"mtime=1.5"),
    tar_block(b"a", b"x" * 600),
    tar_block(b"name", b"long/name\0", b"L"),
    tar_block(b"b", b"y", b"0"),
    tar_block(b"c", kind=b"2"),
)


@given(
    st.lists(
        st.tuples(st.integers(0, len(VICTIM) - 1), st.integers(0, 255)), min_size=1, max_size=6
    ),
    st.integers(0, len(VICTIM)),
    st.sampled_from(KINDS),
)
def test_a_damaged_archive_gives_named_errors_only(
    damage: list[tuple[int, int]], length: int, kind: ArchiveFormat
):
    data = bytearray(packed(VICTIM, kind))
    for place, value in damage:
        data[place % len(data)] = value

    with suppress(ArchiveError):  # nothing else may leave
        archive = TarArchive.open(
            kind, Ranges(bytes(data[:length])), min(length, len(data)), LIMITS
        )
        for entry in archive.entries():
            with suppress(EntryError):
                archive.read(entry)
