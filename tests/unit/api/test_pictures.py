"""Pictures of a real prediction row: film, mask, heatmap, overlay."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from lungline.domain import DEFAULT_TENANT
from lungline.errors import FilmRejected
from storage.claims import Outcome
from storage.results.drawing.drawers import Drawers
from storage.results.render.depth import shows_itself
from storage.results.render.film import decode_grey, to_png
from storage.results.render.maps import box_of, heat_at, mask_at
from storage.results.render.overlay import draw_heatmap, draw_overlay
from tests.factories import films, planted_drawer
from tests.factories.services import BUNDLE, Service, lung_mask, prediction, service

KINDS = ("film", "mask", "heatmap", "overlay")


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Service]:
    with service(tmp_path) as it:
        yield it


def only_item(api: Service, job: dict[str, Any]) -> dict[str, Any]:
    (item,) = api.client.get(job["links"]["items"]).get_json()["items"]
    return dict(item)


def picture(api: Service, path: str) -> NDArray[np.uint8]:
    answer = api.client.get(path)
    assert answer.status_code == 200, answer.text
    assert answer.content_type == "image/png"
    return np.asarray(cv2.imdecode(np.frombuffer(answer.data, np.uint8), cv2.IMREAD_UNCHANGED))


def test_the_four_pictures_have_the_films_geometry(api: Service) -> None:
    data = films.jpeg(1, width=300, height=200)
    job = api.job(("a.jpg", data))
    api.read_all()
    links = only_item(api, job)["links"]
    film, mask, heat, overlay = (picture(api, links[kind]) for kind in KINDS)
    assert film.shape == mask.shape == (200, 300)
    assert np.array_equal(film, cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE))
    assert set(np.unique(mask)) == {0, 255}
    assert mask[100, 94] == mask[100, 206] == 255
    assert mask[100, 150] == mask[5, 5] == 0
    # The heat is shown where the classifier looked, and is hottest where it found most
    assert heat.shape == (200, 300, 4)
    assert heat[5, 5, 3] == 0
    assert heat[100, 150, 3] == 255
    # The overlay has a bar with the notice below the film
    assert overlay.shape[1:] == (300, 3)
    assert 210 < overlay.shape[0] < 240
    assert overlay[200:].max() > 200


def test_the_overlay_is_coloured_where_it_is_hot() -> None:
    film = np.full((120, 160), 100, np.uint8)
    activation = np.zeros((7, 7), np.float32)
    activation[3, 1] = 5
    heat = heat_at(activation, (0, 0, 1, 1), 160, 120)
    picture = draw_overlay(film, np.zeros_like(film), heat)
    y, x = np.unravel_index(int(heat.argmax()), heat.shape)
    assert abs(int(x) - 34) < 8
    assert abs(int(y) - 60) < 8
    assert len(set(map(int, picture[y, x]))) == 3
    assert list(picture[5, 150]) == [100, 100, 100]
    assert np.ptp(picture[120:]) > 150


def test_sizes_are_kept(api: Service) -> None:
    job = api.job(("a.jpg", films.jpeg(1, width=600, height=400)))
    api.read_all()
    links = only_item(api, job)["links"]
    assert picture(api, f"{links['film']}?size=150").shape == (100, 150)
    assert picture(api, f"{links['film']}?size=4096").shape == (400, 600)
    assert picture(api, f"{links['overlay']}?size=16").shape[1] == 16
    for size in ("15", "4097", "x", "-1"):
        answer = api.client.get(f"{links['film']}?size={size}")
        assert (answer.status_code, answer.get_json()["code"]) == (422, "invalid_parameter")


def test_a_browser_asks_once(api: Service) -> None:
    job = api.job(("a.jpg", films.jpeg(1)))
    api.read_all()
    links = only_item(api, job)["links"]
    tags = set()
    for kind in KINDS:
        answer = api.client.get(links[kind])
        kept = answer.cache_control
        assert (kept.private, kept.max_age, kept.immutable) == (True, 600, False)
        tags.add(answer.headers["ETag"])
        again = api.client.get(links[kind], headers={"If-None-Match": answer.headers["ETag"]})
        assert (again.status_code, again.data) == (304, b"")
        # What a session has kept is not shown to the next one.
        assert {"Cookie", "Authorization"} <= set(answer.vary) & set(again.vary)
    tags.add(api.client.get(links["film"] + "?size=50").headers["ETag"])
    assert len(tags) == 5


def test_before_reading_only_the_film_is_there(api: Service) -> None:
    item = only_item(api, api.job(("a.jpg", films.jpeg(1))))
    assert item["links"]["mask"] is None
    assert picture(api, item["links"]["film"]).ndim == 2
    for kind in ("mask", "heatmap", "overlay"):
        answer = api.client.get(f"{item['links']['self']}/{kind}")
        assert (answer.status_code, answer.get_json()["code"]) == (409, "picture_not_ready")
        assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(("name", "data"), [("a.dcm", films.dicom(1)), ("a.png", films.png16(1))])
def test_deep_pictures_are_shown_from_the_view_made_in_reading(
    name: str, data: bytes, api: Service
) -> None:
    job = api.job((name, data))
    item = only_item(api, job)
    answer = api.client.get(item["links"]["film"])
    assert (answer.status_code, answer.get_json()["code"]) == (409, "picture_not_ready")
    # Once it was read there is a view
    view = f"{DEFAULT_TENANT}/views/{item['film']['sha256']}.png"
    mask = f"{DEFAULT_TENANT}/masks/{item['film']['sha256']}/{BUNDLE}.png"
    api.parts.store.put(view, films.png8(7, 96, 80))
    api.parts.store.put(mask, lung_mask())
    claims = api.parts.repository.claims
    batch = claims.claim("w", limit=1, lease_seconds=9, hard_seconds=9)
    assert batch is not None
    read = prediction(view_key=view, mask_key=mask)
    claims.finish(batch.lease_id, [Outcome(batch.items[0].id, read, None)])
    for kind in KINDS:
        shown = picture(api, f"{item['links']['self']}/{kind}")
        assert shown.shape[1] == 96


def test_a_refused_film_has_no_picture(api: Service) -> None:
    item = only_item(api, api.job(("a.jpg", films.text_named_jpg())))
    assert item["links"]["film"] is None
    answer = api.client.get(f"{item['links']['self']}/film")
    assert (answer.status_code, answer.get_json()["code"]) == (409, "picture_not_ready")


def test_an_object_that_is_gone(api: Service) -> None:
    item = only_item(api, api.job(("a.jpg", films.jpeg(1))))
    api.parts.store.delete(f"{DEFAULT_TENANT}/films/{item['film']['sha256']}")
    answer = api.client.get(item["links"]["film"])
    assert (answer.status_code, answer.get_json()["code"]) == (409, "picture_not_ready")


def test_a_dropped_film_keeps_its_findings_and_comes_back_when_it_is_sent(api: Service) -> None:
    job = api.job(("a.jpg", films.jpeg(1)))
    api.read_all()
    before = only_item(api, job)
    base = before["links"]["self"]
    tag = api.client.get(f"{base}/mask").headers["ETag"]
    retention = api.parts.repository.retention
    api.parts.repository.database.clock_offset = 2 * 86_400.0
    retention.mark(DEFAULT_TENANT, 1.0, 10)
    retention.films(api.parts.store)

    item = only_item(api, job)

    assert item["prediction"] == before["prediction"]
    assert item["film"]["dropped_at"] is not None
    assert all(item["links"][kind] is None for kind in KINDS)
    for kind in KINDS:
        answer = api.client.get(f"{base}/{kind}", headers={"If-None-Match": tag})
        assert (answer.status_code, answer.get_json()["code"]) == (410, "film_dropped")
    with_pictures = api.client.get(f"{job['links']['self']}/pictures?kind=mask")
    with zipfile.ZipFile(io.BytesIO(with_pictures.data)) as files:
        assert files.namelist() == ["missing.csv"]
        assert b"film_dropped" in files.read("missing.csv")

    api.job(("again.jpg", films.jpeg(1)))
    api.read_all()

    item = only_item(api, job)
    assert item["film"]["dropped_at"] is None
    for kind in KINDS:
        assert picture(api, item["links"][kind]).shape[1] == 96 or kind == "overlay"


def test_a_film_above_the_pixel_limit_is_not_decoded(tmp_path: Path) -> None:
    with service(tmp_path) as api:
        item = only_item(api, api.job(("a.jpg", films.jpeg(1, 96, 80))))
    with service(tmp_path, max_film_pixels=96 * 80 - 1) as api:
        answer = api.client.get(item["links"]["film"])
        assert (answer.status_code, answer.get_json()["code"]) == (422, "too_many_pixels")


def test_a_damaged_film_is_told_as_such(api: Service) -> None:
    cut = films.png8(1)[:40]
    item = only_item(api, api.job(("a.png", films.png8(1))))
    api.parts.store.put(f"{DEFAULT_TENANT}/films/{item['film']['sha256']}", cut)
    answer = api.client.get(item["links"]["film"])
    assert (answer.status_code, answer.get_json()["code"]) == (422, "undecodable")


def test_a_film_that_ends_the_process_that_draws_is_told_as_such(
    api: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a film whose bytes end whatever decodes them, and one that is well
    bad, good = (only_item(api, api.job(("a.jpg", films.jpeg(seed)))) for seed in (1, 2))
    api.parts.store.put(f"{DEFAULT_TENANT}/films/{bad['film']['sha256']}", b"\xff\xd8 dies")
    planted = Drawers(api.parts.settings, command=planted_drawer.COMMAND)
    monkeypatch.setattr(api.parts, "_drawers", planted)

    for _ in range(2):
        answer = api.client.get(bad["links"]["film"])
        assert (answer.status_code, answer.get_json()["code"]) == (422, "picture_failed")
        assert answer.content_type == "application/problem+json"
        assert picture(api, good["links"]["film"]).shape == (80, 96)

    api.read_all()
    pictures = api.client.get(f"/v1/jobs/{bad['job_id']}/pictures?kind=mask")
    assert pictures.status_code == 200
    with zipfile.ZipFile(io.BytesIO(pictures.data)) as files:
        assert b"picture_failed" in files.read("missing.csv")


def test_large_jpegs_are_decoded_small() -> None:
    data = films.jpeg(1, width=1600, height=1200)
    small = decode_grey(data, 150)
    whole = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    expected = cv2.resize(whole, (150, 112), interpolation=cv2.INTER_AREA)
    assert small.shape == (112, 150)
    assert np.abs(small.astype(int) - expected).mean() < 3


def test_exif_orientation_turns_the_film() -> None:
    turned = films.jpeg_with_segments((0xE1, films.exif(6)))
    assert decode_grey(turned, 4096).shape == (96, 80)
    assert shows_itself(turned)


def test_what_a_browser_shows_itself() -> None:
    assert shows_itself(films.jpeg())
    assert shows_itself(films.png8())
    assert not shows_itself(films.png16())
    assert not shows_itself(films.dicom())
    assert not shows_itself(b"\x89PNG\r\n\x1a\n")


@pytest.mark.parametrize(
    ("region", "expected"),
    [
        ((0, 0, 1, 1), (0, 0, 100, 50)),
        ((0.1, 0.2, 0.5, 0.6), (10, 10, 50, 30)),
        ((-1, -1, 2, 2), (0, 0, 100, 50)),
        ((0.5, 0.5, 0.5, 0.5), (50, 25, 51, 26)),
        ((1, 1, 1, 1), (99, 49, 100, 50)),
    ],
)
def test_regions_stay_inside(
    region: tuple[float, ...], expected: tuple[int, int, int, int]
) -> None:
    assert box_of(region, 100, 50) == expected


def test_heat_without_anything_positive_is_none() -> None:
    for value in (-1.0, 0.0, float("nan")):
        assert heat_at(np.full((7, 7), value, np.float32), (0, 0, 1, 1), 20, 10).max() == 0
    assert draw_heatmap(np.zeros((4, 4), np.uint8), (0, 0, 2, 2))[..., 3].sum() == 4 * 255


def test_a_damaged_mask_is_told_as_such() -> None:
    with pytest.raises(FilmRejected):
        mask_at(b"no picture", 10, 10)
    assert mask_at(to_png(np.full((8, 8), 255, np.uint8)), 3, 5).shape == (5, 3)
