"""What the client takes and gives: submissions of any kind, typed items, tables, errors."""

from __future__ import annotations

import asyncio
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from lungline.client import (
    AsyncLunglineClient,
    Conflict,
    Failed,
    InputUnusable,
    JobOptions,
    LunglineClient,
    NotAllowed,
    NotFound,
    Refused,
    Retry,
    ServiceError,
    ServiceUnreachable,
    StillRunning,
    TooMany,
)
from tests.factories import films
from tests.factories.scripted import JOB_ID, Answer, job_wire, problem, scripted

ONCE = Retry(tries=1)
RUNNING = Answer(job_wire("running", succeeded=1, queued=1))
ENDED = Answer(job_wire("succeeded"))
ITEM_ID = "019ab3c1f2e57a118c2d3e4f50617283"


def item_wire(name: str = "a.png") -> dict[str, Any]:
    finding = {"label": "normal", "probability": 0.9, "threshold": 0.5, "positive": True}
    return {
        "id": ITEM_ID,
        "job_id": JOB_ID,
        "seq": 0,
        "name": name,
        "status": "succeeded",
        "external_id": "A-1",
        "metadata": {"age": 3},
        "error": None,
        "prediction": {
            "bundle": "b@1",
            "top_label": "normal",
            "findings": [finding],
            "in_distribution": None,
            "flags": ["low_contrast"],
        },
        "new": "field of a newer service",
    }


ROWS = b"".join(
    json.dumps(row).encode() + b"\n"
    for row in (
        {"item_id": "1e5", "name": "NA", "top_label": "normal", "probabilities": {"normal": 0.9}},
        {"item_id": "2", "name": "b", "top_label": None, "probabilities": None, "findings": []},
    )
)


@pytest.mark.parametrize("kind", ["path", "text", "paths", "folder", "bytes", "zip", "zip bytes"])
def test_submit_takes_whatever_makes_one_job(kind: str, tmp_path: Path) -> None:
    film = tmp_path / "films" / "a.jpg"
    film.parent.mkdir()
    film.write_bytes(films.jpeg(1))
    archive = tmp_path / "films.zip"
    with zipfile.ZipFile(archive, "w") as target:
        target.write(film, "a.jpg")
    sources: dict[str, tuple[Any, str]] = {
        "path": (film, "image/jpeg"),
        "text": (str(film), "image/jpeg"),
        "paths": ([film, film], "application/zip"),
        "folder": (film.parent, "image/jpeg"),
        "bytes": (film.read_bytes(), "image/jpeg"),
        "zip": (archive, "application/zip"),
        "zip bytes": (archive.read_bytes(), "application/zip"),
    }
    source, content_type = sources[kind]

    with scripted(RUNNING) as service, LunglineClient(service.url) as client:
        assert client.submit(source).id == JOB_ID

    (seen,) = service.seen
    assert seen.headers["Content-Type"] == content_type
    assert len(seen.headers["Idempotency-Key"]) == 32
    if "bytes" in kind:
        assert seen.body == source


def test_what_makes_no_job_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    archive, film = tmp_path / "films.zip", tmp_path / "a.jpg"
    archive.write_bytes(b"PK\3\4")
    film.write_bytes(films.jpeg(1))
    empty = tmp_path / "empty"
    empty.mkdir()
    with scripted(RUNNING) as service, LunglineClient(service.url) as client:
        for source in ([archive, film], empty, tmp_path / "absent"):
            with pytest.raises(InputUnusable):
                client.submit(source)
    assert service.seen == []


def test_wait_ends_with_the_job_or_with_the_time() -> None:
    with scripted(RUNNING, ENDED) as service, LunglineClient(service.url) as client:
        assert client.wait(JOB_ID).status == "succeeded"
    with (
        scripted(RUNNING) as service,
        LunglineClient(service.url) as client,
        pytest.raises(StillRunning, match="goes on"),
    ):
        client.wait(JOB_ID, timeout=0.01)


def test_items_are_typed_and_keep_what_they_do_not_know() -> None:
    link = {"Link": f'</v1/jobs/{JOB_ID}/items?cursor=1>; rel="next"'}
    pages = (Answer({"items": [item_wire()]}, headers=link), Answer({"items": [item_wire("b")]}))
    with scripted(*pages) as service, LunglineClient(service.url) as client:
        first, second = client.items(JOB_ID)

    assert first.prediction is not None
    assert first.prediction.probabilities == {"normal": 0.9}
    assert first.prediction.findings[0].positive
    assert (first.external_id, first.metadata, second.name) == ("A-1", {"age": 3}, "b")
    assert first.wire["new"] == "field of a newer service"


