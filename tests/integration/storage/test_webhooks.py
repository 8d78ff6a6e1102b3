"""Webhooks on both databases, against real receivers: good, slow, hostile, private."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import pytest
from sqlalchemy import select
from standardwebhooks import Webhook, WebhookVerificationError

from lungline.domain import DEFAULT_TENANT, DeliveryStatus
from lungline.errors import DeliveryNotFound, TooManyWebhooks, WebhookNotFound
from lungline.public_address import check_url
from lungline.settings import Settings
from storage.events import EventType, record
from storage.models import JobRow
from storage.repository import Repository
from storage.webhooks import DAY, MOST_WEBHOOKS, Delivery, NewWebhook
from tests.factories.rows import read_all, submit
from tests.factories.scripted import Answer, Script, scripted
from workers import webhooks
from workers.webhooks import Courier, deliver_due, send

OK = Answer({}, 200)
PRIVATE = Settings(webhook_networks="127.0.0.0/8")


@pytest.fixture
def job_id(repo: Repository) -> str:
    return submit(repo, 1).id


def endpoint(repo: Repository, url: str) -> NewWebhook:
    return repo.webhooks.create(DEFAULT_TENANT, url, {EventType.FINISHED})


def happen(repo: Repository, job_id: str, kind: EventType = EventType.FINISHED) -> None:
    with repo.database.write() as connection:
        at = repo.database.time(connection)
        record(connection, at, kind, DEFAULT_TENANT, job_id)


def log(repo: Repository, webhook_id: str) -> list[Delivery]:
    return repo.webhooks.deliveries(DEFAULT_TENANT, webhook_id, limit=100).items


def verified(secret: str, service: Script, number: int = -1) -> dict[str, object]:
    seen = service.seen[number]
    return dict(Webhook(secret).verify(seen.body, seen.headers))


def test_an_event_is_told_once_signed_and_in_short(repo: Repository, job_id: str) -> None:
    with scripted(OK) as service:
        made = endpoint(repo, service.url)
        happen(repo, job_id, EventType.PAUSED)
        happen(repo, job_id)
        assert (repo.webhooks.fan_out(), repo.webhooks.fan_out()) == (1, 0)
        assert (deliver_due(repo, PRIVATE), deliver_due(repo, PRIVATE)) == (1, 0)

        (seen,) = service.seen
        message = verified(made.secret, service)
        (delivery,) = log(repo, made.webhook.id)

    assert message["type"] == "job.finished"
    assert message["data"] == {"job_id": job_id, "links": {"job": f"/v1/jobs/{job_id}"}}
    assert (delivery.status, delivery.attempts, delivery.last_status) == ("delivered", 1, 200)
    headers = {name.lower(): value for name, value in seen.headers.items()}
    assert headers["webhook-id"] == delivery.id
    with pytest.raises(WebhookVerificationError):
        Webhook("whsec_" + "A" * 44).verify(seen.body, seen.headers)


def test_an_event_that_is_committed_late_is_told_too(repo: Repository, job_id: str) -> None:
    with scripted(OK) as service:
        endpoint(repo, service.url)
        happen(repo, job_id)
        happen(repo, job_id)
        assert repo.webhooks.fan_out(limit=1) == 1
        repo.database.clock_offset = 100.0
        assert repo.webhooks.fan_out(limit=1) == 1, "the cursor waits for what was not written"
        assert repo.webhooks.fan_out() == 0
        happen(repo, job_id)
        assert repo.webhooks.fan_out() == 1


class Store:
    """Nothing is in it."""

    def delete(self, key: str) -> None:
        pass


def delete(repo: Repository, job_id: str) -> None:
    repo.deletions.delete(DEFAULT_TENANT, job_id)
    repo.deletions.rows(Store())


def is_left(repo: Repository, job_id: str) -> bool:
    """Whether a deleted job still has its row."""
    with repo.database.read() as connection:
        query = select(JobRow.id).where(JobRow.id == job_id)
        return connection.execute(query).first() is not None


def test_the_end_of_a_job_is_told_though_it_is_deleted_at_once(
    repo: Repository, job_id: str
) -> None:
    made = endpoint(repo, "https://example.org/")
    read_all(repo)

    delete(repo, job_id)

    assert is_left(repo, job_id)
    assert repo.webhooks.fan_out() == 1
    assert [one.job_id for one in log(repo, made.webhook.id)] == [job_id]
    repo.deletions.rows(Store())
    assert not is_left(repo, job_id)


def test_a_deletion_waits_for_no_endpoint_that_is_told_nothing(
    repo: Repository, job_id: str
) -> None:
    deleted = endpoint(repo, "https://example.org/deleted")
    repo.webhooks.create(DEFAULT_TENANT, "https://example.org/other", {EventType.PAUSED})
    repo.webhooks.create("another", "https://example.org/another", set(EventType))
    read_all(repo)
    repo.webhooks.create(DEFAULT_TENANT, "https://example.org/later", set(EventType))
    repo.webhooks.delete(DEFAULT_TENANT, deleted.webhook.id)

    delete(repo, job_id)

    assert not is_left(repo, job_id)
    assert repo.webhooks.fan_out() == 0


@pytest.mark.parametrize(
    "answer",
    [
        Answer(b"x" * 5_000, 500),
        Answer(b"", 302, {"Location": "http://127.0.0.1:1/elsewhere"}),
        Answer(status=0),
    ],
)
def test_what_does_not_arrive_is_tried_again_for_a_day(
    repo: Repository, job_id: str, answer: Answer
) -> None:
    with scripted(answer) as service:
        made = endpoint(repo, service.url)
        happen(repo, job_id)
        happen(repo, job_id)
        repo.webhooks.fan_out()
        assert deliver_due(repo, PRIVATE) == 0
        assert len(service.seen) == 1, "a receiver that fails is not asked for each message"
        assert repo.webhooks.due(9) == []
        tries = 1
        while any(each.status is DeliveryStatus.PENDING for each in log(repo, made.webhook.id)):
            repo.database.clock_offset += 4 * 3_600.0
            deliver_due(repo, PRIVATE)
            tries += 1
            assert tries < 30
        given_up = log(repo, made.webhook.id)

    assert {each.status for each in given_up} == {DeliveryStatus.FAILED}
    assert sum(each.attempts for each in given_up) == tries > 6
    assert min(each.attempts for each in given_up) >= 1
    assert all(len(each.last_error or "") < 300 for each in given_up)
    assert repo.database.clock_offset <= 2 * DAY


def test_a_receiver_that_says_gone_is_not_asked_again(repo: Repository, job_id: str) -> None:
    with scripted(Answer(b"bye", 410)) as service:
        made = endpoint(repo, service.url)
        happen(repo, job_id)
        repo.webhooks.fan_out()
        deliver_due(repo, PRIVATE)
        (delivery,) = log(repo, made.webhook.id)
    assert (delivery.status, delivery.last_error) == ("failed", "answered 410: bye")


def test_a_message_is_sent_once_more_under_its_id(repo: Repository, job_id: str) -> None:
    with scripted(Answer(b"", 410), OK) as service:
        made = endpoint(repo, service.url)
        happen(repo, job_id)
        repo.webhooks.fan_out()
        deliver_due(repo, PRIVATE)
        (failed,) = log(repo, made.webhook.id)
        again = repo.webhooks.redeliver(DEFAULT_TENANT, made.webhook.id, failed.id)
        assert (again.status, again.attempts) == ("pending", 0)
        assert deliver_due(repo, PRIVATE) == 1
        ids = {
            {name.lower(): value for name, value in seen.headers.items()}["webhook-id"]
            for seen in service.seen
        }
        bodies = {seen.body for seen in service.seen}
    assert (ids, len(bodies)) == ({failed.id}, 1)
    with pytest.raises(DeliveryNotFound):
        repo.webhooks.redeliver(DEFAULT_TENANT, made.webhook.id, "0" * 32)


def test_for_a_day_both_secrets_verify(repo: Repository) -> None:
    with scripted(OK) as service:
        old = endpoint(repo, service.url)
        new = repo.webhooks.rotate(DEFAULT_TENANT, old.webhook.id)
        repo.webhooks.ping(DEFAULT_TENANT, old.webhook.id)
        deliver_due(repo, PRIVATE)
        assert verified(old.secret, service) == verified(new.secret, service)
        assert verified(new.secret, service)["type"] == "ping"
        repo.database.clock_offset = DAY + 1
        repo.webhooks.ping(DEFAULT_TENANT, old.webhook.id)
        deliver_due(repo, PRIVATE)
        verified(new.secret, service)
        with pytest.raises(WebhookVerificationError):
            verified(old.secret, service)
    assert new.secret not in repr(new)


def test_who_lost_the_lease_writes_nothing(repo: Repository) -> None:
    made = endpoint(repo, "https://hooks.example")
    repo.webhooks.ping(DEFAULT_TENANT, made.webhook.id)
    lost = repo.webhooks.claim(made.webhook.id, 60)
    assert lost is not None
    assert repo.webhooks.claim(made.webhook.id, 60) is None
    repo.database.clock_offset = 61
    held = repo.webhooks.claim(made.webhook.id, 60)
    assert held is not None
    assert not repo.webhooks.finish(lost, 500, "late")
    assert repo.webhooks.finish(held, 200, None)
    assert not repo.webhooks.finish(held, 500, "twice")
    (delivery,) = log(repo, made.webhook.id)
    assert (delivery.status, delivery.attempts) == ("delivered", 2)


def test_private_addresses_are_not_called_unless_they_are_allowed(repo: Repository) -> None:
    with scripted(OK) as service:
        made = endpoint(repo, service.url)
        repo.webhooks.ping(DEFAULT_TENANT, made.webhook.id)
        assert deliver_due(repo, Settings()) == 0
        assert service.seen == []
        (refused,) = log(repo, made.webhook.id)
        assert "public internet" in (refused.last_error or "")


def test_a_name_that_moves_inside_after_it_was_registered_is_not_called(
    repo: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: the name is resolved anew, and judged, at each delivery."""
    address = ["93.184.215.14"]

    def resolved(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address[0], port))]

    with scripted(OK) as service:
        port = service.url.rpartition(":")[2]
        url = f"https://hook.example:{port}/"
        monkeypatch.setattr(socket, "getaddrinfo", resolved)
        check_url(url)
        made = endpoint(repo, url)
        repo.webhooks.ping(DEFAULT_TENANT, made.webhook.id)
        claimed = repo.webhooks.claim(made.webhook.id, 60)
        assert claimed is not None
        for address[0] in ("127.0.0.1", "169.254.169.254", "10.0.0.1"):
            outcome = send(claimed, ())
            assert outcome.status is None
            assert "public internet" in (outcome.error or "")
    assert service.seen == []


