"""Numbers for people."""

from __future__ import annotations

import pytest

from lungline.cli.console import amount, duration, size


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")],
)
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 KB"), (2.5e12, "2.5 TB")]
)
def test_sizes(count: float, words: str) -> None:
    assert size(count) == words


def test_amounts() -> None:
    assert [amount(count, "film") for count in (0, 1, 1560)] == ["0 films", "1 film", "1,560 films"]
