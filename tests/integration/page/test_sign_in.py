"""The page where keys are needed, in a real browser: a session from its beginning to its end."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect
from sqlalchemy import update

from lungline.domain import Scope
from storage.models import ApiKeyRow
from tests.factories import films
from tests.factories.servers import Server, running_server
from tests.fixtures.browser import Visitor

pytestmark = pytest.mark.integration

# Whether the browser has an answer that it need not ask for, however old.
KEPT = """address => fetch(address, {cache: 'only-if-cached', mode: 'same-origin'})
    .then(answer => answer.ok, () => false)"""
Visit = Callable[..., Visitor]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("keyed"), auth="keys", api_threads=4) as running:
        yield running


@pytest.fixture
def visit(server: Server, chromium: Browser) -> Iterator[Visit]:
    """Opens a page for somebody who has not been here before."""
    contexts: list[Any] = []

    def visit(path: str, width: int = 390, locale: str = "en-GB") -> Visitor:
        context = chromium.new_context(
            base_url=server.settings.url, viewport={"width": width, "height": 844}, locale=locale
        )
        contexts.append(context)
        visitor = Visitor(context.new_page())
        visitor.watch()
        visitor.page.goto(path)
        return visitor

    yield visit
    for context in contexts:
        context.close()


def key_of(server: Server, tenant: str = "ward") -> tuple[str, str]:
    """Make a key; return its id, and the key."""
    made = server.repository.keys.create(tenant, name="", scopes=(Scope.READ, Scope.SUBMIT))
    return made.key.id, made.token


def sign_in(visitor: Visitor, key: str) -> None:
    visitor.page.get_by_label(re.compile("^API")).fill(key)
    visitor.page.locator("form[action='/sign-in'] button").click()


@pytest.mark.parametrize("width", [1280, 390])
def test_from_the_form_to_a_film_and_out_again(server: Server, visit: Visit, width: int) -> None:
    visitor = visit("/jobs", width)
    page = visitor.page
    expect(page).to_have_url(re.compile(r"/sign-in\?back=/jobs$"))
    visitor.assert_sound()
    sign_in(visitor, "wrong")
    expect(page.get_by_role("alert").first).to_contain_text("opens nothing")
    visitor.errors = [error for error in visitor.errors if "401" not in error]
    visitor.assert_sound()

    sign_in(visitor, key_of(server, f"ward{width}")[1])
    expect(page).to_have_url(re.compile(r"/jobs$"))
    page.goto("/")
    expect(page.locator("#limits")).to_contain_text("Largest film")
    film = {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": films.jpeg(width)}
    page.set_input_files("#files", [film])  # type: ignore[list-item]
    page.click("#send")
    page.click("#sent a")
    expect(page.locator("#rows tr.film")).to_have_count(1)
    page.locator("#rows a").first.click()
    expect(page.locator("#pane .film-image")).to_be_visible()
    assert page.locator("#pane .film-image").evaluate("image => image.naturalWidth") > 0
    visitor.assert_sound()
    film_page, picture = page.url, page.locator("#pane .film-image").get_attribute("src")
    assert page.evaluate(KEPT, picture)
    for path in ("/models", "/docs"):
        page.goto(path)
        expect(page.get_by_role("button", name="Sign out")).to_be_visible()
        assert visitor.fits()

    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(re.compile(r"/sign-in$"))
    assert visitor.errors == []
    page.goto("/jobs")
    expect(page).to_have_url(re.compile(r"/sign-in\?back=/jobs$"))
    assert page.evaluate("fetch('/v1/jobs').then(answer => answer.status)") == 401
    # Neither the next visitor of this browser, nor who goes back, finds the film.
    assert not page.evaluate(KEPT, picture)
    page.goto(film_page)
    expect(page).to_have_url(re.compile(r"/sign-in\?back=/films/"))


@pytest.mark.parametrize("end", ["revoked", "expired"])
def test_a_key_that_ends_leads_back_to_the_form(server: Server, visit: Visit, end: str) -> None:
    visitor = visit("/jobs")
    key_id, key = key_of(server)
    sign_in(visitor, key)
    expect(visitor.page).to_have_url(re.compile(r"/jobs$"))
    if end == "revoked":
        server.repository.keys.revoke(key_id)
    else:
        with server.repository.database.write() as connection:
            connection.execute(
                update(ApiKeyRow).where(ApiKeyRow.id == key_id).values(expires_at=1.0)
            )

    # The list asks for news by itself, and that tells it.
    expect(visitor.page).to_have_url(re.compile(r"/sign-in\?back=(/|%2F)jobs$"), timeout=60_000)
    expect(visitor.page.get_by_role("status")).to_contain_text("session is over")
    sign_in(visitor, key_of(server)[1])
    expect(visitor.page).to_have_url(re.compile(r"/jobs$"))


@pytest.mark.parametrize("locale", ["en-GB", "ko-KR"])
def test_who_may_not_see_the_system_is_told_what_to_do(
    server: Server, visit: Visit, locale: str
) -> None:
    visitor = visit("/jobs", locale=locale)
    page = visitor.page
    sign_in(visitor, key_of(server)[1])
    expect(page).to_have_url(re.compile(r"/jobs$"))
    expect(page.locator('.tabs a[href="/system"]')).to_have_count(0)
    page.goto("/system")
    expect(page.locator("main")).to_contain_text("admin, monitor")
    assert visitor.barriers() == []
    assert visitor.fits()
    page.locator('main a[href^="/sign-in"]').click()
    key = server.repository.keys.create("ops", name="", scopes=(Scope.MONITOR,)).token
    sign_in(visitor, key)
    expect(page).to_have_url(re.compile(r"/system$"))
    expect(page.locator("#parts li")).not_to_have_count(0)


def test_no_other_page_can_use_the_session(server: Server, visit: Visit) -> None:
    visitor = visit("/jobs")
    sign_in(visitor, key_of(server, "quiet")[1])
    expect(visitor.page).to_have_url(re.compile(r"/jobs$"))
    other = visitor.page.context.new_page()
    for path in ("/v1/jobs", "/sign-out"):
        address = f"{server.settings.url}{path}"
        other.goto("about:blank")
        other.set_content(f'<form method="post" action="{address}"><button>Win</button></form>')
        with other.expect_response(address) as answer:
            other.get_by_role("button").click()
        assert answer.value.status in (401, 403)

    visitor.page.reload()
    expect(visitor.page).to_have_url(re.compile(r"/jobs$"))
    answer = visitor.page.evaluate("fetch('/v1/jobs').then(answer => answer.json())")
    assert answer["items"] == []


def test_the_form_speaks_korean(visit: Visit) -> None:
    visitor = visit("/", locale="ko-KR")
    expect(visitor.page.locator("h1")).to_have_text("로그인")
    sign_in(visitor, "wrong")
    expect(visitor.page.get_by_role("alert").first).to_contain_text("로그인할 수 없습니다")
    visitor.page.get_by_role("link", name="English").click()
    expect(visitor.page.locator("h1")).to_have_text("Sign in")


@pytest.mark.parametrize(
    "back", ["//elsewhere.example", "/\\elsewhere.example", "https://a.example"]
)
def test_the_form_leads_nowhere_else(server: Server, visit: Visit, back: str) -> None:
    visitor = visit(f"/sign-in?back={back}")
    sign_in(visitor, key_of(server)[1])
    expect(visitor.page).to_have_url(f"{server.settings.url}/")
