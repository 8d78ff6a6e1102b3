"""What the parts of an embedded stack are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from lungline.settings import load_settings
from lungline.stack.folders import Folders
from lungline.stack.listener import open_listener
from lungline.stack.plan import STOP_ORDER, embedded
from tests.fixtures.parts import REPOSITORY


def test_stack_keeps_everything_in_its_data_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LUNGLINE_DATABASE_URL", "postgresql://elsewhere/x")
    monkeypatch.setenv("LUNGLINE_STORE", "s3")
    monkeypatch.setenv("LUNGLINE_BATCH_SIZE", "3")
    settings = load_settings(data_dir=tmp_path, api_port=0, worker_processes=2)
    folders = Folders(tmp_path)

    with open_listener("127.0.0.1", 0) as listener:
        plan = embedded(settings, REPOSITORY, folders, listener)
        environment = plan.environment
        port = str(listener.getsockname()[1])

    assert environment["LUNGLINE_DATABASE_URL"] == ""
    assert environment["LUNGLINE_STORE"] == "local"
    assert environment["LUNGLINE_BROKER_URL"] == folders.broker_url
    assert environment["LUNGLINE_API_PORT"] == port
    assert environment["LUNGLINE_URL"] == f"http://127.0.0.1:{port}"
    assert environment["LUNGLINE_BATCH_SIZE"] == "3", "other settings hold"
    assert environment["LUNGLINE_WORKER_PROCESSES"] == "2", "options win over the environment"
    assert environment["LUNGLINE_BUNDLES_DIR"] == str(REPOSITORY / "ml" / "bundles")


def test_every_part_has_its_place_in_the_order_of_stopping(tmp_path: Path) -> None:
    with open_listener("127.0.0.1", 0) as listener:
        plan = embedded(load_settings(data_dir=tmp_path), REPOSITORY, Folders(tmp_path), listener)
        parts = {spec.name for spec in (plan.broker, plan.api, *plan.workers, plan.beat)}

    assert {name for stage in STOP_ORDER for name in stage} == parts
    assert STOP_ORDER[-1] == ("broker",)
