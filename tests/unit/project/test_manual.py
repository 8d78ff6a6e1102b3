"""`make docs`: the whole manual without a network, and nothing in it that leads nowhere."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest

from docs.site.__main__ import build
from docs.site.links import broken_links
from docs.site.pages import PATTERNS
from tests.fixtures.parts import REPOSITORY, missing_part


@pytest.fixture(autouse=True)
def _generator() -> None:
    if find_spec("zensical") is None:
        missing_part("Zensical", "install the extra `docs`")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What the manual is made of, to be broken."""
    for pattern in (*PATTERNS, "docs/site/*"):
        for path in filter(Path.is_file, REPOSITORY.glob(pattern)):
            target = tmp_path / "checkout" / path.relative_to(REPOSITORY)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
    return tmp_path / "checkout"


def test_every_document_is_a_page_of_it(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert build(REPOSITORY, tmp_path) == 0, capfd.readouterr().err

    site = tmp_path / "site"
    documents = [REPOSITORY / "SECURITY.md", *REPOSITORY.glob("docs/*.md")]
    documents += REPOSITORY.glob("docs/adr/0*.md")
    home = (site / "index.html").read_text(encoding="utf-8")
    for document in documents:
        page = document.relative_to(REPOSITORY).with_suffix(".html")
        assert (site / page).is_file()
        assert f'href="./{page.as_posix()}"' in home  # in the navigation
    for picture in REPOSITORY.glob("docs/pictures/*.png"):
        assert (site / picture.relative_to(REPOSITORY)).is_file()


@pytest.mark.parametrize(
    "wrong",
    [
        {
            "[a](nowhere.md)": "page does not exist",
            "[a](api.md#no-such-heading)": "anchor does not exist",
        },
        {
            "![a](pictures/none.png)": "pictures/none.png is not there",
            "![a](https://pictures.example/a.png)": "from another host",
        },
    ],
    ids=["pages", "pictures"],
)
def test_what_leads_nowhere_is_told(
    wrong: dict[str, str], checkout: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with (checkout / "docs" / "cli.md").open("a") as page:
        page.writelines(f"\n{words}\n" for words in wrong)

    assert build(checkout, tmp_path / "out") == 1
    said = capfd.readouterr().err
    assert [told for told in wrong.values() if told not in said] == []
    assert "cli" in said
    assert "Traceback" not in said


def test_links_of_pages(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "index.html").write_text(
        '<a href="../b.html#x"><a href="/b.html"><a href="https://a.example"><a href="mailto:a@b">'
    )
    (tmp_path / "b.html").write_text('<a href="a/"><a href="c.html"><script src="//a.example/x">')

    assert broken_links(tmp_path) == [
        "b.html: //a.example/x would be fetched from another host",
        "b.html: c.html is not there",
    ]
