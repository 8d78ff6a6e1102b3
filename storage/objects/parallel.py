"""The same work on several objects at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor


def for_all(work: Callable[..., None], calls: Sequence[tuple[object, ...]], threads: int) -> None:
    """Call `work` with each tuple of arguments, in threads of this call only.

    Threads that outlived the call would not survive a fork. Every call is made and has ended
    before the first error is raised, so that the caller may clean up.
    """
    if len(calls) < 2:
        for arguments in calls:
            work(*arguments)
        return
    with ThreadPoolExecutor(min(threads, len(calls)), "store") as pool:
        futures = [pool.submit(work, *arguments) for arguments in calls]
    for future in futures:
        future.result()
