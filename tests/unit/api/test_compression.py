"""Texts are sent small to who takes gzip; pictures and everybody else get them as they are."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.compression import gzip_pieces
from tests.factories import films
from tests.factories.services import Service, service

GZIP = {"Accept-Encoding": "br, gzip"}


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Service]:
    with service(tmp_path) as it:
        yield it


@pytest.fixture
def job(api: Service) -> dict[str, Any]:
    made = api.job(*[(f"{n}.jpg", films.jpeg(n)) for n in range(5)])
    api.read_all()
    return made


@pytest.mark.parametrize("path", ["/items", "/results?format=csv", "/results?format=ndjson"])
def test_texts_are_compressed(path: str, api: Service, job: dict[str, Any]) -> None:
    address = job["links"]["self"] + path
    plain = api.client.get(address)
    packed = api.client.get(address, headers=GZIP)
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == plain.data
    assert len(packed.data) < len(plain.data)
    assert "Content-Encoding" not in plain.headers
    for answer in (plain, packed):
        assert "Accept-Encoding" in answer.headers["Vary"]
        assert answer.headers.get("Content-Length", str(len(answer.data))) == str(len(answer.data))


def test_results_still_vary_with_accept(api: Service, job: dict[str, Any]) -> None:
    vary = api.client.get(job["links"]["results"], headers=GZIP).headers["Vary"]
    assert set(vary.split(", ")) == {"Accept", "Accept-Encoding"}


@pytest.mark.parametrize("accepted", ["", "identity", "br", "gzip;q=0", "*;q=0"])
def test_who_does_not_take_it_gets_it_plain(
    accepted: str, api: Service, job: dict[str, Any]
) -> None:
    headers = {"Accept-Encoding": accepted}
    answer = api.client.get(job["links"]["items"], headers=headers)
    assert "Content-Encoding" not in answer.headers


def test_short_answers_and_pictures_stay(api: Service, job: dict[str, Any]) -> None:
    (item, *_) = api.client.get(job["links"]["items"]).get_json()["items"]
    picture = api.client.get(item["links"]["film"], headers=GZIP)
    assert picture.mimetype == "image/png"
    assert "Content-Encoding" not in picture.headers
    assert "Accept-Encoding" not in picture.headers.get("Vary", "")
    assert "Content-Encoding" not in api.client.get("/healthz", headers=GZIP).headers


def test_a_tag_holds_for_both_forms(api: Service, job: dict[str, Any]) -> None:
    tag = api.client.get(job["links"]["items"]).headers["ETag"]
    packed = api.client.get(job["links"]["items"], headers=GZIP)
    assert packed.headers["ETag"] == tag
    again = api.client.get(job["links"]["items"], headers=GZIP | {"If-None-Match": tag})
    assert (again.status_code, again.data) == (304, b"")
    assert "Content-Encoding" not in again.headers


def test_a_stream_is_compressed_as_it_comes() -> None:
    taken = 0

    def pieces() -> Iterator[bytes]:
        nonlocal taken
        for number in range(1000):
            taken += 1
            yield b"".join(b"%d," % (number * factor % 99991) for factor in range(1000))

    packed = gzip_pieces(pieces())
    next(packed)  # gzip's head
    next(packed)
    assert taken < 50
    packed.close()
