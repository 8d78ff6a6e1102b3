"""The command line's frame: how commands are grouped, and how any of them ends."""

from __future__ import annotations

import os
import sys
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

import lungline
from lungline.cli.console import one_line, tell, tell_error
from lungline.cli.exits import EXIT_CODES_HELP, ExitCode, exit_code_of, remedy
from lungline.cli.interrupts import tell_interrupt
from lungline.errors import LunglineError
from lungline.settings import load_settings


class Commands(TyperGroup):
    """Turns every way a command can fail into a line and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except (typer.Exit, typer.Abort):
            raise
        except LunglineError as error:
            tell_error(error)
            raise typer.Exit(exit_code_of(error)) from None
        except KeyboardInterrupt as error:
            tell_interrupt(error)
            # A signal's own number where it is known: 130 for Ctrl-C, 143 for SIGTERM.
            raise typer.Exit(128 + getattr(error, "number", 2)) from None
        except BrokenPipeError:
            _leave_pipe()
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            tell(f"lungline: {where}{error.strerror or error}{remedy(error)}", style="red")
            raise typer.Exit(ExitCode.MACHINE) from None
        except (RuntimeError, ValueError, TypeError, LookupError, AttributeError) as error:
            _unexpected(error)


def _unexpected(error: Exception) -> NoReturn:
    """A mistake of ours: tell it in one line, and where when somebody debugs."""
    if load_settings().log_level == "DEBUG":
        raise error
    tell(
        f"lungline: unexpected {type(error).__name__}: {one_line(str(error))}; "
        "LUNGLINE_LOG_LEVEL=DEBUG shows where",
        style="red",
    )
    raise typer.Exit(ExitCode.SERVICE) from None


def _leave_pipe() -> NoReturn:
    """End quietly when the reader of our output has gone (`lungline results ID | head`)."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    raise typer.Exit(ExitCode.DONE)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"lungline {lungline.__version__}")
        raise typer.Exit


app = typer.Typer(
    name="lungline",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    epilog=EXIT_CODES_HELP,
)


@app.callback()
def lungline_command(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version."
    ),
) -> None:
    """Read chest films of children in bulk. For research; no finding is a diagnosis.

    Try it: **lungline demo**. Run it: **lungline up**. Then, from anywhere,
    **lungline submit FOLDER --watch**. Clients find the service by LUNGLINE_URL
    (http://127.0.0.1:8570 when it is not set).
    """
