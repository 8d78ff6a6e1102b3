"""The command line. Importing it registers the commands, in the order in which help lists them."""

from lungline.cli import up, submit, status, results, cancel, demo  # noqa: F401, I001  # the order
from lungline.cli.app import app as commands


def main() -> None:
    """Run the command line and exit."""
    commands()


__all__ = ["main"]
