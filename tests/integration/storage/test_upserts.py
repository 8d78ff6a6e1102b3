"""Rows that are there stay, and what is new is counted, on both databases."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from storage.database import Database
from storage.models import FilmRow, PredictionRow, TenantRow
from storage.sets import among
from storage.upserts import insert_missing

pytestmark = pytest.mark.integration


def tenant(name: str, at: float = 1.0) -> dict[str, object]:
    return {"id": name, "created_at": at}


@pytest.mark.parametrize("count", [1, 3, 2_500])
def test_new_rows_are_counted_and_others_kept(database: Database, count: int) -> None:
    rows = [tenant(f"tenant-{number:04}") for number in range(count)]

    assert database.run(lambda c: insert_missing(c, TenantRow, rows)) == count
    again = [tenant(str(row["id"]), 2.0) for row in rows] + [tenant("young", 2.0)]
    assert database.run(lambda c: insert_missing(c, TenantRow, again)) == 1
    assert database.run(lambda c: insert_missing(c, TenantRow, again)) == 0
    assert database.run(lambda c: insert_missing(c, TenantRow, [])) == 0
    with database.read() as connection:
        times = connection.execute(select(TenantRow.id, TenantRow.created_at)).all()
    assert {name: at for name, at in times if name in {"young", "tenant-0000"}} == {
        "young": 2.0,
        "tenant-0000": 1.0,
    }


HOSTILE = [
    "nul\x00",
    "two\x00\x00",
    "\\\x00",
    "\\u0000",
    "\\\\u0000",
    "half \ud83d",
    "폐렴 😀",
    'q"\n',
]


def test_any_text_comes_back_as_it_was_or_with_what_stands_for_it(database: Database) -> None:
    rows = [tenant(name, 0.1 + 0.2) for name in HOSTILE]

    assert database.run(lambda c: insert_missing(c, TenantRow, rows)) == len(rows)
    assert database.run(lambda c: insert_missing(c, TenantRow, rows)) == 0
    with database.read() as connection:
        kept = dict(connection.execute(select(TenantRow.id, TenantRow.created_at)).all())
    wanted = {name.replace("\x00", "\ufffd").replace("\ud83d", "\ufffd") for name in HOSTILE}
    assert wanted <= kept.keys()
    assert {kept[name] for name in wanted} == {0.1 + 0.2}


def test_findings_come_back_as_they_were(database: Database) -> None:
    film = {"tenant": "default", "sha256": "0" * 64, "format": "png", "width": 1, "height": 1}
    film |= {"id": "f", "size": 2**40, "object_key": "k", "created_at": 1.0}
    prediction = {
        "id": "p",
        "film_id": "f",
        "bundle": "b@1",
        "runtime": "null",
        "top_label": "a\x00b",
        "findings": [{"label": "\\u0000 \x01", "probability": 1 / 3, "positive": True}],
        "in_distribution": None,
        "flags": [],
        "lungs": {"count": 2},
        "region": [0.1, 1e-300, 5, 7],
        "activation": [[0.12345], [None]],
        "mask_key": None,
        "view_key": "view",
        "created_at": 1 / 7,
    }

    with database.write() as connection:
        insert_missing(connection, TenantRow, [tenant("default") | {"film_bytes": 2**40}])
        assert insert_missing(connection, FilmRow, [film]) == 1
        assert insert_missing(connection, PredictionRow, [prediction]) == 1
        read = connection.execute(select(PredictionRow.__table__)).mappings().one()
        kept = connection.execute(select(FilmRow.size, FilmRow.used_at)).one()
    found = {name: read[name] for name in prediction}
    assert found == prediction | {"top_label": "a\ufffdb"}
    assert tuple(kept) == (2**40, 0.0)


@pytest.mark.parametrize("ids", [[], ["a"], ["a", "c", "d'", "none"]])
def test_a_set_of_ids_is_one_parameter(database: Database, ids: list[str]) -> None:
    rows = [tenant(name) for name in ("a", "b", "c", "d'")]
    database.run(lambda c: insert_missing(c, TenantRow, rows))

    with database.read() as connection:
        query = select(TenantRow.id).where(among(TenantRow.id, "ids"))
        found = set(connection.execute(query, {"ids": ids}).scalars())

    assert found == set(ids) - {"none"}
