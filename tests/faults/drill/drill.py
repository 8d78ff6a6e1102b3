"""One round: a job, a fault in its middle, and what must hold afterwards."""

from __future__ import annotations

import hashlib
import io
import random
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from lungline.client.client import JobOptions, LunglineClient
from lungline.client.retry import Retry
from lungline.domain import DEFAULT_TENANT, ItemStatus, JobStatus
from lungline.errors import DatabaseUnavailable
from storage.events import EventType
from storage.intake import FilmIntake
from storage.jobs import Job
from storage.object_audit import ObjectAudit
from storage.object_audit.places import Kind
from storage.objects import Listed, ObjectStore
from tests.factories.work import Desk
from tests.faults.drill.films import make_films
from tests.faults.drill.stack import PATIENCE_SECONDS, Stack, Stuck, wait_for
from tests.faults.drill.strikes import CLOCK, DEADLY, disarm, set_mode
from tests.faults.drill.undisturbed import same

FILMS = 300
AFTERWARDS = 8
"""Films of the job that shows that the stack serves again."""
PADDING = 24 << 20
"""Bytes with which an archive is sent in several parts."""
STORED_EVERY = 30
"""Of so many films one is fetched, and compared with its checksum."""
PATIENT = Retry(tries=60, first_seconds=0.1, most_seconds=1.0)


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that goes wrong.

    Attributes:
        name: Told in the table.
        strike: Breaks the stack in the middle of the job, and starts again what a supervisor
            would.
        share: Of the films, read or with `expanding` unpacked, before it strikes; drawn between.
        expanding: Strikes while the archive is being unpacked.
        submitting: Strikes in the submission itself: called with the bytes sent so far.
        in_parts: The archive is so large that it is uploaded in parts.
        deadly: What some films do to the process that reads them.
        needs: "postgres" or "seaweed" or "local", where it needs one.
    """

    name: str
    strike: Callable[[Drill], None] = lambda drill: None
    share: tuple[float, float] = (0.05, 0.5)
    expanding: bool = False
    submitting: Callable[[Drill, int], None] | None = None
    in_parts: bool = False
    deadly: tuple[str, ...] = ()
    needs: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a round showed.

    Attributes:
        lost: Films without a finding that could be read.
        double: Films with more than one row.
        differ: Films with other findings than when nothing is broken.
        stuck: What did not come; empty where all did.
        wrong: Whatever else should hold and does not.
        resumed_seconds: From the fault to the next film read; None where none was left.
        seconds: From the fault to the job's end.
    """

    lost: int = 0
    double: int = 0
    differ: int = 0
    stuck: str = ""
    wrong: list[str] = field(default_factory=list)
    resumed_seconds: float | None = None
    seconds: float = 0.0

    @property
    def good(self) -> bool:
        """Whether nothing was lost, doubled, changed or stuck."""
        return not (self.lost or self.double or self.differ or self.stuck or self.wrong)


