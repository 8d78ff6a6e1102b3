"""A running stack as a context: everything is taken on entry and given back on exit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from lungline.bundles import find_bundle
from lungline.settings import Settings
from lungline.stack.checkout import find_checkout
from lungline.stack.folders import Folders
from lungline.stack.listener import open_listener
from lungline.stack.lock import DataLock
from lungline.stack.plan import embedded
from lungline.stack.signals import StopSignals
from lungline.stack.supervisor import Supervisor

# gunicorn's processes notice within this time that their supervisor was killed.
LEFTOVER_SECONDS = 4.0


@contextmanager
def open_stack(settings: Settings) -> Iterator[Supervisor]:
    """Start the stack of `settings.data_dir`, and stop it when the block ends.

    Inside the block the first SIGINT, SIGTERM or SIGHUP raises `Interrupted`; a second one, or
    one while the stack stops, ends every process at once. Call it from the main thread.

    Args:
        settings: Only the data folder, the API's address and what concerns reading count; the
            stack brings its own broker, database and store.

    Yields:
        The supervisor, starting: wait for its `ready`.

    Raises:
        ConfigurationError: There is no checkout, no bundle, the data folder or the port is in
            use; nothing was started.
    """
    checkout = find_checkout()
    folders = Folders(settings.data_dir.resolve())
    folders.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    with ExitStack() as cleanup:
        lock = cleanup.enter_context(DataLock(folders.data))
        patience = LEFTOVER_SECONDS if lock.left_over else 0.0
        listener = open_listener(settings.api_host, settings.api_port, patience)
        cleanup.callback(listener.close)
        cleanup.callback(folders.tidy)
        folders.prepare()  # before the plan, which tells the parts where the broker's socket is
        plan = embedded(settings, checkout, folders, listener)
        find_bundle(plan.settings.bundles_dir, plan.settings.bundle)
        supervisor = Supervisor(plan)
        with StopSignals(supervisor):
            supervisor.start()
            yield supervisor
