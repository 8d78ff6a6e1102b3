"""The findings of a whole job as Parquet."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lungline.domain import DEFAULT_TENANT
from storage.results.parquet import MEDIA_TYPE, parquet_pieces
from storage.results.rows import Row
from tests.factories import films
from tests.factories.services import LABELS, Service, service

parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Service]:
    with service(tmp_path) as it:
        yield it


def test_parquet_holds_what_the_items_say(api: Service) -> None:
    job = api.job(("a/폐렴.jpg", films.jpeg(1)), ("text.jpg", films.text_named_jpg()))
    api.read_all()

    answer = api.client.get(f"{job['links']['results']}?format=parquet")

    assert answer.content_type == MEDIA_TYPE
    assert "parquet" in answer.headers["Content-Disposition"]
    read, refused = parquet.read_table(io.BytesIO(answer.data)).to_pylist()
    assert (read["name"], read["status"], read["seq"]) == ("a/폐렴.jpg", "succeeded", 0)
    assert sum(read[f"p_{label}"] for label in LABELS) == pytest.approx(1.0)
    assert (refused["error_code"], refused["p_normal"]) == ("unsupported_format", None)
    accepted = api.client.get(job["links"]["results"], headers={"Accept": MEDIA_TYPE})
    assert parquet.read_table(io.BytesIO(accepted.data)).num_rows == 2


def test_groups_are_written_one_after_the_other(api: Service) -> None:
    job = api.job(*[(f"{n}.jpg", films.jpeg(n)) for n in range(7)])
    items = api.parts.repository.items.stream(DEFAULT_TENANT, job["id"])

    pieces = list(parquet_pieces(map(Row, items), LABELS, group=3))

    file = parquet.ParquetFile(io.BytesIO(b"".join(pieces)))
    assert len(pieces) == 4  # three groups, and the end
    assert all(pieces)
    assert [file.metadata.row_group(n).num_rows for n in range(3)] == [3, 3, 1]
    assert file.read(["seq"]).column("seq").to_pylist() == list(range(7))


def test_without_pyarrow_it_says_so(api: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    job = api.job(("a.jpg", films.jpeg(1)))
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    answer = api.client.get(f"{job['links']['results']}?format=parquet")

    assert (answer.status_code, answer.get_json()["code"]) == (422, "invalid_parameter")
