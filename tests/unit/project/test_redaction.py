"""Secrets do not reach the log, whoever puts them there."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import httpx
import pytest
import structlog

from lungline.redaction import HIDDEN, Redactor
from lungline.settings import Settings
from lungline.telemetry import QUOTING, configure_logging, get_logger

KEY = "lungline_" + "0a" * 16 + "_" + "Zz-_" * 10 + "abc"


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        (f"got {KEY}.", "Zz-_"),
        ("Authorization: Bearer abc.def", "abc.def"),
        ("postgresql://lungline:hunter2@db/lungline failed", "hunter2"),
        ("redis://:hunter2@broker:6379/0", "hunter2"),
        ("PUT https://s3/x?X-Amz-Signature=beef&X-Amz-Date=1", "beef"),
        ("PUT /v1/uploads/0/parts/1?expires=1&signature=beef", "beef"),
        ("postgresql://db/x?user=a&password=hunter2&x=1", "hunter2"),
        ("host=db password=hunter2 dbname=x", "hunter2"),
        ("Cookie: lungline_session=0a.17.beef; other=1", "beef"),
        ("signed with whsec_aGVsbG8+/w==.", "aGVsbG8"),
        ("it is s3cr3t-value here", "s3cr3t-value"),
        ("a key twice\nDETAIL:  Key (name)=(Kim) already exists.\n[SQL: INSERT]", "Kim"),
        ("Task raised: UniqueViolation('a key twice\\nDETAIL:  Key (name)=(Kim)')", "Kim"),
        ('too long\nCONTEXT:  COPY items, line 1, column name: "Kim"\n', "Kim"),
    ],
)
def test_what_looks_like_a_secret_is_hidden(text: str, hidden: str) -> None:
    said = Redactor(["s3cr3t-value", "no"]).text(text)
    assert hidden not in said
    assert HIDDEN in said
    assert len(said) > len(HIDDEN), "the rest stays"


@pytest.mark.parametrize(
    "text", ["no secret", "http://127.0.0.1:8570/v1/jobs", "a@b.example", "12:34:56 bearer", ""]
)
def test_the_rest_stays(text: str) -> None:
    assert Redactor(["s3cr3t-value", "no"]).text(text) == text


@pytest.fixture
def _restored() -> Iterator[None]:
    """Leave logging as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    quieted = {name: logging.getLogger(name).level for name in QUOTING}
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in quieted.items():
        logging.getLogger(name).setLevel(before)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


@pytest.mark.usefixtures("_restored")
def test_libraries_that_quote_addresses_are_quiet_at_any_level(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging(Settings(log_level="DEBUG"), "test")
    address = "https://hooks.example/a-secret-address"
    with httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(204))) as client:
        client.post(address)
    logging.getLogger("botocore.auth").debug("Signature:\n%s", "beef")
    logging.getLogger("urllib3.connectionpool").debug(address)
    logging.getLogger("httpx").error("something is wrong")
    said = capsys.readouterr().err
    assert "something is wrong" in said
    assert "a-secret-address" not in said
    assert "beef" not in said


@pytest.mark.usefixtures("_restored")
def test_no_line_of_any_library_shows_one(capsys: pytest.CaptureFixture[str]) -> None:
    database = "postgresql://lungline:hunter2@db/x"
    configure_logging(Settings(s3_secret_key="s3cr3t-value", database_url=database), "test")
    try:
        raise ValueError(f"{database}: s3cr3t-value")
    except ValueError:
        get_logger("ours").warning("failed", exc_info=True, nested={"key": [KEY]})
        logging.getLogger("theirs").exception("cannot reach %s", "redis://:hunter2@b/0")
    said = capsys.readouterr().err
    for secret in ("hunter2", "s3cr3t-value", "Zz-_"):
        assert secret not in said
    lines = [json.loads(line) for line in said.splitlines()]
    assert [line["logger"] for line in lines] == ["ours", "theirs"]
    assert all("Traceback" in line["exception"] for line in lines)
