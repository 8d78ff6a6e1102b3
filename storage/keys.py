"""API keys: whose requests these are, and what they may do.

A key is `lungline_<id>_<secret>`. The id finds the row; the secret is 256 random bits, of which
only the SHA-256 is kept: nobody can guess such a secret, so a slow hash would protect nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field

from sqlalchemy import Connection, insert, or_, select, update

from lungline.domain import Scope, new_id
from lungline.errors import DatabaseUnavailable, KeyExpired, KeyInvalid, KeyNotFound
from storage.audit import tell
from storage.columns import AnyRow
from storage.database import Database
from storage.models import ApiKeyRow, TenantRow
from storage.pages import Page, make_page
from storage.upserts import insert_missing

SECRET_BYTES = 32
USE_NOTED_SECONDS = 300.0
"""`last_used_at` is right to within this: a key that is used all the time costs no writes."""
_KEY = re.compile(r"lungline_([0-9a-f]{32})_([A-Za-z0-9_-]{43})")
_NOBODY = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True, slots=True)
class Key:
    """What is known of a key; its secret is not.

    Attributes:
        id: Public: it stands in logs.
        tenant: Whose data it opens.
        name: For people.
        scopes: What it may do.
        created_at: Seconds since the epoch, as all times.
        expires_at: It opens nothing from then on; None: never.
        revoked_at: It opens nothing since then.
        last_used_at: Right to within `USE_NOTED_SECONDS`; None: never used.
    """

    id: str
    tenant: str
    name: str
    scopes: frozenset[Scope]
    created_at: float
    expires_at: float | None
    revoked_at: float | None
    last_used_at: float | None


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made.

    Attributes:
        key: What is kept of it.
        token: The key itself, which cannot be told again.
    """

    key: Key
    token: str = field(repr=False)


class Keys:
    """Makes, lists, revokes and checks keys."""

    def __init__(self, database: Database) -> None:
        """Keep the database."""
        self._database = database

    def create(
        self,
        tenant: str,
        *,
        name: str,
        scopes: Collection[Scope],
        expires_in: float | None = None,
        hand_over: Callable[[str], None] | None = None,
    ) -> NewKey:
        """Make a key; its tenant is made with it where it is new.

        Args:
            tenant: Whose data it opens.
            name: For people.
            scopes: What it may do.
            expires_in: Seconds after which it opens nothing; None: never.
            hand_over: Takes the key itself before it is kept: a key that nobody got must not be.
        """
        key_id, secret = new_id(), secrets.token_urlsafe(SECRET_BYTES)
        token = f"lungline_{key_id}_{secret}"
        if hand_over is not None:
            hand_over(token)

        def work(connection: Connection) -> Key:
            at = self._database.time(connection)
            insert_missing(connection, TenantRow, [{"id": tenant, "created_at": at}])
            key = Key(
                id=key_id,
                tenant=tenant,
                name=name,
                scopes=frozenset(scopes),
                created_at=at,
                expires_at=None if expires_in is None else at + expires_in,
                revoked_at=None,
                last_used_at=None,
            )
            values = {name: getattr(key, name) for name in Key.__slots__}
            values["scopes"] = sorted(key.scopes)
            connection.execute(insert(ApiKeyRow).values(secret_hash=_hash(secret), **values))
            tell(connection, at, key_id)
            return key

        return NewKey(self._database.run(work), token)

    def page(
        self, *, limit: int, cursor: str | None = None, tenant: str | None = None
    ) -> Page[Key]:
        """List keys, newest first, those that open nothing any more among them.

        Args:
            limit: Most of them.
            cursor: The id of the last key of the page before.
            tenant: Only this one's.
        """
        query = select(ApiKeyRow.__table__).order_by(ApiKeyRow.id.desc()).limit(limit + 1)
        if cursor is not None:
            query = query.where(ApiKeyRow.id < cursor)
        if tenant is not None:
            query = query.where(ApiKeyRow.tenant == tenant)
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        return make_page(rows, limit, _key, lambda key: key.id)

    def revoke(self, key_id: str) -> None:
        """Let a key open nothing any more; revoked twice is revoked once.

        Raises:
            KeyNotFound: There is no such key.
        """
        with self._database.write() as connection:
            at = self._database.time(connection)
            row = connection.execute(select(ApiKeyRow.id).where(ApiKeyRow.id == key_id)).first()
            if row is None:
                raise KeyNotFound("There is no key with this id.")
            connection.execute(
                update(ApiKeyRow)
                .where(ApiKeyRow.id == key_id, ApiKeyRow.revoked_at.is_(None))
                .values(revoked_at=at)
            )
            tell(connection, at, key_id)

    def check(self, token: str) -> Key:
        """Tell whose a key is.

        Raises:
            KeyInvalid: It is none, or was revoked; which of these is not told.
            KeyExpired: Its time is over; only who has the secret is told so.
        """
        parsed = _KEY.fullmatch(token)
        if parsed is None:
            raise _invalid()
        key_id, secret = parsed.groups()
        return self._open(key_id, secret)

    def get(self, key_id: str) -> Key:
        """Tell a key that was checked before, such as that of a session.

        Raises:
            KeyInvalid: It is gone or revoked.
            KeyExpired: Its time is over.
        """
        return self._open(key_id, None)

    def any_admin(self) -> bool:
        """Whether some key may make others."""
        query = select(ApiKeyRow.scopes).where(
            ApiKeyRow.revoked_at.is_(None),
            or_(ApiKeyRow.expires_at.is_(None), ApiKeyRow.expires_at > self._database.now()),
        )
        with self._database.read() as connection:
            return any(Scope.ADMIN in scopes for scopes in connection.execute(query).scalars())

    def _open(self, key_id: str, secret: str | None) -> Key:
        query = select(ApiKeyRow.__table__, self._database.now().label("now"))
        with self._database.read() as connection:
            row = connection.execute(query.where(ApiKeyRow.id == key_id)).first()
        known = _NOBODY if row is None else row.secret_hash
        right = secret is None or hmac.compare_digest(_hash(secret), known)
        if row is None or not right or row.revoked_at is not None:
            raise _invalid()
        if row.expires_at is not None and row.expires_at <= row.now:
            raise KeyExpired("The time of this key is over. Ask an administrator for a new one.")
        if row.last_used_at is None or row.now - row.last_used_at > USE_NOTED_SECONDS:
            self._note_use(row)
        return _key(row)

    def _note_use(self, row: AnyRow) -> None:
        # Of requests at the same time one writes, and a busy database refuses nobody for it.
        change = update(ApiKeyRow).where(
            ApiKeyRow.id == row.id, ApiKeyRow.last_used_at.is_not_distinct_from(row.last_used_at)
        )
        with suppress(DatabaseUnavailable), self._database.write() as connection:
            connection.execute(change.values(last_used_at=row.now))


def _key(row: AnyRow) -> Key:
    values = {name: getattr(row, name) for name in Key.__slots__}
    # A scope that a newer version knows gives nothing here.
    scopes = frozenset(Scope(scope) for scope in row.scopes if scope in set(Scope))
    return Key(**values | {"scopes": scopes})


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("ascii")).hexdigest()


def _invalid() -> KeyInvalid:
    return KeyInvalid("This is no key of this service, or it was revoked.")
