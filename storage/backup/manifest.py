"""What a backup holds, with checksums; it is written last, so a backup that has one is whole."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from lungline.errors import ConfigurationError
from storage.objects.durable import flush_folder

NAME = "manifest.json"
FORMAT = 1


class BackupUnusable(ConfigurationError):
    """A backup is damaged, unfinished or of another version, or cannot be taken as asked."""

    code = "backup_unusable"
    title = "The backup cannot be used"


@dataclass(frozen=True, slots=True)
class TableFile:
    """One table of the database.

    Attributes:
        name: Of the table.
        columns: Their names, in the order of a row's values.
        rows: How many.
        sha256: Hexadecimal digest of its file, `database/<name>.ndjson.gz`.
    """

    name: str
    columns: tuple[str, ...]
    rows: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """The list of contents.

    Attributes:
        version: Of Lungline.
        revision: Of the database's schema.
        taken_at: When the state was, in seconds since the epoch, by the database's clock.
        tables: In the order in which they can be filled.
        objects: Number of objects.
        objects_bytes: Bytes of all of them.
        objects_sha256: Hexadecimal digest of their list: key, size and digest of each.
        gone: Objects that rows name and the store did not have.
    """

    version: str
    revision: str
    taken_at: float
    tables: tuple[TableFile, ...]
    objects: int
    objects_bytes: int
    objects_sha256: str
    gone: int

    def write(self, folder: Path) -> None:
        """Write it, whole or not at all; afterwards it survives a crash."""
        text = json.dumps({"format": FORMAT, **asdict(self)}, indent=1)
        unfinished = folder / f"{NAME}.part"
        with unfinished.open("w", encoding="utf-8") as file:
            file.write(f"{text}\n")
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(folder / NAME)
        flush_folder(folder)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read it.

        Raises:
            BackupUnusable: There is no finished backup, or it is of another format.
        """
        try:
            found = json.loads((folder / NAME).read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            raise BackupUnusable(
                f"{folder} holds no finished backup ({NAME} is missing): name the folder that "
                "`lungline backup` wrote; one that was broken off is finished by the same command"
            ) from None
        except ValueError:
            raise BackupUnusable(f"{folder / NAME} is damaged") from None
        if not isinstance(found, dict) or found.pop("format", None) != FORMAT:
            raise BackupUnusable(f"{folder} was written by a version that this one does not know")
        try:
            tables = tuple(
                TableFile(**{**table, "columns": tuple(table["columns"])})
                for table in found.pop("tables")
            )
            return cls(tables=tables, **found)
        except (KeyError, TypeError):
            raise BackupUnusable(f"{folder / NAME} is damaged") from None
