"""Signed links: whoever has one may send that part, or fetch that export, without any other right.

They hold for a while: the same promise as a presigned link of S3, for stores that clients do not
reach themselves.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Mapping
from urllib.parse import urlencode

from lungline.errors import LinkExpired, LinkInvalid, StoreUnavailable
from lungline.keyfile import read_or_make_key
from lungline.settings import Settings

KEY_FILE = "link.key"
_EXPIRES, _SIGNATURE = "expires", "signature"


class Links:
    """Makes and checks the API's own links."""

    def __init__(self, key: bytes) -> None:
        """Sign with `key`."""
        self._key = key

    def make(self, path: str, seconds: int, method: str = "PUT") -> str:
        """Sign a path for one method, for `seconds` from now."""
        expires = int(time.time()) + seconds
        query = urlencode({_EXPIRES: expires, _SIGNATURE: self._sign(method, path, str(expires))})
        return f"{path}?{query}"

    def check(self, path: str, query: Mapping[str, str], method: str = "PUT") -> None:
        """Check a link that was used.

        Raises:
            LinkInvalid: It is not as it was made.
            LinkExpired: Its time is over.
        """
        expires, signature = query.get(_EXPIRES, ""), query.get(_SIGNATURE, "")
        expected = self._sign(method, path, expires)
        if not hmac.compare_digest(expected.encode(), signature.encode()):
            raise LinkInvalid(
                "The link is not as it was made. Ask for a new one, use it unchanged."
            )
        if int(expires) < time.time():
            raise LinkExpired("The link's time is over. Ask for a new one.")

    def _sign(self, method: str, path: str, expires: str) -> str:
        text = f"{method}\n{path}\n{expires}"
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()


def signing_key(settings: Settings) -> bytes:
    """Take the key of the settings, or that of the data folder, which is made when first needed.

    Raises:
        StoreUnavailable: The data folder cannot be used.
    """
    if settings.link_key is not None:
        return settings.link_key.get_secret_value().encode()
    try:
        return read_or_make_key(settings.data_dir / KEY_FILE)
    except OSError as error:
        raise StoreUnavailable(
            "The key that signs links is not in the data folder, and cannot be made. Its operator "
            "must set LUNGLINE_LINK_KEY, let the folder be written to, or remove a cut link.key."
        ) from error
