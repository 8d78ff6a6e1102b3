"""The page over an API without workers: what happens elsewhere, large jobs, lost answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from lungline.domain import DEFAULT_TENANT
from storage.claims import Outcome
from tests.factories import archives, films
from tests.factories.rows import claim, read_all, submit, submit_archive
from tests.factories.servers import Server, running_server
from tests.fixtures.browser import Visitor

pytestmark = pytest.mark.integration

SCREENFUL = 200
"""Films of the first range of the table."""
# The next form is answered, and the page does not hear of it.
LOSE_FORM = """() => {
    const { send } = XMLHttpRequest.prototype;
    XMLHttpRequest.prototype.send = function (body) {
        XMLHttpRequest.prototype.send = send;
        this.onload = this.onerror;
        this.send(body);
    };
}"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("lone"), api_threads=4) as running:
        running.store.put("any/uploads/one", b"")  # else the films below would be missed in it
        yield running


@pytest.fixture
def visitor(server: Server, chromium: Browser) -> Iterator[Visitor]:
    context = chromium.new_context(base_url=server.settings.url, locale="en-GB")
    found = Visitor(context.new_page())
    found.watch()
    yield found
    context.close()


def choose(page: Page, *some: tuple[str, bytes]) -> None:
    """Choose files, and wait until they may be sent."""
    page.set_input_files(
        "#files",
        [{"name": name, "mimeType": "", "buffer": data} for name, data in some],  # type: ignore[arg-type]
    )
    expect(page.locator("#send")).to_be_enabled()


def job_names(server: Server) -> list[str]:
    return sorted(job["name"] for job in server.http.get("/v1/jobs").json()["items"])


def test_failures_go_when_a_job_was_retried_elsewhere(visitor: Visitor, server: Server) -> None:
    page, repository = visitor.page, server.repository
    job = submit(repository, SCREENFUL)
    while batch := claim(repository, SCREENFUL):
        failed = [Outcome(item.id, None, ("truncated", "It ends early.")) for item in batch.items]
        repository.claims.finish(batch.lease_id, failed)
    # Of these films there are rows only.
    page.route("**/film?size=*", lambda route: route.fulfill(body=films.jpeg(1)))
    page.goto(f"/jobs/{job.id}")
    expect(page.locator("#failures li")).to_contain_text(str(SCREENFUL))

    repository.control.retry(DEFAULT_TENANT, job.id)
    read_all(repository, SCREENFUL)
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")

    expect(page.locator("#status")).to_have_text("read")
    expect(page.locator("#failed")).to_be_hidden()
    assert visitor.errors == []


def test_pictures_of_a_large_job_come_in_several_zips(visitor: Visitor, server: Server) -> None:
    page, total = visitor.page, 10_000
    job = submit_archive(server.repository)

    def grow(route: Route) -> None:
        answer = route.fetch()
        told = answer.json()
        told["counts"]["total"] = total
        route.fulfill(response=answer, json=told)

    page.route(f"**/v1/jobs/{job.id}", grow)
    page.goto(f"/jobs/{job.id}")
    page.locator("#actions summary").click()
    masks = page.locator("#actions a", has_text="Lung masks")
    expect(masks).to_have_text(["Lung masks (zip)"])
    href = f"/v1/jobs/{job.id}/pictures?kind=mask&limit=10000&cursor="
    expect(masks).to_have_attribute("href", f"{href}0")
    masks.focus()
    pause = page.get_by_role("button", name="Pause").element_handle()

    total = 20_001

    expect(masks).to_have_text(
        [
            "Lung masks (zip), 1 to 10,000",
            "Lung masks (zip), 10,001 to 20,000",
            "Lung masks (zip), 20,001 to 20,001",
        ]
    )
    expect(masks.last).to_have_attribute("href", f"{href}20000")
    expect(masks.last).to_be_visible()  # the menu is still open
    expect(masks.first).to_be_focused()
    assert pause is not None
    assert pause.evaluate("button => button.isConnected")  # so that nobody presses it in vain
    assert visitor.fits()
    assert visitor.errors == []


