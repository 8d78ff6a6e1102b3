"""Model bundles over HTTP: added, named, activated, removed; and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from werkzeug.test import TestResponse

from storage.bundles import object_key
from storage.results.render.clahe import equalise
from storage.results.render.contrast import Contrast
from storage.results.render.film import decode_grey
from tests.factories import films
from tests.factories.bundle_zips import bundle_parts, described, zipped
from tests.factories.services import BUNDLE, Service, service, write_bundle


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Service]:
    with service(tmp_path, max_bundle_bytes=100_000) as it:
        yield it


def add(api: Service, body: bytes) -> TestResponse:
    return api.client.post("/v1/models", data=body, content_type="application/zip")


def keys(api: Service) -> dict[str, dict[str, Any]]:
    return {item["key"]: item for item in api.client.get("/v1/models").get_json()["items"]}


def pinned(api: Service, **fields: str) -> str:
    return str(api.job(("a.jpg", films.jpeg(1)), **fields)["bundle"])


def refused(answer: TestResponse, status: int, code: str, words: str = "") -> None:
    told = answer.get_json()
    assert (answer.status_code, told["code"]) == (status, code), told
    assert words in told["detail"]


def test_an_added_bundle_can_be_named(api: Service) -> None:
    answer = add(api, zipped(bundle_parts(), folder="chest-1/"))
    assert answer.status_code == 201
    assert answer.headers["Location"] == "/v1/models/chest@1"
    model = answer.get_json()
    assert (model["labels"], model["active"], model["default"]) == (
        ["normal", "pneumonia"],
        True,
        False,
    )
    assert model["card"].startswith("# A card")
    assert model["metrics"] == {"test": {"auc": 0.9}}
    assert set(keys(api)) == {BUNDLE, "chest@1"}
    assert keys(api)[BUNDLE]["default"]
    assert pinned(api) == BUNDLE
    assert pinned(api, model="chest") == pinned(api, bundle="chest@1") == "chest@1"
    # If it is sent again, I expect it to be there
    assert add(api, zipped(bundle_parts())).status_code == 200


def test_an_unknown_model_is_told_with_those_that_there_are(api: Service) -> None:
    add(api, zipped(bundle_parts()))
    refused(api.submit(("a.jpg", films.jpeg(1)), model="brain"), 422, "bundle_not_found", "chest@1")
    refused(api.client.get("/v1/models/brain"), 404, "model_not_found", BUNDLE)


def test_activation_changes_what_new_jobs_get(api: Service) -> None:
    for version in ("1", "2"):
        add(api, zipped(bundle_parts(version=version)))
    before = api.job(("a.jpg", films.jpeg(1)), model="chest")
    assert before["bundle"] == "chest@1"
    answer = api.client.post("/v1/models/chest@2/activate", json={})
    assert (answer.status_code, answer.get_json()["active"]) == (200, True)
    assert pinned(api, model="chest") == "chest@2"
    assert pinned(api) == BUNDLE
    api.client.post("/v1/models/chest@1/activate", json={"default": True})
    assert pinned(api) == "chest@1"
    # Given a default by its name, its newly activated version is the default
    api.client.post("/v1/models/chest@2/activate", json={})
    assert pinned(api) == "chest@2"
    api.client.post(f"/v1/models/{BUNDLE}/activate", json={"default": True})
    assert pinned(api) == BUNDLE
    assert api.client.get(before["links"]["self"]).get_json()["bundle"] == "chest@1"
    refused(api.client.post("/v1/models/chest@3/activate", json={}), 404, "model_not_found")


def test_a_built_in_version_stays_what_its_name_means(api: Service, tmp_path: Path) -> None:
    name = BUNDLE.partition("@")[0]
    add(api, zipped(bundle_parts(name=name, version="9")))
    assert pinned(api) == pinned(api, model=name) == BUNDLE
    api.client.post(f"/v1/models/{name}@9/activate", json={})
    write_bundle(tmp_path / "bundles", "0.2.0")
    assert pinned(api) == pinned(api, model=name) == f"{name}@9"


def test_a_bundle_in_use_is_not_removed(api: Service) -> None:
    for version in ("1", "2"):
        add(api, zipped(bundle_parts(version=version)))
    job = api.job(("a.jpg", films.jpeg(1)), model="chest@2")
    refused(api.client.delete("/v1/models/chest@2"), 409, "bundle_in_use", "open jobs")
    refused(api.client.delete("/v1/models/chest@1"), 409, "bundle_in_use", "activate another")
    refused(api.client.delete(f"/v1/models/{BUNDLE}"), 409, "bundle_in_use", "built in")
    refused(api.client.delete("/v1/models/chest"), 404, "model_not_found")
    api.read_all()
    assert api.client.delete("/v1/models/chest@2").status_code == 204
    assert set(keys(api)) == {BUNDLE, "chest@1"}
    refused(api.submit(("a.jpg", films.jpeg(1)), model="chest@2"), 422, "bundle_not_found")
    item = api.client.get(job["links"]["items"]).get_json()["items"][0]
    assert item["prediction"]["bundle"] == "chest@2"
    assert api.client.delete("/v1/models/chest@1").status_code == 204
    assert not [*api.parts.store.keys("_bundles/")]
    # Findings carry its name, so that no other weights may, but the same may come back
    refused(add(api, zipped(bundle_parts(version="2", temperature=2.0))), 409, "bundle_exists")
    assert add(api, zipped(bundle_parts(version="2"))).status_code == 201


def test_the_default_is_not_removed(api: Service) -> None:
    add(api, zipped(bundle_parts()))
    api.client.post("/v1/models/chest@1/activate", json={"default": True})
    refused(api.client.delete("/v1/models/chest@1"), 409, "bundle_in_use", "default")


def test_its_files_are_stored_under_their_hashes(api: Service) -> None:
    parts = bundle_parts()
    add(api, zipped(parts))
    files, raw = described(parts)
    assert api.parts.store.get(object_key(files.checksum, files.checksum)) == raw
    for name, digest in files.files.items():
        assert api.parts.store.get(object_key(files.checksum, digest)) == parts[name]


def hostile() -> dict[str, bytes]:
    good = bundle_parts()
    evil = {"../../evil": b"x", "/etc/evil": b"x"}
    big = {**good, "openvino/classifier.bin": b"\0" * 200_000}
    twice = zipped({**good, "manifest.jsom": good["manifest.json"]})
    altered = {**good, "classifier.keras": b"other"}
    escaping = bundle_parts(files={"../up": "0" * 64})
    many = {**good, **{f"f{number}": b"" for number in range(400)}}
    return {
        "nothing": b"",
        "no zip": b"PK\x03\x04" + b"x" * 100,
        "cut off": zipped(good)[:-30],
        "something behind": zipped(good) + b"x",
        "no manifest": zipped({name: good[name] for name in good if name != "manifest.json"}),
        "manifest is no JSON": zipped({**good, "manifest.json": b"{"}),
        "manifest is deep": zipped({**good, "manifest.json": b"[" * 100_000}),
        "traversal": zipped({**good, **evil}),
        "manifest names what is outside": zipped(escaping),
        "a file is altered": zipped(altered),
        "a file is missing": zipped({name: good[name] for name in good if "xml" not in name}),
        "a file twice": twice.replace(b"manifest.jsom", b"manifest.json"),
        "too many entries": zipped(many),
        "bad name": zipped(bundle_parts(name="../x")),
        "long name": zipped(bundle_parts(name="x" * 80)),
        "bad version": zipped(bundle_parts(version="a b")),
        "no labels": zipped(bundle_parts(labels=[])),
        "unknown format": zipped(bundle_parts(format=9)),
        "infinity": zipped({**good, "manifest.json": b'{"format": 1, "a": 1e999}'}),
        "nul": zipped(bundle_parts(licence="\0")),
        "damaged": zipped(good).replace(b"segmenter", b"segmentor", 3),
        "too large": zipped(big),
    }


@pytest.mark.parametrize("what", sorted(hostile()))
def test_what_is_no_bundle_is_refused(api: Service, what: str) -> None:
    answer = add(api, hostile()[what])
    told = answer.get_json()
    assert (answer.status_code, told["code"]) in {(422, "bundle_rejected"), (413, "too_large")}
    assert set(keys(api)) == {BUNDLE}
    assert not [*api.parts.store.keys("_bundles/")]


def test_a_bomb_is_counted_while_it_is_unpacked(api: Service) -> None:
    digest = "0" * 64
    parts = bundle_parts()
    files = dict(described(parts)[0].files) | {"classifier.keras": digest}
    bomb = bundle_parts(files=files) | {"classifier.keras": b"\0" * 5_000_000}
    body = zipped(bomb)
    assert len(body) < 100_000
    refused(add(api, body), 413, "too_large")


def test_a_built_in_key_cannot_be_taken(api: Service) -> None:
    name, version = BUNDLE.split("@")
    refused(add(api, zipped(bundle_parts(name=name, version=version))), 409, "bundle_exists")


def test_the_page_shows_what_can_be_named_whatever_its_figures_look_like(api: Service) -> None:
    odd: dict[str, Any] = {"test": {"by_label": 7, "labels": {"confusion": "x", "auc": "high"}}}
    for version, metrics in (("1", {"test": {"auc": 0.9}}), ("2", odd), ("3", {"test": []})):
        assert add(api, zipped(bundle_parts(version=version, metrics=metrics))).status_code == 201
    html = api.client.get("/models", headers={"Accept-Language": "en"}).text
    assert [html.count(f">{key}</h2>") for key in keys(api)] == [1] * 4
    assert html.count(">added here<") == 3
    assert html.count(">used by default<") == 1

    api.client.post("/v1/models/chest@2/activate", json={"default": True})
    assert api.client.delete("/v1/models/chest@3").status_code == 204
    html = api.client.get("/models", headers={"Accept-Language": "en"}).text
    assert "chest@3" not in html
    assert html.index("chest@2") < html.index(BUNDLE)


def test_contrast_is_shown_as_the_bundle_that_read_the_film_treats_it(api: Service) -> None:
    for version, clip in (("1", 1.0), ("2", 9.0)):
        said = {"clahe_clip": clip, "clahe_tiles": 2}
        add(api, zipped(bundle_parts(version=version, preprocessing=said)))
    shown = []
    for version in ("1", "2"):
        job = api.job(("a.jpg", films.jpeg(1)), model=f"chest@{version}")
        api.read_all()
        (item,) = api.client.get(job["links"]["items"]).get_json()["items"]
        answer = api.client.get(f"/v1/items/{item['id']}/clahe")
        film = decode_grey(films.jpeg(1), 1024)
        expected = equalise(film, Contrast(1.0 if version == "1" else 9.0, 2))
        assert np.array_equal(decode_grey(answer.data, 1024), expected)
        shown.append(answer.data)
    assert shown[0] != shown[1]
