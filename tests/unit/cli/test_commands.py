"""What the commands print, and how they end."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import lungline
from lungline.cli.app import app
from lungline.client import retry
from tests.factories import films
from tests.factories.scripted import JOB_ID, Answer, job_wire, problem, scripted
from tests.fixtures.ports import NOBODY_URL

RUNNING = Answer(job_wire("running", succeeded=1, queued=1), 202)
SUCCEEDED = Answer(job_wire("succeeded"))
PARTLY = Answer(job_wire("completed_with_errors", succeeded=1, failed=1))

COMMANDS = (
    *("up", "submit", "watch", "status", "jobs", "results", "entries", "changes", "find", "show"),
    "retry",
    *("pause", "resume", "change", "cancel", "delete", "keys", "webhooks", "demo", "doctor"),
)

Run = Callable[..., Result]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(retry.Retry, "wait", lambda *_: 0.0)

    def run(*arguments: object, url: str = "") -> Result:
        monkeypatch.setenv("LUNGLINE_URL", url or NOBODY_URL)
        return CliRunner().invoke(app, [str(argument) for argument in arguments])

    return run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "films"
    folder.mkdir()
    for number in range(2):
        (folder / f"{number}.jpg").write_bytes(films.jpeg(number))
    (folder / "labels.csv").write_text("a,b")
    return folder


def test_help_teaches_with_examples(run: Run) -> None:
    for command in COMMANDS:
        text = run(command, "--help").output
        assert "Example" in text
        assert f"lungline {command}" in text


def test_exit_codes_stand_in_the_help(run: Run) -> None:
    assert "Exit codes: 0 done; 1 the service" in " ".join(run("--help").output.split())


def test_version(run: Run) -> None:
    assert run("--version").output == f"lungline {lungline.__version__}\n"


def test_submit_prints_the_id_and_notes_what_was_left_out(run: Run, folder: Path) -> None:
    with scripted(RUNNING) as service:
        result = run("submit", folder, url=service.url)

    assert result.exit_code == 0
    assert result.stdout == f"{JOB_ID}\n"
    assert "Left out 1 file: not a film (.csv)" in result.stderr
    assert "Sent 2 films" in result.stderr


def test_submit_sends_films_as_one_job_and_each_archive_as_one_more(
    run: Run, folder: Path, tmp_path: Path
) -> None:
    archive = tmp_path / "more.zip"
    archive.write_bytes(b"PK\3\4")
    with scripted(RUNNING) as service:
        result = run("submit", folder, folder / "0.jpg", archive, url=service.url)

    assert result.stdout == f"{JOB_ID}\n" * 2
    assert [request.headers["Content-Type"] for request in service.seen] == ["application/zip"] * 2
    assert "name=films%2F0.jpg+and+2+films+more" in service.seen[0].path
    assert "name=more.zip" in service.seen[1].path


def test_submit_passes_on_what_was_said_of_the_job(run: Run, folder: Path) -> None:
    with scripted(RUNNING) as service:
        options = ("--name", "n", "--bundle", "b@1", "--priority", "bulk")
        run("submit", folder, *options, "--expires-in", "60", url=service.url)

    path = "/v1/jobs?name=n&bundle=b%401&priority=bulk&expires_in=60"
    assert service.seen[0].path == path


@pytest.mark.parametrize(("end", "code"), [(SUCCEEDED, 0), (PARTLY, 3)])
def test_watch_ends_by_how_the_job_ended(run: Run, folder: Path, end: Answer, code: int) -> None:
    with scripted(RUNNING, RUNNING, end) as service:
        result = run("submit", folder, "--watch", url=service.url)

    assert result.exit_code == code
    assert "2 films" in result.stderr
    assert "in 3.5 s" in result.stderr


def test_json_is_one_line_a_job(run: Run, folder: Path) -> None:
    with scripted(RUNNING, SUCCEEDED) as service:
        result = run("submit", folder, "--watch", "--json", url=service.url)

    assert json.loads(result.stdout)["status"] == "succeeded"


def test_status_says_what_goes_before_and_that_nobody_knows_the_end(run: Run) -> None:
    waiting = job_wire("running", queued=2, succeeded=0) | {
        "queue_position": 3,
        "rate_films_per_second": None,
        "eta_seconds": None,
    }
    with scripted(Answer(waiting)) as service:
        result = run("status", JOB_ID, url=service.url)

    assert result.stdout.endswith("waiting, 3 jobs before it, time left unknown\n")


def test_status_tells_counts_rate_and_eta(run: Run) -> None:
    with scripted(RUNNING) as service:
        result = run("status", JOB_ID, url=service.url)

    assert result.stdout == "running: 2 films, 1 read, 1 waiting, 12.5 films/s, 8 s left\n"


def test_status_tells_why_a_job_failed(run: Run) -> None:
    error = {"code": "archive_unreadable", "reason": "The archive is cut off."}
    wire = {**job_wire("failed", total=0, succeeded=0), "error": error}
    with scripted(Answer(wire)) as service:
        result = run("status", JOB_ID, "--watch", url=service.url)

    assert result.exit_code == 3
    assert "The archive is cut off." in result.stdout


def test_results_go_to_standard_output(run: Run) -> None:
    with scripted(Answer(b"item_id,name\n")) as service:
        result = run("results", JOB_ID, url=service.url)

    assert result.stdout == "item_id,name\n"
    assert service.seen[0].path.endswith("format=csv")


def test_results_may_tell_of_what_is_no_film_too(run: Run) -> None:
    with scripted(Answer(b"item_id,name\n")) as service:
        run("results", JOB_ID, "--ignored", url=service.url)
        refused = run("results", JOB_ID, "--ignored", "--background", url=service.url)

    assert [request.path for request in service.seen] == [
        f"/v1/jobs/{JOB_ID}/results?format=csv&ignored=true"
    ]
    assert refused.exit_code == 2
    assert "--ignored goes with findings" in refused.stderr


def test_results_go_into_a_file_whose_name_tells_the_format(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "findings.ndjson"
    with scripted(Answer(b"{}\n")) as service:
        run("results", JOB_ID, "--output", path, url=service.url)

    assert path.read_bytes() == b"{}\n"
    assert [entry.name for entry in tmp_path.iterdir()] == ["findings.ndjson"]
    assert service.seen[0].path.endswith("format=ndjson")


def test_results_that_break_off_leave_the_file_as_it_was(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "findings.csv"
    path.write_text("old")
    with scripted(problem(404, "job_not_found")) as service:
        result = run("results", JOB_ID, "--output", path, url=service.url)

    assert result.exit_code == 2
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["findings.csv"]


def test_results_into_a_folder_that_is_not_there(run: Run, tmp_path: Path) -> None:
    with scripted(Answer(b"x\n")) as service:
        result = run("results", JOB_ID, "-o", tmp_path / "absent" / "f.csv", url=service.url)

    assert result.exit_code == 4
    assert result.stderr.startswith("lungline: ")
    assert "No such file or directory; make that folder first" in result.stderr


def test_cancel_tells_what_became_of_the_job(run: Run) -> None:
    with scripted(Answer(job_wire("cancelled", succeeded=1, cancelled=1))) as service:
        result = run("cancel", JOB_ID, url=service.url)

    assert "cancelled: 2 films, 1 read, 1 cancelled" in result.stdout


@pytest.mark.parametrize(
    ("command", "wire", "words"),
    [
        ("pause", job_wire("running", succeeded=1, queued=1) | {"paused": True}, "paused: 2 films"),
        ("resume", job_wire("running", succeeded=1, queued=1), "running: 2 films"),
    ],
)
def test_pause_and_resume_tell_where_the_job_stands(
    run: Run, command: str, wire: dict[str, Any], words: str
) -> None:
    with scripted(Answer(wire, 202)) as service:
        result = run(command, JOB_ID, url=service.url)

    assert words in result.stdout
    assert (service.seen[0].method, service.seen[0].path) == (
        "POST",
        f"/v1/jobs/{JOB_ID}/{command}",
    )


@pytest.mark.parametrize(("watch", "code"), [(False, 0), (True, 3)])
def test_retry_tells_how_many_films_are_read_again(run: Run, watch: bool, code: int) -> None:
    wire = job_wire("running", succeeded=1, queued=1)
    answer = Answer({"job": wire, "retried": 1, "refused": 2}, 202)
    with scripted(answer, PARTLY) as service:
        result = run("retry", JOB_ID, *(["--watch"] if watch else []), url=service.url)

    assert result.exit_code == code
    assert service.seen[0].path == f"/v1/jobs/{JOB_ID}/retry"
    assert "Reading 1 film again" in result.stderr
    assert "refused when they came: 2 films" in result.stderr
    assert ("completed with errors" if watch else "running: 2 films") in result.stdout


def test_retry_tells_that_an_archive_is_expanded_further(run: Run) -> None:
    answer = Answer({"job": job_wire("expanding"), "retried": 0, "refused": 0}, 202)
    with scripted(answer) as service:
        result = run("retry", JOB_ID, url=service.url)

    assert result.exit_code == 0
    assert "Expanding the archive further" in result.stderr
    assert "Reading" not in result.stderr


@pytest.mark.parametrize(
    ("answer", "code", "says"),
    [
        ("y\n", 0, "Deleted"),
        ("no\n", 1, "Nothing was deleted"),
        ("\n", 1, "Nothing was deleted"),
        ("", 2, "--yes answers beforehand"),
    ],
)
def test_delete_asks_unless_told_not_to(run: Run, answer: str, code: int, says: str) -> None:
    with scripted(Answer(b"", 204)) as service:
        asked = CliRunner().invoke(app, ["delete", JOB_ID, "--url", service.url], input=answer)
        assert (asked.exit_code, len(service.seen)) == (code, not code)
        assert "for ever?" in asked.stderr
        assert says in asked.stderr
        told = run("delete", JOB_ID, "--yes", url=service.url)

    assert told.exit_code == 0
    assert "for ever?" not in told.stderr
    assert (service.seen[-1].method, service.seen[-1].path) == ("DELETE", f"/v1/jobs/{JOB_ID}")


def test_change_sends_only_what_was_given(run: Run) -> None:
    with scripted(RUNNING) as service:
        assert run("change", JOB_ID, "--priority", "bulk", url=service.url).exit_code == 0

    (request,) = service.seen
    assert (request.method, request.path) == ("PATCH", f"/v1/jobs/{JOB_ID}")
    assert json.loads(request.body) == {"priority": "bulk"}


def test_entries_tells_what_became_of_each(run: Run) -> None:
    plain = {"duplicate_of": None, "error": None}
    error = {"code": "wrong_checksum", "reason": "Pack it again."}
    pages = [
        Answer(
            {"items": [plain | {"outcome": "accepted", "name": "a.jpg"}], "next": "0"},
            headers={"Link": f'</v1/jobs/{JOB_ID}/entries?cursor=0>; rel="next"'},
        ),
        Answer(
            {
                "items": [
                    plain | {"outcome": "duplicate", "name": "b\n.jpg", "duplicate_of": "1"},
                    plain | {"outcome": "rejected", "name": "c.jpg", "error": error},
                ],
                "next": None,
            }
        ),
    ]
    with scripted(*pages) as service:
        result = run("entries", JOB_ID, url=service.url)
    with scripted(pages[1]) as only:
        text = run("entries", JOB_ID, "--outcome", "rejected", "--json", url=only.url).stdout

    assert result.stdout.splitlines() == [
        "accepted   a.jpg",
        "duplicate  b?.jpg  (the same film as item 1)",
        "rejected   c.jpg  (wrong_checksum: Pack it again.)",
    ]
    assert only.seen[0].path == f"/v1/jobs/{JOB_ID}/entries?outcome=rejected"
    assert json.loads(text.splitlines()[1])["error"] == error


def test_jobs_lists_as_many_as_asked_for_over_all_pages(run: Run) -> None:
    wire = job_wire("succeeded")
    link = {"Link": '</v1/jobs?status=succeeded&cursor=x>; rel="next"'}
    pages = [
        Answer({"items": [wire, wire], "next": "x"}, headers=link),
        Answer({"items": [wire], "next": None}),
    ]
    with scripted(*pages) as service:
        result = run("jobs", "--status", "succeeded", url=service.url)
    with scripted(pages[0]) as brief:
        assert len(run("jobs", "-n", "1", "--json", url=brief.url).stdout.splitlines()) == 1

    assert (
        result.stdout.splitlines()
        == [f"{JOB_ID}  succeeded: 2 films, 2 read, in 3.5 s  (night shift)"] * 3
    )
    assert [request.path for request in service.seen] == [
        "/v1/jobs?status=succeeded",
        "/v1/jobs?status=succeeded&cursor=x",
    ]


def test_usage_tells_each_month(run: Run) -> None:
    told = {"open_jobs": 1, "months": [{"month": "2026-01", "films": 2, "bytes": 3_000}]}
    with scripted(Answer(told), Answer(told)) as service:
        plain = run("usage", url=service.url).stdout
        assert json.loads(run("usage", "--json", url=service.url).stdout) == told

    assert plain.splitlines() == ["1 open job", "2026-01  2 films, 3.0 KB"]


def test_jobs_are_found_by_name_and_time(run: Run) -> None:
    with scripted(Answer({"items": [], "next": None})) as service:
        asked = ("jobs", "--name", "night shift", "--created-after", "2026-01-01")
        assert run(*asked, url=service.url).exit_code == 0

    (request,) = service.seen
    assert request.path == "/v1/jobs?name=night+shift&created_after=2026-01-01"


def test_jobs_are_found_by_metadata(run: Run) -> None:
    with scripted(Answer({"items": [], "next": None})) as service:
        options = ("--metadata", "ward=A=1&", "--metadata", "=", "--metadata", "ward=A=1&")
        assert run("jobs", *options, url=service.url).exit_code == 0

    assert service.seen[0].path == "/v1/jobs?metadata.ward=A%3D1%26&metadata.="


@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        (problem(404, "job_not_found", "There is no such job."), 2, "There is no such job."),
        (problem(500, "internal_error", "Something failed."), 1, "Something failed."),
        (problem(503, "database_unavailable", "The database is away."), 1, "database is away"),
    ],
)
def test_refusals_are_one_line(run: Run, answer: Answer, code: int, words: str) -> None:
    with scripted(answer) as service:
        result = run("status", JOB_ID, url=service.url)

    assert result.exit_code == code
    assert words in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_nobody_there_is_one_line_that_says_what_to_do(run: Run) -> None:
    result = run("status", JOB_ID)

    assert result.exit_code == 1
    assert "start it with `lungline up`" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_bad_address_in_the_environment(run: Run) -> None:
    result = run("status", JOB_ID, url="nonsense")

    assert result.exit_code == 2
    assert "LUNGLINE_URL" in result.stderr


def test_option_wins_over_the_environment(run: Run) -> None:
    with scripted(RUNNING) as service:
        assert run("status", JOB_ID, "--url", service.url, url="nonsense").exit_code == 0


@pytest.mark.parametrize("arguments", [("submit",), ("submit", "absent"), ("nonsense",)])
def test_wrong_use_is_exit_code_2(run: Run, arguments: tuple[str, ...]) -> None:
    assert run(*arguments).exit_code == 2


def test_folder_without_a_film(run: Run, tmp_path: Path) -> None:
    result = run("submit", tmp_path)

    assert result.exit_code == 2
    assert "no film" in result.stderr


def test_ctrl_c_is_exit_code_130(run: Run, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("lungline.cli.submit.find_films", interrupted)

    assert run("submit", folder).exit_code == 130


def test_mistake_of_ours_is_one_line_too(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ValueError("odd\nvalue")

    monkeypatch.setattr("lungline.cli.status.connect", broken)
    result = run("status", JOB_ID)

    assert result.exit_code == 1
    assert result.stderr == (
        "lungline: unexpected ValueError: odd value; LUNGLINE_LOG_LEVEL=DEBUG shows where\n"
    )


def test_up_without_a_checkout_says_so(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("lungline.stack.checkout.lungline.__file__", str(tmp_path / "a" / "b.py"))
    result = run("up")

    assert result.exit_code == 2
    assert "only Lungline's clients are installed" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_reader_of_the_output_that_leaves_early_is_no_error() -> None:
    with scripted(Answer(b"item_id,name\n" * 500_000)) as service:
        command = [sys.executable, "-m", "lungline", "results", JOB_ID, "--url", service.url]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            assert process.stdout.readline() == b"item_id,name\n"
            process.stdout.close()
            assert process.stderr.read() == b""

    assert process.returncode == 0


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--external-id", "A", "need a single film"),
        ("--film-metadata", "{}", "need a single film"),
        ("--metadata", "[1]", "--metadata: must be a JSON object"),
    ],
)
def test_submit_checks_what_is_said_before_it_sends(
    option: str, value: str, words: str, run: Run, folder: Path
) -> None:
    with scripted(RUNNING) as service:
        result = run("submit", folder, option, value, url=service.url)

    assert (result.exit_code, result.stdout) == (2, "")
    assert words in " ".join(result.stderr.split())
    assert service.seen == []


def test_submit_lets_the_service_read_a_place(run: Run, tmp_path: Path) -> None:
    manifest = tmp_path / "list.csv"
    manifest.write_bytes(b"name\na.jpg\n")
    with scripted(RUNNING) as service:
        plain = run("submit", "--prefix", "ward/", url=service.url)
        listed = run("submit", "--prefix", "ward/", "--manifest", manifest, url=service.url)

    assert (plain.exit_code, plain.stdout.strip()) == (0, JOB_ID)
    assert (listed.exit_code, listed.stdout.strip()) == (0, JOB_ID)
    assert json.loads(service.seen[0].body) == {"prefix": "ward/", "name": "ward/"}
    assert b"a.jpg" in service.seen[1].body


def test_submit_with_a_manifest_makes_one_job(run: Run, folder: Path, tmp_path: Path) -> None:
    manifest, archive = tmp_path / "list.csv", tmp_path / "a.zip"
    manifest.write_bytes(b"name\n0.jpg\n")
    archive.write_bytes(b"PK\3\4")
    with scripted(RUNNING) as service:
        good = run("submit", folder, "--manifest", manifest, url=service.url)
        two = run("submit", folder, archive, "--manifest", manifest, url=service.url)
        neither = run("submit", "--manifest", manifest, url=service.url)
        both = run("submit", folder, "--prefix", "ward/", url=service.url)

    assert (good.exit_code, len(service.seen)) == (0, 1)
    assert (two.exit_code, neither.exit_code, both.exit_code) == (2, 2, 2)
    assert "a single archive" in two.stderr
    assert "either paths, or --prefix" in neither.stderr


WEBHOOK = {"id": "9" * 32, "url": "https://hooks.example", "events": ["job.finished"]}
DELIVERY = {
    "id": "7" * 32,
    "type": "job.finished",
    "job_id": JOB_ID,
    "status": "pending",
    "attempts": 1,
    "last_status": 500,
    "last_error": "answered 500: a\n\x1b[2Jb",
}


def test_the_secret_of_a_webhook_alone_goes_to_standard_output(run: Run) -> None:
    with scripted(Answer(WEBHOOK | {"secret": "whsec_x"}, 201)) as service:
        result = run("webhooks", "add", WEBHOOK["url"], "--event", "job.finished", url=service.url)

    assert (result.exit_code, result.stdout) == (0, "whsec_x\n")
    assert WEBHOOK["id"] in result.stderr
    assert json.loads(service.seen[0].body) == {"url": WEBHOOK["url"], "events": ["job.finished"]}


def test_a_delivery_is_told_in_one_line_that_moves_no_cursor(run: Run) -> None:
    with scripted(Answer({"items": [DELIVERY], "next": None})) as service:
        result = run("webhooks", "deliveries", WEBHOOK["id"], url=service.url)

    assert result.stdout == (
        f"{DELIVERY['id']}  job.finished  pending, tried 1 time  job {JOB_ID}"
        "  (answered 500: a ?[2Jb)\n"
    )


@pytest.mark.parametrize(
    ("command", "answer", "said"),
    [
        ("webhooks add https://a", WEBHOOK | {"secret": "s"}, WEBHOOK | {"secret": "s"}),
        ("webhooks list", {"items": [WEBHOOK], "next": None}, WEBHOOK),
        ("webhooks ping 9", DELIVERY, DELIVERY),
        ("webhooks deliveries 9", {"items": [DELIVERY], "next": None}, DELIVERY),
        ("webhooks redeliver 9 7", DELIVERY, DELIVERY),
        ("webhooks rotate 9", WEBHOOK | {"secret": "s"}, WEBHOOK | {"secret": "s"}),
        ("webhooks remove 9", {}, {"removed": "9"}),
        ("models remove a@1", {}, {"removed": "a@1"}),
        ("keys revoke 9", {}, {"revoked": "9"}),
        (
            "keys create",
            {"id": "9", "key": "k", "tenant": "t", "scopes": ["read"]},
            {"id": "9", "key": "k", "tenant": "t", "scopes": ["read"]},
        ),
    ],
)
def test_json_is_one_line(run: Run, command: str, answer: object, said: object) -> None:
    with scripted(Answer(answer)) as service:
        result = run(*command.split(), "--json", url=service.url)

    assert result.exit_code == 0, result.stderr
    (line,) = result.stdout.splitlines()
    assert json.loads(line) == said


def test_what_the_service_refuses_of_a_webhook_is_one_line(run: Run) -> None:
    refused = problem(422, "address_refused", "only https")
    with scripted(refused) as service:
        result = run("webhooks", "add", "http://10.0.0.1", url=service.url)

    assert (result.exit_code, result.stdout) == (2, "")
    assert len(result.stderr.splitlines()) == 1
