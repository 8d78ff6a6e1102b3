from __future__ import annotations

import hashlib
import threading
from contextlib import suppress
from functools import partial

import pytest

from lungline.archives import ArchiveFormat
from lungline.domain import DEFAULT_TENANT, ItemStatus, JobStatus
from lungline.errors import DatabaseUnavailable, StoreUnavailable
from tests.factories import archives, films
from tests.factories.services import service
from tests.factories.uploads import complete
from workers import backoff, expand, manifests, slices
from workers.analyze import read_batch
from workers.expand import expand_archive
from workers.progress import STALLED, Progress
from workers.slices import FIRST_SLICE
from workers.sweep import sweep


def _same(settings):
    """The API over the same database and store."""
    return {
        "database_url": settings.sqlalchemy_url,
        "store_dir": settings.objects_dir,
        "bundle": "paediatric-pneumonia",
    }


KINDS = [
    archives.zip_of_films,
    *(partial(archives.tar_of_films, kind=kind) for kind in list(ArchiveFormat)[1:]),
]


@pytest.fixture(autouse=True)
def _no_long_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backoff, "LEAST_SECONDS", 0.0)
    monkeypatch.setattr(backoff, "MOST_SECONDS", 0.0)


def test_an_archive_becomes_a_job_of_its_films(make):
    parts, desk = make()
    job = desk.submit_archive(archives.zip_of_films(40))
    archive = job.archive_key

    assert expand_archive(parts)

    job = desk.job(job)
    assert job.status is JobStatus.RUNNING
    assert (job.total, job.queued, job.entries_seen, job.entries_total) == (40, 40, 40, 40)
    items = desk.items(job)
    assert [item.name for item in items] == [f"films/{number:05}.jpg" for number in range(40)]
    assert all(desk.store.exists(item.film.object_key) for item in items)
    assert not desk.store.exists(archive)
    assert job.archive_key is None
    assert desk.repository.repairs.check_counters() == []


def test_an_upload_becomes_a_job_of_its_films(make):
    parts, desk = make()
    archive = archives.zip_of_films(5)
    with service(parts.settings.data_dir, **_same(parts.settings)) as api:
        upload = complete(api.client, archive)
        answer = api.client.post("/v1/jobs", json={"upload": upload["id"]}).get_json()

    assert expand_archive(parts)

    job = parts.repository.jobs.get(DEFAULT_TENANT, answer["id"])
    assert (job.status, job.total, job.queued) == (JobStatus.RUNNING, 5, 5)
    items = desk.items(job)
    assert [item.name for item in items] == [f"films/{number:05}.jpg" for number in range(5)]
    assert not desk.store.exists(f"{DEFAULT_TENANT}/uploads/{upload['id']}")


def test_an_archive_that_cannot_be_deleted_now_is_left_to_the_sweep(make, monkeypatch):
    parts, desk = make()
    job = desk.submit_archive(archives.zip_of_films(1), manifest=b"filename,external_id\n")
    keys = list(desk.store.keys(f"{DEFAULT_TENANT}/uploads/"))
    with monkeypatch.context() as patch:
        patch.setattr(type(parts.store), "delete", _away)
        assert expand_archive(parts)
    assert job.archive_key in keys
    assert len(keys) == 2
    assert all(map(desk.store.exists, keys))

    assert sweep(parts)["spent_archives"] == 1

    assert not any(map(desk.store.exists, keys))
    assert "spent_archives" not in sweep(parts)


def _away(store, key):
    raise StoreUnavailable("It is away.")


def test_there_may_be_no_archive(make):
    parts, _ = make()

    assert not expand_archive(parts)


def test_an_archive_is_kept_where_the_setting_says_so(make):
    parts, desk = make(keep_archives=True)
    job = desk.submit_archive(archives.zip_of_films(1))

    expand_archive(parts)

    assert desk.store.exists(job.archive_key)


@pytest.mark.parametrize("keep", [False, True])
def test_the_archive_of_a_job_that_expires_unexpanded_goes_unless_the_setting_keeps_it(make, keep):
    parts, desk = make(keep_archives=keep)
    told = b"file\nfilm-0000.jpg\n"
    job = desk.submit_archive(archives.zip_of_films(1), manifest=told, expires_in=60.0)
    parts.repository.database.clock_offset = desk.database.clock_offset = 61.0

    sweep(parts)

    assert desk.job(job).status is JobStatus.EXPIRED
    assert desk.store.exists(job.archive_key) is keep


