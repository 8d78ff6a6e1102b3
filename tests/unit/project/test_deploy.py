"""The container files name only what the code knows."""

from __future__ import annotations

import re

from lungline.settings import Settings
from tests.fixtures.parts import REPOSITORY
from workers.__main__ import ROLES

COMPOSE = (REPOSITORY / "docker-compose.yml").read_text(encoding="utf-8")
DOCKERFILE = (REPOSITORY / "deploy" / "Dockerfile").read_text(encoding="utf-8")


def test_every_setting_is_one() -> None:
    named = set(re.findall(r"LUNGLINE_([A-Z0-9_]+)", COMPOSE + DOCKERFILE))
    assert len(named) > 5
    assert named <= {name.upper() for name in Settings.model_fields}


def test_every_worker_has_its_role_and_every_role_its_worker() -> None:
    assert set(re.findall(r"command: \[python, -m, workers, (\w+)\]", COMPOSE)) == set(ROLES)


def test_every_worker_is_watched_from_outside() -> None:
    services = re.split(r"^  [a-z0-9-]+:$", COMPOSE, flags=re.MULTILINE)
    workers = [service for service in services if "[python, -m, workers, " in service]
    workers = [service for service in workers if "command:" in service]
    assert len(workers) > len(ROLES)  # reading on CPU and GPU
    assert all("healthcheck: *health" in service for service in workers)
    assert "test: [CMD, python, -m, workers, health, --end]" in COMPOSE


def test_the_parts_are_all_there() -> None:
    services = set(
        re.findall(r"^  ([a-z0-9-]+):$", COMPOSE.partition("\nvolumes:")[0], re.MULTILINE)
    )
    wanted = {"api", "worker", "worker-gpu", "beat", "valkey", "postgres", "s3"}
    assert wanted <= services


def test_the_image_holds_the_rooms_and_the_extras_that_exist() -> None:
    for room in re.findall(r"^COPY (\w+) \1$", DOCKERFILE, re.MULTILINE):
        assert (REPOSITORY / room).is_dir()
    assert set(re.findall(r"'\.\[(\w+)\]'", DOCKERFILE)) == {"worker", "gpu"}
    ignored = (REPOSITORY / ".dockerignore").read_text(encoding="utf-8")
    for name in re.findall(r"^COPY (.+) \S+$", DOCKERFILE, re.MULTILINE):
        assert all(f"!{each}" in ignored for each in name.split())