def test_results_become_a_table() -> None:
    with scripted(Answer(ROWS)) as service, LunglineClient(service.url) as client:
        table = client.results(JOB_ID).to_pandas()

    assert list(table["item_id"]) == ["1e5", "2"]
    assert list(table["name"]) == ["NA", "b"]
    assert table["p_normal"][0] == 0.9
    assert "probabilities" not in table


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *((401, NotAllowed), (403, NotAllowed), (404, NotFound), (409, Conflict)),
        *((429, TooMany), (422, Refused), (500, Failed), (503, Failed)),
    ],
)
def test_each_status_has_its_class(status: int, kind: type[ServiceError]) -> None:
    with (
        scripted(problem(status, "some_code")) as service,
        LunglineClient(service.url, retry=ONCE) as client,
        pytest.raises(ServiceError) as caught,
    ):
        client.job(JOB_ID)
    assert caught.type is kind
    assert (caught.value.code, caught.value.status) == ("some_code", status)


def test_the_asynchronous_twin_has_every_call_of_the_other() -> None:
    def calls(kind: type) -> set[str]:
        return {name for name in vars(kind) if not name.startswith("_")}

    sync_only = {"close", "url", "submit_films", "submit_archive", "results", "failures"}
    keys = {name for name in calls(LunglineClient) if "key" in name}
    missing = calls(LunglineClient) - calls(AsyncLunglineClient) - sync_only - keys
    assert missing == set()


def test_many_asynchronous_calls_run_at_once() -> None:
    # Each answer waits until all have been asked: one after the other would never end.
    from threading import Barrier

    together = Barrier(5)

    async def ask(url: str) -> list[str]:
        async with AsyncLunglineClient(url) as client:
            jobs = await asyncio.gather(*(client.job(JOB_ID) for _ in range(5)))
            return [job.id for job in jobs]

    answer = Answer(job_wire(), first=lambda: together.wait(60))
    with scripted(answer) as service:
        assert asyncio.run(ask(service.url)) == [JOB_ID] * 5


def test_metadata_is_searched_by_both_clients() -> None:
    empty = Answer({"items": [], "next": None})
    said = {"age": 3.0, "left": True, "ward": "A 1"}
    query = "?metadata.age=3&metadata.left=true&metadata.ward=A+1"

    async def use(url: str) -> list[Any]:
        async with AsyncLunglineClient(url, retry=ONCE) as client:
            jobs: list[Any] = [job async for job in client.jobs(metadata=said)]
            return jobs + [item async for item in client.find(metadata=said)]

    with scripted(*[empty] * 4) as service:
        assert asyncio.run(use(service.url)) == []
        with LunglineClient(service.url, retry=ONCE) as client:
            assert [*client.jobs(metadata=said), *client.find(metadata=said)] == []
            nested: Any = {"age": 3, "nested": [1]}
            with pytest.raises(TypeError):
                list(client.jobs(metadata=nested))
    assert [request.path for request in service.seen] == [
        f"/v1/jobs{query}",
        f"/v1/items{query}",
    ] * 2


def test_the_asynchronous_twin_submits_waits_and_lists(tmp_path: Path) -> None:
    film = tmp_path / "a.jpg"
    film.write_bytes(films.jpeg(1))

    async def use(url: str) -> list[str]:
        async with AsyncLunglineClient(url, retry=ONCE) as client:
            job = await client.submit(film)
            await client.wait(job.id)
            names = [item.name async for item in client.items(job.id)]
            rows = [row["item_id"] async for row in client.rows(job.id)]
            with pytest.raises(NotFound):
                await client.delete(job.id)
            return names + rows

    answers = (RUNNING, ENDED, Answer({"items": [item_wire()]}), Answer(ROWS))
    with scripted(*answers, problem(404, "job_not_found")) as service:
        assert asyncio.run(use(service.url)) == ["a.png", "1e5", "2"]


def test_a_cancelled_wait_lets_the_loop_go_on() -> None:
    async def give_up(url: str) -> bool:
        async with AsyncLunglineClient(url) as client:
            task = asyncio.create_task(client.wait(JOB_ID, timeout=2))
            await asyncio.sleep(0.05)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            return (await client.job(JOB_ID)).id == JOB_ID

    with scripted(RUNNING) as service:
        assert asyncio.run(give_up(service.url))


def test_a_job_is_read_again_and_compared_also_under_asyncio() -> None:
    change = {"name": "a", "from": {"top_label": "x"}, "to": {"top_label": "y"}}
    summary = [{"from": "x", "to": "y", "count": 1}]
    told = Answer({"items": [change], "summary": summary, "next": None})

    async def ask(url: str) -> list[Any]:
        async with AsyncLunglineClient(url) as client:
            job = await client.submit_again(JOB_ID, JobOptions(bundle="b@2"))
            found = [each async for each in client.changes(JOB_ID)]
            return [job.id, found, await client.change_counts(JOB_ID)]

    with scripted(RUNNING, told) as service:
        assert asyncio.run(ask(service.url)) == [JOB_ID, [change], summary]
    with scripted(RUNNING, told) as again, LunglineClient(again.url) as client:
        assert client.submit_again(JOB_ID).id == JOB_ID
        assert list(client.changes(JOB_ID)) == [change]
        assert client.change_counts(JOB_ID) == summary
        with pytest.raises(InputUnusable):
            list(client.changes("../x"))
    assert json.loads(service.seen[0].body) == {"from_job": JOB_ID, "bundle": "b@2"}
    assert json.loads(again.seen[0].body) == {"from_job": JOB_ID}


