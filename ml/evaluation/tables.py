"""Figures as rows: for the terminal, the model card and the report."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_ERROR, _INTERVAL = "_se", "_ci95"


@dataclass(frozen=True, slots=True)
class Row:
    """One figure.

    Attributes:
        name: Dotted, as in `figures.json`.
        value: A number, or a list of counts.
        error: Its standard error, where it has one.
        interval: Its 95 % interval, where it has one.
    """

    name: str
    value: Any
    error: float | None = None
    interval: tuple[float, float] | None = None

    @property
    def spread(self) -> str:
        """`0.959 to 0.983, se 0.006`, or nothing."""
        if self.error is None or self.interval is None:
            return ""
        return f"{self.interval[0]} to {self.interval[1]}, se {self.error}"


def rows(figures: Mapping[str, Any], prefix: str = "") -> Iterator[Row]:
    """Walk through nested figures, each with its standard error and interval beside it."""
    for name, value in figures.items():
        if name == "confusion":
            for label, counts in zip(value["order"], value["rows_true"], strict=True):
                yield Row(f"{prefix}true {label} -> {', '.join(value['order'])}", counts)
        elif isinstance(value, Mapping):
            yield from rows(value, f"{prefix}{name}.")
        elif not name.endswith((_ERROR, _INTERVAL)):
            interval = figures.get(f"{name}{_INTERVAL}")
            ends = (interval[0], interval[1]) if interval else None
            yield Row(f"{prefix}{name}", value, figures.get(f"{name}{_ERROR}"), ends)


def table(figures: Mapping[str, Any]) -> str:
    """Lay figures out as aligned lines, one figure each, the interval in brackets."""
    lines = list(rows(figures))
    width = max((len(row.name) for row in lines), default=0)
    return "\n".join(f"{row.name:<{width}}  {_cell(row)}" for row in lines)


def _cell(row: Row) -> str:
    return f"{row.value}  ({row.spread})" if row.spread else str(row.value)
