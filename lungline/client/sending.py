"""Parts on their way: several at a time, each again until it has arrived."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from threading import Event, Lock, Semaphore
from typing import Any

from lungline.client.errors import ServiceError, ServiceUnreachable
from lungline.client.retry import Retry
from lungline.client.sources import Part, Source, measure
from lungline.client.transport import Transport

PARALLEL = 4
PATIENCE_SECONDS = 120.0
"""How long no part at all may arrive before the upload is given up, to be resumed later."""
_LINKS = 100
_AGAIN = frozenset({"upload_busy", "link_expired", "checksum_mismatch", "body_cut_off"})
_MOST_REFUSALS = 3
"""Fresh links that are refused before that is believed."""
_FORBIDDEN = 403


class Stopped(Exception):
    """Another part has failed for good, or the command is interrupted."""


class Progress:
    """Counts bytes that have arrived, or are on their way; shared by threads."""

    def __init__(self, arrived: int, sent: Callable[[int], None]) -> None:
        """Begin with the bytes that arrived earlier."""
        self._lock = Lock()
        self._total = arrived
        self._sent = sent
        self.arrived_at = time.monotonic()
        sent(arrived)

    def add(self, count: int) -> None:
        """Count bytes; a negative number for those of a part that must be sent again."""
        with self._lock:
            self._total += count
            self._sent(self._total)


class Links:
    """The links of an upload's parts, asked for by the hundred."""

    def __init__(self, transport: Transport, path: str, known: Mapping[str, Any] | None) -> None:
        """Begin with those that came with the upload."""
        self._transport = transport
        self._path = path
        self._lock = Lock()
        self._urls: dict[int, str] = {}
        self._fresh_until = 0.0
        if known is not None:
            self._take(known)

    def get(self, number: int) -> str:
        """The link of a part."""
        with self._lock:
            if number not in self._urls or time.monotonic() > self._fresh_until:
                self._urls.clear()
                self._take(self._transport.get(self._path, first=number, limit=_LINKS))
            return self._urls[number]

    def drop(self, number: int) -> None:
        """Let the link of a part be asked for anew."""
        with self._lock:
            self._urls.pop(number, None)

    def _take(self, links: Mapping[str, Any]) -> None:
        self._urls |= {int(one["number"]): str(one["url"]) for one in links["items"]}
        # Half of their time is for sending.
        self._fresh_until = time.monotonic() + float(links["seconds"]) / 2


class PartSender:
    """Sends the missing parts of one upload."""

    def __init__(
        self, transport: Transport, links: Links, progress: Progress, retry: Retry
    ) -> None:
        """Prepare; nothing is sent."""
        self._transport = transport
        self._links = links
        self._progress = progress
        self._retry = retry
        self._stop = Event()
        self._free = Semaphore(PARALLEL)

    def send(self, source: Source, part_size: int, wanted: Collection[int]) -> None:
        """Send parts, a few at a time.

        Raises:
            ServiceError: The service refuses a part.
            ServiceUnreachable: For two minutes no part has arrived.
            InputUnusable: The source cannot be read now.
            InputChanged: It has another size than before.
        """
        futures: list[Future[None]] = []
        with ThreadPoolExecutor(PARALLEL, "upload") as pool:
            try:
                for number, part in source.parts(part_size, wanted):
                    self._free.acquire()
                    if self._stop.is_set():
                        break
                    futures.append(pool.submit(self._send, number, part))
                for future in futures:
                    future.result()
            except Stopped:
                raise _cause(futures) from None
            except BaseException:
                self._stop.set()
                raise

    def _send(self, number: int, part: Part) -> None:
        try:
            self._until_arrived(number, part)
        except BaseException:
            self._stop.set()
            raise
        finally:
            self._free.release()

    def _until_arrived(self, number: int, part: Part) -> None:
        size, md5 = measure(part)
        failures = refusals = 0
        while True:
            counted = _Counted(self._progress, self._stop)
            try:
                url = self._links.get(number)
                headers = {"Content-Length": str(size), "Content-MD5": md5}
                self._transport.put(url, partial(counted.pieces, part), headers)
            except (ServiceUnreachable, ServiceError) as error:
                counted.undo()
                failures += 1
                refusals += error.status == _FORBIDDEN
                self._links.drop(number)
                if refusals > _MOST_REFUSALS or not self._worth_repeating(error):
                    raise
                if self._stop.wait(self._retry.wait(failures, error.retry_after)):
                    raise Stopped from None
            except BaseException:
                counted.undo()
                raise
            else:
                self._progress.arrived_at = time.monotonic()
                return

    def _worth_repeating(self, error: ServiceUnreachable | ServiceError) -> bool:
        if time.monotonic() - self._progress.arrived_at > PATIENCE_SECONDS:
            return False
        if isinstance(error, ServiceUnreachable):
            return True
        return error.temporary or error.code in _AGAIN or error.status == _FORBIDDEN


class _Counted:
    """The pieces of one try, counted as they go."""

    def __init__(self, progress: Progress, stop: Event) -> None:
        self._progress = progress
        self._stop = stop
        self._count = 0

    def pieces(self, part: Part) -> Iterator[bytes]:
        for piece in part.pieces():
            if self._stop.is_set():
                raise Stopped
            yield piece
            self._count += len(piece)
            self._progress.add(len(piece))

    def undo(self) -> None:
        self._progress.add(-self._count)
        self._count = 0


def _cause(futures: Collection[Future[None]]) -> BaseException:
    """What stopped the others; that they were stopped tells nobody anything."""
    errors = [error for future in futures if (error := future.exception()) is not None]
    return next((error for error in errors if not isinstance(error, Stopped)), errors[0])