def test_the_first_slice_is_small_so_that_reading_starts_at_once(make, monkeypatch):
    parts, desk = make(expand_slice=100)
    job = desk.submit_archive(archives.zip_of_films(FIRST_SLICE + 5))
    seen = []
    commit = parts.repository.expansions.commit_slice

    def watch(*arguments, **slices):
        done = commit(*arguments, **slices)
        seen.append(desk.job(job).queued)
        return done

    monkeypatch.setattr(parts.repository.expansions, "commit_slice", watch)

    expand_archive(parts)

    assert seen == [FIRST_SLICE, FIRST_SLICE + 5]


def test_bad_entries_fail_alone_with_their_reason(make):
    parts, desk = make()
    archive = archives.zip_of(
        {
            "good.jpg": films.jpeg(1),
            "text.jpg": films.text_named_jpg(),
            "empty.jpg": b"",
            "huge.png": films.huge_png(),
            "__MACOSX/._good.jpg": b"resource fork",
            ".DS_Store": b"finder",
        }
    )
    job = desk.submit_archive(archive)

    expand_archive(parts)
    while read_batch(parts):
        parts.writer.wait()

    items = {item.name: item for item in desk.items(job)}
    assert {name: item.error_code for name, item in items.items()} == {
        "good.jpg": None,
        "text.jpg": "unsupported_format",
        "empty.jpg": "empty_file",
        "huge.png": "too_many_pixels",
    }
    assert desk.job(job).status is JobStatus.COMPLETED_WITH_ERRORS


def test_every_entry_is_accounted_for(make):
    parts, desk = make(expand_slice=3)
    packed = {
        "a.jpg": films.jpeg(1),
        "again.jpg": films.jpeg(1),
        "__MACOSX/._a.jpg": b"resource fork",
        "notes.txt": b"words",
        "film.txt": films.jpeg(2),
        "README": b"words",
        "bad.jpg": b"words",
        "late.jpg": films.jpeg(1),
        "films/": b"",
    }
    job = desk.submit_archive(archives.zip_of(packed))

    expand_archive(parts)

    page = desk.repository.entries.page(job.tenant, job.id, limit=100)
    assert [entry.name for entry in page.items] == [*packed]
    assert [str(entry.outcome) for entry in page.items] == [
        *("accepted", "duplicate", "ignored", "ignored", "accepted"),
        *("ignored", "rejected", "duplicate", "ignored"),
    ]
    items = {item.name: item for item in desk.items(job)}
    assert [*items] == ["a.jpg", "again.jpg", "film.txt", "bad.jpg", "late.jpg"]
    assert {entry.duplicate_of for entry in page.items} == {None, items["a.jpg"].id}
    assert items["late.jpg"].duplicate_of == items["a.jpg"].id
    assert [entry.item_id for entry in page.items] == [
        items[name].id if name in items else None for name in packed
    ]
    digests = {entry.name: entry.sha256 for entry in page.items if entry.sha256}
    unread = {"__MACOSX/._a.jpg", "films/"}
    assert digests == {
        name: hashlib.sha256(data).hexdigest()
        for name, data in packed.items()
        if name not in unread
    }
    assert [entry.size for entry in page.items] == [len(data) for data in packed.values()]
    assert page.items[6].error_code == "unsupported_format"
    job = desk.job(job)
    counts = (job.entries_accepted, job.entries_duplicate, job.entries_ignored)
    assert (*counts, job.entries_rejected, job.entries_seen) == (2, 2, 4, 1, 9)


@pytest.mark.parametrize(
    ("archive", "code"),
    [
        (b"no zip at all" * 100, "archive_unreadable"),
        (archives.zip_of({}), "archive_empty"),
        (archives.tar_of({"notes.txt": b"x"}), "archive_empty"),
        (archives.tar_of({}, ArchiveFormat.TAR_ZSTD), "archive_empty"),
        (archives.zip_of({"folder/.DS_Store": b"x", "notes.txt": b"x"}), "archive_empty"),
        (archives.zip_of_films(3)[:-30], "archive_unreadable"),
    ],
)
def test_an_archive_that_gives_nothing_fails_the_job(make, archive: bytes, code: str):
    parts, desk = make()
    job = desk.submit_archive(archive)

    expand_archive(parts)

    job = desk.job(job)
    assert (job.status, job.error_code) == (JobStatus.FAILED, code)


