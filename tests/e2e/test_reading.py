"""Films in by the command line, findings out: the same as from `ml` itself."""

from __future__ import annotations

import csv
import json
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from lungline.bundles import find_bundle
from lungline.settings import Settings
from ml.analyzer import Analyzer, Reading
from tests.e2e.upstack import Up, lungline, up
from tests.factories import films
from tests.fixtures.parts import REPOSITORY, real_data

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

DEMO_FILMS = REPOSITORY / "ml" / "demofilms" / "films"
REAL_FILMS = 60
TOLERANCE = 1e-4  # the batch's size moves the last digits of a float

Row = dict[str, str]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with up(tmp_path_factory.mktemp("up") / "데이터") as running:
        yield running


@pytest.fixture(scope="module")
def analyzer() -> Analyzer:
    settings = Settings()
    bundle = find_bundle(REPOSITORY / settings.bundles_dir, settings.bundle)
    return Analyzer.load(bundle.path, "openvino")


def findings(stack: Up, job_id: str, folder: Path) -> list[Row]:
    path = folder / "findings.csv"
    done = lungline("results", job_id, "--output", path, url=stack.url)
    assert done.returncode == 0, done.stderr
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def assert_as_read_directly(rows: list[Row], paths: dict[str, Path], analyzer: Analyzer) -> None:
    """Compare the service's rows with a direct reading, film by film."""
    assert sorted(row["name"] for row in rows) == sorted(paths), "each film once"
    for row in rows:
        (reading,) = analyzer.read([paths[row["name"]].read_bytes()])
        assert isinstance(reading, Reading)
        assert (row["status"], row["top_label"]) == ("succeeded", reading.top_label)
        assert row["attempt"] == ("0" if row["reused"] == "true" else "1")
        for finding in reading.findings:
            served = float(row[f"p_{finding.label}"])
            assert served == pytest.approx(finding.probability, abs=TOLERANCE)


def test_folder_of_demo_films_and_a_bad_one(stack: Up, analyzer: Analyzer, tmp_path: Path) -> None:
    """Given a folder with a text named .jpg, if I submit it, I expect all other films read."""
    folder = tmp_path / "films"
    shutil.copytree(DEMO_FILMS, folder / "소아")
    (folder / "text.jpg").write_text("this is no film")

    done = lungline("submit", folder, "--watch", "--json", url=stack.url)

    assert done.returncode == 3, done.stderr
    job = json.loads(done.stdout)
    assert job["status"] == "completed_with_errors"
    rows = findings(stack, job["id"], tmp_path)
    (bad,) = [row for row in rows if row["status"] == "failed"]
    assert (bad["name"], bad["error_code"]) == ("text.jpg", "unsupported_format")
    paths = {f"소아/{path.name}": path for path in DEMO_FILMS.glob("*.png")}
    assert len(paths) == 24
    assert_as_read_directly([row for row in rows if row is not bad], paths, analyzer)


def test_archive_of_real_films(stack: Up, analyzer: Analyzer, tmp_path: Path) -> None:
    folder = real_data("paediatric_hires") / "images"
    chosen = sorted(folder.rglob("*.jpeg"))[:: 1560 // REAL_FILMS][:REAL_FILMS]
    paths = {path.relative_to(folder).as_posix(): path for path in chosen}
    archive = tmp_path / "films.zip"
    with zipfile.ZipFile(archive, "w") as target:
        for name, path in paths.items():
            target.write(path, name)

    done = lungline("submit", archive, "--watch", url=stack.url)

    assert done.returncode == 0, done.stderr
    rows = findings(stack, done.stdout.strip(), tmp_path)
    assert len(rows) == REAL_FILMS
    assert_as_read_directly(rows, paths, analyzer)


def test_single_film_is_answered_as_in_a_batch(
    stack: Up, analyzer: Analyzer, tmp_path: Path
) -> None:
    film = DEMO_FILMS / "synthetic-normal-01.png"

    done = lungline("submit", film, "--watch", url=stack.url)

    assert done.returncode == 0, done.stderr
    assert_as_read_directly(
        findings(stack, done.stdout.strip(), tmp_path), {film.name: film}, analyzer
    )


def test_single_film_that_is_none_is_refused_with_its_code(stack: Up, tmp_path: Path) -> None:
    film = tmp_path / "text.jpg"
    film.write_text("this is no film")

    done = lungline("submit", film, url=stack.url)

    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1


def test_show_on_a_running_service(stack: Up, tmp_path: Path) -> None:
    done = lungline("submit", DEMO_FILMS / "synthetic-normal-01.png", "--watch", url=stack.url)
    (row,) = findings(stack, done.stdout.strip(), tmp_path)
    picture = tmp_path / "overlay.png"
    shown = lungline("show", row["item_id"], "-o", picture, url=stack.url)
    assert shown.returncode == 0, shown.stderr
    assert row["top_label"].replace("_", " ") in shown.stdout
    assert "no finding here is a diagnosis" in shown.stdout
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_unknown_job(stack: Up) -> None:
    done = lungline("status", "0" * 32, url=stack.url)

    assert done.returncode == 2
    assert "0" * 32 in done.stderr or "no such job" in done.stderr.lower()


def test_second_up_on_the_same_folder_is_refused(stack: Up) -> None:
    done = lungline("up", "--data", stack.data, "--port", 0)

    assert done.returncode == 2
    assert f"process {stack.process.pid}" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_second_up_on_the_same_port_is_refused(stack: Up, tmp_path: Path) -> None:
    port = stack.url.rpartition(":")[2]

    done = lungline("up", "--data", tmp_path, "--port", port)

    assert done.returncode == 2
    assert f"port {port}" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_parts_that_are_killed_are_started_again_and_nobody_notices(
    stack: Up, tmp_path: Path
) -> None:
    """Given all parts killed at once, if I submit a film, I expect it read."""
    for process in psutil.Process(stack.process.pid).children():
        process.kill()
    film = tmp_path / "film.jpg"
    film.write_bytes(films.jpeg(7))

    done = lungline("submit", film, "--watch", url=stack.url)

    assert done.returncode == 0, done.stderr
    parts = ("broker", "api", "analyze", "expand", "control", "beat")
    told = "\n".join(stack.lines)
    assert [part for part in parts if f"{part} died (SIGKILL)" not in told] == []
