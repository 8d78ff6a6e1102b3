"""Exit codes of the commands, and which error leads to which."""

from __future__ import annotations

from enum import IntEnum

from lungline.errors import ClientError, ConfigurationError, LunglineError

EXIT_CODES_HELP = (
    "Exit codes: 0 done; 1 the service or a part of it fails or does not answer; "
    "2 the command, its input or a setting cannot be used; 3 the job ended, but not every film "
    "was read; 130 interrupted."
)


class ExitCode(IntEnum):
    """What a command's end means."""

    DONE = 0
    SERVICE = 1
    USAGE = 2
    NOT_ALL_READ = 3
    INTERRUPTED = 130


def exit_code_of(error: LunglineError) -> ExitCode:
    """Tell whose fault an error is: the caller's or the service's."""
    caller = isinstance(error, ConfigurationError | ClientError) or 400 <= error.status < 500
    return ExitCode.USAGE if caller else ExitCode.SERVICE
