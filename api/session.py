"""Sessions of the page: a signed cookie that names a key, so that scripts never hold the key.

The cookie tells which key signed in and until when; the key's row is read on each request, so that
a revoked key ends its sessions at once. Scripts cannot read it (`HttpOnly`), other sites cannot
have it sent (`SameSite=Strict`), and what changes something must come from the page itself.
"""

from __future__ import annotations

import hashlib
import hmac
import time

from flask import request
from werkzeug import Response

COOKIE = "lungline_session"
SESSION_SECONDS = 12 * 3_600
_PURPOSE = b"lungline session"  # no signature of a link is one of a session


class Sessions:
    """Makes and reads the cookies."""

    def __init__(self, key: bytes) -> None:
        """Sign with a key made from `key`."""
        self._key = hmac.digest(key, _PURPOSE, hashlib.sha256)

    def make(self, key_id: str, seconds: int = SESSION_SECONDS) -> str:
        """Write the cookie of who signed in with a key."""
        text = f"{key_id}.{int(time.time()) + seconds}"
        return f"{text}.{self._sign(text)}"

    def key_id(self, cookie: str) -> str | None:
        """Tell whose session a cookie is; None: nobody's, or one that is over."""
        text, _, signature = cookie.rpartition(".")
        if not hmac.compare_digest(self._sign(text).encode(), signature.encode()):
            return None
        key_id, _, expires = text.partition(".")
        return key_id if int(expires) > time.time() else None

    def _sign(self, text: str) -> str:
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()


def clear_kept(answer: Response) -> None:
    """Let a browser drop the pictures that it keeps of a session that is over.

    Browsers do so over TLS and on this machine; elsewhere `Vary` alone keeps them from the next.
    """
    answer.headers["Clear-Site-Data"] = '"cache"'


def set_session(answer: Response, cookie: str) -> None:
    """Let a browser keep a session; none where the cookie is empty."""
    answer.set_cookie(
        COOKIE,
        cookie,
        max_age=SESSION_SECONDS if cookie else 0,
        secure=request.is_secure,
        httponly=True,
        samesite="Strict",
    )
