"""The command line. Importing it registers the commands, in the order in which help lists them."""

# ruff: noqa: F401, I001  # imported for what they register, in this order
import sys

try:
    if sys.platform != "win32":  # the service runs on Linux and macOS, its clients everywhere
        from lungline.cli import up
    from lungline.cli import submit, watch, status, jobs, results, entries, changes, find, show
    from lungline.cli import retry, pause, resume, change, cancel, delete, keys, usage, models
    from lungline.cli import webhooks

    if sys.platform != "win32":
        from lungline.cli import backup, demo, doctor
    from lungline.cli.app import app as commands
except KeyboardInterrupt:  # the imports take a part of a second, and nobody waits to be interrupted
    sys.stderr.write("lungline: interrupted\n")
    raise SystemExit(130) from None


def main() -> None:
    """Run the command line and exit."""
    commands()


__all__ = ["main"]
