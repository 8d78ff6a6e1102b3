"""Webhooks on their way: signed by the Standard Webhooks specification, each again for a day.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
Receivers are strangers. Whatever they do holds up one thread for some seconds, and never the
repair: the sweep only starts a round of deliveries and goes on.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from threading import Lock, Timer
from typing import Any

import httpx
from standardwebhooks import Webhook

import lungline
from lungline.errors import AddressRefused, LunglineError
from lungline.public_address import Network, outbound_client
from lungline.settings import Settings
from lungline.telemetry import get_logger
from storage.repository import Repository
from storage.webhooks import Claimed, Delivery

log = get_logger(__name__)

ENDPOINTS_AT_ONCE = 4
ENDPOINTS_A_ROUND = 16
DELIVERIES_A_TURN = 32
TURN_SECONDS = 20.0
"""Of one endpoint, before others get their turn: so many deliveries, or as many as in that time."""
MOST_SECONDS = 15.0
"""Of one delivery in all, however slowly the receiver drips."""
LEASE_SECONDS = 60.0
KEPT_BYTES = 256
"""Of an answer, for people who look for what is wrong."""
_GONE = 410  # the specification's word for: never again


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a try went.

    Attributes:
        status: HTTP status of the answer; None: there was none.
        error: Why it failed; None: it arrived.
        again: Whether trying again can help.
    """

    status: int | None
    error: str | None
    again: bool = True


def body_of(delivery: Delivery) -> str:
    """The message, the same at each try: what happened to which job, and nothing of its films."""
    at = datetime.fromtimestamp(delivery.at, UTC).isoformat(timespec="milliseconds")
    data: dict[str, Any] = {}
    if delivery.job_id is not None:
        data = {"job_id": delivery.job_id, "links": {"job": f"/v1/jobs/{delivery.job_id}"}}
    message = {"type": delivery.type, "timestamp": at.replace("+00:00", "Z"), "data": data}
    return json.dumps(message, separators=(",", ":"))


def send(claimed: Claimed, allowed: Iterable[Network], seconds: float = MOST_SECONDS) -> Outcome:
    """Send a message once.

    Args:
        claimed: What, and where to.
        allowed: Private networks that may be called.
        seconds: Most that it may take.
    """
    body, now = body_of(claimed.delivery), datetime.now(UTC)
    signatures = [Webhook(each).sign(claimed.delivery.id, now, body) for each in claimed.secrets]
    headers = {
        "Content-Type": "application/json",
        "User-Agent": f"lungline/{lungline.__version__}",
        "webhook-id": claimed.delivery.id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
    end = time.monotonic() + seconds
    client = outbound_client(allowed)
    # What waits for each byte anew never ends by itself where bytes drip.
    watchdog = Timer(seconds, client.close)
    watchdog.daemon = True
    watchdog.start()
    try:
        with client.stream("POST", claimed.url, content=body, headers=headers) as answer:
            status = answer.status_code
            if answer.is_success:
                return Outcome(status, None)
            said = _beginning(answer, end)
        return Outcome(status, f"answered {status}: {said}", again=status != _GONE)
    except AddressRefused as error:
        return Outcome(None, error.message)
    except (httpx.HTTPError, httpx.InvalidURL, OSError, RuntimeError) as error:
        late = time.monotonic() >= end or isinstance(error, httpx.TimeoutException)
        return Outcome(None, "no answer in time" if late else f"no answer: {type(error).__name__}")
    finally:
        watchdog.cancel()
        client.close()


def _beginning(answer: httpx.Response, end: float) -> str:
    said = b""
    for piece in answer.iter_raw():
        said += piece
        if len(said) >= KEPT_BYTES or time.monotonic() >= end:
            break
    return said[:KEPT_BYTES].decode("utf-8", "replace")


def deliver_due(
    repository: Repository, settings: Settings, stopping: Callable[[], bool] = lambda: False
) -> int:
    """Send what is due, a bounded slice of it.

    Returns:
        The number of messages that arrived.
    """
    serve = partial(_serve, repository, settings, stopping)
    with ThreadPoolExecutor(ENDPOINTS_AT_ONCE, "webhook") as pool:
        return sum(pool.map(serve, repository.webhooks.due(ENDPOINTS_A_ROUND)))


def _serve(
    repository: Repository, settings: Settings, stopping: Callable[[], bool], webhook_id: str
) -> int:
    """Send what is due for one endpoint, until a message does not arrive."""
    arrived, end = 0, time.monotonic() + TURN_SECONDS
    for _ in range(DELIVERIES_A_TURN):
        claimed = None if stopping() else repository.webhooks.claim(webhook_id, LEASE_SECONDS)
        if claimed is None:
            break
        outcome = send(claimed, settings.webhook_networks_allowed)
        repository.webhooks.finish(claimed, outcome.status, outcome.error, again=outcome.again)
        if outcome.error is not None:
            log.info("webhook not delivered", webhook_id=webhook_id, status=outcome.status)
            break
        arrived += 1
        if time.monotonic() > end:
            break
    return arrived


class Courier:
    """Runs rounds of deliveries beside the sweep, one at a time."""

    def __init__(self, deliver: Callable[[], int]) -> None:
        """Prepare; the thread begins with the first round."""
        self._deliver = deliver
        self._thread = ThreadPoolExecutor(1, "courier")
        self._round: Future[None] | None = None
        self._lock = Lock()

    def start(self) -> None:
        """Begin a round, unless one is under way."""
        with self._lock:
            if self._round is None or self._round.done():
                self._round = self._thread.submit(self._run)

    def wait(self) -> None:
        """Wait for the end of the round, for tests."""
        if self._round is not None:
            self._round.result()

    def close(self) -> None:
        """Start nothing more; a round under way ends with its last answer."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _run(self) -> None:
        try:
            if count := self._deliver():
                log.info("webhooks delivered", count=count)
        except LunglineError as error:  # leases that are left run out
            log.warning("deliveries cut short", code=error.code)
