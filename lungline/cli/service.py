"""The service that a client command talks to."""

from __future__ import annotations

from typing import Annotated

import typer

from lungline.client import LunglineClient, read_key
from lungline.settings import load_settings

UrlOption = Annotated[
    str | None,
    typer.Option("--url", help="Address of the service, instead of LUNGLINE_URL."),
]


def connect(url: str | None = None) -> LunglineClient:
    """Return a client of the service at `url`, or at LUNGLINE_URL.

    Raises:
        ConfigurationError: The address is none, or the file of the API key holds none.
    """
    settings = load_settings()
    key = None if settings.key_file is None else read_key(settings.key_file)
    return LunglineClient(url or settings.url, key=key, state_dir=settings.client_state_dir)


def page_address(url: str, job_id: str) -> str:
    """Where people look at a job."""
    return f"{url.rstrip('/')}/jobs/{job_id}"
