"""Links of a finished site: the generator checks those between pages, not pictures and folders."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LINKS = {
    "a": ("href",),
    "img": ("src",),
    "link": ("href",),
    "script": ("src",),
    "source": ("srcset",),
}
FETCHED = frozenset({"img", "link", "script", "source"})


class _Links(HTMLParser):
    """Collects links as (tag, address)."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.found += [(tag, each) for name in LINKS.get(tag, ()) if (each := given.get(name))]


def broken_links(site: Path) -> list[str]:
    """List what leads nowhere, and what a browser would fetch from another host."""
    return sorted(
        f"{page.relative_to(site)}: {address} {wrong}"
        for page in site.rglob("*.html")
        for address, wrong in _wrong(site, page)
    )


def _wrong(site: Path, page: Path) -> Iterator[tuple[str, str]]:
    parser = _Links()
    parser.feed(page.read_text(encoding="utf-8"))
    for tag, address in parser.found:
        parts = urlsplit(address)
        if parts.netloc:
            if tag in FETCHED:
                yield address, "would be fetched from another host"
        elif parts.path and not parts.scheme and not _there(site, page, unquote(parts.path)):
            yield address, "is not there"


def _there(site: Path, page: Path, path: str) -> bool:
    target = site / path.lstrip("/") if path.startswith("/") else page.parent / path
    return target.is_file() or (target / "index.html").is_file()
