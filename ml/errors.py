"""What can go wrong in this room, and whose fault it is."""

from typing import Literal

FilmErrorCode = Literal[
    "empty_file",
    "unsupported_format",
    "truncated",
    "undecodable",
    "too_large",
    "too_many_pixels",
    "too_many_frames",
    "no_pixels",
    "unsupported_photometric",
    "unsupported_transfer_syntax",
]
"""Every code a film can be refused with. Stable: clients and tables hold them."""


class MlError(Exception):
    """Base of every error this room raises on purpose.

    Attributes:
        code: Stable, lower case, for programs.
        message: What is wrong and what to do, for people. Never holds patient data.
    """

    code: str
    message: str

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"{self.message} [{self.code}]"


class FilmError(MlError):
    """A film that cannot be read. The film's fault: trying again gives the same answer."""

    def __init__(self, code: FilmErrorCode, message: str) -> None:
        super().__init__(code, message)


class BundleError(MlError):
    """A model bundle that is missing, altered or of an unknown format. The operator's to mend."""

    def __init__(self, message: str, code: str = "bundle_invalid") -> None:
        super().__init__(code, message)

    def __reduce__(self) -> tuple[type["BundleError"], tuple[str, str]]:
        """Pickle by this class's own argument order."""
        return type(self), (self.message, self.code)
