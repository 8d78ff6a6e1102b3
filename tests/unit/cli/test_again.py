"""Reading again, what changed by it, and finding films: what the commands ask and print."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from lungline.cli.app import app
from tests.factories.scripted import JOB_ID, Answer, job_wire, problem, scripted
from tests.fixtures.ports import NOBODY_URL

RUNNING = Answer(job_wire("running", succeeded=1, queued=1), 202)
CHANGE = {
    "seq": 3,
    "name": "a\n.png",
    "external_id": None,
    "from": {"item_id": "1", "top_label": "normal", "probabilities": {"normal": 0.61}},
    "to": {"item_id": "2", "top_label": "viral", "probabilities": {"normal": 0.2, "viral": 0.8}},
}
SUMMARY = [
    {"from": "normal", "to": "normal", "count": 1200},
    {"from": "normal", "to": "viral", "count": 1},
    {"from": None, "to": "viral", "count": 2},
]
ITEM = {"id": "i1", "job_id": JOB_ID, "name": "a.png", "status": "queued", "prediction": None}

Run = Callable[..., Result]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    def run(*arguments: object, url: str = "") -> Result:
        monkeypatch.setenv("LUNGLINE_URL", url or NOBODY_URL)
        return CliRunner().invoke(app, [str(argument) for argument in arguments])

    return run


def page(*items: dict[str, Any]) -> Answer:
    return Answer({"items": list(items), "summary": SUMMARY, "next": None})


def test_submit_reads_a_job_again(run: Run) -> None:
    with scripted(RUNNING) as service:
        options = ("--model", "m@2", "--name", "n", "--metadata", '{"a": [1]}', "--expires-in", 9)
        result = run("submit", "--from-job", JOB_ID, *options, url=service.url)

    assert result.stdout == f"{JOB_ID}\n"
    (seen,) = service.seen
    assert (seen.method, seen.path) == ("POST", "/v1/jobs")
    assert json.loads(seen.body) == {
        "from_job": JOB_ID,
        "bundle": "m@2",
        "name": "n",
        "metadata": {"a": [1]},
        "expires_in": 9,
    }
    assert len(seen.headers["Idempotency-Key"]) == 32


@pytest.mark.parametrize(
    "arguments", [(), ("--from-job", JOB_ID, "x.png"), ("--from-job", JOB_ID, "--external-id", "A")]
)
def test_submit_takes_either_paths_or_a_job(
    run: Run, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    with scripted(RUNNING) as service:
        result = run("submit", *arguments, url=service.url)

    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    assert service.seen == []


def test_changes_of_films_and_in_sum(run: Run) -> None:
    with scripted(page(CHANGE)) as service:
        words = run("changes", JOB_ID, url=service.url).stdout
        lines = run("changes", JOB_ID, "--json", url=service.url).stdout
        summary = run("changes", JOB_ID, "--summary", url=service.url).stdout

    assert words == "a?.png  normal 0.61 -> viral 0.80\n"
    assert json.loads(lines) == CHANGE
    assert summary.splitlines() == [
        "1,200 films  normal -> normal  (the same)",
        "1 film  normal -> viral",
        "2 films  not read -> viral",
    ]


def test_changes_of_a_job_without_another_end_in_one_line(run: Run) -> None:
    with scripted(problem(409, "not_read_again")) as service:
        result = run("changes", JOB_ID, url=service.url)

    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1


def test_find_asks_by_id_and_study_and_prints_what_is_found(run: Run) -> None:
    read = ITEM | {"prediction": {"top_label": "normal"}}
    with scripted(page(ITEM, read)) as service:
        words = run("find", "--external-id", "A/1", "--study", "f" * 32, url=service.url).stdout
        lines = run("find", "--external-id", "A/1", "-n", 1, "--json", url=service.url).stdout

    assert words == f"i1  {JOB_ID}  queued  a.png\ni1  {JOB_ID}  normal  a.png\n"
    assert json.loads(lines) == ITEM
    assert service.seen[0].path == f"/v1/items?external_id=A%2F1&study={'f' * 32}"
    assert run("find").exit_code == 2


def test_find_asks_by_metadata(run: Run) -> None:
    with scripted(page(ITEM)) as service:
        options = ("--metadata", "ward=A", "--metadata", "side=오", "--external-id", "x")
        result = run("find", *options, url=service.url)

    assert result.exit_code == 0
    assert service.seen[0].path == (
        "/v1/items?external_id=x&metadata.ward=A&metadata.side=%EC%98%A4"
    )


@pytest.mark.parametrize("options", [["secret"], ["secret=1", "secret=2"]])
def test_find_says_what_is_no_term_and_keeps_it_to_itself(run: Run, options: list[str]) -> None:
    given = [word for option in options for word in ("--metadata", option)]
    result = run("find", *given)

    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    assert "secret" not in result.stderr
