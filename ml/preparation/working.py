"""Many films prepared side by side, in processes of their own."""

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from threading import Thread

import cv2

from ml.networks.lung_finder import LungFinder
from ml.preparation.film import Facts, Job, prepare_film
from ml.preparation.settings import PictureSettings

_finders: dict[Path, LungFinder] = {}
"""The networks of this process, loaded with its first film."""


def prepare_all(
    jobs: Sequence[Job], out: Path, s: PictureSettings, bundle: Path | None, workers: int
) -> Iterator[Facts]:
    """Prepare films and give what was found out about each, in the order of their end.

    Args:
        jobs: The films.
        out: Folder of the preparation.
        s: How.
        bundle: Folder of the bundle that finds lungs; None for none.
        workers: Processes; 1 prepares in this one.

    Raises:
        ValueError: A process died.
        OSError: A picture cannot be written.
    """
    if workers == 1:
        yield from (_prepare(job, out, s, bundle) for job in jobs)
        return
    # Forking would copy whatever threads the parent's libraries have started.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=_end_with_parent) as pool:
        futures = [pool.submit(_prepare, job, out, s, bundle) for job in jobs]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BrokenProcessPool:
            raise ValueError(
                "a process that prepared films was killed, for memory perhaps; the same command "
                "with fewer --workers goes on where it stopped"
            ) from None
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _end_with_parent() -> None:
    """Let this process end when its parent is killed: nobody else would tell it to."""
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    Thread(target=watch, daemon=True).start()


def _prepare(job: Job, out: Path, s: PictureSettings, bundle: Path | None) -> Facts:
    cv2.setNumThreads(1)
    return prepare_film(job, out, s, _finder(bundle))


def _finder(bundle: Path | None) -> LungFinder | None:
    if bundle is None:
        return None
    if bundle not in _finders:
        _finders[bundle] = LungFinder(bundle)
    return _finders[bundle]
