"""The page over an API without workers: what happens elsewhere, large jobs, lost answers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from lungline.domain import DEFAULT_TENANT
from storage.claims import Outcome
from tests.factories.rows import claim, read_all, submit
from tests.factories.servers import Server, running_server
from tests.fixtures.browser import Visitor

pytestmark = pytest.mark.integration

SCREENFUL = 200
"""Films of the first range of the table."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("lone"), api_threads=4) as running:
        yield running


@pytest.fixture
def visitor(server: Server, chromium: Browser) -> Iterator[Visitor]:
    context = chromium.new_context(base_url=server.settings.url, locale="en-GB")
    found = Visitor(context.new_page())
    found.watch()
    yield found
    context.close()


def test_failures_go_when_a_job_was_retried_elsewhere(visitor: Visitor, server: Server) -> None:
    page, repository = visitor.page, server.repository
    job = submit(repository, SCREENFUL)
    while batch := claim(repository, SCREENFUL):
        failed = [Outcome(item.id, None, ("truncated", "It ends early.")) for item in batch.items]
        repository.claims.finish(batch.lease_id, failed)
    page.goto(f"/jobs/{job.id}")
    expect(page.locator("#failures li")).to_contain_text(str(SCREENFUL))

    repository.control.retry(DEFAULT_TENANT, job.id)
    read_all(repository, SCREENFUL)
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")

    expect(page.locator("#status")).to_have_text("read")
    expect(page.locator("#failed")).to_be_hidden()
    assert visitor.errors == []
