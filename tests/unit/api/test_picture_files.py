"""Pictures of a whole job as zips."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.factories import films
from tests.factories.services import Service, service


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Service]:
    with service(tmp_path) as it:
        yield it


def test_pictures_come_in_order_and_say_what_is_missing(api: Service) -> None:
    given = [("text.jpg", films.text_named_jpg()), *((f"{n}", films.jpeg(n)) for n in range(4))]
    job = api.job(*given)
    api.read_all()
    items = api.client.get(job["links"]["items"]).get_json()["items"]
    link: str | None = f"{job['links']['self']}/pictures?kind=mask&size=64&limit=2"
    names: list[str] = []
    missing = ""
    while link is not None:
        answer = api.client.get(link)
        assert answer.content_type == "application/zip"
        with ZipFile(io.BytesIO(answer.data)) as archive:
            assert archive.testzip() is None
            *pictures, last = archive.namelist()
            assert all(archive.read(name).startswith(b"\x89PNG") for name in pictures)
            missing += archive.read(last).decode()
        names += pictures
        following = answer.headers.get("Link")
        link = following.partition(">")[0].removeprefix("<") if following else None

    assert names == [f"{n:07}-{items[n]['id']}.png" for n in range(1, 5)]
    assert f"0,{items[0]['id']},picture_not_ready" in missing


@pytest.mark.parametrize(
    "query",
    [
        "",
        "kind=film",
        "kind=mask&cursor=-1",
        "kind=mask&cursor=1848203543",
        "kind=mask&limit=0",
    ],
)
def test_bad_queries(api: Service, query: str) -> None:
    job = api.job(("a.jpg", films.jpeg(1)))

    answer = api.client.get(f"{job['links']['self']}/pictures?{query}")

    assert answer.get_json()["code"] == "invalid_parameter"
