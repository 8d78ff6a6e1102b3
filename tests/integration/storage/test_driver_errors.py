"""What databases say of an error names tables and constraints, and quotes no value of any row."""

from __future__ import annotations

import re
import traceback

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from storage.database import Database

pytestmark = pytest.mark.integration

MARK = "Zqmarker"
_INSERT = "INSERT INTO tenants (id, weight, vtime, film_bytes, created_at) "
_TWICE = _INSERT + "VALUES (:mark, 1, 0, 0, 1), (:mark, 1, 0, 0, 2)"
_NOTHING = _INSERT + "VALUES (:mark, 1, 0, 0, NULL)"
_BAD_TEXT = "SELECT CAST(CAST(:mark || CAST(x'ff' AS TEXT) AS BLOB) AS TEXT) AS name"
_NO_NUMBER = "SELECT CAST(CAST(:mark AS TEXT) AS INTEGER)"
_NO_JSON = "SELECT CAST(CAST(:mark AS TEXT) AS JSON)"


def said_of(database: Database, statement: str) -> str:
    """All that a log could show of a statement that fails."""
    with pytest.raises(DBAPIError) as caught, database.write() as connection:
        connection.execute(text(statement), {"mark": MARK}).all()
    error = caught.value
    return "".join(traceback.format_exception(error)) + f"{error!r}\n{error.orig!r}\n{error.orig}"


@pytest.mark.parametrize("statement", [_TWICE, _NOTHING], ids=["twice", "nothing"])
def test_a_constraint_is_named_and_the_row_is_not(database: Database, statement: str) -> None:
    said = said_of(database, statement)

    assert MARK not in said
    assert re.search("pk_tenants|created_at|tenants.id", said)
    assert IntegrityError.__name__ in said
    assert "[SQL: INSERT" in said


def test_a_value_that_cannot_be_taken_or_read_is_not_quoted(database: Database) -> None:
    for statement in (_BAD_TEXT,) if database.is_sqlite else (_NO_NUMBER, _NO_JSON):
        said = said_of(database, statement)

        assert MARK not in said
        assert re.search("A value cannot be taken or read .22P02.|UTF-8 column 'name'$", said, re.M)


def test_where_a_statement_is_wrong_is_told(database: Database) -> None:
    said = said_of(database, "SELECT :mark FROM nowhere")

    assert re.search('(no such table: |relation ")nowhere', said)
    assert MARK not in said
