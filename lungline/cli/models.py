"""`lungline models`: the model bundles that films are read with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lungline.cli.app import app
from lungline.cli.console import tell
from lungline.cli.printing import JsonOption, json_line, print_words
from lungline.cli.service import UrlOption, connect
from lungline.client.models import Model

EXAMPLES = """Examples:

lungline models list

lungline models add runs/bundles/nia-seven

lungline models activate nia-seven@2 --default

lungline models remove nia-seven@1
"""

models = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    epilog=EXAMPLES,
    help="List, add, activate and remove the model bundles that films are read with.",
)
app.add_typer(models, name="models")

KeyArgument = Annotated[str, typer.Argument(help="The bundle, as NAME@VERSION.")]


@models.command("list")
def list_models(as_json: JsonOption = False, url: UrlOption = None) -> None:
    """List the bundles that jobs can name: what they read, and which is the default."""
    with connect(url) as client:
        for model in client.models.all():
            _print(model, as_json)


@models.command()
def show(
    key: Annotated[str, typer.Argument(help="The bundle, as NAME or NAME@VERSION.")],
    as_json: JsonOption = False,
    url: UrlOption = None,
) -> None:
    """Print a bundle's model card; with --json its figures too."""
    with connect(url) as client:
        model = client.models.get(key)
        text = json_line(model) if as_json else str(model["card"])
        print_words(text)


@models.command()
def add(
    bundle: Annotated[Path, typer.Argument(help="A folder that `ml publish` made, or its zip.")],
    as_json: JsonOption = False,
    url: UrlOption = None,
) -> None:
    """Add a bundle to the running service; jobs can name it at once."""
    with connect(url) as client:
        model = client.models.add(bundle)
    _print(model, as_json)
    if not model["active"]:
        tell(f"The name {model['name']} means another version still: activate this one to change")


@models.command()
def activate(
    key: KeyArgument,
    default: Annotated[bool, typer.Option(help="Also for jobs that name no bundle.")] = False,
    as_json: JsonOption = False,
    url: UrlOption = None,
) -> None:
    """Let new jobs get this version when they give the name alone; open jobs keep theirs."""
    with connect(url) as client:
        _print(client.models.activate(key, default=default), as_json)


@models.command()
def remove(key: KeyArgument, as_json: JsonOption = False, url: UrlOption = None) -> None:
    """Remove an added bundle for ever; findings made with it stay."""
    with connect(url) as client:
        client.models.remove(key)
    if as_json:
        print_words(json_line({"removed": key}))
    else:
        tell(f"Removed {key}")


def _print(model: Model, as_json: bool) -> None:
    marks = [name for name in ("default", "active") if model[name]]
    words = f"{model['key']}  {', '.join(model['labels'])}"
    words += f"  ({', '.join(marks)})" if marks else ""
    text = json_line(model) if as_json else words
    print_words(text)
