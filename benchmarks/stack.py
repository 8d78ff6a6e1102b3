"""The embedded stack, started for a benchmark on a data folder of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lungline.client.client import LunglineClient
from lungline.settings import Settings
from lungline.stack.session import open_stack
from lungline.stack.supervisor import Supervisor


@contextmanager
def running_stack(settings: Settings, data: Path) -> Iterator[LunglineClient]:
    """Start a stack, wait until it is ready, yield a client of it, stop it.

    Args:
        settings: As the operator has them; data folder and port are replaced.
        data: The stack's data folder.

    Raises:
        RuntimeError: The stack ended before it was ready.
    """
    with (
        supervised_stack(settings, data) as supervisor,
        LunglineClient(supervisor.plan.settings.url) as client,
    ):
        yield client


@contextmanager
def supervised_stack(settings: Settings, data: Path) -> Iterator[Supervisor]:
    """Start a stack, wait until it is ready, yield what looks after it, stop it.

    Args:
        settings: As for `running_stack`.
        data: The stack's data folder.

    Raises:
        RuntimeError: The stack ended before it was ready.
    """
    own = settings.model_copy(update={"data_dir": data, "api_port": 0})
    with open_stack(own) as supervisor:
        while not supervisor.ready.wait(0.2):
            if supervisor.ended.is_set():
                raise RuntimeError("the stack did not start") from supervisor.failure
        yield supervisor