def test_archives_that_became_jobs_are_linked_and_not_sent_again(
    visitor: Visitor, server: Server
) -> None:
    page, before = visitor.page, job_names(server)
    page.goto("/")
    choose(page, ("a.zip", archives.zip_of_films(1)), ("b.zip", archives.zip_of_films(2)))
    puts: list[str] = []

    def break_the_second(route: Route) -> None:
        puts.append(route.request.url)
        if len(puts) == 2:
            route.fulfill(status=400, body="{}")
        else:
            route.continue_()

    page.route("**/parts/1?*", break_the_second)
    page.click("#send")
    listed = page.locator("#file-list li")
    expect(listed.last).to_contain_text("send again")
    expect(listed.first).to_contain_text("Arrived")
    expect(page.locator("#summary")).to_contain_text("1 can be sent")
    expect(page.locator("#sent a")).to_have_text(["Open a.zip"])
    assert visitor.barriers() == []

    page.click("#send")

    expect(page.locator("#sent a")).to_have_text(["Open a.zip", "Open b.zip"])
    expect(page.locator("#options")).to_be_hidden()
    assert len(puts) == 3
    assert job_names(server) == sorted([*before, "a.zip", "b.zip"])
    choose(page, ("c.jpg", films.jpeg(3)))
    expect(page.locator("#sent")).to_be_hidden()


def test_a_job_counts_as_made_when_its_films_cannot_be_told(visitor: Visitor) -> None:
    page = visitor.page
    page.route("**/rows?*", lambda route: route.fulfill(status=500, body="{}"))
    page.goto("/")
    choose(page, ("a.jpg", films.jpeg(1)))
    page.click("#send")

    expect(page.locator("#problem")).to_be_visible()
    expect(page.locator("#file-list li")).to_contain_text("Arrived")
    expect(page.locator("#sent a")).to_have_text(["Open a.jpg"])
    expect(page.locator("#options")).to_be_hidden()


@pytest.mark.parametrize("reload", [False, True], ids=["again", "reloaded"])
def test_an_archive_whose_answer_was_lost_makes_one_job(
    visitor: Visitor, server: Server, tmp_path: Path, reload: bool
) -> None:
    page, before = visitor.page, job_names(server)
    archive = tmp_path / f"lost-{reload}.zip"
    archive.write_bytes(archives.zip_of_films(3))

    def lose(route: Route) -> None:
        route.fetch()
        route.abort()

    def fill() -> None:
        page.goto("/")
        page.set_input_files("#files", archive)
        page.fill("#name", "환자 1")

    fill()
    page.route("**/v1/jobs", lose, times=1)
    page.click("#send")
    expect(page.locator("#file-list li")).to_contain_text("send again")
    assert job_names(server) == sorted([*before, "환자 1"])
    if reload:
        fill()
    sent: list[str] = []
    page.on("request", lambda one: sent.append(one.url) if one.method == "PUT" else None)
    with page.expect_response("**/v1/jobs") as answer:
        page.click("#send")

    expect(page.locator("#sent a")).to_have_text(["Open 환자 1"])
    assert answer.value.headers["idempotency-replayed"] == "true"
    assert sent == []
    assert job_names(server) == sorted([*before, "환자 1"])


def test_an_archive_that_became_another_job_is_uploaded_anew(
    visitor: Visitor, server: Server, tmp_path: Path
) -> None:
    page, before = visitor.page, job_names(server)
    archive = tmp_path / "renamed.zip"
    archive.write_bytes(archives.zip_of_films(4))

    def lose(route: Route) -> None:
        route.fetch()
        route.abort()

    page.goto("/")
    page.set_input_files("#files", archive)
    page.route("**/v1/jobs", lose, times=1)
    page.click("#send")
    expect(page.locator("#file-list li")).to_contain_text("send again")

    page.fill("#name", "anew")
    page.click("#send")
    expect(page.locator("#problem")).to_contain_text("became job")
    expect(page.locator("#options")).to_be_visible()
    page.click("#send")

    expect(page.locator("#sent a")).to_have_text(["Open anew"])
    assert job_names(server) == sorted([*before, "renamed.zip", "anew"])


def test_a_form_whose_answer_was_lost_makes_one_job(visitor: Visitor, server: Server) -> None:
    page, before = visitor.page, job_names(server)
    page.goto("/")
    choose(page, ("lost.jpg", films.jpeg(5)))
    page.evaluate(LOSE_FORM)
    page.click("#send")
    expect(page.locator("#file-list li")).to_contain_text("send again")
    page.click("#send")

    expect(page.locator("#sent a")).to_have_text(["Open lost.jpg"])
    assert job_names(server) == sorted([*before, "lost.jpg"])