def test_an_archive_that_is_gone_fails_the_job(make):
    parts, desk = make()
    job = desk.submit_archive(archives.zip_of_films(1))
    desk.store.delete(job.archive_key)

    expand_archive(parts)

    assert desk.job(job).error_code == "archive_unreadable"
    # Who finds it can put it back.
    assert desk.job(job).archive_key == job.archive_key
    assert "spent_archives" not in sweep(parts)


def test_an_archive_whose_manifest_is_gone_stays(make):
    parts, desk = make()
    job = desk.submit_archive(archives.zip_of_films(1), manifest=b"filename,external_id\n")
    for key in desk.store.keys(f"{DEFAULT_TENANT}/uploads/"):
        if key != job.archive_key:
            desk.store.delete(key)

    expand_archive(parts)

    assert desk.job(job).error_code == "manifest_unreadable"
    assert desk.store.exists(job.archive_key)


def test_an_archive_whose_store_is_not_mounted_waits_for_it(make):
    parts, desk = make()
    job = desk.submit_archive(archives.zip_of_films(3))
    place = parts.settings.objects_dir
    place.rename(place.with_name("away"))

    for _ in range(4):
        assert expand_archive(parts)
    assert desk.job(job).status is JobStatus.EXPANDING

    assert not place.exists()
    place.with_name("away").rename(place)
    expand_archive(parts)
    assert (desk.job(job).status, desk.job(job).total) == (JobStatus.RUNNING, 3)


@pytest.mark.parametrize("kind", list(ArchiveFormat))
def test_every_entry_of_a_hostile_archive_is_accounted_for(make, kind):
    parts, desk = make()
    if kind is ArchiveFormat.ZIP:
        job = desk.submit_archive(archives.hostile_zip())
    else:
        job = desk.submit_archive(archives.packed(archives.hostile_tar(), kind))

    expand_archive(parts)

    found = [
        (entry.name, entry.error_code or str(entry.outcome))
        for entry in desk.repository.entries.page(job.tenant, job.id, limit=100).items
    ]
    assert found == (ZIP_FOUND if kind is ArchiveFormat.ZIP else TAR_FOUND)
    job = desk.job(job)
    assert job.error_code is None
    assert (job.total, job.failed) == (len(found), job.entries_rejected)


ZIP_FOUND = [
    ("good.jpg", "accepted"),
    ("secret.jpg", "encrypted_entry"),
    ("../../etc/film.jpg", "unsafe_name"),
    ("bad.jpg", "wrong_checksum"),
    ("inner.zip", "nested_archive"),
    ("bomb.png", "suspicious_ratio"),
    ("text.jpg", "unsupported_format"),
    ("cut.jpg", "accepted"),  # told by whoever reads it
    ("huge.png", "too_many_pixels"),
    ("link.jpg", "special_entry"),
]
TAR_FOUND = [
    ("good.jpg", "accepted"),
    ("link.jpg", "special_entry"),
    ("hard.jpg", "special_entry"),
    ("device.jpg", "special_entry"),
    ("sparse.jpg", "special_entry"),
    ("../../etc/film.jpg", "unsafe_name"),
    ("/film.jpg", "unsafe_name"),
    ("inner.jpg", "nested_archive"),
    ("text.jpg", "unsupported_format"),
    ("huge.jpg", "too_many_pixels"),
    ("good.jpg", "accepted"),
]


def test_what_is_ignored_fills_slices_too(make, monkeypatch):
    monkeypatch.setattr(slices, "MOST_ENTRIES", 100)
    parts, desk = make()
    job = desk.submit_archive(archives.tiny_entries_zip(250))
    commit, sizes = parts.repository.expansions.commit_slice, []

    def watch(*arguments, **slice_):
        sizes.append(len(slice_["entries"]))
        return commit(*arguments, **slice_)

    monkeypatch.setattr(parts.repository.expansions, "commit_slice", watch)

    expand_archive(parts)

    assert sizes == [100, 100, 50]
    job = desk.job(job)
    assert (job.entries_ignored, job.error_code) == (250, "archive_empty")


