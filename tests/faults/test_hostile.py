"""A quick part of `make test-hostile`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hostile.calls import make_calls
from tests.hostile.fuzzing import run_chunk
from tests.hostile.targets import TARGETS


@pytest.mark.parametrize("target", TARGETS)
def test_damaged_files_are_taken_or_refused_by_name(target: str, tmp_path: Path) -> None:
    chunk = run_chunk(target, 1, 0, 60, tmp_path)

    assert chunk.findings == []
    assert chunk.words.total() == 60
    assert len(chunk.words) > 1


def test_calls_get_documented_answers() -> None:
    calls = make_calls(30, 1, "/v1/webhooks/{webhook_id}/ping")

    assert calls.findings == {}
    assert calls.statuses["2xx"] > 0
    assert calls.statuses["4xx"] > 0