def test_a_redirect_is_an_answer_that_is_not_followed(repo: Repository) -> None:
    with scripted(OK) as inside, scripted(Answer({}, 302, {"Location": inside.url})) as service:
        made = endpoint(repo, service.url)
        repo.webhooks.ping(DEFAULT_TENANT, made.webhook.id)
        assert deliver_due(repo, PRIVATE) == 0
        (delivery,) = log(repo, made.webhook.id)
        assert (delivery.last_status, len(service.seen)) == (302, 1)
        assert inside.seen == []


@contextmanager
def dripping() -> Iterator[str]:
    """A receiver that sends a byte now and then, and never ends."""
    over = Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def drip() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
                while not over.wait(0.05):
                    try:
                        connection.sendall(b"x")
                    except OSError:
                        return

        thread = Thread(target=drip)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        over.set()
        thread.join()


def test_a_receiver_that_drips_is_left(repo: Repository) -> None:
    with dripping() as url:
        made = endpoint(repo, url)
        repo.webhooks.ping(DEFAULT_TENANT, made.webhook.id)
        claimed = repo.webhooks.claim(made.webhook.id, 60)
        assert claimed is not None
        outcome = send(claimed, PRIVATE.webhook_networks_allowed, seconds=0.3)
    assert (outcome.status, outcome.error) == (None, "no answer in time")


