"""A service that is given marks in place of names, in good requests and bad ones."""

from __future__ import annotations

import boto3
import httpx
from sqlalchemy import text

from lungline.settings import Settings
from storage.models import Base
from tests.factories import films, planted
from tests.factories.planted import MARK, WORDS, marks_in
from tests.factories.services import BOUNDARY, multipart
from tests.factories.whole import Json, Whole

HEADERS = {"User-Agent": MARK, "Referer": f"http://127.0.0.1/{MARK}", "X-Request-Id": MARK}
CRASHING = f"{MARK} crashes"


def films_and_archives(http: httpx.Client) -> list[Json]:
    """Jobs of films in a form, of an archive beside its manifest, of a body."""
    words = [("name", None, MARK.encode()), ("metadata", None, WORDS.encode())]
    many = [("films", name, data) for name, data in planted.form_of_films(200).items()]
    listed = b"name,external_id,ward\n" + f"{MARK}.dcm,{MARK},{MARK}\n".encode()
    beside = [("manifest", f"{MARK}.csv", planted.manifest())]
    forms = [
        [*words, ("manifest", f"{MARK}.csv", listed), *many],
        [*words, *beside, ("films", f"{MARK}.zip", planted.archive(210))],
    ]
    jobs = []
    for number, parts in enumerate(forms):
        headers = {
            "Content-Type": f"multipart/form-data; boundary={BOUNDARY}",
            "Idempotency-Key": f"{MARK}-{number}",
        }
        for _ in range(2):
            sent = http.post("/v1/jobs", content=multipart(*parts), headers=headers)
            sent.raise_for_status()
        jobs.append(sent.json())
    query = {"name": MARK, "filename": f"{MARK}.jpg", "external_id": MARK, "film_metadata": WORDS}
    sent = http.post("/v1/jobs", params=query, content=planted.jpeg(220)).raise_for_status()
    jobs.append(sent.json())
    http.patch(jobs[-1]["links"]["self"], json={"name": f"{MARK} again"}).raise_for_status()
    return jobs


def upload(http: httpx.Client) -> Json:
    """A job of an archive that came in parts."""
    data = planted.archive(230)
    wanted = {"filename": f"{MARK}.zip", "size": len(data)}
    begun = http.post("/v1/uploads", json=wanted).raise_for_status().json()
    httpx.put(
        httpx.URL(str(http.base_url)).join(begun["part_links"]["items"][0]["url"]), content=data
    ).raise_for_status()
    http.post(begun["links"]["complete"]).raise_for_status()
    manifest = [{"name": f"{MARK}/{MARK}.jpg", "external_id": MARK, "metadata": {MARK: MARK}}]
    told = {"upload": begun["id"], "manifest": manifest, "metadata": {MARK: MARK}, "name": MARK}
    return dict(http.post("/v1/jobs", json=told).raise_for_status().json())


def found(http: httpx.Client, jobs: list[Json]) -> None:
    """Ask for what was planted: its owner gets it back."""
    for query, least in (
        ({"external_id": MARK}, 4),
        ({f"metadata.{MARK}": MARK}, 2),
        ({"metadata.ward": MARK}, 2),
    ):
        items = http.get("/v1/items", params=query).raise_for_status().json()["items"]
        assert len(items) >= least, query
    same = http.get("/v1/jobs", params={f"metadata.{MARK}": MARK}).raise_for_status()
    assert len(same.json()["items"]) == 3
    for job in jobs:
        results = http.get(job["links"]["results"], params={"format": "csv"})
        assert MARK in results.raise_for_status().text


def pictures(service: Whole, http: httpx.Client, job: Json) -> list[bytes]:
    """All pictures of the films that were read."""
    read = [item for item in service.items(job).values() if item["status"] == "succeeded"]
    assert len(read) == 4
    paths = [
        f"/v1/items/{item['id']}/{kind}" for item in read for kind in ("film", "mask", "overlay")
    ]
    return [http.get(path).raise_for_status().content for path in paths]


def wrong(http: httpx.Client, job: Json) -> None:
    """Requests that are refused; they may say what they were given, to who gave it."""
    at = job["links"]["self"]
    csv = {"manifest": (f"{MARK}.csv", planted.manifest()), "films": (MARK, films.jpeg(240))}
    answers = [
        http.get(f"/{MARK}"),
        http.get(f"/v1/jobs/{MARK}"),
        http.get("/v1/jobs", params={"status": MARK}),
        http.get("/v1/jobs", params={"cursor": MARK}),
        http.get("/v1/jobs", params={MARK: MARK}),
        http.get(f"/v1/items/{MARK}/film", params={"size": MARK}),
        http.get(f"{at}/events", headers={"Last-Event-ID": MARK}),
        http.post("/v1/jobs", content=MARK, headers={"Content-Type": f"text/{MARK}"}),
        http.post("/v1/jobs", params={MARK: MARK}, content=films.jpeg(241)),
        http.post("/v1/jobs", params={"metadata": MARK}, content=films.jpeg(241)),
        http.post("/v1/jobs", content=films.jpeg(241), headers={"Idempotency-Key": f"{MARK}-0"}),
        http.post("/v1/jobs", content=films.jpeg(241), headers={"Idempotency-Key": f"{MARK} 0"}),
        http.post("/v1/jobs", files=csv),
        http.post("/v1/uploads", json={"filename": MARK, "size": MARK}),
        http.patch(at, json={"name": [MARK]}),
    ]
    for answer in answers:
        assert 400 <= answer.status_code < 500, (answer.request.url, answer.text)


def crashed(service: Whole, http: httpx.Client) -> bytes:
    """The answer where the database refuses a row that nobody expects it to refuse."""
    database = service.server.repository.database
    name = {"name": CRASHING, "metadata": WORDS}
    rule = text(f"ALTER TABLE jobs ADD CONSTRAINT no_marks CHECK (name <> '{CRASHING}')")
    with database.write() as connection:
        connection.execute(rule)
    answer = http.post("/v1/jobs", params=name, content=films.jpeg(250))
    with database.write() as connection:
        connection.execute(text("ALTER TABLE jobs DROP CONSTRAINT no_marks"))
    assert answer.status_code == 500
    log = service.server.log.read_text()
    assert "request_crashed" in log
    assert "no_marks" in log
    return answer.content


def kept_beside(settings: Settings) -> str:
    """What S3 keeps of each object beside its bytes."""
    assert settings.s3_access_key is not None
    assert settings.s3_secret_key is not None
    session = boto3.session.Session(
        settings.s3_access_key.get_secret_value(),
        settings.s3_secret_key.get_secret_value(),
        region_name="us-east-1",
    )
    client = session.client("s3", endpoint_url=settings.s3_endpoint_url)
    bucket = {"Bucket": settings.s3_bucket}
    keys = [each["Key"] for each in client.list_objects_v2(**bucket)["Contents"]]
    heads = [client.head_object(**bucket, Key=key) for key in keys]
    client.close()
    return repr(heads)


def columns(service: Whole) -> set[str]:
    """The columns in which a mark stands."""
    marked = set()
    with service.server.repository.database.read() as connection:
        for table in Base.metadata.sorted_tables:
            for row in connection.execute(table.select()):
                marked |= {
                    f"{table.name}.{name}"
                    for name, value in row._mapping.items()
                    if marks_in(repr(value).encode())
                }
    return marked
