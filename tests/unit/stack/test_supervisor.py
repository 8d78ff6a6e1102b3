"""The supervisor with real processes, small ones."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from lungline.stack import StackFailed, Supervisor
from tests.factories.stacks import DEGRADED_API, REFUSING, STUBBORN, TinyPlan, tiny_plan

PATIENCE = 60.0


@contextmanager
def running(plan: TinyPlan) -> Iterator[Supervisor]:
    supervisor = Supervisor(plan)
    supervisor.start()
    try:
        yield supervisor
    finally:
        supervisor.stop()
        supervisor.join()


def eventually(condition: Callable[[], object], seconds: float = PATIENCE) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def log_of(data: Path, part: str) -> str:
    return (data / "logs" / f"{part}.log").read_text()


_others: set[int] = set()


@pytest.fixture(autouse=True)
def _know_others() -> None:
    """Pools of other tests leave the resource tracker of `multiprocessing`, as old as pytest."""
    _others.clear()
    _others.update(child.pid for child in psutil.Process().children(recursive=True))


def descendants() -> list[psutil.Process]:
    children = psutil.Process().children(recursive=True)
    return [child for child in children if child.pid not in _others]


def test_stack_gets_ready_and_stops_in_order_without_leaving_a_process(tmp_path: Path) -> None:
    plan = tiny_plan(tmp_path)
    with running(plan) as supervisor:
        assert supervisor.ready.wait(PATIENCE)
        assert supervisor.ready_seconds is not None
        for name in ("analyze", "expand", "control", "beat"):
            eventually(lambda name=name: f"loaded {name}" in log_of(tmp_path, name))
        assert len(descendants()) >= 10  # 6 parts, and the 4 children of the workers

    assert supervisor.failure is None
    assert descendants() == []
    assert plan.stop_order[0] == "beat"
    assert sorted(plan.stop_order[1:]) == ["analyze", "control", "expand"]
    assert list((tmp_path / "broker").rglob("*.aof")), "the broker keeps an append-only file"


def test_stack_whose_api_does_not_reach_the_broker_is_not_ready(tmp_path: Path) -> None:
    with running(tiny_plan(tmp_path, {"api": DEGRADED_API})) as supervisor:
        eventually(lambda: supervisor.missing == ["the API's connection to the broker"])
        assert not supervisor.ready.is_set()


def test_dead_part_is_started_again_and_its_children_are_not_left(tmp_path: Path) -> None:
    plan = tiny_plan(tmp_path)
    with running(plan) as supervisor:
        assert supervisor.ready.wait(PATIENCE)
        analyze = supervisor.pids()["analyze"]
        assert analyze is not None
        (child,) = psutil.Process(analyze).children()

        os.kill(analyze, signal.SIGKILL)

        eventually(lambda: supervisor.pids()["analyze"] not in {None, analyze})
        eventually(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)
        assert any("analyze died (SIGKILL)" in notice for notice in supervisor.notices())


def test_part_that_keeps_dying_ends_the_stack_with_its_last_words(tmp_path: Path) -> None:
    plan = tiny_plan(tmp_path, {"beat": "import sys; print('no such host'); sys.exit(3)"})
    with running(plan) as supervisor:
        assert supervisor.ended.wait(PATIENCE)

    assert isinstance(supervisor.failure, StackFailed)
    assert "beat keeps dying" in supervisor.failure.message
    assert "exit code 3" in supervisor.failure.message
    assert supervisor.failure.log_lines == ("no such host",)
    assert descendants() == []


def test_bundle_that_no_child_can_load_ends_the_stack_at_once(tmp_path: Path) -> None:
    with running(tiny_plan(tmp_path, {"analyze": REFUSING})) as supervisor:
        assert supervisor.ended.wait(PATIENCE)

    assert isinstance(supervisor.failure, StackFailed)
    assert supervisor.failure.message.endswith("the bundle is damaged")
    assert descendants() == []


def test_failed_migration_ends_the_stack(tmp_path: Path) -> None:
    plan = tiny_plan(tmp_path, {"migrate": "import sys; sys.exit('disk is full')"})
    with running(plan) as supervisor:
        assert supervisor.ended.wait(PATIENCE)

    assert isinstance(supervisor.failure, StackFailed)
    assert "migrate failed (exit code 1)" in supervisor.failure.message
    assert supervisor.failure.log_lines == ("disk is full",)


def test_part_that_does_not_stop_is_killed_when_its_grace_is_over(tmp_path: Path) -> None:
    plan = tiny_plan(tmp_path, {"beat": STUBBORN}, grace_seconds=0.5)
    with running(plan) as supervisor:
        assert supervisor.ready.wait(PATIENCE)
        eventually(lambda: "stubborn" in log_of(tmp_path, "beat"))
        supervisor.stop()
        assert supervisor.ended.wait(PATIENCE)

    assert any("beat did not stop in time" in notice for notice in supervisor.notices())
    assert descendants() == []


def test_hard_stop_waits_for_nobody(tmp_path: Path) -> None:
    plan = tiny_plan(tmp_path, {"beat": STUBBORN}, grace_seconds=600)
    with running(plan) as supervisor:
        assert supervisor.ready.wait(PATIENCE)
        eventually(lambda: "stubborn" in log_of(tmp_path, "beat"))
        supervisor.stop()
        supervisor.stop(hard=True)
        assert supervisor.ended.wait(PATIENCE)

    assert descendants() == []


def test_stop_while_starting_leaves_nothing(tmp_path: Path) -> None:
    plan = tiny_plan(tmp_path, {"migrate": "import time; time.sleep(600)"})
    with running(plan) as supervisor:
        eventually(lambda: supervisor.pids().get("migrate"))

    assert supervisor.failure is None
    assert not supervisor.ready.is_set()
    assert descendants() == []


def test_broker_that_is_killed_comes_back_with_its_data(tmp_path: Path) -> None:
    plan = tiny_plan(tmp_path)
    with running(plan) as supervisor:
        assert supervisor.ready.wait(PATIENCE)
        broker = supervisor.pids()["broker"]
        assert broker is not None

        os.kill(broker, signal.SIGKILL)

        eventually(lambda: supervisor.pids()["broker"] not in {None, broker})
        eventually(lambda: plan.folders.socket.exists())


def test_broker_that_cannot_read_its_data_begins_without(tmp_path: Path) -> None:
    with running(tiny_plan(tmp_path)) as supervisor:
        assert supervisor.ready.wait(PATIENCE)
    for path in (tmp_path / "broker").rglob("*.aof"):
        path.write_bytes(b"this is no append-only file" * 100)

    with running(tiny_plan(tmp_path)) as supervisor:
        assert supervisor.ready.wait(PATIENCE)
        assert any("could not read its data" in notice for notice in supervisor.notices())

    assert list(tmp_path.glob("broker.damaged-*"))