class Drill:
    """A running stack, and the job that is broken in it."""

    def __init__(self, stack: Stack, seed: int) -> None:
        self.stack, self.seed = stack, seed
        self.rng = random.Random(seed)
        self.desk = Desk(stack.settings)
        self.job: Job | None = None
        self.patience = PATIENCE_SECONDS
        self.scratch = stack.strikes.parent / f"round-{seed}"
        self.scratch.mkdir()

    def run(self, fault: Fault) -> Outcome:
        """Break a job, wait for its end, and look whether all holds."""
        films = make_films(FILMS, self.seed)
        if "hang" in fault.deadly:
            # It is given up after one attempt among others and all those alone.
            settings = self.stack.settings
            self.patience += settings.batch_hard_limit_seconds * (1 + settings.max_attempts)
        deadly = self._arm_films(films, fault.deadly)
        try:
            began, resumed = self._break(films, fault)
            self._await("the job's end", lambda job: job.status.terminal)
            seconds = time.monotonic() - began
            without_owner, stored = self._compare_store(fault)
            outcome = self._look(films, deadly, stored, resumed, seconds)
            outcome.wrong.extend(without_owner)
            outcome.wrong.extend(
                f"{left} was not carried out" for left in disarm(self.stack.strikes)
            )
            set_mode(self.stack.strikes, DEADLY)
            self._serve_again()
        except Stuck as error:
            return Outcome(stuck=str(error))
        finally:
            for mode in (DEADLY, CLOCK):
                set_mode(self.stack.strikes, mode)
            disarm(self.stack.strikes)
            self.desk.close()
        return outcome

    def done(self) -> int:
        """Films that are read."""
        return 0 if (job := self.look()) is None else job.succeeded

    def look(self) -> Job | None:
        """The job as it stands, or None while the database is away."""
        assert self.job is not None
        try:
            return self.desk.job(self.job)
        except DatabaseUnavailable:
            return None

    def _break(self, films: list[bytes], fault: Fault) -> tuple[float, float | None]:
        began = time.monotonic()
        self._submit(films, fault)
        if fault.submitting:
            return began, None
        least = fault.share[0] + self.rng.random() * (fault.share[1] - fault.share[0])
        if fault.expanding:
            self._await("unpacking", lambda job: job.entries_seen >= least * FILMS)
        else:
            self._await("the middle", lambda job: job.succeeded >= least * FILMS)
        began, before = time.monotonic(), self.done()
        fault.strike(self)
        self._await("work going on", lambda job: job.succeeded > before or job.status.terminal)
        return began, time.monotonic() - began

    def _submit(self, films: list[bytes], fault: Fault) -> None:
        archive = self.scratch / "films.zip"
        archive.write_bytes(zip_of(films, PADDING if fault.in_parts else 0))
        struck = False

        def sent(total: int) -> None:
            nonlocal struck
            if fault.submitting and total and not struck:
                struck = True
                fault.submitting(self, total)

        above = PADDING if fault.in_parts else 2 * archive.stat().st_size
        with LunglineClient(self.stack.settings.url, retry=PATIENT, upload_above=above) as client:
            told = client.submit_archive(archive, JobOptions(name=fault.name), sent)
        self.job = self.desk.repository.jobs.get(DEFAULT_TENANT, told.id)

    def _arm_films(self, films: list[bytes], acts: tuple[str, ...]) -> set[str]:
        """Let some films be deadly; give their hashes."""
        intake = FilmIntake(self.desk.store, self.stack.settings)
        chosen = self.rng.sample(films, len(acts))
        mode = {
            intake.prepare(DEFAULT_TENANT, film).film.sha256: act
            for film, act in zip(chosen, acts, strict=True)
        }
        set_mode(self.stack.strikes, DEADLY, **mode)
        return {hashlib.sha256(film).hexdigest() for film in chosen}

    def _await(self, what: str, holds: Callable[[Job], bool]) -> None:
        wait_for(lambda: (job := self.look()) is not None and holds(job), what, self.patience)

    def _look(
        self,
        films: list[bytes],
        deadly: set[str],
        stored: set[str],
        resumed: float | None,
        seconds: float,
    ) -> Outcome:
        assert self.job is not None
        items = self.desk.items(self.job)
        job = self.desk.job(self.job)
        times = Counter(item.name for item in items)
        found = {item.name: item for item in items}
        should = self.stack.undisturbed.of(films)
        lost = differ = 0
        wrong = self.desk.repository.repairs.check_counters()
        for number, film in enumerate(films):
            item = found.get(name_of(number))
            bad = hashlib.sha256(film).hexdigest() in deadly
            if item is None or (not bad and item.status is not ItemStatus.SUCCEEDED):
                lost += 1
            elif bad and (item.status, item.error_code) != (ItemStatus.FAILED, EXHAUSTED):
                wrong.append(f"a deadly film is {item.status}")
            elif not bad and number in should and not self._same(item, film, should[number]):
                differ += 1
        ended = JobStatus.COMPLETED_WITH_ERRORS if deadly else JobStatus.SUCCEEDED
        if job.status is not ended:
            wrong.append(f"the job is {job.status}")
        if (job.total, job.entries_accepted) != (FILMS, FILMS):
            wrong.append(f"{job.entries_accepted} entries and {job.total} films are counted")
        told = self.desk.repository.events.after(DEFAULT_TENANT, job.id)
        if (times_told := [each.type for each in told].count(EventType.FINISHED)) != 1:
            wrong.append(f"the job's end is told {times_told} times")
        if gone := {key for item in items for key in _keys_of(item)} - stored:
            wrong.append(f"{len(gone)} rows without their object")
        double = sum(count > 1 for count in times.values())
        return Outcome(lost, double, differ, "", wrong, resumed, seconds)

    def _same(self, item: Any, film: bytes, should: list[float]) -> bool:
        """Whether what is found, and now and then what is stored, is that of the film."""
        found = item.prediction.findings
        first = max(found, key=lambda finding: finding["probability"])["label"]
        if item.seq % STORED_EVERY == 0:
            stored = self.desk.store.get(item.film.object_key)
            if hashlib.sha256(stored).hexdigest() != item.film.sha256:
                return False
        return item.prediction.top_label == first and same(_found(item), should)

    def _compare_store(self, fault: Fault) -> tuple[list[str], set[str]]:
        """Audit the store with no grace: nothing is being sent or read.

        Only an API that died between store and database may leave archives without an owner, and
        those the audit must be able to remove.

        Returns:
            What should not be, and the keys that the store has.
        """
        seen: Any = Seen(self.desk.store)
        audit = ObjectAudit(self.desk.repository, seen, grace_seconds=0.0)
        found = [*audit.orphans(), *audit.unfinished()]
        stored = set(seen.listed)
        if not found:
            return [], stored
        excused = fault.submitting and all(each.kind == Kind.UPLOAD for each in found)
        wrong = [] if excused else [f"{len(found)} objects without an owner"]
        for orphan in found:
            audit.remove(orphan)
        audit.purge()
        left = len([*audit.orphans(), *audit.unfinished()])
        return wrong + ([f"{left} objects that the audit cannot remove"] if left else []), stored

    def _serve_again(self) -> None:
        """Read another job, with nobody's help."""
        for part in ("api", "expand", "control", "beat", "analyze"):
            if not self.stack.alive(part):
                raise Stuck(f"{part} has ended")
        archive = self.scratch / "again.zip"
        archive.write_bytes(zip_of(make_films(AFTERWARDS, self.seed + 1_000_000)))
        with LunglineClient(self.stack.settings.url, retry=PATIENT) as client:
            told = client.submit_archive(archive)
        self.job = self.desk.repository.jobs.get(DEFAULT_TENANT, told.id)
        self._await("a job afterwards", lambda job: job.succeeded == AFTERWARDS)


class Seen:
    """A store, and the keys of its listings: one listing serves both comparisons."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self.listed: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def listing(self, prefix: str) -> Iterator[Listed]:
        """Yield what the store lists."""
        for each in self._store.listing(prefix):
            self.listed.add(each.key)
            yield each


EXHAUSTED = "attempts_exhausted"


def name_of(number: int) -> str:
    """The name of a film in its archive."""
    return f"film-{number:04}.png"


def zip_of(films: list[bytes], padding: int = 0) -> bytes:
    """Pack films, and so many bytes that are no film."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for number, film in enumerate(films):
            archive.writestr(name_of(number), film)
        if padding:
            archive.writestr("padding.txt", bytes(padding))
    return packed.getvalue()


def _found(item: Any) -> list[float]:
    return [finding["probability"] for finding in item.prediction.findings]


def _keys_of(item: Any) -> list[str]:
    film, prediction = item.film, item.prediction
    pictures = (prediction.mask_key, prediction.view_key) if prediction else ()
    return [key for key in (film and film.object_key, *pictures) if key]
