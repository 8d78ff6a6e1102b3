"""The option `--metadata KEY=VALUE` of commands that find jobs and films."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from lungline.client import InputUnusable

MetadataOption = Annotated[
    list[str] | None,
    typer.Option(
        "--metadata",
        metavar="KEY=VALUE",
        help="Only those with this value in their metadata; repeat it, and all must hold.",
    ),
]


def read_terms(options: Sequence[str] | None) -> dict[str, str]:
    """Read the options; the key ends at the first `=`.

    Raises:
        InputUnusable: One of them is no term, or a key has two values.
    """
    terms: dict[str, str] = {}
    for option in options or ():
        key, given, value = option.partition("=")
        if not given:
            raise InputUnusable("--metadata: must be KEY=VALUE, such as ward=A-17")
        if terms.setdefault(key, value) != value:
            raise InputUnusable("--metadata: a key has two values, and nothing can have both")
    return terms
