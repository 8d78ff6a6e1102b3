"""The one way in for a film: told apart, checked, cleaned, hashed, stored."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from lungline.domain import FilmFormat
from lungline.errors import FilmRejected
from lungline.settings import Settings
from storage.intake.cleaned import Cleaned
from storage.intake.dicom import clean_dicom
from storage.intake.identity import open_hasher
from storage.intake.jpeg import clean_jpeg
from storage.intake.limits import FilmLimits
from storage.intake.png import clean_png
from storage.intake.sniff import sniff
from storage.objects import ObjectStore

_CLEANERS: dict[FilmFormat, Callable[[bytes, FilmLimits], Cleaned]] = {
    FilmFormat.JPEG: clean_jpeg,
    FilmFormat.PNG: clean_png,
    FilmFormat.DICOM: clean_dicom,
}


@dataclass(frozen=True, slots=True)
class IntakenFilm:
    """A film in the object store.

    Attributes:
        sha256: Hexadecimal digest of the stored, cleaned bytes.
        format: What the bytes are.
        size: Their number.
        width: Columns as stored.
        height: Rows as stored.
        object_key: `<tenant>/films/<sha256>`.
        study_hash: Keyed hash of the study that the file named as it came; None: it named none.
        patient_hash: Keyed hash of its patient.
    """

    sha256: str
    format: FilmFormat
    size: int
    width: int
    height: int
    object_key: str
    study_hash: str | None = None
    patient_hash: str | None = None


@dataclass(frozen=True, slots=True)
class PreparedFilm:
    """A film that is ready to be stored.

    Attributes:
        data: The cleaned bytes.
        film: What it will be once stored.
    """

    data: bytes
    film: IntakenFilm


class FilmIntake:
    """Takes films. Safe to share between threads."""

    def __init__(self, store: ObjectStore, settings: Settings) -> None:
        """Put films into `store`, within the limits of the settings."""
        self._store = store
        self._limits = FilmLimits.of(settings)
        self._hasher = open_hasher(settings)

    def take(self, tenant: str, data: bytes) -> IntakenFilm:
        """Check, clean and store one film.

        Args:
            tenant: Whose it is.
            data: The file as it was sent.

        Raises:
            FilmRejected: The file is no film that can be taken; nothing is stored.
            StoreUnavailable: The object store failed.
        """
        prepared = self.prepare(tenant, data)
        self._store.put(prepared.film.object_key, prepared.data)
        return prepared.film

    def prepare(self, tenant: str, data: bytes) -> PreparedFilm:
        """Check and clean one film; nothing is stored.

        Only headers are looked at: a picture that is cut or damaged behind them passes here and
        fails when it is read.

        Raises:
            FilmRejected: The file is no film that can be taken.
        """
        self._limits.check_bytes(len(data))
        kind = sniff(data)
        cleaned = _clean(kind, data, self._limits)
        digest = hashlib.sha256(cleaned.data).hexdigest()
        film = IntakenFilm(
            sha256=digest,
            format=kind,
            size=len(cleaned.data),
            width=cleaned.width,
            height=cleaned.height,
            object_key=f"{tenant}/films/{digest}",
            study_hash=self._hasher.study(tenant, cleaned.identity),
            patient_hash=self._hasher.patient(tenant, cleaned.identity),
        )
        return PreparedFilm(cleaned.data, film)

    def store_all(self, films: Iterable[PreparedFilm]) -> None:
        """Store prepared films, equal ones once.

        Raises:
            StoreUnavailable: The object store failed; some films may be stored.
        """
        self._store.put_many({each.film.object_key: each.data for each in films})


def _clean(kind: FilmFormat, data: bytes, limits: FilmLimits) -> Cleaned:
    try:
        return _CLEANERS[kind](data, limits)
    except FilmRejected:
        raise
    except Exception as error:
        # What a hostile header may provoke. The error's words could quote the file.
        raise FilmRejected(
            "undecodable", f"The {kind.upper()} file's header is damaged ({type(error).__name__})."
        ) from None
