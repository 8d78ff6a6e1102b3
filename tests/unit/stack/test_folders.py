"""The data folder and the broker's socket."""

from __future__ import annotations

import stat
import subprocess
import time
from pathlib import Path

import pytest
from kombu import Connection

from lungline.stack.broker import broker_answers, broker_command
from lungline.stack.folders import LONGEST_SOCKET_PATH, Folders


def test_folders_are_for_their_owner_only(tmp_path: Path) -> None:
    folders = Folders(tmp_path / "data")
    folders.prepare()

    for folder in (folders.data, folders.broker, folders.logs, folders.run):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_what_a_run_before_left_is_forgotten(tmp_path: Path) -> None:
    folders = Folders(tmp_path)
    folders.prepare()
    (folders.run / "1.ready").touch()

    folders.prepare()

    assert list(folders.run.iterdir()) == []


def test_socket_of_a_deep_folder_is_short_and_goes_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / ("deep" * 30)
    deep.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(deep))
    folders = Folders(deep / "data")
    folders.prepare()

    assert len(bytes(folders.socket)) <= LONGEST_SOCKET_PATH
    assert stat.S_IMODE(folders.socket.parent.stat().st_mode) == 0o700

    short = folders.socket.parent
    folders.tidy()
    assert not short.exists()


def test_socket_of_a_deep_folder_is_not_known_before_it_is_prepared(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="prepare"):
        _ = Folders(tmp_path / ("deep" * 30)).broker_url


@pytest.mark.parametrize("name", ["data", "two words", "소아 영상", "100%"])
def test_celery_reaches_a_broker_in_a_folder_of_any_name(tmp_path: Path, name: str) -> None:
    folders = Folders(tmp_path / name)
    folders.prepare()
    log = (tmp_path / "log").open("wb")
    with log, subprocess.Popen(broker_command(folders), stdout=log) as broker:
        try:
            end = time.monotonic() + 60
            while not broker_answers(folders.socket):
                assert time.monotonic() < end, "the broker does not start"
                time.sleep(0.01)
            with (
                Connection(folders.broker_url) as connection,
                connection.SimpleQueue("analyze") as queue,
            ):
                queue.put({})
                assert queue.qsize() == 1
        finally:
            broker.terminate()
            folders.tidy()
