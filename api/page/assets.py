"""The page's own files, under an address that changes with them, so that browsers keep them."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

FOLDERS = (Path(__file__).parents[1] / "static", Path(__file__).parents[1] / "texts")


@cache
def assets_version() -> str:
    """A word that is another one whenever any of the files is.

    Modules import each other by relative addresses, so all of them share one version.
    """
    digest = hashlib.blake2b(digest_size=6)
    for folder in FOLDERS:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
