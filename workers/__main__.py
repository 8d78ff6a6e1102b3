"""`python -m workers analyze|expand|control|beat`: start one part of the back.

`python -m workers health` tells whether those of this machine or container move.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from lungline.errors import ConfigurationError
from lungline.settings import Settings, current_settings

BEAT = "beat"
ROLES = {
    "analyze": "reads films, one process a core",
    "expand": "unpacks archives, makes exports",
    "control": "repairs what was left behind",
    BEAT: "asks for a repair every few seconds",
}
HEALTH = "health"

ENVIRONMENT = {
    # SIGTERM gives Celery's soft shutdown; its plain one waits without limit and ignores a second.
    "REMAP_SIGTERM": "SIGQUIT",
    # One compute thread a process: parallelism comes from the processes.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
}
"""What is set already stays."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Start the part that the command line names; return the exit status."""
    parser = _parser()
    told = parser.parse_args(arguments)
    if told.end and told.role != HEALTH:
        parser.error(f"--end goes with {HEALTH}")
    try:
        settings = current_settings()
    except ConfigurationError as error:
        print(f"workers: {error.message}", file=sys.stderr)
        return 2
    if told.role == HEALTH:
        from workers import health

        return health.check(settings, end=told.end)
    prepare()
    return _run(told.role, settings)


def prepare() -> None:
    """Set what libraries read from the environment when they are imported."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)


def _run(role: str, settings: Settings) -> int:
    # Celery reads REMAP_SIGTERM when it is imported, hence here.
    if role == BEAT:
        from workers import beat

        return beat.run(settings)
    from lungline.queueing import Queue
    from workers import worker

    return worker.run(Queue(role), settings)


def _parser() -> argparse.ArgumentParser:
    told = ROLES | {HEALTH: "tells whether the parts of this machine or container move"}
    roles = "\n".join(f"  {role:8} {what}" for role, what in told.items())
    parser = argparse.ArgumentParser(
        prog="python -m workers",
        description=f"Start one part of the back:\n{roles}\n\nSettings: docs/operations.md",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("role", choices=told)
    parser.add_argument("--end", action="store_true", help="with health: end what stands still")
    return parser


if __name__ == "__main__":
    sys.exit(main())
