"""What people do on the page, in a real browser over the whole service, wide and narrow.

All in one file: files of tests run beside each other, and one stack serves all of it.
"""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.factories import films
from tests.factories.whole import Whole
from tests.fixtures.browser import Visitor
from tests.integration.page.conftest import some_films

pytestmark = pytest.mark.integration

UNKNOWN = "0" * 32


def files(made: dict[str, bytes]) -> list[Any]:
    """Films as a file chooser gives them."""
    return [{"name": name, "mimeType": "image/jpeg", "buffer": data} for name, data in made.items()]


def rows(page: Page) -> Any:
    return page.locator("#rows tr.film")


def test_films_are_checked_sent_and_opened(visitor: Visitor, tmp_path: Path) -> None:
    page = visitor.page
    page.goto("/")
    expect(page.locator("#limits")).to_contain_text("Largest film")
    page.set_input_files("#files", files({"a.jpg": films.jpeg(1), "notes.txt": b"words"}))
    listed = page.locator("#file-list li")
    expect(listed).to_have_count(2)
    expect(listed.first).to_contain_text("not a JPEG, PNG or DICOM")
    expect(page.locator("#summary")).to_contain_text("1 can be sent")
    visitor.assert_sound()

    page.fill("#name", "from the page")
    page.click("#send")
    expect(page.locator("#file-list")).to_contain_text("Taken")
    page.click("#sent a")
    expect(page.locator("h1")).to_have_text("from the page")
    expect(rows(page)).to_have_count(1)
    visitor.assert_sound()


def test_many_films_and_archives_come_in_parts_and_go_on_after_a_break(
    visitor: Visitor, stack: Whole, tmp_path: Path
) -> None:
    page, http = visitor.page, stack.server.http
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        for name, data in some_films().items():
            packed.writestr(name, data)
        packed.writestr("noise.bin", bytes(range(256)) * 90_000)  # two parts
    width = page.viewport_size["width"]  # type: ignore[index]
    path = tmp_path / f"films-{width}.zip"
    path.write_bytes(archive.getvalue())
    sent: list[str] = []
    page.on("request", lambda one: sent.append(one.url) if one.method == "PUT" else None)
    page.route("**/parts/2?*", lambda route: route.fulfill(status=400, body="{}"))

    page.goto("/")
    page.set_input_files("#files", path)
    with page.expect_response(re.compile("/parts/1[?]")):  # else the reload would cut it off
        page.click("#send")
    expect(page.locator("#problem")).to_be_visible()
    page.unroute("**/parts/2?*")
    sent.clear()
    page.reload()
    page.set_input_files("#files", path)
    page.click("#send")
    page.click("#sent a")

    assert [re.findall(r"/parts/(\d+)\?", url) for url in sent] == [["2"]]
    expect(rows(page)).to_have_count(len(some_films()))
    made = http.get("/v1/jobs?limit=1").json()["items"][0]
    assert made["source"] == "archive"
    visitor.errors = [error for error in visitor.errors if "400" not in error]
    visitor.assert_sound()


def test_a_zip_of_the_page_is_one_that_others_read(visitor: Visitor, tmp_path: Path) -> None:
    visitor.page.goto("/jobs")
    script = """async ([names, limits]) => {
        const base = document.querySelector('script[type=module]').src;
        const { zipOf } = await import(new URL('zip.js', base));
        const files = names.map((name, at) => ({ name, file: new Blob(['x'.repeat(at * 100)]) }));
        const { blob, ends } = await zipOf(files, limits);
        return [[...new Uint8Array(await blob.arrayBuffer())], ends];
    }"""
    names = ["a.png", "폴더/나.png", "c.png"]
    for limits in ({}, {"mostEntries": 2}, {"mostBytes": 150}):
        data, ends = visitor.page.evaluate(script, [names, limits])
        with zipfile.ZipFile(io.BytesIO(bytes(data))) as archive:
            assert archive.testzip() is None
            assert archive.namelist() == names
            assert [entry.file_size for entry in archive.infolist()] == [0, 100, 200]
        assert ends == sorted(ends)


def test_jobs_are_listed_filtered_and_stopped(
    visitor: Visitor, stack: Whole, job: dict[str, Any]
) -> None:
    page = visitor.page
    stack.processes.signal("analyze", 19)  # SIGSTOP: the job stays open
    try:
        waiting = stack.send_form({"w.jpg": films.jpeg(int(page.viewport_size["width"]))})  # type: ignore[index]
        page.goto("/jobs")
        mine = page.locator(f'li[data-id="{waiting["id"]}"]')
        mine.get_by_role("button", name="Pause").click()
        expect(mine.locator(".badge")).to_have_text("paused")
        visitor.assert_sound()
        mine.get_by_role("button", name="Resume").click()
        mine.get_by_role("button", name="Cancel").click()
        expect(mine.get_by_role("button", name="Delete")).to_be_visible()
        page.select_option("#status", "completed_with_errors")
        expect(mine).to_have_count(0)
        expect(page.locator(f'li[data-id="{job["id"]}"]')).to_contain_text("2 failed")
    finally:
        stack.processes.signal("analyze", 18)  # SIGCONT
    with page.expect_download() as download:
        other = page.locator(f'li[data-id="{job["id"]}"]')
        other.locator("summary").click()
        other.get_by_role("link", name="CSV").click()
    assert Path(download.value.path()).read_bytes().startswith(b"item_id,")


