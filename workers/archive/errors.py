"""What can be wrong with an archive, and with one of its entries."""

from __future__ import annotations


class ArchiveError(Exception):
    """The archive as a whole cannot be used.

    Attributes:
        code: One of `lungline.errors.JOB_CODES`.
        message: For people; holds nothing of the archive's content.
    """

    def __init__(self, code: str, message: str) -> None:
        """Keep both."""
        super().__init__(message)
        self.code, self.message = code, message


class EntryError(Exception):
    """One entry cannot be used; the others may be good.

    Attributes:
        code: One of `lungline.errors.FILM_CODES`.
        message: For people; holds nothing of the entry's content, nor its name.
    """

    def __init__(self, code: str, message: str) -> None:
        """Keep both."""
        super().__init__(message)
        self.code, self.message = code, message


def unreadable(why: str) -> ArchiveError:
    """The error of an archive that is not one, or is cut off."""
    return ArchiveError("archive_unreadable", f"The archive cannot be read: {why}.")


def corrupt(why: str) -> EntryError:
    """The error of an entry that contradicts itself or cannot be unpacked."""
    return EntryError("corrupt_entry", f"The archive's entry cannot be unpacked: {why}.")
