"""The pages for people: nothing inline, nothing from elsewhere, small, whole in each language."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.page.texts import LANGUAGES, catalogue, service_words
from lungline.errors import FILM_CODES, DatabaseUnavailable
from ml import quality
from storage.bundles import Bundles
from tests.factories.services import Service, service
from tests.fixtures.parts import REPOSITORY

API = REPOSITORY / "api"
ASSETS = sorted(path for path in (API / "static").rglob("*") if path.is_file())
TEMPLATES = sorted((API / "templates").glob("*.html"))
ID = "0" * 32
PATHS = ["/", "/jobs", f"/jobs/{ID}", f"/films/{ID}", "/models", "/system", "/docs"]
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
# What is called the same in every language.
NEUTRAL = {"film.clahe", "models.auc", "models.range", "nav.docs", "submit.kinds", "system.runtime"}
NEUTRAL |= {"kind.dicom", "kind.jpeg", "kind.png"}
SAME_WORDS = {"JPEG", "PNG", "DICOM", "zip", "tar", "gz", "zst", "CSV", "NDJSON", "AUC", "CLAHE"}
SAME_WORDS |= {"API", "JavaScript", "Shift", "SNOMED", "CT", "Lungline", "OpenAPI"}
SAME_WORDS |= {"lungline", "submit", "keys", "create", "F1"}  # commands and settings as they are
SAME_WORDS |= {"LUNGLINE_BUNDLES_DIR", "LUNGLINE_ALLOWED_HOSTS"}
ELSEWHERE = re.compile(r"(?:https?:)?//(?!www\.w3\.org)[\w.]+\.\w+")


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with service(tmp_path_factory.mktemp("page")) as it:
        yield it


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page(path: str, language: str, api: Service) -> None:
    answer = api.client.get(path, headers={"Accept-Language": language})
    assert answer.status_code == 200
    assert answer.mimetype == "text/html"
    assert f'<html lang="{language}"' in answer.text
    assert catalogue(language)["research.notice"] in answer.text
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"<script(?![^>]*\bsrc=)", answer.text)
    assert not re.search(r"<style|<[^>]*\sstyle=|<[^>]*\son\w+=", answer.text)


def test_a_refusal_of_an_address_that_is_none(api: Service) -> None:
    for path in ("/jobs/x", "/films/x", "/language/xx", "/assets/x/texts/xx.js", "/assets/x/../a"):
        assert api.client.get(path).status_code == 404, path


@pytest.mark.parametrize("language", LANGUAGES)
def test_errors_are_pages_for_people_and_documents_for_programs(
    language: str, api: Service
) -> None:
    texts = catalogue(language)
    for path, code in (
        ("/nothing", "not_found"),
        ("/jobs/x", "job_not_found"),
        (f"/v1/jobs/{ID}", "job_not_found"),
        (f"/v1/items/{ID}/film", "item_not_found"),
    ):
        headers = {"Accept": BROWSER, "Accept-Language": language}
        answer = api.client.get(path, headers=headers)
        assert (answer.status_code, answer.mimetype) == (404, "text/html"), path
        assert f'<html lang="{language}"' in answer.text
        assert f">{texts['refusal.404']}</h1>" in answer.text
        assert code in answer.text
        assert answer.headers["X-Request-Id"] in answer.text
        assert answer.headers["Cache-Control"] == "no-store"
        assert (texts[f"problem.{code}"] in answer.text) == (language == "ko")
        for accept in ("*/*", "application/json", "text/html;q=0.9,application/json", "image/png"):
            answer = api.client.get(path, headers={"Accept": accept})
            assert answer.mimetype == "application/problem+json", accept
            assert answer.get_json()["code"] == code
            assert "Accept" in answer.vary


def test_a_part_that_is_away_is_told_on_a_page_that_needs_none(
    api: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise DatabaseUnavailable("The database does not answer.")

    monkeypatch.setattr(Bundles, "served", away)
    answer = api.client.get("/models", headers={"Accept": BROWSER, "Accept-Language": "ko"})
    assert (answer.status_code, answer.mimetype) == (503, "text/html")
    assert answer.headers["Retry-After"] == "5"
    texts = catalogue("ko")
    assert texts["problem.database_unavailable"] in answer.text
    assert texts["refusal.wait"].replace("{n}", "5") in answer.text
    assert f'href="/models">{texts["refusal.again"]}' in answer.text


def test_a_body_that_is_too_large_is_told_on_a_page(tmp_path: Path) -> None:
    with service(tmp_path, max_film_bytes=1_000) as api:
        answer = api.client.post(
            "/v1/jobs",
            data=b"\xff\xd8" * 501,
            content_type="image/jpeg",
            headers={"Accept": BROWSER},
        )
    assert (answer.status_code, answer.mimetype) == (413, "text/html")
    assert catalogue("en")["refusal.413"] in answer.text


def test_old_addresses_of_jobs_lead_to_them(api: Service) -> None:
    assert api.client.get(f"/?job={ID}").headers["Location"] == f"/jobs/{ID}"


@pytest.mark.parametrize("path", ASSETS + TEMPLATES, ids=lambda path: path.name)
def test_nothing_comes_from_elsewhere(path: Path) -> None:
    assert not ELSEWHERE.search(path.read_text(encoding="utf-8"))


def test_files_are_small_and_kept_for_ever(api: Service) -> None:
    total = 0
    version = re.findall(r'"/assets/([0-9a-f]+)/', api.client.get("/").text)[0]
    names = [path.relative_to(API / "static").as_posix() for path in ASSETS]
    for name in [*names, "texts/ko.js"]:
        answer = api.client.get(f"/assets/{version}/{name}")
        assert answer.status_code == 200, name
        assert "immutable" in answer.headers["Cache-Control"]
        total += len(answer.data)
        answer.close()
    assert total < 300_000
    stale = api.client.get("/assets/0/base.css")
    assert stale.headers["Cache-Control"] == "no-cache"
    stale.close()


@pytest.mark.parametrize("path", PATHS)
def test_what_a_page_names_is_there(path: str, api: Service) -> None:
    html = api.client.get(path).text
    for address in set(re.findall(r'(?:href|src|data-texts)="(/assets/[^"]+)"', html)):
        answer = api.client.get(address)
        assert answer.status_code == 200, address
        answer.close()


def test_modules_import_what_is_there() -> None:
    scripts = API / "static" / "js"
    for path in scripts.glob("*.js"):
        text = path.read_text(encoding="utf-8")
        for names, module in re.findall(r'import \{([^}]*)\} from "\./([\w.]+)"', text):
            other = (scripts / module).read_text(encoding="utf-8")
            for name in names.split(","):
                export = (
                    rf"export (?:async )?(?:const|class|function) {re.escape(name.strip())}(?=\W)"
                )
                assert re.search(export, other), (path.name, name)


def test_languages_have_the_same_texts() -> None:
    texts = {language: catalogue(language) for language in LANGUAGES}
    assert texts["en"].keys() >= service_words().keys()
    keys = {frozenset(catalogue) for catalogue in texts.values()}
    assert len(keys) == 1
    for key, english in texts["en"].items():
        places = {frozenset(re.findall(r"\{\w+\}", texts[language][key])) for language in LANGUAGES}
        assert len(places) == 1, key
        assert english.strip(), key


def test_korean_texts_are_korean() -> None:
    for key, text in catalogue("ko").items():
        words = set(re.findall(r"[A-Za-z][A-Za-z_0-9]+", re.sub(r"\{\w+\}", "", text)))
        assert words <= SAME_WORDS, key
        assert bool(re.search("[가-힣]", text)) == (key not in NEUTRAL), key


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_templates_say_nothing_in_a_language_of_their_own(path: Path) -> None:
    html = path.read_text(encoding="utf-8")
    html = re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}|<kbd>.*?</kbd>", "", html, flags=re.DOTALL)
    html = re.sub(r'(<div class="docs") lang="en">.*', r"\1>", html, flags=re.DOTALL)
    told = re.findall(r'(?:aria-label|title|alt|placeholder)="([^"]*)"', html)
    told.append(re.sub(r"<[^>]*>", " ", html))
    assert {word for text in told for word in re.findall(r"[^\W\d_]{2,}", text)} <= SAME_WORDS


def test_every_text_that_is_asked_for_exists_and_is_asked_for() -> None:
    sources = [*TEMPLATES, *(API / "static" / "js").glob("*.js")]
    text = "".join(path.read_text(encoding="utf-8") for path in sources)
    keys = set(catalogue("en"))
    asked = set(re.findall(r'\bt\("([a-z_]+\.[a-z_]+)"', text))
    assert asked - keys == set()
    kinds = {key.partition(".")[0] for key in keys}
    built = {
        "code",
        "flag",
        "job_code",
        "kind",
        "label",
        "limits",
        "models",
        "nav",
        "part",
        "permit",
        "problem",
        "refusal",
        "status",
    }
    literal = set(re.findall(r'"([a-z_]+\.[a-z_0-9]+)"', text))
    assert kinds >= built
    idle = {key for key in keys - literal if key.partition(".")[0] not in built}
    assert {key for key in idle if not key.startswith("film.")} == set()


def test_codes_and_flags_have_words_of_the_service() -> None:
    texts = catalogue("en")
    codes = {key.removeprefix("code.") for key in texts if key.startswith("code.")}
    assert codes <= FILM_CODES.keys()
    for code in codes:
        assert texts[f"code.{code}"] == FILM_CODES[code]
    flags = {quality.FEWER_THAN_TWO_LUNGS, quality.LOW_CONTRAST, quality.LUNGS_CUT_OFF}
    assert {f"flag.{flag}" for flag in flags} <= texts.keys()


def test_elements_that_the_scripts_ask_for_exist(api: Service) -> None:
    for path in PATHS[:-1]:
        html = api.client.get(path).text
        for name in re.findall(r'type="module" src="/assets/\w+/(js/\w+\.js)"', html):
            script = (API / "static" / name).read_text(encoding="utf-8")
            asked = set(re.findall(r'\$\("([\w-]+)"\)', script))
            assert asked
            assert asked <= set(re.findall(r'id="([\w-]+)"', html)), name


def test_a_language_is_chosen_and_kept(api: Service) -> None:
    client = api.app.test_client()
    chosen = client.get("/language/ko?back=/jobs")
    assert (chosen.status_code, chosen.headers["Location"]) == (303, "/jobs")
    assert '<html lang="ko"' in client.get("/").text
    for back in ("//evil.example/", "/\\evil.example", "https://evil.example"):
        answer = client.get("/language/en", query_string={"back": back})
        assert answer.headers["Location"] == "/", back


def test_texts_come_as_a_module(api: Service) -> None:
    answer = api.client.get("/assets/0/texts/ko.js")
    assert answer.mimetype == "text/javascript"
    text = answer.text.removeprefix("export default ").removesuffix(";\n")
    assert json.loads(text) == catalogue("ko")


def test_the_models_page_shows_figures_and_the_card_without_its_html(tmp_path: Path) -> None:
    with service(tmp_path) as api:
        bundle = tmp_path / "bundles" / "paediatric-pneumonia-0.1.0"
        manifest = json.loads((bundle / "manifest.json").read_text())
        figures = {"auc": 0.9876, "auc_ci95": [0.97, 0.99]}
        manifest |= {
            "thresholds": {"normal": 0.25},
            "metrics": {"test": {"any_pneumonia": figures}},
        }
        (bundle / "manifest.json").write_text(json.dumps(manifest))
        (bundle / "MODEL_CARD.md").write_text(
            "# Title\n\n## Limits\n\n<script>x</script> **few**\n"
        )
        html = api.client.get("/models").text
    assert "paediatric-pneumonia@0.1.0" in html
    assert "0.988" in html
    assert "(0.970 to 0.990)" in html
    assert "0.250" in html
    assert "<h3>Limits</h3>" in html
    assert "<script>x" not in html
    assert "<strong>few</strong>" in html


def test_parts_may_go_to_the_store_itself_from_the_page_that_sends_them(tmp_path: Path) -> None:
    s3 = {"store": "s3", "s3_endpoint_url": "http://inside:9000"}
    with service(tmp_path, **s3, s3_public_endpoint_url="https://s3.example:9000/x") as api:
        policy = api.client.get("/").headers["Content-Security-Policy"]
        assert "connect-src 'self' https://s3.example:9000;" in policy
        assert "s3.example" not in api.client.get("/jobs").headers["Content-Security-Policy"]
    with service(tmp_path, **s3, upload_parts="api") as api:
        assert "connect-src" not in api.client.get("/").headers["Content-Security-Policy"]
