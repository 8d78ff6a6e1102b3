"""What the manual is made of: pages lie where they lie in the checkout, so their links hold."""

from __future__ import annotations

import shutil
from pathlib import Path

PATTERNS = (
    "README.md",
    "SECURITY.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "LICENSE",
    "docs/*.md",
    "docs/adr/*.md",
    "docs/comparison/*",
    "docs/pictures/*.png",
    "ml/bundles/*/MODEL_CARD.md",
    "api/static/icon.svg",
)


def copy_pages(checkout: Path, to: Path) -> list[Path]:
    """Copy the pages, and what they show, into an empty folder; return their relative paths."""
    shutil.rmtree(to, ignore_errors=True)
    found = sorted(path for pattern in PATTERNS for path in checkout.glob(pattern))
    names = [path.relative_to(checkout) for path in found]
    for name in names:
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(checkout / name, to / name)
    return names
