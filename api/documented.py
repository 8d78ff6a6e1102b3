"""What views say about their errors in the OpenAPI document."""

from __future__ import annotations

from typing import Any

from lungline.errors import FilmRejected, LunglineError

PROBLEM_REF = {"$ref": "#/components/schemas/Problem"}

Answers = dict[str | int, Any]

UNCHANGED: Answers = {
    304: {"description": "Nothing has changed since the answer whose `ETag` the client named."}
}


def problems(*errors: type[LunglineError]) -> Answers:
    """Describe errors for `@blueprint.doc(responses=...)`, grouped by status."""
    by_status: dict[str | int, list[str]] = {}
    for error in errors:
        # Its instances carry the film's own code.
        code = "a film's code" if error is FilmRejected else f"`{error.code}`"
        by_status.setdefault(error.status, []).append(f"{code}: {error.title}.")
    return {
        status: {
            "description": " ".join(lines),
            "content": {"application/problem+json": {"schema": PROBLEM_REF}},
        }
        for status, lines in by_status.items()
    }
