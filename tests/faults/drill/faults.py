"""The faults, by name."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from collections.abc import Callable, Mapping

import psutil

from lungline.queueing import TASK_OF_QUEUE, Queue, make_celery
from storage.database import LOCK_WAIT_SECONDS
from storage.objects.local import LocalStore
from tests.faults.drill.drill import FILMS, Drill, Fault
from tests.faults.drill.stack import PARTS, paused, wait_for
from tests.faults.drill.strikes import (
    CLOCK,
    ENQUEUE,
    POINTS,
    STORE,
    STRUCK,
    arm,
    armed,
    set_mode,
)
from tests.fixtures.wire import State

KILL, TERM = signal.SIGKILL, signal.SIGTERM
AWAY_SECONDS = (0.2, 2.0)
"""How long a server is away, drawn between."""


def end(part: str, number: signal.Signals) -> Callable[[Drill], None]:
    """End a part with a signal, all of it with SIGKILL, and start it again."""

    def strike(drill: Drill) -> None:
        if number is KILL:
            drill.stack.kill(part)
        else:
            drill.stack.signal(part, number)
            drill.stack.await_end(part)
        drill.stack.start(part)

    return strike


def parent_alone(part: str) -> Callable[[Drill], None]:
    """Kill the parent; its children end by themselves."""

    def strike(drill: Drill) -> None:
        family = [psutil.Process(pid) for pid in drill.stack.children(part)]
        drill.stack.signal(part, KILL)
        drill.stack.await_end(part)
        psutil.wait_procs(family, timeout=60)
        drill.stack.start(part)

    return strike


def child(number: signal.Signals) -> Callable[[Drill], None]:
    """Send a signal to one child of the worker, which starts another."""

    def strike(drill: Drill) -> None:
        os.kill(drill.rng.choice(drill.stack.children("analyze")), number)

    return strike


def at_point(point: str, *, whole: bool) -> Callable[[Drill], None]:
    """Kill the child that comes to a point, or the worker whose child does."""

    def strike(drill: Drill) -> None:
        family = [psutil.Process(pid) for pid in drill.stack.children("analyze")]
        arm(drill.stack.strikes, point, whole=whole)
        wait_for(lambda: not armed(drill.stack.strikes, point), f"a worker {point}")
        if whole:
            drill.stack.await_end("analyze")
            psutil.wait_procs(family, timeout=60)
            drill.stack.start("analyze")

    return strike


def whole_stack(drill: Drill) -> None:
    """End all processes of the service at once, and start them again."""
    drill.stack.kill(*PARTS)
    drill.stack.start(*PARTS)
    drill.stack.await_ready()


def server(name: str, number: signal.Signals) -> Callable[[Drill], None]:
    """End a server, and start it again after a while."""

    def strike(drill: Drill) -> None:
        which = getattr(drill.stack.pair, name)
        which.kill() if number is KILL else which.stop()
        time.sleep(drill.rng.uniform(*AWAY_SECONDS))
        which.start()

    return strike


def broker_emptied(drill: Drill) -> None:
    """Throw all messages away."""
    valkey = drill.stack.pair.valkey
    valkey.kill()
    valkey.empty()
    valkey.start()


def broker_of_yesterday(drill: Drill) -> None:
    """Start the broker from an old append-only file: permits that were spent, and some twice."""
    valkey = drill.stack.pair.valkey
    old = drill.scratch / "appendonly"
    valkey.copy_data(old)
    before = drill.done()
    wait_for(lambda: drill.done() > min(before + 40, FILMS - 1), "some more films")
    valkey.kill()
    valkey.put_data(old)
    valkey.start()


def hundred_permits(drill: Drill) -> None:
    """Deliver permits a hundred times over."""
    app = make_celery(drill.stack.settings)
    with app.producer_pool.acquire(block=True) as producer:
        for queue in (Queue.ANALYZE, Queue.EXPAND, Queue.CONTROL):
            for _ in range(100):
                app.send_task(TASK_OF_QUEUE[queue], queue=queue, producer=producer)
    app.close()


def doubled(drill: Drill) -> None:
    """Let two beats and two sweeps run for a while."""
    drill.stack.start("beat-2", "control-2")
    before = drill.done()
    wait_for(lambda: drill.done() > min(before + 60, FILMS - 1), "some more films")
    for part in ("beat-2", "control-2"):
        drill.stack.signal(part, TERM)
        drill.stack.await_end(part)
        drill.stack.forget(part)


def lost_lease(drill: Drill) -> None:
    """Stop a process in the middle of a batch until its films are another's; let it go on.

    It stands still for less than `batch_hard_limit_seconds`, after which its parent would kill it.
    """
    settings, strikes = drill.stack.settings, drill.stack.strikes
    (strikes / STRUCK).unlink(missing_ok=True)
    arm(strikes, "in inference", signal="SIGSTOP")
    wait_for(lambda: (strikes / STRUCK).exists() and bool((strikes / STRUCK).read_text()), "a stop")
    pid = int((strikes / STRUCK).read_text())
    with paused(pid):
        time.sleep(settings.lease_seconds + 3 * settings.sweep_interval_seconds)


def store_mode(mode: str) -> Callable[[Drill], None]:
    """Let the workers' store go wrong for some seconds."""

    def strike(drill: Drill) -> None:
        set_mode(drill.stack.strikes, STORE, mode=mode)
        time.sleep(drill.rng.uniform(1.0, 3.0))
        set_mode(drill.stack.strikes, STORE)

    return strike


