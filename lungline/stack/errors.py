"""Why the embedded stack does not start, or ends by itself."""

from __future__ import annotations

from collections.abc import Sequence

from lungline.errors import ConfigurationError, LunglineError


class DataFolderBusy(ConfigurationError):
    """Another stack works in this data folder."""

    code = "data_folder_busy"
    title = "The data folder is in use"


class PortBusy(ConfigurationError):
    """Somebody else listens on the API's port."""

    code = "port_busy"
    title = "The port is in use"


class StackFailed(LunglineError):
    """A part of the stack keeps dying, or does not get ready.

    Attributes:
        log_lines: What the part said last.
    """

    code = "stack_failed"
    title = "A part of the service does not start"

    def __init__(self, message: str, log_lines: Sequence[str] = ()) -> None:
        """Keep the message and the part's last words."""
        super().__init__(message)
        self.log_lines = tuple(log_lines)
