"""Text that databases refuse."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import sqlite

from lungline.domain import ItemStatus
from storage.columns import PlainText, status_type

DIALECT = sqlite.dialect()


@pytest.mark.parametrize(
    ("given_text", "stored"),
    [("a\x00b", "a\ufffdb"), ("\ud800", "\ufffd"), ("é 어 \U0001fac1\n", "é 어 \U0001fac1\n")],
)
def test_what_cannot_be_stored_is_replaced(given_text: str, stored: str) -> None:
    assert PlainText().process_bind_param(given_text, DIALECT) == stored


@given(st.text(st.characters(exclude_categories=[])))
def test_any_text_can_be_stored(text: str) -> None:
    stored = PlainText().process_bind_param(text, DIALECT)

    assert stored is not None
    assert "\x00" not in stored
    assert len(stored.encode()) >= len(text)


def test_nothing_stays_nothing() -> None:
    assert PlainText().process_bind_param(None, DIALECT) is None


def test_statuses_are_kept_as_their_words() -> None:
    assert status_type(ItemStatus).enums == [status.value for status in ItemStatus]
