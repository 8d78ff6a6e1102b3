"""Real and damaged films through the running service: each is answered, by findings or by name."""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from lungline.domain import JobStatus
from lungline.errors import FILM_CODES
from tests.factories import archives
from tests.factories.whole import Json, Whole, whole_service
from tests.factories.worker_processes import wait_for
from tests.faults.drill.pairs import EMBEDDED, running_pair
from tests.fixtures.parts import REPOSITORY
from tests.hostile import corpus
from tests.hostile.child import case_data
from tests.hostile.targets import TARGETS

BLAMES_THE_SERVICE = frozenset(
    {"attempts_exhausted", "internal_error", "missing_object", "bundle_unusable"}
)
"""Codes that say that the service failed, not the film."""
MOST_SECONDS = 1_800
"""For a job, on a machine that does other things beside."""
PICTURES = ("film", "mask", "heatmap", "clahe", "overlay")


@dataclass(slots=True)
class Films:
    """What came of films.

    Attributes:
        real: Files as they came.
        damaged: Damaged ones.
        codes: What came of each: `read`, or the code of its error.
        findings: What must not be.
    """

    real: int = 0
    damaged: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)


def send_all(damaged: int, seed: int, *, bundles: Path | None = None) -> Films:
    """Start a service, send it films in a form and an archive, look at all that came of them.

    Args:
        damaged: How many damaged films are sent beside the real ones.
        seed: Of the damage.
        bundles: The model bundles; None: the tests' tiny one.
    """
    real = {path.name: path.read_bytes() for path in corpus.real_paths()}
    cases = [case_data(TARGETS["decode"], seed, number) for number in range(damaged)]
    broken = {f"{number:05}.dcm": data for number, data in enumerate(cases)}
    films = Films(len(real), len(broken))
    with tempfile.TemporaryDirectory(prefix="lungline-live-") as name:
        folder = Path(name)
        with (
            running_pair(EMBEDDED, folder / "servers") as pair,
            whole_service(folder, pair.valkey, bundles=bundles) as service,
        ):
            if real:
                _look(service, service.send_form(real), films, len(real))
            archive = service.send(archives.zip_of(broken), "application/zip")
            _look(service, archive, films, len(broken))
            if service.server.process.poll() is not None:
                films.findings.append("the API ended")
    return films


def _look(service: Whole, job: Json, films: Films, expected: int) -> None:
    """Wait for a job; each film has an end, and each picture an answer that is no fault of ours."""
    wait_for(lambda: JobStatus(service.job(job)["status"]).terminal, MOST_SECONDS)
    items = service.items(job)
    if len(items) != expected:
        films.findings.append(f"{expected} films make {len(items)} items")
    for name, item in items.items():
        code = (item["error"] or {}).get("code", "read")
        films.codes[code] += 1
        read = item["prediction"] is not None and bool(item["prediction"]["findings"])
        answered = read if code == "read" else code in FILM_CODES
        if not answered or code in BLAMES_THE_SERVICE:
            films.findings.append(f"{name}: {item['status']}, {code}")
        for picture in PICTURES:
            answer = service.server.http.get(f"/v1/items/{item['id']}/{picture}?size=256")
            if answer.status_code >= 500:
                films.findings.append(f"{name}: {picture} gives {answer.status_code}")


BUNDLES = REPOSITORY / "ml" / "bundles"
"""The shipped bundles."""
