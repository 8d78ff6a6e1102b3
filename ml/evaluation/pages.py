"""HTML pages that need no other file and no network."""

import base64
from pathlib import Path
from typing import Any

import jinja2

_HERE = Path(__file__).parent


def render(template: Path, **values: Any) -> str:
    """Fill a template in; it can include `style.css`, which all pages share."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([template.parent, _HERE]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template(template.name).render(**values)


def inline(picture: Path) -> str:
    """Give a PNG file as an address that holds it."""
    return "data:image/png;base64," + base64.b64encode(picture.read_bytes()).decode("ascii")
