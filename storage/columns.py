"""Column types that several tables share."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Any, TypeAlias

from sqlalchemy import BigInteger, Enum, Integer, Row, Select, String
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

# PostgreSQL refuses NUL in text, and UTF-8 has no lone surrogates; both occur in names from
# archives and in ids typed into an address bar.
_NOT_TEXT = re.compile("[\x00\ud800-\udfff]")


class PlainText(TypeDecorator[str]):
    """Any Unicode text; what a database cannot hold becomes U+FFFD (replacement character)."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """Replace what cannot be stored."""
        return None if value is None else plain_text(value)


def plain_text(text: str) -> str:
    """Replace what a database cannot hold as text by U+FFFD."""
    return _NOT_TEXT.sub("\ufffd", text)


def status_type(statuses: type[StrEnum]) -> Enum:
    """A status kept as text, so that a new one needs no change of the column."""
    return Enum(
        statuses,
        native_enum=False,
        create_constraint=False,
        length=24,
        values_callable=lambda members: [member.value for member in members],
    )


# Rows and queries whose columns are looked up by name.
AnyRow: TypeAlias = Row[*tuple[Any, ...]]
AnySelect: TypeAlias = Select[*tuple[Any, ...]]

ID = PlainText(32)
# SQLite numbers rows by itself only when the key's type is INTEGER.
ROW_NUMBER = BigInteger().with_variant(Integer(), "sqlite")