def test_a_name_without_end_is_shown_by_its_end(make):
    parts, desk = make()
    name = "폐" * 20_000 + ".jpg"
    job = desk.submit_archive(archives.tar_of({name: films.jpeg(1)}))

    expand_archive(parts)

    (item,) = desk.items(job)
    (entry,) = desk.repository.entries.page(job.tenant, job.id, limit=2).items
    assert item.name == entry.name == name[-1000:]


@pytest.mark.parametrize("kind", list(ArchiveFormat)[1:])
def test_films_in_front_of_the_damage_are_kept(make, kind):
    parts, desk = make(expand_slice=5)
    whole = archives.tar_of_films(12)
    job = desk.submit_archive(archives.packed(whole[: len(whole) * 2 // 3], kind))

    expand_archive(parts)
    while read_batch(parts):
        parts.writer.wait()

    job = desk.job(job)
    assert (job.status, job.error_code) == (JobStatus.COMPLETED_WITH_ERRORS, "archive_unreadable")
    page = desk.repository.entries.page(job.tenant, job.id, limit=100)
    assert [entry.name for entry in page.items] == [
        f"films/{number:05}.jpg" for number in range(len(page.items))
    ]
    assert (job.succeeded, job.entries_total) == (job.entries_accepted, None)
    assert 5 < job.succeeded < 12


def test_who_is_cancelled_while_going_to_the_place_stops(make, monkeypatch):
    """A long packed archive takes minutes to unpack up to where it was left."""
    parts, desk = make(expand_slice=5, lease_seconds=60.0, lease_renewal_seconds=0.1)
    job = desk.submit_archive(archives.tar_of_films(12, ArchiveFormat.TAR_GZIP))
    get_range, lost = parts.store.get_range, threading.Event()
    renew = parts.repository.expansions.renew

    def cancel_first(*arguments):
        desk.repository.jobs.cancel(job.tenant, job.id)
        assert lost.wait(60)
        return get_range(*arguments)

    def renewed(*arguments):
        held = renew(*arguments)
        if not held:
            threading.Timer(0.05, lost.set).start()
        return held

    monkeypatch.setattr(parts.store, "get_range", cancel_first)
    monkeypatch.setattr(parts.repository.expansions, "renew", renewed)

    assert expand_archive(parts)

    assert desk.job(job).status is JobStatus.CANCELLED
    assert desk.items(job) == []


def test_what_stands_still_is_ended():
    ended = []
    progress = Progress(lambda: True, 0.0, ended.append)
    hopeful = Progress(lambda: True, 600.0, ended.append)

    assert hopeful.renew()
    assert ended == []
    progress.renew()
    assert ended == [STALLED]


def test_turns_grow_with_what_going_on_costs(monkeypatch):
    monkeypatch.setattr(expand.time, "monotonic", lambda: 1000.0)

    assert expand._turn_ends(999.5) == 1000.0 + expand.TURN_SECONDS
    assert expand._turn_ends(899.0) == 1000.0 + expand.TURN_SECONDS + 400.0
    assert expand._turn_ends(-90_000.0) == 1000.0 + 3600.0


def test_an_archive_with_too_many_entries_fails_the_job(make):
    parts, desk = make(max_archive_entries=2)
    job = desk.submit_archive(archives.zip_of_films(3))

    expand_archive(parts)

    assert desk.job(job).error_code == "too_many_entries"


@pytest.mark.parametrize("pack", KINDS)
def test_a_turn_ends_and_the_next_goes_on_at_the_cursor(make, monkeypatch, pack):
    monkeypatch.setattr(expand, "TURN_SECONDS", 0.0)
    parts, desk = make(expand_slice=5)
    job = desk.submit_archive(pack(12))

    expand_archive(parts)
    assert desk.job(job).entries_seen == 5
    expand_archive(parts)
    expand_archive(parts)

    job = desk.job(job)
    assert (job.status, job.total, job.entries_total) == (JobStatus.RUNNING, 12, 12)
    assert [item.seq for item in desk.items(job)] == list(range(12))


@pytest.mark.parametrize("pack", KINDS)
def test_a_crash_loses_no_committed_slice_and_repeats_none(make, monkeypatch, pack):
    parts, desk = make(expand_slice=5, lease_seconds=60.0)
    job = desk.submit_archive(pack(12))
    commit, calls = parts.repository.expansions.commit_slice, []

    def crash_at_second(*arguments, **slices):
        calls.append(1)
        if len(calls) == 2:
            raise RuntimeError("on purpose")
        return commit(*arguments, **slices)

    monkeypatch.setattr(parts.repository.expansions, "commit_slice", crash_at_second)
    with pytest.raises(RuntimeError):
        expand_archive(parts)
    assert not expand_archive(parts)  # its lease still holds
    desk.database.clock_offset = parts.repository.database.clock_offset = 100.0
    sweep(parts)

    assert expand_archive(parts)

    job = desk.job(job)
    assert (job.status, job.total, job.entries_seen) == (JobStatus.RUNNING, 12, 12)
    items = desk.items(job)
    assert [item.name for item in items] == [f"films/{n:05}.jpg" for n in range(12)]
    assert len({item.film.sha256 for item in items}) == 12


@pytest.mark.parametrize("pack", KINDS)
def test_a_cancelled_job_is_not_expanded_further(make, monkeypatch, pack):
    parts, desk = make(expand_slice=5)
    job = desk.submit_archive(pack(12))
    commit, calls = parts.repository.expansions.commit_slice, []

    def cancel_first(*arguments, **slices):
        calls.append(1)
        if len(calls) == 2:
            desk.repository.jobs.cancel(job.tenant, job.id)
        return commit(*arguments, **slices)

    monkeypatch.setattr(parts.repository.expansions, "commit_slice", cancel_first)

    expand_archive(parts)

    job = desk.job(job)
    assert (job.status, job.total) == (JobStatus.CANCELLED, 5)
    assert {item.status for item in desk.items(job)} == {ItemStatus.CANCELLED}


@pytest.mark.parametrize("pack", KINDS)
def test_a_film_that_a_deletion_takes_away_meanwhile_is_stored_again(make, monkeypatch, pack):
    parts, desk = make()
    earlier = desk.submit([films.jpeg(seed) for seed in range(3)])
    desk.repository.jobs.cancel(DEFAULT_TENANT, earlier.id)
    desk.repository.deletions.delete(DEFAULT_TENANT, earlier.id)
    desk.repository.deletions.rows(desk.store)
    job = desk.submit_archive(pack(5))
    commit = parts.repository.expansions.commit_slice
    purged = []

    def purge_first(*arguments, **slices):
        """Between storing the slice and committing it."""
        purged.append(desk.repository.deletions.films(desk.store))
        return commit(*arguments, **slices)

    monkeypatch.setattr(parts.repository.expansions, "commit_slice", purge_first)

    assert expand_archive(parts)

    assert purged == [3]
    items = desk.items(job)
    assert len(items) == 5
    assert all(desk.store.exists(item.film.object_key) for item in items)
    assert desk.repository.deletions.films(desk.store) == 0
    assert desk.repository.repairs.check_counters() == []


def test_a_store_that_fails_hands_the_archive_back(make):
    parts, desk = make()
    job = desk.submit_archive(archives.zip_of_films(3))
    folder = parts.settings.objects_dir / "default" / "films"
    folder.symlink_to(folder)

    expand_archive(parts)

    assert desk.job(job).status is JobStatus.EXPANDING
    folder.unlink()
    later(parts, desk, 11.0)
    assert expand_archive(parts)
    assert desk.job(job).total == 3


def later(parts, desk, seconds):
    for database in (parts.repository.database, desk.database):
        database.clock_offset += seconds


@pytest.mark.parametrize("away", [False, True], ids=["archive", "store"])
def test_an_archive_that_alone_cannot_be_read_holds_up_no_other(make, monkeypatch, away):
    parts, desk = make()
    bad, good = (desk.submit_archive(archives.zip_of_films(3)) for _ in range(2))
    get_range, waits = parts.store.get_range, []

    def fails(key, start, length):
        if key == bad.archive_key:
            raise StoreUnavailable("Input/output error.")
        return get_range(key, start, length)

    monkeypatch.setattr(parts.backoff, "wait", lambda: waits.append(1))
    with monkeypatch.context() as patch:
        patch.setattr(parts.store, "get_range", fails)
        if away:
            patch.setattr(parts.store, "check", partial(_away, None, None))
        assert expand_archive(parts)
        if not away:
            assert expand_archive(parts)
            assert desk.job(good).total == 3
            assert not expand_archive(parts)
    assert len(waits) == away
    assert desk.job(bad).error_code is None

    later(parts, desk, 11.0)
    assert expand_archive(parts)
    assert desk.job(bad).total == 3


def test_an_archive_is_handed_back_once_the_database_is_there_again(make, monkeypatch):
    parts, desk = make()
    job = desk.submit_archive(archives.zip_of_films(3))

    away = threading.Event()

    def unless_away(real, *arguments, **options):
        if away.is_set():
            raise DatabaseUnavailable("away")
        return real(*arguments, **options)

    expansions = parts.repository.expansions
    for name in ("commit_slice", "hand_back"):
        # Who keeps the bound method for later finds the database there again.
        monkeypatch.setattr(expansions, name, partial(unless_away, getattr(expansions, name)))
    away.set()
    assert expand_archive(parts)
    assert desk.repository.expansions.waiting() == 0

    away.clear()
    assert expand_archive(parts)
    assert desk.job(job).total == 3


def test_a_worker_told_to_stop_hands_the_archive_back_after_a_slice(make):
    parts, desk = make(expand_slice=5, stopping=lambda: True)
    job = desk.submit_archive(archives.zip_of_films(12))

    expand_archive(parts)

    assert desk.job(job).entries_seen == 5
    assert desk.repository.expansions.waiting() == 1


def test_an_archive_is_not_expanded_beyond_its_tenants_quota_of_queued_films(make):
    parts, desk = make(expand_slice=8, quota_queued_films=10)
    job = desk.submit_archive(archives.zip_of_films(30))
    most = 0

    while expand_archive(parts):
        most = max(most, desk.job(job).queued)
        while desk.job(job).queued > 5:
            read_batch(parts)
            parts.writer.wait()

    ended = desk.job(job)
    assert (ended.total, ended.entries_seen) == (30, 30)
    assert most <= 10 + 8  # a slice, at most, above


def blank(seed: int) -> bytes:
    """A film that packs very well: 66 KB of which an archive takes some hundred bytes."""
    return films.dicom(seed, 256, 256, bits=8, PixelData=bytes([seed]) * 65_536)


@pytest.mark.parametrize("at_once", [False, True], ids=["alone", "with others"])
def test_films_above_the_quota_of_stored_bytes_end_the_job(make, monkeypatch, at_once):
    parts, desk = make(expand_slice=8, quota_stored_bytes=20 * 68_000)
    if at_once:  # what the others have stored meanwhile shows only in the transaction
        monkeypatch.setattr(parts.repository.expansions, "check", lambda *_: None)
    blanks = {f"{seed:02}.dcm": blank(seed) for seed in range(30)}
    job = desk.submit_archive(archives.zip_of(blanks, compressed=True))

    assert expand_archive(parts)

    job = desk.job(job)
    assert (job.total, job.queued, job.error_code) == (16, 16, "storage_quota_reached")
    kept = {item.film.object_key for item in desk.items(job)}
    assert set(desk.store.keys("")) == kept
    assert parts.repository.quotas.allowance(DEFAULT_TENANT).left.stored_bytes > 0
    while read_batch(parts):
        parts.writer.wait()
    assert desk.job(job).status is JobStatus.COMPLETED_WITH_ERRORS
    assert desk.repository.repairs.check_counters() == []


def test_films_that_are_stored_already_take_no_more_of_the_quota(make):
    parts, desk = make(quota_stored_bytes=3 * 68_000)
    archive = archives.zip_of({f"{seed}.dcm": blank(seed) for seed in range(3)}, compressed=True)
    jobs = [desk.submit_archive(archive) for _ in range(2)]

    while expand_archive(parts):
        pass

    assert [desk.job(job).error_code for job in jobs] == [None, None]
    assert [desk.job(job).total for job in jobs] == [3, 3]


def test_an_archive_waits_while_the_disk_is_nearly_full(make):
    parts, desk = make(min_free_bytes=1 << 60)
    job = desk.submit_archive(archives.zip_of_films(2))

    assert expand_archive(parts)

    assert (desk.job(job).status, desk.job(job).total) == (JobStatus.EXPANDING, 0)


MANIFEST = "\n".join(
    [
        "name,external_id,ward",
        *(f"films/{number:05}.jpg,id-{number},3" for number in reversed(range(FIRST_SLICE + 4))),
        "films/none.jpg,id-none,",
        "no",
    ]
).encode()


@pytest.mark.parametrize("kind", KINDS)
def test_films_get_what_the_manifest_says_of_them(kind, make, monkeypatch):
    monkeypatch.setattr(manifests, "LINES", 7)
    parts, desk = make()
    job = desk.submit_archive(kind(FIRST_SLICE + 4), manifest=MANIFEST)

    assert expand_archive(parts)

    items = desk.items(job)
    assert [item.external_id for item in items[:20]] == [f"id-{number}" for number in range(20)]
    assert {str(item.metadata) for item in items[:20]} == {"{'ward': '3'}"}
    assert [(item.external_id, item.error_code) for item in items[20:]] == [
        ("id-none", "missing_entry"),
        (None, "manifest_line"),
    ]
    job = desk.job(job)
    assert (job.status, job.entries_seen, job.entries_total) == (JobStatus.RUNNING, 22, 22)
    assert list(desk.store.keys(f"{DEFAULT_TENANT}/uploads/")) == []


@pytest.mark.parametrize(
    ("kind", "broken", "at"),
    [
        (archives.zip_of_films, "commit_manifest", 2),
        (archives.tar_of_films, "commit_slice", 2),
        (archives.zip_of_films, "commit_rest", 2),
        (archives.tar_of_films, "finish", 1),
    ],
)
def test_an_expander_that_dies_leaves_no_line_undone_and_does_none_twice(
    kind, at, broken, make, monkeypatch
):
    monkeypatch.setattr(manifests, "LINES", 10)
    parts, desk = make(max_attempts=9)
    job = desk.submit_archive(kind(FIRST_SLICE + 4), manifest=MANIFEST)
    calls, real = [], getattr(parts.repository.expansions, broken)

    def dying(*arguments, **named):
        calls.append(1)
        if len(calls) == at:
            raise SystemExit
        return real(*arguments, **named)

    monkeypatch.setattr(parts.repository.expansions, broken, dying)
    for _ in range(2):
        with suppress(SystemExit):
            expand_archive(parts)
        desk.database.clock_offset = 1_000.0
        desk.repository.repairs.expired_expansions()
        desk.database.clock_offset = 0.0

    names = [item.name for item in desk.items(job)]
    assert names == [*(f"films/{n:05}.jpg" for n in range(20)), "films/none.jpg", "line 23"]
    assert [item.external_id for item in desk.items(job)][:3] == ["id-0", "id-1", "id-2"]
    assert desk.job(job).status is JobStatus.RUNNING
    assert desk.repository.repairs.check_counters() == []


@pytest.mark.parametrize("manifest", [b"", b"file\na.jpg\n", "name,이름\n".encode("cp949")])
def test_a_manifest_that_is_none_fails_the_job_before_it_begins(manifest, make):
    parts, desk = make()
    job = desk.submit_archive(archives.zip_of_films(2), manifest=b"x" + manifest)

    expand_archive(parts)

    job = desk.job(job)
    assert (job.status, job.error_code, job.total) == (JobStatus.FAILED, "manifest_unreadable", 0)
    assert "Line 1: " in job.error_reason


def test_a_manifest_of_too_many_lines_is_refused_while_it_is_read(make, monkeypatch):
    monkeypatch.setattr(manifests, "LINES", 5)
    parts, desk = make(max_archive_entries=10)
    job = desk.submit_archive(archives.zip_of_films(2), manifest=MANIFEST)

    expand_archive(parts)

    assert desk.job(job).error_code == "too_many_entries"


def test_lines_are_accounted_for_when_the_archive_breaks_off(make):
    parts, desk = make()
    broken = archives.tar_of_films(20)[: 20 * 1024]
    job = desk.submit_archive(broken, manifest=MANIFEST)

    expand_archive(parts)

    job, items = desk.job(job), desk.items(job)
    assert job.error_code == "archive_unreadable"
    named = {item.external_id for item in items if item.external_id}
    assert named == {f"id-{number}" for number in range(20)} | {"id-none"}
