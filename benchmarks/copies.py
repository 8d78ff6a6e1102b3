"""Very many items made of one, on either database."""

from __future__ import annotations

from sqlalchemy import Connection, Integer, cast, func, insert, literal, select

from storage.columns import AnySelect
from storage.models import ItemRow


def copy_item(connection: Connection, count: int) -> None:
    """Copy the only item that there is, with all that belongs to it: `seq` 1 to `count`."""
    numbers = _numbers(count).subquery("numbers")
    number = cast(numbers.c.number, Integer)
    sqlite = connection.dialect.name == "sqlite"
    digits = func.printf("%08x", number) if sqlite else func.lpad(func.to_hex(number), 8, "0")
    copied = {"id": func.substr(ItemRow.id, 1, 24).op("||")(digits), "seq": number}
    columns = ItemRow.__table__.c
    rows = select(*(copied.get(column.name, column) for column in columns)).join_from(
        ItemRow, numbers, literal(True)
    )
    connection.execute(insert(ItemRow).from_select([c.name for c in columns], rows))


def _numbers(count: int) -> AnySelect:
    first = select(literal(1).label("number")).cte("counted", recursive=True)
    following = select(first.c.number + 1).where(first.c.number < count)
    return select(first.union_all(following).c.number)
