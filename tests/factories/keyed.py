"""Keys for tests of a service that needs them."""

from __future__ import annotations

from lungline.domain import DEFAULT_TENANT, Scope
from tests.factories.services import Service

CLIENT_SCOPES = (Scope.READ, Scope.SUBMIT)


def bearer(
    api: Service, *scopes: Scope, tenant: str = DEFAULT_TENANT, expires_in: float | None = None
) -> dict[str, str]:
    """Make a key, by default one that may send and read; return the header that carries it."""
    made = api.parts.repository.keys.create(
        tenant, name="of a test", scopes=scopes or CLIENT_SCOPES, expires_in=expires_in
    )
    return {"Authorization": f"Bearer {made.token}"}
