"""The connection to S3: one client a process, and its errors in the store's words."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import get_session
from botocore.utils import parse_timestamp

from lungline.errors import ObjectNotFound, StoreUnavailable
from lungline.settings import Settings

CONNECTIONS = 32
_CONNECT_SECONDS, _READ_SECONDS = 2, 10
_ABSENT = frozenset({"NoSuchKey", "NoSuchUpload", "NotFound", "404"})


class ClientOfProcess:
    """Makes the client when it is first needed, and anew in a forked child.

    A client is safe to share between threads, but making one is not; and two processes must not
    share its open connections.
    """

    def __init__(
        self, settings: Settings, *, endpoint: str | None = None, checksums: bool = True
    ) -> None:
        """Keep what a client is made of.

        Args:
            settings: Endpoint and keys.
            endpoint: In place of that of the settings.
            checksums: Whether S3's own checksums go along.
        """
        self._settings = settings
        self._endpoint = endpoint or settings.s3_endpoint_url
        self._checksums = checksums
        self._lock = threading.Lock()
        self._client: Any = None
        self._process = 0
        os.register_at_fork(after_in_child=self._forget)

    def get(self) -> Any:
        """The client of this process.

        Raises:
            StoreUnavailable: The settings make no client, for instance a malformed endpoint.
        """
        with self._lock:
            if self._client is None or self._process != os.getpid():
                with store_errors():
                    self._client = _make_client(self._settings, self._endpoint, self._checksums)
                self._process = os.getpid()
            return self._client

    def _forget(self) -> None:
        self._lock = threading.Lock()
        self._client = None


def _make_client(settings: Settings, endpoint: str | None, checksums: bool) -> Any:
    access, secret = settings.s3_access_key, settings.s3_secret_key
    # A session of its own: the default one is shared by threads that do not know of each other.
    core = get_session()
    core.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_time_of)
    session = boto3.session.Session(
        botocore_session=core,
        # Without keys boto3 looks where it always does, so that a role of the machine works.
        aws_access_key_id=access.get_secret_value() if access else None,
        aws_secret_access_key=secret.get_secret_value() if secret else None,
        region_name=settings.s3_region,
    )
    # Where supported a CRC32 goes with each upload and is compared with each download.
    when = "when_supported" if checksums else "when_required"
    config = Config(
        signature_version="s3v4",
        # Servers other than AWS have no host name for each bucket.
        s3={"addressing_style": "path" if endpoint else "auto"},
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        retries={"mode": "standard", "total_max_attempts": 2},  # see `lungline.settings.S3_SECONDS`
        max_pool_connections=CONNECTIONS,
        tcp_keepalive=True,
        request_checksum_calculation=when,
        response_checksum_validation=when,
    )
    return session.client("s3", endpoint_url=endpoint, config=config)


def _time_of(value: Any) -> datetime:
    """Read a time of an answer as botocore does, but the usual ones 50 times as fast or more."""
    for read in (datetime.fromisoformat, parsedate_to_datetime) if isinstance(value, str) else ():
        with suppress(TypeError, ValueError):
            if (told := read(value)).tzinfo:
                return told
    slowly: datetime = parse_timestamp(value)
    return slowly


@contextmanager
def store_errors(*, absent: bool = True) -> Iterator[None]:
    """Turn what boto3 raises into `ObjectNotFound` or `StoreUnavailable`.

    Args:
        absent: Whether a 404 can say that there is no such object; else the store failed.
    """
    try:
        yield
    except ClientError as error:
        code = error_code(error)
        if absent and code in _ABSENT:
            raise ObjectNotFound("The object store has no such object.") from error
        raise StoreUnavailable(
            f"The object store refused a request ({code}). Check its bucket, keys and space."
        ) from error
    # botocore raises ValueError for an endpoint that is no URL.
    except (BotoCoreError, OSError, ValueError) as error:
        raise StoreUnavailable(
            f"The object store does not answer ({type(error).__name__})."
        ) from error


def error_code(error: ClientError) -> str:
    """The S3 code of an answer that is an error, for instance `NoSuchKey`."""
    return str(error.response.get("Error", {}).get("Code", "unknown"))
