"""Reference (a): the bare in-process loop, without queue, database, store or HTTP.

As many processes as the stack has readers, one thread each, models loaded, films on disk, the same
batch size. What the service adds is what is slower than this.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Sequence
from multiprocessing.synchronize import Barrier
from pathlib import Path


def time_bare_loop(
    bundle: Path, films: Sequence[Path], processes: int, batch_size: int, precision: str = "f32"
) -> float:
    """Read all films; return seconds from the common start to the last film read.

    Raises:
        RuntimeError: A process failed, or a film could not be read.
    """
    context = multiprocessing.get_context("spawn")
    loaded = context.Barrier(processes + 1)
    shares = [list(films[start::processes]) for start in range(processes)]
    readers = [
        context.Process(target=_read_share, args=(bundle, share, batch_size, precision, loaded))
        for share in shares
    ]
    for reader in readers:
        reader.start()
    loaded.wait(timeout=120)
    started = time.perf_counter()
    for reader in readers:
        reader.join()
    seconds = time.perf_counter() - started
    if any(reader.exitcode for reader in readers):
        raise RuntimeError("a process of the bare loop failed")
    return seconds


def _read_share(
    bundle: Path, films: list[Path], batch_size: int, precision: str, loaded: Barrier
) -> None:
    import cv2

    from ml.analyzer import Analyzer, Reading

    cv2.setNumThreads(1)
    analyzer = Analyzer.load(bundle, "openvino", precision=precision)
    analyzer.read([films[0].read_bytes()])  # the first call pays for what is set up lazily
    loaded.wait(timeout=120)
    for start in range(0, len(films), batch_size):
        batch = [path.read_bytes() for path in films[start : start + batch_size]]
        readings = analyzer.read(batch)
        if not all(isinstance(reading, Reading) for reading in readings):
            raise RuntimeError("a film of the benchmark could not be read")