WEBHOOK_ID = "019ab3c1f2ea7d44bf5061728394a5b6"
WEBHOOK = {"id": WEBHOOK_ID, "url": "https://hooks.example", "events": ["job.finished"]}
DELIVERY = {
    "id": "7" * 32,
    "type": "ping",
    "job_id": None,
    "status": "failed",
    "attempts": 2,
    "last_status": 500,
    "last_error": "answered 500: oh",
}


def test_webhooks_by_their_calls() -> None:
    answers = [
        Answer(WEBHOOK | {"secret": "whsec_x"}, 201),
        Answer({"items": [WEBHOOK], "next": None}),
        Answer(DELIVERY, 202),
        Answer({"items": [DELIVERY], "next": None}),
        Answer(DELIVERY, 202),
        Answer(WEBHOOK | {"secret": "whsec_y"}),
        Answer(b"", 204),
    ]
    with scripted(*answers) as service, LunglineClient(service.url, retry=ONCE) as client:
        made = client.webhooks.add("https://hooks.example", ["job.finished"])
        (listed,) = client.webhooks.all()
        client.webhooks.ping(made.id)
        (told,) = client.webhooks.deliveries(made.id)
        client.webhooks.redeliver(made.id, told.id)
        rotated = client.webhooks.rotate(made.id)
        client.webhooks.remove(made.id)

    assert (made.secret, listed.secret, rotated.secret) == ("whsec_x", None, "whsec_y")
    assert (told.status, told.attempts, told.last_error) == ("failed", 2, "answered 500: oh")
    base = f"/v1/webhooks/{WEBHOOK_ID}"
    assert [(seen.method, seen.path) for seen in service.seen] == [
        ("POST", "/v1/webhooks"),
        ("GET", "/v1/webhooks"),
        ("POST", f"{base}/ping"),
        ("GET", f"{base}/deliveries"),
        ("POST", f"{base}/deliveries/{told.id}/redeliver"),
        ("POST", f"{base}/rotate"),
        ("DELETE", base),
    ]


def test_a_secret_that_was_told_to_nobody_is_not_asked_for_again() -> None:
    with scripted(Answer(status=0)) as service, LunglineClient(service.url) as client:
        for call in (lambda: client.webhooks.add("https://a"), lambda: client.webhooks.rotate("a")):
            with pytest.raises(ServiceUnreachable):
                call()
    assert len(service.seen) == 2


@pytest.mark.parametrize("given", ["", "../keys", "a/b", "a?b"])
def test_what_is_no_id_of_a_webhook_gets_nowhere(given: str) -> None:
    with scripted(Answer({})) as service, LunglineClient(service.url) as client:
        with pytest.raises(InputUnusable):
            client.webhooks.get(given)
        with pytest.raises(InputUnusable):
            client.webhooks.redeliver(WEBHOOK_ID, given)
    assert service.seen == []


def test_models_and_webhooks_are_awaited_too(tmp_path: Path) -> None:
    model = {"key": "a@1", "name": "a"}
    page = {"items": [WEBHOOK], "next": None}
    log = {"items": [DELIVERY], "next": None}
    created = WEBHOOK | {"secret": "whsec_x"}
    archive = tmp_path / "bundle.zip"
    archive.write_bytes(b"PK\3\4")

    async def ask(url: str) -> list[object]:
        async with AsyncLunglineClient(url) as client:
            models, webhooks = client.models, client.webhooks
            said: list[object] = [
                await models.all(),
                await models.get("a"),
                await models.add(archive),
                await models.activate("a@1", default=True),
                await models.remove("a@1"),
                (await webhooks.add("https://hooks.example")).secret,
                [each.id async for each in webhooks.all()],
                (await webhooks.get(WEBHOOK_ID)).url,
                (await webhooks.ping(WEBHOOK_ID)).type,
                [each.status async for each in webhooks.deliveries(WEBHOOK_ID)],
                (await webhooks.redeliver(WEBHOOK_ID, "7" * 32)).id,
                (await webhooks.rotate(WEBHOOK_ID)).secret,
                await webhooks.remove(WEBHOOK_ID),
            ]
            return said

    answers = [
        *(Answer({"items": [model]}), Answer(model), Answer(model, 201), Answer(model)),
        *(Answer(b"", 204), Answer(created, 201), Answer(page), Answer(WEBHOOK)),
        *(Answer(DELIVERY, 202), Answer(log), Answer(DELIVERY, 202), Answer(created)),
        Answer(b"", 204),
    ]
    with scripted(*answers) as service:
        said = asyncio.run(ask(service.url))
    assert said == [
        *([model], model, model, model, None),
        *("whsec_x", [WEBHOOK_ID], "https://hooks.example", "ping", ["failed"]),
        *("7" * 32, "whsec_x", None),
    ]


def test_the_client_of_asyncio_has_all_calls() -> None:
    """What goes by bytes and callbacks stays with the other: results, and the two of submit."""
    kept = {"url", "close", "results", "submit_films", "submit_archive"}
    calls = {name for name in dir(LunglineClient) if not name.startswith("_")}
    assert calls - kept <= set(dir(AsyncLunglineClient))
