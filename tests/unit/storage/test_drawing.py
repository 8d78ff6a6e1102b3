"""Pictures are drawn elsewhere: what a film does to that process, it does to nobody else."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from lungline.errors import (
    FilmRejected,
    LunglineError,
    PartUnavailable,
    PictureFailed,
    PicturesBusy,
)
from lungline.settings import MIB, Settings
from storage.results.drawing.drawers import COMMAND, Drawers
from storage.results.render.draw import draw
from storage.results.render.order import Order
from tests.factories import films, planted_drawer
from tests.factories.services import lung_mask
from tests.factories.worker_processes import wait_for
from tests.fixtures.parts import REPOSITORY

FILM = films.jpeg(1)
ORDER = Order("film", 64)
SECONDS = 2.0
# Of a planted fault that must end: far more than a busy machine needs to start the process.
PATIENT = 60.0


@contextmanager
def drawers(*, command: Any = planted_drawer.COMMAND, **changes: Any) -> Iterator[Drawers]:
    values = {"picture_processes": 1, "picture_seconds": PATIENT} | changes
    made = Drawers(Settings(**values), command=command)
    try:
        yield made
    finally:
        made.close()


def processes() -> list[psutil.Process]:
    """Those that draw, started by this one."""
    mine = psutil.Process().children()
    return [
        each
        for each in mine
        if {"storage.results.drawing", "tests.factories.planted_drawer"} & set(each.cmdline())
    ]


@pytest.mark.parametrize(
    "order",
    [
        ORDER,
        Order("clahe", 50),
        Order("mask", 64),
        Order("heatmap", 64, region=(0.1, 0, 0.9, 1), activation=((0, 1), (2, 3)), fade=True),
        Order("overlay", 64, region=(0, 0, 1, 1), activation=((0, 1), (2, 3))),
    ],
)
def test_a_picture_is_the_one_that_would_be_drawn_here(order: Order) -> None:
    blobs = (FILM, lung_mask()) if order.kind in ("mask", "overlay") else (FILM,)
    with drawers(command=COMMAND) as made:
        assert made.draw(order, *blobs) == draw(order, *blobs)


def test_one_process_draws_many_pictures_and_ends_when_it_is_closed() -> None:
    with drawers(picture_processes=3) as made:
        assert processes() == []  # before it is needed
        for _ in range(5):
            made.draw(ORDER, FILM)
        (process,) = processes()
    assert not process.is_running()


def test_a_film_that_hangs_the_decoder_is_given_up_and_the_next_one_is_drawn() -> None:
    with drawers(picture_seconds=SECONDS) as made:
        made.draw(ORDER, FILM)
        (before,) = processes()
        with pytest.raises(PictureFailed, match="took longer"):
            made.draw(ORDER, planted_drawer.HANGS)
        assert not before.is_running()
    with drawers() as made:  # a new process needs its time on a busy machine
        assert made.draw(ORDER, FILM)


@pytest.mark.parametrize("film", [planted_drawer.DIES, planted_drawer.BABBLES])
def test_a_film_that_ends_the_process_or_takes_it_over_costs_one_picture(film: bytes) -> None:
    with drawers() as made:
        for _ in range(2):
            with pytest.raises(PictureFailed, match="ended the process"):
                made.draw(ORDER, film)
            assert made.draw(ORDER, FILM) == draw(ORDER, FILM)


def test_a_film_that_needs_too_much_memory_does_not_get_it() -> None:
    with drawers(picture_memory_bytes=512 * MIB) as made:
        made.draw(ORDER, FILM)
        (process,) = processes()
        assert process.rlimit(resource.RLIMIT_DATA) == (512 * MIB, 512 * MIB)
        assert process.rlimit(resource.RLIMIT_FSIZE) == (0, 0)
        with pytest.raises(PictureFailed, match="512 MiB"):
            made.draw(ORDER, planted_drawer.SWELLS)
        assert made.draw(ORDER, FILM)
        assert processes() == [process]


def test_a_mistake_of_our_own_is_told_in_the_log_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with drawers() as made, pytest.raises(LunglineError) as caught:
        made.draw(ORDER, planted_drawer.CRASHES)
    assert (caught.value.code, caught.value.status) == ("internal_error", 500)
    assert "mistake" not in caught.value.message
    assert "a mistake of our own" in capsys.readouterr().out


def test_what_cannot_be_decoded_is_named() -> None:
    with drawers() as made:
        for film in (b"", b"no picture", films.huge_png(), films.png8()[:60]):
            with pytest.raises(FilmRejected) as caught:
                made.draw(ORDER, film)
            assert caught.value.code == "undecodable"
        assert len(processes()) == 1


def test_who_finds_all_processes_drawing_waits_and_is_told_to_ask_again() -> None:
    def ask(_: int) -> str:
        try:
            made.draw(ORDER, planted_drawer.HANGS)
        except (PictureFailed, PicturesBusy) as error:
            return error.code
        return "drawn"

    with drawers(picture_seconds=SECONDS) as made, ThreadPoolExecutor(6) as threads:
        told = list(threads.map(ask, range(6)))
    assert set(told) == {"picture_failed", "pictures_busy"}


def test_the_process_knows_no_setting_and_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUNGLINE_S3_SECRET_KEY", "planted-secret")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "planted-secret")
    with drawers() as made:
        told = made.draw(ORDER, planted_drawer.TELLS_ENVIRONMENT).decode()
    assert "PATH=" in told
    assert "planted-secret" not in told
    assert "LUNGLINE" not in told


def test_a_process_that_cannot_start_is_a_part_that_is_away() -> None:
    with drawers(command=(sys.executable, "-c", "raise SystemExit(3)")) as made:
        for _ in range(2):
            with pytest.raises(PartUnavailable):
                made.draw(ORDER, FILM)


ORPHAN_MAKER = """
import sys, threading
from lungline.settings import Settings
from storage.results.drawing.drawers import Drawers
from storage.results.render.order import Order
from tests.factories import films, planted_drawer
made = Drawers(Settings(picture_processes=2, picture_seconds=2), command=planted_drawer.COMMAND)
def hang():
    made.draw(Order("film", 64), planted_drawer.HANGS)
made.draw(Order("film", 64), films.jpeg(1))
threading.Thread(target=hang, daemon=True).start()
made.draw(Order("film", 64), films.jpeg(1))
print("hangs", flush=True)
threading.Event().wait()
"""


def test_no_process_outlives_who_started_it_not_even_inside_a_decoder() -> None:
    # Given one process that hangs in a film and one that waits for its next order
    with subprocess.Popen(
        [sys.executable, "-c", ORPHAN_MAKER], cwd=REPOSITORY, stdout=subprocess.PIPE
    ) as maker:
        assert maker.stdout is not None
        assert maker.stdout.readline() == b"hangs\n"
        left = psutil.Process(maker.pid).children()
        # If nobody is left to end them
        maker.send_signal(signal.SIGKILL)
    assert left
    # I expect both to be gone
    wait_for(lambda: not any(_lives(each) for each in left))


def _lives(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def test_no_descriptor_is_left(tmp_path: Path) -> None:
    def opened() -> int:
        return psutil.Process().num_fds()

    with drawers() as made:
        made.draw(ORDER, FILM)
        before = opened()
        for _ in range(3):
            with pytest.raises(PictureFailed):
                made.draw(ORDER, planted_drawer.DIES)
            made.draw(ORDER, FILM)
        assert opened() == before
