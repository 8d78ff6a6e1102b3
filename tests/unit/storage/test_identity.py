"""Keyed hashes of study and patient: films group, and nothing says whose they are."""

from __future__ import annotations

import hmac
from pathlib import Path

import pytest

from lungline.domain import DEFAULT_TENANT
from lungline.errors import StoreUnavailable
from lungline.keyfile import read_or_make_key
from lungline.settings import Settings
from storage.intake import FilmIntake
from storage.intake.film import IntakenFilm
from storage.intake.identity import KEY_FILE, Identity
from storage.objects import open_store
from tests.factories import films

STUDY = "1.2.826.0.1.3680043.8.498.1"


def take(folder: Path, data: bytes, tenant: str = DEFAULT_TENANT, **changes: str) -> IntakenFilm:
    settings = Settings(data_dir=folder, **changes)
    return FilmIntake(open_store(settings), settings).take(tenant, data)


def test_films_of_one_study_group_and_one_film_may_be_of_two(tmp_path: Path) -> None:
    front = take(tmp_path, films.dicom(1, StudyInstanceUID=STUDY))
    side = take(tmp_path, films.dicom(2, StudyInstanceUID=STUDY))
    again = take(tmp_path, films.dicom(1, StudyInstanceUID=STUDY + ".2", PatientID="other"))

    assert front.study_hash == side.study_hash
    assert front.patient_hash == side.patient_hash
    assert front.sha256 != side.sha256
    assert front.sha256 == again.sha256
    hashes = {front.study_hash, again.study_hash, front.patient_hash, again.patient_hash}
    assert len(hashes) == 4
    assert all(text is not None and len(text) == 32 for text in hashes)


def test_padding_and_syntax_make_no_other_patient(tmp_path: Path) -> None:
    plain = take(tmp_path, films.dicom(1, PatientID="A-17"))
    padded = take(tmp_path, films.dicom(1, PatientID=" A-17 ", syntax="1.2.840.10008.1.2"))
    other = take(tmp_path, films.dicom(1, PatientID="A-170"))

    assert plain.patient_hash == padded.patient_hash != other.patient_hash


def test_equal_ids_of_two_issuers_are_two_patients(tmp_path: Path) -> None:
    """A file that names no issuer keeps the hash that it always had."""

    def hash_of(patient: str, **issuer: str) -> str | None:
        return take(tmp_path, films.dicom(1, PatientID=patient, **issuer)).patient_hash

    here, there = ({"IssuerOfPatientID": name} for name in ("North", "South"))
    hashes = {hash_of("17"), hash_of("17", **here), hash_of("17", **there), hash_of("18", **here)}

    assert len(hashes) == 4
    assert hash_of("17", **here) == hash_of(" 17", IssuerOfPatientID="North ")
    assert hash_of("17") == hash_of("17", IssuerOfPatientID="")
    key = read_or_make_key(tmp_path / KEY_FILE)
    old = hmac.new(key, b"patient\0default\0" + b"17", "sha256").hexdigest()[:32]
    assert hash_of("17") == old


def test_another_tenant_and_another_key_give_other_hashes(tmp_path: Path) -> None:
    film = films.dicom(1)
    hashes = {
        take(tmp_path, film).study_hash,
        take(tmp_path, film, "ward").study_hash,
        take(tmp_path / "elsewhere", film).study_hash,
        take(tmp_path, film, identity_key="set on every machine").study_hash,
    }

    assert len(hashes) == 4
    assert take(tmp_path, film).study_hash in hashes
    there = take(tmp_path / "there", film, identity_key="set on every machine").study_hash
    assert there == take(tmp_path, film, identity_key="set on every machine").study_hash
    assert not (tmp_path / "there" / KEY_FILE).exists()


@pytest.mark.parametrize(
    "film", [films.jpeg(1), films.png8(1), films.dicom(1, StudyInstanceUID=None, PatientID=None)]
)
def test_what_names_neither_has_no_hash(film: bytes, tmp_path: Path) -> None:
    taken = take(tmp_path, film)

    assert (taken.study_hash, taken.patient_hash) == (None, None)


def test_the_values_are_never_kept_nor_printed(tmp_path: Path) -> None:
    taken = take(tmp_path, films.dicom(1, StudyInstanceUID=STUDY))

    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    for value in (STUDY, films.PATIENT_ID):
        assert value.encode() not in kept
        assert value not in repr(taken)
    assert films.PATIENT_ID not in repr(Identity(STUDY.encode(), films.PATIENT_ID.encode()))


def test_the_key_is_for_its_owner_only(tmp_path: Path) -> None:
    take(tmp_path, films.dicom(1))

    assert (tmp_path / KEY_FILE).stat().st_mode & 0o777 == 0o600


def test_a_folder_that_takes_no_key_is_told(tmp_path: Path) -> None:
    (tmp_path / KEY_FILE).symlink_to(tmp_path / KEY_FILE)

    with pytest.raises(StoreUnavailable, match="LUNGLINE_IDENTITY_KEY"):
        take(tmp_path, films.dicom(1))


@pytest.mark.parametrize("left", [b"", b"cut"])
def test_a_key_that_was_cut_is_neither_used_nor_made_anew(tmp_path: Path, left: bytes) -> None:
    (tmp_path / KEY_FILE).write_bytes(left)

    with pytest.raises(StoreUnavailable, match=r"identity\.key"):
        take(tmp_path, films.dicom(1))

    assert (tmp_path / KEY_FILE).read_bytes() == left
