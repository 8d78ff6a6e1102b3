"""Terms: single values of metadata, by which jobs and items are found."""

from __future__ import annotations

from collections.abc import Mapping

Term = str | int | float | bool
"""A value of metadata that jobs and items are found by."""
PREFIX = "metadata."
"""What the names of parameters that search metadata begin with."""
_EXACT = 2.0**53
"""Below it a float that is a whole number is exactly that."""


def term_text(value: object) -> str | None:
    """Write a value of metadata as a search names it.

    Args:
        value: As JSON is read.

    Returns:
        A text as it is, `true` or `false`, a number in its shortest form (`7` for 7.0 too); None
        for what nothing is found by: null, lists and objects.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        return str(int(value))
    return repr(value) if isinstance(value, int | float) else None


def term_parameters(metadata: Mapping[str, Term] | None) -> dict[str, str | None]:
    """Write terms as parameters of a query.

    Raises:
        TypeError: Nothing is found by one of the values.
    """
    texts = {f"{PREFIX}{key}": term_text(value) for key, value in (metadata or {}).items()}
    if None in texts.values():  # a parameter left out would find more than was meant
        raise TypeError("metadata is searched by texts, numbers and booleans")
    return texts