def test_a_job_shows_films_classes_and_reasons(visitor: Visitor, job: dict[str, Any]) -> None:
    page = visitor.page
    page.goto(f"/jobs/{job['id']}")
    expect(rows(page)).to_have_count(8)
    expect(page.locator("#failures li")).to_have_count(2)
    expect(page.locator("#rows")).to_contain_text("<b>.jpg")
    expect(page.locator("#films .note")).to_contain_text("research use only")
    visitor.assert_sound()

    page.get_by_role("button", name="Probability").click()
    shares = [
        int(text.split()[0]) for text in page.locator(".meter > span:first-child").all_inner_texts()
    ]
    assert shares == sorted(shares, reverse=True)
    page.select_option("#flags", "duplicate")
    expect(rows(page)).to_have_count(1)
    page.select_option("#flags", "")
    page.locator("#failures button").first.click()
    expect(rows(page)).to_have_count(1)
    page.locator("#failures button").first.click()
    page.select_option("#state", "succeeded")
    expect(rows(page)).to_have_count(6)
    page.fill("#search", "no such film")
    expect(page.locator("#no-films")).to_be_visible()
    visitor.assert_sound()


def test_an_unknown_job_is_told_and_no_empty_one_shown(visitor: Visitor) -> None:
    visitor.page.goto(f"/jobs/{UNKNOWN}")
    expect(visitor.page.locator("#problem")).to_contain_text(UNKNOWN)
    expect(visitor.page.locator("#job")).to_be_hidden()


@pytest.mark.parametrize("path", ["/models", "/system", "/docs"])
def test_other_pages_are_sound(visitor: Visitor, path: str) -> None:
    page = visitor.page
    page.goto(path)
    if path == "/system":
        expect(page.locator("#parts .good")).to_have_count(5)
    if path == "/models":
        page.locator("details summary").first.click()
        expect(page.locator(".prose").first).to_contain_text("Intended use")
    if path == "/docs":
        # An operation with parameters, a body and answers, as it is when somebody reads it.
        page.locator("#submitJob details").evaluate_all(
            "all => all.forEach(one => one.open = true)"
        )
        page.locator("#submitJob pre").first.scroll_into_view_if_needed()
    visitor.assert_sound()


def test_the_page_speaks_korean(visitor: Visitor, job: dict[str, Any]) -> None:
    page = visitor.page
    page.goto(f"/jobs/{job['id']}")
    page.get_by_role("link", name="한국어").click()
    expect(page.locator("#films-title")).to_have_text("영상")
    expect(page.locator(".research")).to_contain_text("연구용")
    visitor.assert_sound()


def test_each_page_is_korean_as_a_whole(visitor: Visitor, job: dict[str, Any]) -> None:
    page = visitor.page

    def assert_korean() -> None:
        assert visitor.latin_words() == set()
        assert visitor.clipped() == []
        assert visitor.fits()

    page.goto("/language/ko?back=/")
    expect(page.locator("#limits")).to_contain_text("영상 최대 크기")
    page.set_input_files("#files", files({"a.jpg": films.jpeg(1), "b.txt": b"words"}))
    expect(page.locator("#file-list li")).to_have_count(2)
    assert_korean()
    page.goto("/jobs")
    expect(page.locator(f'li[data-id="{job["id"]}"]')).to_be_visible()
    page.locator(f'li[data-id="{job["id"]}"] summary').click()
    assert_korean()
    page.goto(f"/jobs/{job['id']}")
    expect(rows(page)).to_have_count(8)
    assert_korean()
    page.locator("#rows a").first.click()
    expect(page.locator(".finding-list li")).to_have_count(3)
    page.locator("details.keys summary").click()
    assert_korean()
    page.goto("/models")
    page.locator("details summary").first.click()
    assert_korean()
    page.goto("/system")
    expect(page.locator("#parts .good")).to_have_count(5)
    assert_korean()
    assert visitor.errors == []
    page.goto(f"/jobs/{UNKNOWN}")
    expect(page.locator("#problem")).to_contain_text("해당 작업이 없습니다")
    expect(page.locator("#loading")).to_be_hidden()
    assert_korean()
    for path in ("/sign-in", "/docs", "/jobs/x"):
        page.goto(path)
        assert_korean()