def wire_of(name: str, state: State, most_seconds: float) -> Callable[[Drill], None]:
    """Let the line to a server fail for some seconds, also for longer than anybody waits."""

    def strike(drill: Drill) -> None:
        with drill.stack.pair.wires[name].failing(state):
            time.sleep(drill.rng.uniform(1.0, most_seconds))

    return strike


def clock_jump(seconds: int) -> Callable[[Drill], None]:
    """Let the machine's clock be wrong for longer than a lease; it jumps there and back."""

    def strike(drill: Drill) -> None:
        settings = drill.stack.settings
        set_mode(drill.stack.strikes, CLOCK, seconds=str(seconds))
        time.sleep(settings.lease_seconds + 3 * settings.sweep_interval_seconds)
        set_mode(drill.stack.strikes, CLOCK)

    return strike


def set_back(drill: Drill) -> None:
    """Set the clock back, for good, and kill the worker that took films by the old one."""
    set_mode(drill.stack.strikes, CLOCK, seconds="-3600")
    end("analyze", KILL)(drill)


def locked_database(drill: Drill) -> None:
    """Keep the database locked for some seconds, also for longer than anybody waits for it."""
    seconds = drill.rng.uniform(1.0, 1.3 * LOCK_WAIT_SECONDS)
    if drill.stack.pair.postgres:
        with drill.desk.database.read() as connection:
            connection.exec_driver_sql("LOCK TABLE items IN ACCESS EXCLUSIVE MODE")
            time.sleep(seconds)
        return
    file = drill.desk.database.engine.url.database
    with sqlite3.connect(str(file), isolation_level=None, timeout=60) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        time.sleep(seconds)
        connection.execute("ROLLBACK")
    connection.close()


def dead_connections(drill: Drill) -> None:
    """End all connections to the database, as a restart or a proxy does."""
    postgres = drill.stack.pair.postgres
    assert postgres is not None
    with postgres.connect() as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = 'drill' AND pid <> pg_backend_pid()"
        )


def full_disk(drill: Drill) -> None:
    """Let the disk of the local store be full for some seconds, as the workers see it."""
    assert isinstance(drill.desk.store, LocalStore)
    set_mode(drill.stack.strikes, STORE, mode="full")
    time.sleep(drill.rng.uniform(1.0, 3.0))
    set_mode(drill.stack.strikes, STORE)


def api_in_upload(number: signal.Signals) -> Callable[[Drill, int], None]:
    """End the API while it takes the body; the client sends it again."""

    def strike(drill: Drill, sent: int) -> None:
        assert sent
        end("api", number)(drill)

    return strike


def before_enqueue(drill: Drill, sent: int) -> None:
    """Kill the API's process between its commit and its enqueue."""
    assert sent
    arm(drill.stack.strikes, ENQUEUE)


def _catalogue() -> list[Fault]:
    faults = [
        Fault("worker child, SIGKILL", child(KILL)),
        Fault("worker child, SIGTERM", child(TERM)),
        Fault("worker's parent, SIGKILL", parent_alone("analyze")),
        Fault("API in mid-upload, SIGKILL", submitting=api_in_upload(KILL)),
        Fault("API in mid-upload, SIGTERM", submitting=api_in_upload(TERM)),
        Fault("API between commit and enqueue", submitting=before_enqueue),
        Fault("API in an upload of parts, SIGKILL", submitting=api_in_upload(KILL), in_parts=True),
        Fault("whole stack, SIGKILL", whole_stack),
        Fault("broker emptied", broker_emptied),
        Fault("broker from an old file", broker_of_yesterday, share=(0.05, 0.2)),
        Fault("permits delivered 100 times", hundred_permits),
        Fault("two beats, two sweeps", doubled, share=(0.05, 0.2)),
        Fault("lease lost, worker goes on", lost_lease, share=(0.05, 0.3)),
        Fault("store fails", store_mode("fails")),
        Fault("store is slow", store_mode("slow")),
        Fault("store gives wrong bytes", store_mode("wrong bytes")),
        Fault("object store answers 500", wire_of("seaweed", State.REFUSING, 10), needs="seaweed"),
        Fault("object store is silent", wire_of("seaweed", State.SILENT, 30), needs="seaweed"),
        Fault("database is silent", wire_of("postgres", State.SILENT, 15), needs="postgres"),
        Fault("disk full", full_disk, needs="local"),
        Fault("clock an hour ahead", clock_jump(3600), share=(0.05, 0.2)),
        Fault("clock an hour behind", clock_jump(-3600), share=(0.05, 0.2)),
        Fault("clock set back, worker killed", set_back),
        Fault("database locked", locked_database),
        Fault("dead database connections", dead_connections, needs="postgres"),
        Fault("film that ends its process", deadly=("exit",)),
        Fault("film that hangs", deadly=("hang",)),
        Fault("film that eats memory", deadly=("eat",)),
    ]
    for number in (KILL, TERM):
        told = number.name
        faults += [
            Fault(f"expander in mid-archive, {told}", end("expand", number), (0.1, 0.5), True),
            Fault(f"worker, {told}", end("analyze", number)),
            Fault(f"control worker, {told}", end("control", number)),
            Fault(f"beat, {told}", end("beat", number)),
            Fault(f"API while a job runs, {told}", end("api", number)),
            Fault(f"broker, {told}", server("valkey", number)),
            Fault(f"object store, {told}", server("seaweed", number), needs="seaweed"),
            Fault(f"database, {told}", server("postgres", number), needs="postgres"),
        ]
    for point in POINTS:
        faults += [
            Fault(f"child killed {point}", at_point(point, whole=False)),
            Fault(f"worker killed {point}", at_point(point, whole=True)),
        ]
    return faults


FAULTS: Mapping[str, Fault] = {fault.name: fault for fault in _catalogue()}
