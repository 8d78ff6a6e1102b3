"""What views say about their errors in the OpenAPI document."""

from __future__ import annotations

from typing import Any

from api.examples import problem_example
from lungline.errors import FilmRejected, LunglineError

PROBLEM_REF = {"$ref": "#/components/schemas/Problem"}

Answers = dict[str | int, Any]

UNCHANGED: Answers = {
    304: {"description": "Nothing has changed since the answer whose `ETag` the client named."}
}


def problems(*errors: type[LunglineError]) -> Answers:
    """Describe errors for `@blueprint.doc(responses=...)`, grouped by status."""
    by_status: dict[str | int, list[str]] = {}
    examples: dict[str | int, dict[str, Any]] = {}
    for error in errors:
        # Its instances carry the film's own code.
        code = "a film's code" if error is FilmRejected else f"`{error.code}`"
        by_status.setdefault(error.status, []).append(f"{code}: {error.title}.")
        name = "undecodable" if error is FilmRejected else error.code
        value = problem_example(name, error.title, error.status)
        examples.setdefault(error.status, {})[name] = {"value": value}
    return {
        status: {
            "description": " ".join(lines),
            "content": {
                "application/problem+json": {"schema": PROBLEM_REF, "examples": examples[status]}
            },
        }
        for status, lines in by_status.items()
    }
