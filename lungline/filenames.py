"""What the name of a file says of it: one rule for folders and for archives.

Names only decide about what the bytes leave open: a film is a film whatever it is called.
"""

from __future__ import annotations

FILM_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".dcm", ".dicom"})
ARCHIVE_SUFFIXES = frozenset({".zip", ".tar", ".tgz", ".tzst", ".gz", ".zst"})
"""Archives that are taken apart; those of other kinds are told by their bytes."""
_OTHER_ARCHIVES = frozenset({".7z", ".rar", ".bz2", ".xz", ".tbz2", ".txz"})
_SYSTEM_FILES = frozenset({"thumbs.db", "desktop.ini", "ehthumbs.db", "dicomdir"})


def is_hidden(name: str) -> bool:
    """Whether a system or a program put a file there, and no person means it.

    Args:
        name: With `/` between its parts. `.` and `..` are places, and hide nothing.
    """
    parts = name.split("/")
    dotted = any(part.startswith(".") and part.strip(".") for part in parts)
    return dotted or "__MACOSX" in parts or parts[-1].lower() in _SYSTEM_FILES


def is_called_film(name: str) -> bool:
    """Whether a file is called a film: when its content is none, somebody has to know."""
    return suffix_of(name) in FILM_SUFFIXES


def is_called_archive(name: str) -> bool:
    """Whether a file is called an archive, of whatever kind."""
    return suffix_of(name) in ARCHIVE_SUFFIXES | _OTHER_ARCHIVES


def is_called_otherwise(name: str) -> bool:
    """Whether a file is called something else than a film or an archive, as `list.csv` is.

    Films of DICOM archives have no suffix, or end with the last number of a UID.
    """
    suffix = suffix_of(name)
    plain = suffix in ("", ".") or suffix[1:].isdigit()
    return not (plain or is_called_film(name) or is_called_archive(name))


def suffix_of(name: str) -> str:
    """The end of a file's name in lower case, with its dot; empty where there is none."""
    last = name.rpartition("/")[2]
    dot = last.rfind(".")
    return last[dot:].lower() if dot > 0 else ""
