"""`lungline show`: one film with its findings, and the picture of where they come from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from lungline.cli.app import app
from lungline.cli.console import output, printable, tell
from lungline.cli.drawing import half_blocks, side_for
from lungline.cli.exits import ExitCode
from lungline.cli.findings import OUT, RESEARCH_NOTE, bar
from lungline.cli.interrupts import interruptible
from lungline.cli.png import PictureUnreadable, read_png
from lungline.cli.printing import JsonOption, json_line, print_words
from lungline.cli.service import UrlOption, connect
from lungline.cli.whole_file import whole_file
from lungline.client import LunglineClient

EXAMPLES = """Examples:

lungline show 019ab3c1f2e57a118c2d3e4f50617283

lungline show 019ab3c1f2e57a118c2d3e4f50617283 --picture heatmap --output heat.png

lungline show 019ab3c1f2e57a118c2d3e4f50617283 --json | jq .prediction.top_label
"""
WHOLE_SIDE = 1024
"""Longest side of the picture in the file, in pixels."""


class PictureName(StrEnum):
    """Pictures that the service draws of a film."""

    OVERLAY = "overlay"
    HEATMAP = "heatmap"
    MASK = "mask"
    FILM = "film"


@app.command(epilog=EXAMPLES)
def show(
    item_id: Annotated[
        str, typer.Argument(help="Id of the item, as results name it.", metavar="ITEM")
    ],
    path: Annotated[
        Path | None, typer.Option("--output", "-o", help="File for the picture [ITEM.png].")
    ] = None,
    picture: Annotated[PictureName, typer.Option(help="Which one.")] = PictureName.OVERLAY,
    as_json: JsonOption = False,
    url: UrlOption = None,
) -> None:
    """Show one film: what was found, and where that comes from, as a PNG.

    A terminal with true colour shows the picture too. Exit code 3 while the film is not read.
    """
    with connect(url) as client, interruptible("no picture was written"):
        item = client.item(item_id).wire
        read = item["prediction"] is not None
        target = path or Path(f"{item_id}.png")
        if read:
            _save(client, item_id, picture, target)
            if not as_json:
                _draw(client, item_id, picture)
    if as_json:
        print_words(json_line({**item, "picture": str(target) if read else None}))
    else:
        _tell(output(), item)
        if read:
            tell(f"Wrote the {picture} to {target}")
    if not read:
        raise typer.Exit(ExitCode.NOT_ALL_READ)


def _save(client: LunglineClient, item_id: str, picture: PictureName, path: Path) -> None:
    data = client.picture(item_id, picture.value, WHOLE_SIDE)
    with whole_file(path) as file:
        file.write(data)


def _draw(client: LunglineClient, item_id: str, picture: PictureName) -> None:
    console = output()
    side = side_for(console)
    if side is None:
        return
    try:
        console.print(half_blocks(read_png(client.picture(item_id, picture.value, side))), end="")
    except PictureUnreadable as error:
        tell(f"Not drawn here: {error}", style="yellow")


def _tell(console: Console, item: Mapping[str, Any]) -> None:
    console.print(Text(printable(item["name"]), style="bold"), soft_wrap=True)
    for line in _lines(item):
        console.print(line, soft_wrap=True)
    console.print(Text(RESEARCH_NOTE, style="bold"))


def _lines(item: Mapping[str, Any]) -> Iterator[Text]:
    prediction, error = item["prediction"], item["error"]
    if prediction is None:
        why = f": {printable(error['reason'] or error['code'])}" if error else ""
        yield Text(f"{item['status']}{why}", style="yellow")
        return
    findings = prediction["findings"]
    widest = max(len(finding["label"]) for finding in findings)
    for finding in findings:
        words = f"{finding['label'].replace('_', ' '):<{widest}}  "
        above = f"  passes its threshold of {finding['threshold']:.2f}"
        line = Text(words).append_text(bar(finding["probability"]))
        yield line.append(above) if finding["positive"] else line
    if prediction["in_distribution"] is False:
        yield Text(f"{OUT.replace('_', ' ')}: this says nothing about the film", style="yellow")
    if prediction["flags"]:
        yield Text(f"flags: {', '.join(prediction['flags']).replace('_', ' ')}", style="yellow")
    yield Text(f"read by {prediction['bundle']}", style="dim")
