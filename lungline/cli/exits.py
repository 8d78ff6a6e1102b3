"""Exit codes of the commands, and which error leads to which."""

from __future__ import annotations

import errno
from enum import IntEnum

from lungline.errors import ClientError, ConfigurationError, LunglineError

EXIT_CODES_HELP = (
    "Exit codes: 0 done; 1 the service or a part of it fails or does not answer; "
    "2 the command, its input or a setting cannot be used; 3 the job ended, but not every film "
    "was read; 4 a file or folder of this machine cannot be used; 130 interrupted."
)


class ExitCode(IntEnum):
    """What a command's end means."""

    DONE = 0
    SERVICE = 1
    USAGE = 2
    NOT_ALL_READ = 3
    MACHINE = 4
    INTERRUPTED = 130


def exit_code_of(error: LunglineError) -> ExitCode:
    """Tell whose fault an error is: the caller's or the service's."""
    caller = isinstance(error, ConfigurationError | ClientError) or 400 <= error.status < 500
    return ExitCode.USAGE if caller else ExitCode.SERVICE


_REMEDIES = {
    errno.ENOSPC: "make room on that disk, or write to another",
    errno.EDQUOT: "make room on that disk, or write to another",
    errno.EFBIG: "write to another disk",
    errno.EACCES: "take a folder in which you may write, or ask its owner",
    errno.EPERM: "take a folder in which you may write, or ask its owner",
    errno.EROFS: "take a folder in which you may write",
    errno.ENOENT: "make that folder first, or correct its name",
    errno.ENOTDIR: "correct its name",
    errno.EISDIR: "name a file in it",
    errno.EEXIST: "a file has that name: name a folder",
}


def remedy(error: OSError) -> str:
    """What to do about an error of this machine's; empty where nobody knows."""
    known = _REMEDIES.get(error.errno or 0)
    return f"; {known}" if known else ""