def test_a_slow_receiver_holds_up_neither_others_nor_who_starts_the_courier(
    repo: Repository,
) -> None:
    arrived, told = Event(), Event()
    slow = Answer({}, 200, first=lambda: arrived.wait(60))
    with scripted(slow) as bad, scripted(Answer({}, 200, first=told.set)) as good:
        for service in (bad, good):
            repo.webhooks.ping(DEFAULT_TENANT, endpoint(repo, service.url).webhook.id)
        courier = Courier(lambda: deliver_due(repo, PRIVATE))
        courier.start()
        courier.start()
        assert told.wait(60), "though the other is still waited for"
        arrived.set()
        courier.wait()
        courier.close()
    assert len(bad.seen) == len(good.seen) == 1


def test_one_tenants_endpoints_go_before_no_others(repo: Repository) -> None:
    def pinged(tenant: str) -> str:
        made = repo.webhooks.create(tenant, "https://a.example/", EventType).webhook.id
        repo.webhooks.ping(tenant, made)
        return made

    many = [pinged("many") for _ in range(5)]
    one = pinged("one")

    assert repo.webhooks.due(3) == [many[0], one, many[1]]


def test_a_turn_of_an_endpoint_ends(repo: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    with scripted(OK) as service:
        made = endpoint(repo, service.url)
        for _ in range(3):
            repo.webhooks.ping(DEFAULT_TENANT, made.webhook.id)
        monkeypatch.setattr(webhooks, "TURN_SECONDS", 0.0)
        assert deliver_due(repo, PRIVATE) == 1
        monkeypatch.setattr(webhooks, "TURN_SECONDS", 60.0)
        assert deliver_due(repo, PRIVATE) == 2


def test_endpoints_belong_to_a_tenant_and_are_few(repo: Repository) -> None:
    made = [endpoint(repo, f"https://hooks.example/{n}") for n in range(MOST_WEBHOOKS)]
    with pytest.raises(TooManyWebhooks):
        endpoint(repo, "https://hooks.example/more")
    first = repo.webhooks.page(DEFAULT_TENANT, limit=10)
    rest = repo.webhooks.page(DEFAULT_TENANT, limit=10, cursor=first.next_cursor)
    newest = sorted((each.webhook.id for each in made), reverse=True)
    assert [each.id for each in (*first.items, *rest.items)] == newest
    with pytest.raises(WebhookNotFound):
        repo.webhooks.get("other", newest[0])
    repo.webhooks.ping(DEFAULT_TENANT, newest[0])
    repo.webhooks.delete(DEFAULT_TENANT, newest[0])
    with pytest.raises(WebhookNotFound):
        repo.webhooks.deliveries(DEFAULT_TENANT, newest[0], limit=1)


def test_old_deliveries_leave_the_log(repo: Repository, tmp_path: Path) -> None:
    with scripted(OK) as service:
        made = endpoint(repo, service.url)
        repo.webhooks.ping(DEFAULT_TENANT, made.webhook.id)
        deliver_due(repo, PRIVATE)
    assert repo.webhooks.forget() == 0
    repo.database.clock_offset = 31 * DAY
    assert repo.webhooks.forget() == 1
    assert json.dumps(log(repo, made.webhook.id)) == "[]"
