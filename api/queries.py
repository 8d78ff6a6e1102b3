"""Parameters of an address: what a call does not know is refused, and not left out silently.

Left out, a misspelt filter of a list would list everything.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from apiflask import Schema
from marshmallow import pre_load

from api.intake.names import clean_name
from lungline.errors import InvalidParameter
from lungline.terms import PREFIX

_SEARCHABLE = "metadata"  # a field of a schema: its parameters are called `metadata.KEY`
_MOST_TOLD = 5
_MOST_LETTERS = 40


class Query(Schema):
    """Base of all schemas of queries."""

    @pre_load
    def refuse_unknown(self, data: Any, **_: Any) -> Any:
        """Refuse parameters that are no field.

        Raises:
            InvalidParameter: There is one; the message names it, and those that there are.
        """
        unknown = sorted(set(_unknown(data, self.fields)))
        if unknown:
            names = ", ".join(
                repr(clean_name(name)[:_MOST_LETTERS]) for name in unknown[:_MOST_TOLD]
            )
            known = (f"{PREFIX}KEY" if name == _SEARCHABLE else name for name in self.fields)
            raise InvalidParameter(
                f"Unknown parameter {names}. Known are {', '.join(sorted(known))}."
            )
        return data


def _unknown(given: Iterable[str], fields: Iterable[str]) -> Iterable[str]:
    known = set(fields)
    return (
        name
        for name in given
        if name not in known and not (_SEARCHABLE in known and name.startswith(PREFIX))
    )
