"""Errors of input, told by a command line in one line."""

from typing import Any

import typer
from typer.core import TyperGroup

from ml.errors import MlError

EXIT_CODE = 2


class OneLineErrors(TyperGroup):
    """Commands that say what is wrong with their input on stderr and exit with 2, untraced."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was named."""
        try:
            return super().invoke(ctx)
        except (ValueError, OSError, MlError) as error:
            typer.echo(f"error: {' '.join(str(error).split())}", err=True)
            raise typer.Exit(EXIT_CODE) from None
