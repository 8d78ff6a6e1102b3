"""How many films there are of each kind, as a table for the terminal."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from ml.datasets.layouts.nia import AGE_GROUPS as NIA_GROUPS
from ml.datasets.people import AGE_GROUPS
from ml.datasets.records import Note, Record, Source

NOT_TOLD = "not told"
_ORDER = ("train", "validation", "test", *NIA_GROUPS.values(), *AGE_GROUPS)


def count_table(
    films: Sequence[Record],
    labels: Sequence[str],
    title: str,
    column_of: Callable[[Record], str | None],
) -> str:
    """Count films by label and by something else, with sums.

    Args:
        films: What to count.
        labels: The rows.
        title: What the columns are.
        column_of: Names a film's column; None for not told.
    """
    counts = Counter((film.label, column_of(film) or NOT_TOLD) for film in films)
    names = {column for _, column in counts}
    columns = in_order(names)
    grid = [[counts[label, column] for column in columns] for label in labels]
    rows = [[label, *map(str, [*row, sum(row)])] for label, row in zip(labels, grid, strict=True)]
    sums = [sum(column) for column in zip(*grid, strict=True)]
    last = ["all", *map(str, [*sums, sum(sums)])]
    return aligned([[f"class by {title}", *columns, "all"], *rows, last])


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Lay rows of cells out in columns, the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )


def in_order(names: Iterable[str]) -> list[str]:
    """Put parts in the order of their use and age groups by age, names not known behind these."""
    places = {name: place for place, name in enumerate(_ORDER)}
    return sorted(names, key=lambda name: (name == NOT_TOLD, places.get(name, len(places)), name))


def overview(source: Source) -> str:
    """Count a source's films by class, age group, sex and split, and what is wrong with others."""
    tables = [
        count_table(source.films, source.labels, "age group", lambda film: film.age_group),
        count_table(source.films, source.labels, "sex", lambda film: film.sex),
        count_table(source.films, source.labels, "split", lambda film: film.split),
    ]
    patients = len({film.patient for film in source.films})
    told = f"{len(source.films)} films of {patients} patients"
    lists = [_reasons("not usable", source.unusable), _reasons("remarks", source.remarks)]
    return "\n\n".join([told, *tables, *(shown for shown in lists if shown)])


def _reasons(title: str, notes: Sequence[Note]) -> str:
    """Count notes by reason, the most frequent first."""
    if not notes:
        return ""
    counts = Counter(note.reason for note in notes)
    shown = [f"{count:6}  {reason}" for reason, count in counts.most_common(12)]
    more = [f"        and {len(counts) - 12} more reasons"] if len(counts) > 12 else []
    return "\n".join([f"{title}: {len(notes)}", *shown, *more])
