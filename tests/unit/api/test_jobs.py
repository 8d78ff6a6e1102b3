"""How jobs and items are told: pages, filters, counts, cancelling."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.entries import NewEntry
from storage.items import NewItem
from tests.factories import archives, films
from tests.factories.services import Service, service

UNKNOWN = "0" * 32


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Service]:
    with service(tmp_path) as it:
        yield it


@pytest.mark.parametrize(
    "path",
    [
        f"/v1/jobs/{UNKNOWN}",
        f"/v1/jobs/{UNKNOWN}/items",
        f"/v1/jobs/{UNKNOWN}/entries",
        f"/v1/jobs/{UNKNOWN}/results",
        "/v1/jobs/nonsense",
        "/v1/jobs/%00",
        "/v1/jobs/x'%20OR%201=1/items",
    ],
)
def test_unknown_jobs(path: str, api: Service) -> None:
    answer = api.client.get(path)
    assert (answer.status_code, answer.get_json()["code"]) == (404, "job_not_found")


def test_entries_come_in_pages_and_by_outcome(api: Service) -> None:
    archive = archives.zip_of_films(1)
    path = api.client.post("/v1/jobs", data=archive, content_type="application/zip").get_json()[
        "links"
    ]["self"]
    expansions = api.parts.repository.expansions
    expansion = expansions.claim("expander", 60)
    assert expansion is not None
    refused = NewItem("bad.jpg", None, ("wrong_checksum", "No."))
    entries = [NewEntry("notes.txt", None, 5), NewEntry("bad.jpg", refused, 7, "0" * 64)]
    expansions.commit_slice(
        expansion.lease_id, expansion.job_id, entries=entries, cursor=2, entries_total=2
    )

    first = api.client.get(f"{path}/entries?limit=1")
    second = api.client.get(f"{path}/entries?limit=1&cursor={first.get_json()['next']}")
    rejected = api.client.get(f"{path}/entries?outcome=rejected").get_json()

    assert "cursor=0" in first.headers["Link"]
    assert first.get_json()["items"][0]["outcome"] == "ignored"
    assert second.get_json() == rejected
    (entry,) = rejected["items"]
    assert (entry["name"], entry["size"], entry["sha256"]) == ("bad.jpg", 7, "0" * 64)
    assert entry["error"] == {"code": "wrong_checksum", "reason": "No."}
    assert entry["item_id"] == api.client.get(f"{path}/items").get_json()["items"][0]["id"]
    assert api.client.get(f"{path}/entries?outcome=lost").status_code == 422
    assert api.client.get(path).get_json()["expansion"] == {
        **{"entries_seen": 2, "entries_total": 2},
        **{"accepted": 0, "duplicate": 0, "ignored": 1, "rejected": 1},
    }


@pytest.mark.parametrize("rest", ["", "/film", "/mask", "/heatmap", "/overlay"])
@pytest.mark.parametrize("item_id", [UNKNOWN, "nonsense"])
def test_unknown_items(item_id: str, rest: str, api: Service) -> None:
    answer = api.client.get(f"/v1/items/{item_id}{rest}")
    assert (answer.status_code, answer.get_json()["code"]) == (404, "item_not_found")


def test_cancelling_an_unknown_job(api: Service) -> None:
    answer = api.client.post(f"/v1/jobs/{UNKNOWN}/cancel")
    assert (answer.status_code, answer.get_json()["code"]) == (404, "job_not_found")


def test_jobs_come_in_pages_newest_first(api: Service) -> None:
    made = [api.job((f"{n}.jpg", films.jpeg(n)), name=f"job {n}")["id"] for n in range(5)]
    seen: list[str] = []
    path = "/v1/jobs?limit=2"
    while path:
        answer = api.client.get(path)
        page = answer.get_json()
        assert len(page["items"]) <= 2
        seen += [job["id"] for job in page["items"]]
        link = answer.headers.get("Link", "")
        assert bool(link) == (page["next"] is not None)
        path = link.partition(">")[0].removeprefix("<")
        assert link in ("", f'<{path}>; rel="next"')
    assert seen == made[::-1]


def test_items_come_in_pages_in_order(api: Service) -> None:
    job = api.job(*[(f"{n}.jpg", films.jpeg(n)) for n in range(7)])
    seen: list[int] = []
    cursor = None
    while True:
        query = {"limit": 3} | ({"cursor": cursor} if cursor else {})
        page = api.client.get(job["links"]["items"], query_string=query).get_json()
        seen += [item["seq"] for item in page["items"]]
        if (cursor := page["next"]) is None:
            break
    assert len(seen) == 7
    assert seen == sorted(seen)


def test_lists_can_be_filtered_by_status(api: Service) -> None:
    done = api.job(("a.jpg", films.jpeg(1)), ("b.jpg", films.jpeg(2)), ("t", b"text"))
    api.read_all(fail=frozenset({"b.jpg"}))
    waiting = api.job(("c.jpg", films.jpeg(3)))
    by_status = {
        status: [job["id"] for job in api.client.get(f"/v1/jobs?status={status}").json["items"]]
        for status in ("running", "completed_with_errors", "failed")
    }
    assert by_status == {
        "running": [waiting["id"]],
        "completed_with_errors": [done["id"]],
        "failed": [],
    }
    failed = api.client.get(f"{done['links']['items']}?status=failed").get_json()["items"]
    assert [(i["name"], i["error"]["code"]) for i in failed] == [
        ("b.jpg", "truncated"),
        ("t", "unsupported_format"),
    ]


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=1001", "limit=x", "status=odd", "cursor=%00%ff", "cursor=" + "x" * 201],
)
def test_bad_queries(query: str, api: Service) -> None:
    job = api.job(("a.jpg", films.jpeg(1)))
    for path in ("/v1/jobs", job["links"]["items"]):
        answer = api.client.get(f"{path}?{query}")
        assert (answer.status_code, answer.get_json()["code"]) == (422, "invalid_parameter")
        assert answer.get_json()["detail"]


def test_a_job_tells_how_it_stands(api: Service) -> None:
    job = api.job(*[(f"{n}.jpg", films.jpeg(n)) for n in range(3)])
    waiting = api.client.get(job["links"]["self"])
    assert int(waiting.headers["Retry-After"]) >= 1
    assert waiting.headers["Cache-Control"] == "no-store"
    assert waiting.get_json()["rate_films_per_second"] is None
    assert (waiting.get_json()["eta"], waiting.get_json()["queue_position"]) == ("unknown", 0)
    api.read_all()
    ended = api.client.get(job["links"]["self"]).get_json()
    assert ended["status"] == "succeeded"
    assert ended["counts"]["succeeded"] == 3
    assert ended["rate_films_per_second"] > 0
    assert (ended["eta_seconds"], ended["queue_position"]) == (0, None)
    assert ended["eta"] == ended["finished_at"]
    assert ended["created_at"] <= ended["started_at"] <= ended["finished_at"]
    assert ended["finished_at"].endswith("Z")


def test_an_item_tells_its_findings(api: Service) -> None:
    job = api.job(("a.jpg", films.jpeg(1)))
    api.read_all()
    (listed,) = api.client.get(job["links"]["items"]).get_json()["items"]
    item = api.client.get(listed["links"]["self"]).get_json()
    assert item == listed
    assert item["research_use_only"] is True
    assert item["attempt"] == 1
    assert item["prediction"]["top_label"] == "bacterial_pneumonia"
    assert [f["label"] for f in item["prediction"]["findings"]] == [
        "normal",
        "bacterial_pneumonia",
        "viral_pneumonia",
    ]
    assert item["prediction"]["findings"][1] == {
        "label": "bacterial_pneumonia",
        "probability": 0.7,
        "score": 2.8,
        "threshold": 0.5,
        "positive": True,
    }
    assert item["links"]["overlay"] == f"/v1/items/{item['id']}/overlay"
    assert "activation" not in item["prediction"]


def test_cancelling(api: Service) -> None:
    job = api.job(*[(f"{n}.jpg", films.jpeg(n)) for n in range(3)])
    answer = api.client.post(f"{job['links']['self']}/cancel")
    assert answer.status_code == 202
    assert answer.get_json()["status"] == "cancelled"
    assert answer.get_json()["counts"]["cancelled"] == 3
    assert api.read_all() == 0


def test_jobs_are_found_by_name_and_time(api: Service) -> None:
    job = api.job(("a.jpg", films.jpeg(1)), name="night & day")
    other = api.job(("a.jpg", films.jpeg(1)))

    def found(**query: str) -> list[str]:
        answer = api.client.get("/v1/jobs", query_string=query)
        assert answer.status_code == 200, answer.text
        return [one["id"] for one in answer.get_json()["items"]]

    assert found(name="night & day") == [job["id"]]
    assert found(created_after="2020-01-01") == [other["id"], job["id"]]
    assert found(created_after="2020-01-01T00:00:00+09:00", name="night & day") == [job["id"]]
    assert found(created_after="2999-01-01T00:00:00Z") == []


def test_items_are_found_by_external_id_and_study(api: Service) -> None:
    film = films.dicom(1)
    job = api.job(("a.dcm", film), external_id="A/17")
    again = api.job(("a.dcm", film))
    items = [api.client.get(one["links"]["items"]).get_json()["items"][0] for one in (again, job)]

    found = api.client.get("/v1/items", query_string={"external_id": "A/17"}).get_json()
    study = f"/v1/items?study={items[0]['study_hash']}"
    first = api.client.get(f"{study}&limit=1")
    second = api.client.get(first.headers["Link"].partition(">")[0].removeprefix("<"))

    assert found == {"items": items[1:], "next": None}
    assert first.get_json()["items"] + second.get_json()["items"] == items


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/v1/jobs?nam=x", "Unknown parameter 'nam'"),
        ("/v1/jobs?created_after=yesterday", "created_after"),
        ("/v1/items", "Name an external_id"),
        ("/v1/items?external=x", "Unknown parameter 'external'"),
        ("/v1/items?metadatax.a=x", "Unknown parameter 'metadatax.a'"),
        ("/v1/jobs?metadata[a]=x", "Known are created_after"),
        ("/v1/jobs?metadata=x", "Write `metadata.KEY=VALUE`."),
        ("/v1/jobs?" + "&".join(f"metadata.{n}=x" for n in range(9)), "More than 8 conditions"),
        ("/v1/items?study=HONG", "study"),
        ("/v1/items?external_id=x&cursor=1", "cursor"),
    ],
)
def test_what_is_no_filter_is_refused(path: str, told: str, api: Service) -> None:
    answer = api.client.get(path)

    assert (answer.status_code, answer.get_json()["code"]) == (422, "invalid_parameter")
    assert told in answer.text


def test_jobs_and_items_are_found_by_metadata(
    api: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    said = {"age": 3, "a.b=&'": "오른쪽 private"}
    jobs = [
        api.job(("a.jpg", films.jpeg(1)), metadata=json.dumps(said), film_metadata=json.dumps(said))
        for _ in range(3)
    ]
    api.job(("a.jpg", films.jpeg(1)), metadata='{"age": 3}', film_metadata='{"age": 3}')
    query = {"metadata.age": "3", "metadata.a.b=&'": "오른쪽 private", "limit": "2"}

    for path, key in (("/v1/jobs", "id"), ("/v1/items", "job_id")):
        first = api.client.get(path, query_string=query)
        second = api.client.get(first.headers["Link"].partition(">")[0].removeprefix("<"))
        found = first.get_json()["items"] + second.get_json()["items"]
        assert [one[key] for one in found] == [job["id"] for job in reversed(jobs)]
        both = f"{path}?metadata.age=3&metadata.age=4"
        assert api.client.get(both).get_json()["items"] == []
    logged = capsys.readouterr().out
    assert '"route": "/v1/items"' in logged
    assert "private" not in logged


def test_the_next_page_has_both_values_of_a_key(api: Service) -> None:
    for _ in range(2):
        api.job(("a.jpg", films.jpeg(1)), metadata='{"age": 3}')

    answer = api.client.get("/v1/jobs?metadata.age=3&metadata.age=3.0&limit=1")
    assert answer.get_json()["items"] == []
    answer = api.client.get("/v1/jobs?metadata.age=3&metadata.age=3&limit=1&cursor=" + "f" * 32)
    assert answer.headers["Link"].count("metadata.age=3") == 2
    assert answer.headers["Link"].count("cursor=") == 1


def test_usage_tells_films_and_open_jobs(api: Service) -> None:
    api.job(("a.jpg", films.jpeg(1)), ("b.jpg", films.jpeg(2)))

    told = api.client.get("/v1/usage").get_json()

    assert (told["tenant"], told["open_jobs"]) == ("default", 1)
    (month,) = told["months"]
    assert (month["films"], month["bytes"] > 0) == (2, True)