def test_an_address_that_leads_nowhere_is_a_page(visitor: Visitor) -> None:
    visitor.page.goto("/jobs/x")
    expect(visitor.page.locator("h1")).to_have_text("Nothing here")
    expect(visitor.page.get_by_role("alert")).to_contain_text("32 hexadecimal digits")
    assert visitor.barriers() == []
    assert visitor.fits()


def filter_slope(page: Page) -> float:
    return float(page.locator("#grey feFuncR").get_attribute("slope") or "nan")


def test_a_film_is_looked_at_in_all_ways(
    visitor: Visitor, stack: Whole, job: dict[str, Any]
) -> None:
    page = visitor.page
    first = next(item for item in stack.items(job).values() if item["seq"] == 0)
    page.goto(f"/jobs/{job['id']}")
    page.locator("#rows a").first.click()
    expect(page.locator("#title")).to_have_text(first["name"])
    expect(page.locator(".finding-list li")).to_have_count(3)
    expect(page.locator(".reading")).to_contain_text("paediatric-pneumonia@")
    expect(page.locator(".reading .note")).to_contain_text("research use only")
    expect(page.locator(".contour path")).to_have_attribute("d", re.compile("^M0"))
    expect(page.locator("#place")).to_have_text("1 of 8")
    visitor.assert_sound()

    page.keyboard.press("s")
    page.wait_for_function(
        "document.querySelectorAll('.pane:not([hidden]) .film-image').length === 2"
    )
    page.keyboard.press("e")
    expect(page.locator("#pane .film-image")).to_have_attribute("src", re.compile("/clahe"))
    page.keyboard.press("h")
    expect(page.locator(".heat-image")).to_have_count(0)
    page.keyboard.press("h")
    page.locator("#opacity").fill("25")
    assert page.locator(".heat-image").evaluate("image => image.style.opacity") == "0.25"
    label = first["prediction"]["findings"][0]["label"]
    page.select_option("#heat-label", label)
    page.wait_for_function(
        "label => document.querySelector('.heat-image')?.src.includes(label)", arg=label
    )
    page.locator("#stage").focus()  # letters typed into a list choose from it
    page.keyboard.press("i")
    assert filter_slope(page) < 0
    page.keyboard.press("i")
    visitor.assert_sound()


def test_films_are_moved_zoomed_and_windowed(visitor: Visitor, job: dict[str, Any]) -> None:
    page = visitor.page
    page.goto(f"/jobs/{job['id']}")
    page.locator("#rows a").first.click()
    expect(page.locator("#pane .film-image")).to_be_visible()
    box = page.locator("#stage").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def drag(dx: int, dy: int) -> None:
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x + dx, y + dy, steps=3)
        page.mouse.up()

    def place() -> Any:
        return page.locator("#pane .layers").evaluate("layers => layers.style.transform")

    before = place()
    drag(40, 20)
    assert place() != before
    width = page.locator("#pane .layers").evaluate("layers => layers.offsetWidth")
    page.keyboard.press("+")
    assert page.locator("#pane .layers").evaluate("layers => layers.offsetWidth") > width
    page.get_by_role("button", name="Dragging").click()
    drag(-100, 0)
    assert filter_slope(page) > 1.2
    page.keyboard.press("0")
    assert (place(), filter_slope(page)) == (before, 1)


def test_keys_go_through_the_films_as_the_table_has_them(
    visitor: Visitor, stack: Whole, job: dict[str, Any]
) -> None:
    page = visitor.page
    page.goto(f"/jobs/{job['id']}")
    page.get_by_role("button", name="Film", exact=True).click()
    names = page.locator("#rows a").all_inner_texts()
    assert len(names) == 8
    page.locator("#rows a").first.click()
    for place, name in enumerate(names, start=1):
        expect(page.locator("#title")).to_have_text(name)
        expect(page.locator("#place")).to_have_text(f"{place} of 8")
        if name == "<b>.jpg":
            expect(page.locator("#reading")).to_contain_text("unsupported_format")
            expect(page.locator("#no-picture")).to_be_visible()
        page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#title")).to_have_text(names[-2])
    assert visitor.errors == []


def test_on_paper_stand_film_findings_and_notice(visitor: Visitor, job: dict[str, Any]) -> None:
    page = visitor.page
    page.goto(f"/jobs/{job['id']}")
    page.locator("#rows a").first.click()
    expect(page.locator(".finding-list li")).to_have_count(3)
    page.emulate_media(media="print")
    expect(page.locator(".top")).to_be_hidden()
    expect(page.locator(".tools")).to_be_hidden()
    for part in ("#pane .film-image", ".finding-list", ".reading .note", ".research"):
        expect(page.locator(part)).to_be_visible()
