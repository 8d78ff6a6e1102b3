"""Keyed hashes of who and which study a film is of: they group films, and name nobody.

The values themselves are dropped with all that identifies. What stays of them is told with the
item and not with the film: the same cleaned bytes may come from two studies.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field

from lungline.errors import StoreUnavailable
from lungline.keyfile import read_or_make_key
from lungline.settings import Settings

KEY_FILE = "identity.key"
_DIGITS = 32


@dataclass(frozen=True, slots=True)
class Identity:
    """What a file says of its study and patient; only ever in memory, and never printed.

    Attributes:
        study: Its StudyInstanceUID, empty where there is none.
        patient: Its PatientID, empty where there is none.
        issuer: Who gave that id (IssuerOfPatientID), empty where the file does not say.
    """

    study: bytes = field(default=b"", repr=False)
    patient: bytes = field(default=b"", repr=False)
    issuer: bytes = field(default=b"", repr=False)


class IdentityHasher:
    """Hashes what identifies, under a secret (HMAC-SHA-256, RFC 2104; the first 128 bits)."""

    def __init__(self, key: bytes) -> None:
        """Hash with `key`."""
        self._key = key

    def study(self, tenant: str, identity: Identity) -> str | None:
        """Hash a study; None where the file names none.

        The same study of another tenant has another hash, so that nobody can look it up there.
        """
        return self._hashed("study", tenant, identity.study)

    def patient(self, tenant: str, identity: Identity) -> str | None:
        """Hash a patient; None where the file names none.

        Two hospitals give the same id to two children, so who gave it counts where it is told.
        """
        if identity.patient and identity.issuer:
            parts = (identity.patient, identity.issuer)
            # With its length in front, no id and issuer read like another pair.
            value = b"".join(b"%d:%b" % (len(part), part) for part in parts)
            return self._hashed("patient of an issuer", tenant, value)
        return self._hashed("patient", tenant, identity.patient)

    def _hashed(self, kind: str, tenant: str, value: bytes) -> str | None:
        if not value:
            return None
        text = f"{kind}\0{tenant}\0".encode() + value
        return hmac.new(self._key, text, hashlib.sha256).hexdigest()[:_DIGITS]


def open_hasher(settings: Settings) -> IdentityHasher:
    """Take the key of the settings, or that of the data folder, which is made when first needed.

    Raises:
        StoreUnavailable: The data folder cannot be used.
    """
    if settings.identity_key is not None:
        return IdentityHasher(settings.identity_key.get_secret_value().encode())
    try:
        return IdentityHasher(read_or_make_key(settings.data_dir / KEY_FILE))
    except OSError as error:
        raise StoreUnavailable(
            "The key that hashes studies and patients is not in the data folder, and cannot be "
            "made. Its operator must set LUNGLINE_IDENTITY_KEY, let the folder be written to, or "
            "put back an identity.key that was cut."
        ) from error
