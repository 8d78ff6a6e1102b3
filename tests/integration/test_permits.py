"""Permits and the clock of the sweep, against a real broker that goes away."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from lungline.errors import BrokerUnavailable
from lungline.queueing import Permits, Queue, make_celery
from lungline.settings import Settings
from tests.factories.work import make_settings
from tests.factories.worker_processes import WorkerProcesses, wait_for
from tests.fixtures.valkey import ValkeyServer

pytestmark = pytest.mark.integration


@pytest.fixture
def settings(valkey: ValkeyServer, tmp_path: Path) -> Settings:
    with valkey.client() as client:
        client.flushall()
    return make_settings(
        tmp_path, broker_url=valkey.url, permits_ready=8, sweep_interval_seconds=0.2
    )


@pytest.fixture
def permits(settings: Settings) -> Iterator[Permits]:
    permits = Permits(make_celery(settings), settings)
    yield permits
    permits.close()


def test_permits_are_topped_up_to_what_is_wanted_and_no_further(permits: Permits):
    assert permits.ready(Queue.ANALYZE) == 0

    assert permits.top_up(Queue.ANALYZE, 3) == 3
    assert permits.top_up(Queue.ANALYZE, 3) == 0
    assert permits.top_up(Queue.ANALYZE, 5) == 2

    assert permits.ready(Queue.ANALYZE) == 5


def test_a_job_of_a_million_films_is_a_handful_of_messages(permits: Permits):
    assert permits.top_up(Queue.ANALYZE, 62_500) == 8


def test_a_worker_sends_one_at_a_time(permits: Permits):
    assert permits.top_up(Queue.ANALYZE, 5, at_most=1) == 1


def test_queues_are_counted_apart(permits: Permits):
    permits.top_up(Queue.EXPAND, 2)

    assert permits.ready(Queue.EXPAND) == 2
    assert permits.ready(Queue.CONTROL) == 0


def test_nothing_is_sent_when_nothing_is_wanted(permits: Permits):
    assert permits.top_up(Queue.ANALYZE, 0) == 0


def test_a_broker_that_is_down_is_told_and_used_again_when_back(
    permits: Permits, valkey: ValkeyServer
):
    permits.top_up(Queue.ANALYZE, 1)
    valkey.stop()
    valkey.empty()

    with pytest.raises(BrokerUnavailable):
        permits.top_up(Queue.ANALYZE, 1)
    with pytest.raises(BrokerUnavailable):
        permits.ready(Queue.ANALYZE)

    valkey.start()
    assert permits.top_up(Queue.ANALYZE, 2) == 2


def test_beat_sends_a_sweep_only_when_none_waits_and_outlives_the_broker(
    settings: Settings, valkey: ValkeyServer
):
    with WorkerProcesses(settings) as processes, valkey.client() as client:
        processes.start("beat")
        wait_for(lambda: client.llen("control") == 1, 60)
        time.sleep(5 * settings.sweep_interval_seconds)
        assert client.llen("control") == 1
        assert psutil.Process(processes.pid("beat")).memory_info().rss < 100 << 20

        valkey.stop()
        valkey.empty()
        valkey.start()

        wait_for(lambda: client.llen("control") == 1, 60)
        processes.signal("beat")
        assert processes.wait("beat", 60) == 0
