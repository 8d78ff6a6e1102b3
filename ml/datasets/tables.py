"""Tables of data sets: CSV, as it is, packed by gzip, or alone in a zip archive."""

import csv
import gzip
import io
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

Row = dict[str, str]
_PACKINGS = ("", ".gz", ".zip")


def find_table(folder: Path, *names: str) -> Path | None:
    """Find a table by name, packed or not; a prefix (`kaggle_`) may stand before the name."""
    files = sorted(file for file in folder.iterdir() if file.is_file())
    endings = [name + packing for name in names for packing in _PACKINGS]
    for ending in endings:
        exact = folder / ending
        if exact in files:
            return exact
    return next((file for ending in endings for file in files if file.name.endswith(ending)), None)


def read_table(path: Path, needed: Iterable[set[str]] = ()) -> list[Row]:
    """Read a table's rows by column, in order; cells that are not there are empty.

    Args:
        path: The file.
        needed: Of each set, one column must be there.

    Raises:
        ValueError: The file cannot be read as a table, or lacks a column.
    """
    try:
        with _open(path) as lines:
            reader = csv.DictReader(lines, restval="")
            columns = set(reader.fieldnames or ())
            missing = [" or ".join(sorted(names)) for names in needed if not names & columns]
            if missing:
                raise ValueError(f"{path} lacks the columns {', '.join(missing)}")
            return list(reader)
    except (UnicodeDecodeError, csv.Error, EOFError, zipfile.BadZipFile, gzip.BadGzipFile) as error:
        raise ValueError(f"{path} cannot be read as a CSV table: {error}") from None


@contextmanager
def _open(path: Path) -> Iterator[io.TextIOBase]:
    if path.suffix == ".gz":
        with gzip.open(path, "rt", newline="", encoding="utf-8-sig") as lines:
            yield lines
    elif path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            tables = [name for name in archive.namelist() if name.endswith(".csv")]
            if len(tables) != 1:
                raise ValueError(f"{path} holds {len(tables)} tables, not one")
            with archive.open(tables[0]) as packed:
                yield io.TextIOWrapper(packed, newline="", encoding="utf-8-sig")
    else:
        with path.open(newline="", encoding="utf-8-sig") as lines:
            yield lines
