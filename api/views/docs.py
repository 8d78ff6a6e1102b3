"""/docs: the OpenAPI document as a page for people, without scripts and without other hosts."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from apiflask import APIBlueprint
from flask import current_app, json
from flask.typing import ResponseReturnValue

from api.access import open_to_all
from api.page.frame import show

docs = APIBlueprint("docs", __name__, enable_openapi=False)


@dataclass(frozen=True, slots=True)
class Example:
    """What a body or an answer looks like.

    Attributes:
        title: Whose example it is: a content type, or the code of an error.
        text: As it is sent.
    """

    title: str
    text: str


@docs.get("/docs")
@open_to_all
def show_docs() -> ResponseReturnValue:
    """Show every operation with its parameters, answers and examples."""
    spec: dict[str, Any] = current_app.spec  # type: ignore[attr-defined]
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for path, methods in spec["paths"].items():
        for method, operation in methods.items():
            entry = {"path": path, "method": method.upper(), "operation": operation}
            groups[operation["tags"][0]].append(entry)
    return show(
        "docs",
        info=spec["info"],
        groups={tag: sorted(entries, key=_place) for tag, entries in sorted(groups.items())},
        examples=examples,
    )


def examples(body: dict[str, Any]) -> list[Example]:
    """The examples of a request's body or of an answer."""
    found = []
    for mimetype, content in body.get("content", {}).items():
        if "example" in content:
            found.append(Example(mimetype, _text(content["example"])))
        for name, example in content.get("examples", {}).items():
            found.append(Example(name, _text(example["value"])))
    return found


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, indent=2)


def _place(entry: dict[str, Any]) -> tuple[str, str]:
    return entry["path"], entry["method"]
