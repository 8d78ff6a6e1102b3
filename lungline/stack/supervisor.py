"""Starts the parts, watches them, stops them in order: a thread that owns every child process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue

from lungline.stack.broker import broker_answers
from lungline.stack.errors import StackFailed
from lungline.stack.part import Part, describe_exit
from lungline.stack.plan import STOP_ORDER, PartSpec, Plan
from lungline.stack.readiness import Readiness

BROKER_SECONDS = 20.0
MIGRATE_SECONDS = 120.0
READY_SECONDS = 180.0  # a child may load its model for two minutes (lungline/queueing.py)
TICK_SECONDS = 0.1


class Supervisor:
    """Runs a plan until it is asked to stop or a part gives up.

    All processes are started from one thread that lives as long as they do, because the kernel
    ties their lives to the thread that started them (see `Process`).
    """

    def __init__(self, plan: Plan) -> None:
        """Prepare; nothing runs before `start`."""
        self.plan = plan
        self.ready = threading.Event()
        self.ended = threading.Event()
        self.failure: BaseException | None = None
        self.ready_seconds: float | None = None
        self._parts: dict[str, Part] = {}
        self._stop = threading.Event()
        self._hard = threading.Event()
        self._notices: SimpleQueue[str] = SimpleQueue()
        self._missing: list[str] = ["everything"]
        self._thread = threading.Thread(target=self._run, name="supervisor")

    def start(self) -> None:
        """Start the stack in the background."""
        self._thread.start()

    def stop(self, hard: bool = False) -> None:
        """Ask the stack to stop; `hard` ends every process at once."""
        if hard:
            self._hard.set()
        self._stop.set()

    def join(self) -> None:
        """Wait until every process has ended."""
        while not self.ended.wait(0.5):  # short waits let a signal handler run in between
            pass
        self._thread.join()

    @property
    def missing(self) -> list[str]:
        """What the stack still waits for before it is ready."""
        return list(self._missing)

    def pids(self) -> dict[str, int | None]:
        """The process ids of the parts by name; None between two lives."""
        return {name: part.pid for name, part in dict(self._parts).items()}

    def notices(self) -> list[str]:
        """Take what happened since the last call, for people."""
        taken = []
        while True:
            try:
                taken.append(self._notices.get_nowait())
            except Empty:
                return taken

    def _run(self) -> None:
        try:
            self._start_all()
            self._watch(until=self._stop.is_set)
        except BaseException as error:
            # Whatever it is, the processes must end; the main thread reports it.
            self.failure = error
        finally:
            self._stop_all()
            self.ended.set()

    def _start_all(self) -> None:
        began = time.monotonic()
        plan = self.plan
        self._start_broker()
        migrate = self._part(plan.migrate)
        migrate.start()
        self._finish(migrate)  # nobody may touch tables that are not there, or of an older version
        for spec in (*plan.workers, plan.api, plan.beat):
            self._part(spec).start()
        self._wait_ready()
        if not self._stop.is_set():
            self.ready_seconds = time.monotonic() - began
            self.ready.set()

    def _start_broker(self) -> None:
        """Start the broker; one that cannot read its data begins without.

        It holds nothing but messages that there is work, and the sweep sends those again.
        """
        self._missing = ["the broker"]
        try:
            self._await_broker()
        except StackFailed as error:
            if not error.log_lines:  # not started at all
                raise
            broker = self._parts.pop(self.plan.broker.name)
            broker.kill()
            broker.log.close()
            aside = self.plan.folders.set_broker_aside()
            self._notices.put(f"the broker could not read its data, which is now in {aside}")
            self._await_broker()

    def _await_broker(self) -> None:
        path = self.plan.folders.socket
        broker = self._part(self.plan.broker)
        broker.start()
        end = time.monotonic() + BROKER_SECONDS
        self._watch(until=lambda: broker_answers(path) or time.monotonic() > end, tick=0.01)
        if not self._stop.is_set() and not broker_answers(path):
            raise broker.failure(f"does not answer after {BROKER_SECONDS:g} s")

    def _finish(self, migrate: Part) -> None:
        """Wait for the migration."""
        self._missing = ["the database"]
        end = time.monotonic() + MIGRATE_SECONDS
        while (code := migrate.wait(TICK_SECONDS)) is None and not self._stop.is_set():
            if time.monotonic() > end:
                raise migrate.failure(f"is not done after {MIGRATE_SECONDS:g} s")
        if code:
            raise migrate.failure(f"failed ({describe_exit(code)})")
        if code == 0:
            migrate.log.close()
            del self._parts[migrate.name]

    def _wait_ready(self) -> None:
        plan = self.plan
        readiness = Readiness(plan.settings.url, plan.folders.run, plan.settings.worker_processes)
        end = time.monotonic() + READY_SECONDS

        def done() -> bool:
            if reason := readiness.refusal():
                raise StackFailed(f"a worker cannot begin: {reason}")
            self._missing = readiness.missing()
            return not self._missing or time.monotonic() > end

        try:
            self._watch(until=done)
        finally:
            readiness.close()
        if self._missing and not self._stop.is_set():
            raise StackFailed(
                f"not ready after {READY_SECONDS:g} s, still waiting for "
                f"{', '.join(self._missing)}; the logs are in {plan.folders.logs}",
                self._parts[plan.workers[0].name].log.last_lines,
            )

    def _watch(self, until: Callable[[], bool], tick: float = TICK_SECONDS) -> None:
        """Look after the parts until `until` holds or a stop is asked for."""
        while not self._stop.is_set() and not until():
            for part in self._parts.values():
                if notice := part.look():
                    self._notices.put(notice)
            self._stop.wait(tick)

    def _part(self, spec: PartSpec) -> Part:
        plan = self.plan
        part = Part(spec, plan.checkout, plan.environment, plan.folders)
        self._parts[spec.name] = part
        return part

    def _stop_all(self) -> None:
        self.plan.listener.close()  # new clients are refused from now on
        order = [*STOP_ORDER[:-1], (self.plan.migrate.name,), *STOP_ORDER[-1:]]
        for names in order:
            self._stop_stage([part for name in names if (part := self._parts.get(name))])
        for part in self._parts.values():
            part.log.close()

    def _stop_stage(self, parts: list[Part]) -> None:
        for part in parts:
            part.ask_to_stop()
        end = time.monotonic() + max((part.spec.grace_seconds for part in parts), default=0)
        while any(part.running for part in parts) and time.monotonic() < end:
            if self._hard.wait(0.02):
                break
        for part in parts:
            if part.running and not self._hard.is_set():
                self._notices.put(f"{part.name} did not stop in time and was killed")
            part.kill()
