"""The README names only what is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lungline.settings import Settings
from tests.fixtures.parts import REPOSITORY

PAGES = ["README.md", "CONTRIBUTING.md", *(f"docs/{p.name}" for p in REPOSITORY.glob("docs/*.md"))]
MAKEFILE = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
LARGEST_PICTURE = 300_000


def text_of(page: str) -> str:
    return (REPOSITORY / page).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    folder = (REPOSITORY / page).parent
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text_of(page)):
        assert "://" not in target, target
        assert (folder / target).exists(), target


@pytest.mark.parametrize("page", PAGES)
def test_make_knows_the_targets_and_what_they_are_told(page: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
    for target, words in re.findall(r"`make ([a-z-]+)((?: [A-Z]+=[^ `]+)*)`", text_of(page)):
        assert target in targets
        for name in re.findall(r"([A-Z]+)=", words):
            assert f"$({name})" in MAKEFILE


@pytest.mark.parametrize("page", PAGES)
def test_the_named_settings_exist(page: str) -> None:
    named = set(re.findall(r"LUNGLINE_[A-Z0-9_]+", text_of(page)))
    assert named <= {f"LUNGLINE_{name.upper()}" for name in Settings.model_fields}


# The page on models names what its commands make.
@pytest.mark.parametrize("page", [page for page in PAGES if page != "docs/model.md"])
def test_the_named_files_exist(page: str) -> None:
    rooms = "api|benchmarks|deploy|docs|lungline|ml|storage|tests|workers"
    for path in re.findall(rf"`((?:{rooms})/[\w./-]*)`", text_of(page)):
        assert (REPOSITORY / path).exists(), path


def test_pictures_are_small_and_described() -> None:
    pictures = re.findall(r"!\[([^]]*)\]\(([^)]+\.png)\)", text_of("README.md"))
    assert pictures
    for words, path in pictures:
        assert len(words) > 20
        picture = REPOSITORY / Path(path)
        assert picture.read_bytes().startswith(b"\x89PNG")
        assert picture.stat().st_size < LARGEST_PICTURE
