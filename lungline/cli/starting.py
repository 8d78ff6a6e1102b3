"""What people see of a stack that starts, runs and stops."""

from __future__ import annotations

from lungline.cli.console import messages, tell
from lungline.errors import LunglineError
from lungline.settings import Settings
from lungline.stack import StackFailed, Supervisor

TICK_SECONDS = 0.1
# What `lungline up` brings itself, so that settings of another deployment do no harm.
EMBEDDED = ("broker_url", "database_url", "store", "store_dir")


def tell_ignored(settings: Settings) -> None:
    """Note the settings of the environment that an embedded stack does not follow."""
    for name in EMBEDDED:
        if name in settings.model_fields_set:
            tell(
                f"LUNGLINE_{name.upper()} is set, but does not count here: the embedded stack "
                "keeps everything in its data folder",
                style="yellow",
            )


def await_ready(supervisor: Supervisor) -> None:
    """Show what the stack waits for until it is ready.

    Raises:
        StackFailed: A part does not start.
    """
    console = messages()
    folder = supervisor.plan.folders.data
    if not console.is_terminal:
        tell(f"Starting Lungline in {folder}")
    with console.status("Starting Lungline") as status:
        while not supervisor.ready.wait(TICK_SECONDS):
            status.update(f"Starting Lungline: waiting for {', '.join(supervisor.missing)}")
            _tell_notices(supervisor)
            _raise_failure(supervisor)


def tell_ready(supervisor: Supervisor) -> None:
    """Tell where the stack is and how to stop it."""
    plan = supervisor.plan
    readers = plan.settings.worker_processes
    tell(f"Lungline is ready after {supervisor.ready_seconds:.1f} s", style="bold green")
    tell(f"  address  {plan.settings.url}")
    tell(f"  readers  {readers} with {plan.settings.bundle} on {plan.settings.runtime}")
    tell(f"  data     {plan.folders.data}")
    tell(f"  logs     {plan.folders.logs}, one file a part")
    if plan.settings.keys_needed:
        tell(f"  keys     needed; that of an administrator: {plan.folders.admin_key}")


def watch(supervisor: Supervisor) -> None:
    """Tell what happens until the stack ends by itself.

    Raises:
        StackFailed: A part keeps dying.
    """
    while not supervisor.ended.wait(TICK_SECONDS):
        _tell_notices(supervisor)
    _raise_failure(supervisor)


def tell_stopped(supervisor: Supervisor) -> None:
    """Tell that the stack has ended, and what could not be stopped in good order."""
    _tell_notices(supervisor)
    tell("Lungline has stopped")


def _tell_notices(supervisor: Supervisor) -> None:
    for notice in supervisor.notices():
        tell(notice, style="yellow")


def _raise_failure(supervisor: Supervisor) -> None:
    if not supervisor.ended.is_set() or supervisor.failure is None:
        return
    if isinstance(supervisor.failure, LunglineError):
        raise supervisor.failure
    raise StackFailed(f"the supervisor failed: {supervisor.failure!r}") from supervisor.failure
