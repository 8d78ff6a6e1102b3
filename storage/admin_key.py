"""The first key of a deployment: it may do everything, and makes the others."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

from lungline.domain import DEFAULT_TENANT, Scope, new_id
from storage.audit import Action, Asked, asked_by
from storage.keys import Keys, NewKey

NAME = "administrator"
COMMAND = "create-admin-key"
"""In an audit event, in place of a request's id."""
_SCOPES = (Scope.READ, Scope.SUBMIT, Scope.ADMIN)


def create_admin_key(keys: Keys, file: Path | None = None) -> NewKey:
    """Make a key that may make others.

    Args:
        keys: Where it is kept.
        file: Where the key itself is written, readable by this user only; what is there is
            replaced. None: nowhere.

    Raises:
        OSError: The file cannot be written; then no key is made.
    """
    hand_over = None if file is None else partial(_write, file)
    # The audit tells of it, too: of no key and no request, but by whom the machine let in.
    asked_by(Asked(Action.KEY_CREATED, DEFAULT_TENANT, None, COMMAND))
    try:
        return keys.create(DEFAULT_TENANT, name=NAME, scopes=_SCOPES, hand_over=hand_over)
    finally:
        asked_by(None)


def ensure_admin_key(keys: Keys, file: Path) -> bool:
    """Make an admin key in a file unless there is one that still opens something.

    Returns:
        Whether one was made.

    Raises:
        OSError: The file cannot be written; then no key is made.
    """
    if keys.any_admin():
        return False
    create_admin_key(keys, file)
    return True


def _write(path: Path, token: str) -> None:
    """Put a key into a file, whole or not at all."""
    draft = path.with_name(f"{path.name}.{new_id()}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        with open(os.open(draft, flags, 0o600), "w", encoding="ascii") as file:
            file.write(f"{token}\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
