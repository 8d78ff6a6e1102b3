"""`python -m tests.faults.drill.worker PLAN ROLE`: a worker that passes the points of strikes.

Everything but its reader is the real worker's; around the calls of its parts stand the points. PLAN
is JSON: `strikes` the folder of strikes, `batch_seconds` how long a batch takes at least, `real`
whether the shipped bundle reads, `tally` a file that gets the SHA-256 of each film read. What
single films do to the process that reads them, how the store fails and how wrong the clock is
stands in files beside the strikes, read anew each time.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from lungline.settings import Settings, current_settings
from tests.faults.drill.clock import set_clock
from tests.faults.drill.films import HashReader
from tests.faults.drill.strikes import DEADLY, STORE, pass_point, read_mode
from workers.__main__ import prepare


class Reader:
    """Reads, at the pace and with the accidents that were planned."""

    def __init__(self, reader: Any, plan: dict[str, Any]) -> None:
        self._reader, self._plan = reader, plan
        self.runtime_name = reader.runtime_name

    def read(self, films: Sequence[bytes]) -> Sequence[Any]:
        time.sleep(self._plan.get("batch_seconds", 0.0) / 2)
        pass_point(Path(self._plan["strikes"]), "in inference")
        deadly = read_mode(Path(self._plan["strikes"]), DEADLY)
        for film in films:
            _act(deadly.get(hashlib.sha256(film).hexdigest()))
        time.sleep(self._plan.get("batch_seconds", 0.0) / 2)
        readings = self._reader.read(films)
        if "tally" in self._plan:
            with Path(self._plan["tally"]).open("a", encoding="ascii") as lines:
                lines.write("".join(f"{hashlib.sha256(film).hexdigest()}\n" for film in films))
        return readings


def _act(act: str | None) -> None:
    match act:
        case "exit":
            os._exit(9)
        case "hang":
            time.sleep(3600)
        case "eat":
            held = []
            while True:
                held.append(b"\1" * (64 << 20))


def loader(plan: dict[str, Any]) -> Callable[[Settings], Callable[[str], Reader]]:
    """Make what loads bundles."""

    def make(settings: Settings) -> Callable[[str], Reader]:
        if not plan.get("real"):
            return lambda bundle: Reader(HashReader(), plan)
        from workers.analyzers import bundle_loader

        real = bundle_loader(settings)
        return lambda bundle: Reader(real(bundle), plan)

    return make


def set_points(folder: Path) -> None:
    """Stand the points around the calls that a batch goes through."""
    from storage.claims import Claims

    claim, finish = Claims.claim, Claims.finish

    def struck_claim(self: Claims, *args: Any, **kwargs: Any) -> Any:
        pass_point(folder, "before claim")
        batch = claim(self, *args, **kwargs)
        if batch is not None:
            pass_point(folder, "after claim")
        return batch

    def struck_finish(self: Claims, *args: Any, **kwargs: Any) -> Any:
        pass_point(folder, "after artifacts")
        written = finish(self, *args, **kwargs)
        pass_point(folder, "after commit")
        return written

    Claims.claim, Claims.finish = struck_claim, struck_finish  # type: ignore[method-assign]


def set_store(folder: Path) -> None:
    """Let the store fail while a file says so."""
    from storage.objects.local import LocalStore
    from storage.objects.s3 import S3Store

    for store in (LocalStore, S3Store):
        for name in ("put", "put_many", "put_stream", "get", "get_range", "size", "delete"):
            setattr(store, name, _failing(getattr(store, name), folder, name))


def _failing(call: Callable[..., Any], folder: Path, name: str) -> Callable[..., Any]:
    from lungline.errors import StoreUnavailable
    from storage.objects.local import LocalStore

    def failing(self: Any, *args: Any, **kwargs: Any) -> Any:
        match read_mode(folder, STORE).get("mode"):
            case "fails":
                raise StoreUnavailable("The object store failed, on purpose.")
            case "full" if name.startswith("put") and isinstance(self, LocalStore):
                # What it makes of the system's ENOSPC, see the tests of the local store.
                raise StoreUnavailable("The disk of the object store is full.")
            case "slow" if name == "get":
                time.sleep(2.0)
            case "wrong bytes" if name == "get":
                return call(self, *args, **kwargs)[:-1] + b"?"
        return call(self, *args, **kwargs)

    return failing


def main() -> int:
    """Work until told to stop."""
    prepare()
    from lungline.queueing import Queue
    from workers import worker

    plan = json.loads(sys.argv[1])
    set_clock(Path(plan["strikes"]))
    set_points(Path(plan["strikes"]))
    set_store(Path(plan["strikes"]))
    return worker.run(Queue(sys.argv[2]), current_settings(), loader(plan))


if __name__ == "__main__":
    sys.exit(main())
