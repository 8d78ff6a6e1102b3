"""Store against database: what has no owner, what is missing, and what may be removed."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from lungline.domain import DEFAULT_TENANT, BundleStatus, ExportFormat, new_id
from lungline.settings import Settings
from storage.bundles import Bundles, object_key
from storage.claims import Outcome
from storage.database import Database
from storage.items import NewItem
from storage.models import BundleRow, FilmRow, JobRow
from storage.object_audit import Finding, ObjectAudit, Problem
from storage.objects import ObjectStore, Unfinished, open_store
from storage.repository import Repository
from storage.uploads import Upload
from tests.factories.bundle_zips import bundle_parts, described
from tests.factories.rows import a_film, a_prediction, must_claim, submit, submit_archive

DAY = 86_400.0
SHA = a_film("nobody's").sha256


@pytest.fixture(params=["local", pytest.param("s3", marks=pytest.mark.integration)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    """An empty store of each kind."""
    if request.param == "local":
        return open_store(Settings(store="local", store_dir=tmp_path / "objects"))
    server = request.getfixturevalue("seaweedfs")
    return open_store(server.settings(server.make_bucket()))


def put(store: ObjectStore, *keys: str) -> None:
    store.put_many(dict.fromkeys(keys, b"x"))


def orphans(repo: Repository, store: ObjectStore, grace: float = 0.0) -> list[str]:
    return sorted(each.key for each in ObjectAudit(repo, store, grace).orphans())


def missing(repo: Repository, store: ObjectStore) -> list[tuple[str, str]]:
    return sorted((each.kind, each.key) for each in ObjectAudit(repo, store, 0.0).missing())


def remove_all(repo: Repository, store: ObjectStore) -> list[bool]:
    audit = ObjectAudit(repo, store, 0.0)
    removed = [audit.remove(each) for each in audit.orphans()]
    audit.purge()
    return removed


def picture_keys(seed: str) -> tuple[str, str]:
    sha = a_film(seed).sha256
    mask = f"{DEFAULT_TENANT}/masks/{sha}-paediatric-pneumonia@0.1.0.png"
    return mask, f"{DEFAULT_TENANT}/views/{sha}.png"


def a_read_film(repo: Repository, store: ObjectStore, seed: str) -> str:
    """A job of one film that was read, with all its objects."""
    film = a_film(seed)
    put(store, film.object_key)
    job = submit(repo, [NewItem(seed, film)], restore=lambda shas: put(store, film.object_key))
    batch = must_claim(repo)
    mask, view = picture_keys(seed)
    put(store, mask, view)
    prediction = replace(a_prediction(), mask_key=mask, view_key=view)
    outcomes = [Outcome(item.id, prediction) for item in batch.items]
    assert repo.claims.finish(batch.lease_id, outcomes) == 1
    return job.id


def begin(store: ObjectStore, key: str) -> Unfinished:
    """Begin an object in parts."""
    return Unfinished(key, store.parts.begin(key), 0.0)


def named(unfinished: Iterable[Unfinished]) -> set[tuple[str, str]]:
    return {(one.key, one.token) for one in unfinished}


def an_open_upload(repo: Repository) -> Upload:
    """An upload of which nothing has come."""
    return repo.uploads.create(
        DEFAULT_TENANT,
        filename="",
        size=1,
        sha256=None,
        part_size=1,
        seconds=DAY,
        most_held=9,
    )


def an_upload(repo: Repository, store: ObjectStore) -> str:
    """A complete upload."""
    upload = an_open_upload(repo)
    repo.uploads.ready(upload.id, "token")
    lease = repo.uploads.begin_completing(DEFAULT_TENANT, upload.id, 60)
    assert lease is not None
    put(store, upload.object_key)
    assert repo.uploads.finish(lease, DAY)
    return upload.object_key


def an_export(repo: Repository, store: ObjectStore, job_id: str) -> str:
    """A finished export."""
    repo.exports.create(DEFAULT_TENANT, job_id, ExportFormat.CSV, DAY)
    export = repo.exports.claim("host-1-0", 60)
    assert export is not None
    assert export.object_key is not None
    put(store, export.object_key)
    assert repo.exports.finish(export, 1, "0" * 64, 1, DAY)
    return export.object_key


def a_bundle(database: Database, store: ObjectStore) -> list[str]:
    """An added bundle; gives the keys of its files."""
    parts = bundle_parts()
    files, raw = described(parts)
    bundles = Bundles(database, Settings(bundles_dir=Path("none"), bundle="chest"))
    bundles.add(store, files, raw, "card", 9_999, lambda name: io.BytesIO(parts[name]))
    return [object_key(files.checksum, one) for one in (*files.files.values(), files.checksum)]


def a_full_service(repo: Repository, store: ObjectStore) -> dict[str, list[str]]:
    """Something of each kind; gives the keys by table."""
    job_id = a_read_film(repo, store, "a")
    archive = submit_archive(repo, manifest=(f"{DEFAULT_TENANT}/uploads/{new_id()}", 1))
    manifests = [key for key in _manifests(repo) if key]
    put(store, str(archive.archive_key), *manifests)
    return {
        "films": [a_film("a").object_key],
        "predictions": list(picture_keys("a")),
        "jobs": [str(archive.archive_key), *manifests],
        "uploads": [an_upload(repo, store)],
        "exports": [an_export(repo, store, job_id)],
        "bundles": a_bundle(repo.database, store),
    }


def _manifests(repo: Repository) -> list[Any]:
    with repo.database.read() as connection:
        return list(connection.execute(select(JobRow.manifest_key)).scalars())


NOBODYS = (
    f"{DEFAULT_TENANT}/films/{SHA}",
    f"stranger/films/{SHA}",
    f"{DEFAULT_TENANT}/masks/{SHA}-tiny@1.png",
    f"{DEFAULT_TENANT}/views/{SHA}.png",
    f"{DEFAULT_TENANT}/uploads/{'0' * 32}",
    f"{DEFAULT_TENANT}/exports/{'0' * 32}",
    f"_bundles/{SHA}/{SHA}",
)
FOREIGN = ("other/service/file", f"{DEFAULT_TENANT}/films/deeper/{SHA}")


def test_a_service_whose_objects_are_all_there_is_clean(
    repo: Repository, store: ObjectStore
) -> None:
    keys = a_full_service(repo, store)
    audit = ObjectAudit(repo, store, 0.0)

    assert list(audit.orphans()) == []
    assert list(audit.missing()) == []
    assert audit.objects == len({key for some in keys.values() for key in some})
    assert (audit.rows, audit.foreign) == (6, 0)


def test_rows_without_their_objects_are_found(repo: Repository, store: ObjectStore) -> None:
    keys = a_full_service(repo, store)
    for some in keys.values():
        for key in some:
            store.delete(key)

    found = missing(repo, store)

    assert found == sorted((table, key) for table, some in keys.items() for key in set(some))


def test_objects_without_an_owner_are_found_and_removed(
    repo: Repository, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.object_audit.audit.PAGE", 4)
    kept = {key for some in a_full_service(repo, store).values() for key in some}
    put(store, *NOBODYS, *FOREIGN)

    assert orphans(repo, store, grace=60.0) == [], "they may be about to get a row"
    assert orphans(repo, store) == sorted(NOBODYS)
    assert all(remove_all(repo, store))

    assert set(store.keys("")) == kept | set(FOREIGN)
    assert orphans(repo, store) == []
    assert missing(repo, store) == []
    repo.database.clock_offset += 2 * DAY
    assert repo.deletions.forget() == 1, "no row is left of the film that nobody had"


def test_parts_that_nobody_will_complete_are_found_and_dropped(
    repo: Repository, store: ObjectStore
) -> None:
    # Given an upload and an export that somebody is at
    upload = an_open_upload(repo)
    job_id = a_read_film(repo, store, "a")
    repo.exports.create(DEFAULT_TENANT, job_id, ExportFormat.CSV, DAY)
    export = repo.exports.claim("host-1-0", 60)
    assert export is not None
    kept = {begin(store, upload.object_key), begin(store, str(export.object_key))}
    repo.uploads.ready(upload.id, next(one.token for one in kept if one.key == upload.object_key))
    # And what a dead API left, once for a new key and once for that of the upload
    keys = sorted((f"{DEFAULT_TENANT}/uploads/{new_id()}", upload.object_key))
    left = {begin(store, key) for key in keys}
    # And another program in the same place
    foreign = begin(store, FOREIGN[0])
    audit = ObjectAudit(repo, store, 0.0)

    found = list(audit.unfinished())

    assert sorted(each.key for each in found) == keys
    assert {each.problem for each in found} == {Problem.UNFINISHED}
    assert audit.foreign == 1
    assert list(ObjectAudit(repo, store, 60.0).unfinished()) == []
    assert [audit.remove(each) for each in found] == [True, True]
    assert named(store.parts.unfinished()) == named(kept | {foreign})
    assert named(left).isdisjoint(named(store.parts.unfinished()))
    assert list(audit.unfinished()) == []


def test_parts_that_got_an_owner_meanwhile_stay(repo: Repository, store: ObjectStore) -> None:
    upload = an_open_upload(repo)
    repo.uploads.ready(upload.id, "another")
    begun = begin(store, upload.object_key)
    audit = ObjectAudit(repo, store, 0.0)
    (finding,) = audit.unfinished()
    repo.uploads.ready(upload.id, begun.token)

    assert not audit.remove(finding)

    assert named(store.parts.unfinished()) == named([begun])


def test_an_intake_that_comes_meanwhile_stores_its_film_again(
    repo: Repository, store: ObjectStore
) -> None:
    submit(repo)
    film = a_film("a")
    put(store, film.object_key)
    audit = ObjectAudit(repo, store, 0.0)
    (orphan,) = [each for each in audit.orphans() if each.kind == "film"]
    assert audit.remove(orphan)
    stored: list[str] = []

    def restore(shas: Collection[str]) -> None:
        stored.extend(shas)
        put(store, film.object_key)

    submit(repo, [NewItem("a", film)], restore=restore)
    audit.purge()

    assert stored == [film.sha256]
    assert store.exists(film.object_key)
    assert not audit.remove(orphan)
    with repo.database.read() as connection:
        row = connection.execute(select(FilmRow).where(FilmRow.sha256 == film.sha256)).one()
    assert (row.format, row.width, row.height, row.size) == ("png", 640, 480, film.size)


def test_a_purged_row_owns_nothing(repo: Repository, store: ObjectStore) -> None:
    """An intake that stored the film anew, and died before its row said so."""
    job_id = a_read_film(repo, store, "a")
    repo.database.clock_offset += 2 * DAY
    repo.retention.mark(DEFAULT_TENANT, 1.0, 10)
    repo.retention.films(store)
    assert list(store.keys("")) == []
    put(store, a_film("a").object_key)

    assert orphans(repo, store) == [a_film("a").object_key]
    assert remove_all(repo, store) == [True]

    assert list(store.keys("")) == []
    assert missing(repo, store) == []
    assert next(repo.items.stream(DEFAULT_TENANT, job_id)).prediction is not None


def test_pictures_of_a_film_that_is_being_read_are_left_alone(
    repo: Repository, store: ObjectStore
) -> None:
    film = a_film("a")
    put(store, film.object_key, *picture_keys("a"))
    submit(repo, [NewItem("a", film)])
    batch = must_claim(repo)

    assert orphans(repo, store) == sorted(picture_keys("a"))
    assert remove_all(repo, store) == [False, False]

    failed = [Outcome(item.id, None, ("internal_error", "It broke.")) for item in batch.items]
    repo.claims.finish(batch.lease_id, failed)
    assert remove_all(repo, store) == [True, True]


@pytest.mark.parametrize("status", [BundleStatus.ADDING, BundleStatus.REMOVING])
def test_a_bundle_whose_addition_or_removal_was_broken_off_owns_nothing(
    repo: Repository, store: ObjectStore, status: BundleStatus
) -> None:
    keys = a_bundle(repo.database, store)
    with repo.database.write() as connection:
        connection.execute(update(BundleRow).values(status=status))

    assert orphans(repo, store) == sorted(set(keys))
    assert all(remove_all(repo, store))

    assert list(store.keys("")) == []


def test_a_bundle_that_was_begun_just_now_owns_its_files(repo: Repository, tmp_path: Path) -> None:
    store = open_store(Settings(store="local", store_dir=tmp_path / "objects"))
    keys = a_bundle(repo.database, store)
    with repo.database.write() as connection:
        connection.execute(update(BundleRow).values(status=BundleStatus.ADDING))
    audit = ObjectAudit(repo, store, 60.0)

    assert not audit.remove(Finding(Problem.ORPHAN, "bundle", keys[0]))
    assert store.exists(keys[0])
