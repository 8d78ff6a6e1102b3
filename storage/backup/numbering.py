"""The numbers that a database gives to new rows, after a restore.

None is given twice: a webhook's cursor and its deliveries know events by their numbers, also those
that have been deleted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Column, Connection, column, delete, func, insert, select, table
from sqlalchemy.orm import InstrumentedAttribute

from storage.models import Base, DeliveryRow, EventRow, WebhookRow

_REMEMBERED: Mapping[str, Sequence[InstrumentedAttribute[Any]]] = {
    EventRow.__tablename__: (WebhookRow.cursor, DeliveryRow.event_id)
}
"""By table: who else keeps its rows' numbers."""
_SEQUENCES = table("sqlite_sequence", column("name"), column("seq"))


def go_on_numbering(connection: Connection) -> None:
    """Let new rows be numbered behind all that are known, be they there or not.

    Args:
        connection: A transaction for writing, in a database of the newest revision.
    """
    for each in Base.metadata.sorted_tables:
        number = each.autoincrement_column
        if number is not None:
            known = [number, *_REMEMBERED.get(each.name, ())]
            found = [connection.execute(select(func.max(one))).scalar_one() for one in known]
            if highest := max((one for one in found if one), default=0):
                _begin_behind(connection, number, highest)


def _begin_behind(connection: Connection, number: Column[int], highest: int) -> None:
    name = number.table.name
    if connection.dialect.name == "postgresql":
        sequence = func.pg_get_serial_sequence(name, number.name)
        connection.execute(select(func.setval(sequence, highest)))
    else:
        connection.execute(delete(_SEQUENCES).where(_SEQUENCES.c.name == name))
        connection.execute(insert(_SEQUENCES).values(name=name, seq=highest))
