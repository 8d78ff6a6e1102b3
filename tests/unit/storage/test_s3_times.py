"""Times in the answers of S3, as botocore reads them and as we do."""

from __future__ import annotations

from datetime import timedelta, timezone

import pytest
from botocore.utils import parse_timestamp

from storage.objects.client import _time_of

TOLD = (
    "2026-11-29T01:25:48.123Z",
    "2026-11-29T01:25:48Z",
    "2026-11-29T01:25:48+02:00",
    "2026-11-29T01:25:48",
    "20261129T012548Z",
    "Sun, 29 Nov 2026 01:25:48 GMT",
    "1764379548",
    1764379548,
    1764379548.5,
)


@pytest.mark.parametrize("told", TOLD)
def test_a_time_is_what_botocore_makes_of_it(told: object) -> None:
    assert _time_of(told) == parse_timestamp(told)


def test_a_listing_is_read_without_the_slow_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("storage.objects.client.parse_timestamp")
    assert _time_of("2026-11-29T01:25:48.123+09:00").tzinfo == timezone(timedelta(hours=9))


def test_what_is_no_time_is_an_error_as_botocore_has_it() -> None:
    with pytest.raises(ValueError, match="yesterday"):
        _time_of("yesterday")
