"""One film in the terminal: its picture, its findings, and the notice."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image
from rich.color import ColorTriplet
from typer.testing import CliRunner

from lungline.cli.app import app
from lungline.cli.drawing import HALF, half_blocks
from lungline.cli.findings import RESEARCH_NOTE
from lungline.cli.png import PictureUnreadable, read_png
from tests.factories.scripted import Answer, problem, scripted

ITEM_ID = "019ab3c1f2e57a118c2d3e4f50617283"
PROBABILITIES = {"normal": 0.1, "bacterial_pneumonia": 0.7, "viral_pneumonia": 0.2}


def item(**changes: Any) -> dict[str, Any]:
    findings = [
        {"label": label, "probability": value, "threshold": 0.5, "positive": value > 0.5}
        for label, value in PROBABILITIES.items()
    ]
    prediction = {
        "findings": findings,
        "in_distribution": True,
        "flags": [],
        "bundle": "paediatric-pneumonia@0.1.0",
        "top_label": "bacterial_pneumonia",
    }
    known = {"id": ITEM_ID, "job_id": ITEM_ID, "seq": 0, "name": "a\x1b.png", "error": None}
    return known | {"status": "succeeded", "prediction": prediction} | changes


def noise(*shape: int) -> np.ndarray[Any, Any]:
    picture = np.random.default_rng(1).integers(0, 256, shape, np.uint8)
    picture[: shape[0] // 2] = np.linspace(0, 255, shape[1]).astype(np.uint8)[:, None]
    return picture


def png(picture: np.ndarray[Any, Any], mode: str) -> bytes:
    target = BytesIO()
    Image.fromarray(picture if picture.shape[2] > 1 else picture[..., 0], mode).save(target, "PNG")
    return target.getvalue()


@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("LA", 2), ("RGB", 3), ("RGBA", 4)])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_pictures_are_read_as_pillow_reads_them(mode: str, channels: int) -> None:
    data = png(noise(21, 17, channels), mode)

    picture = read_png(data)

    on_black = np.asarray(Image.open(BytesIO(data)).convert("RGBA"), np.uint16)
    expected = on_black[..., :3] * on_black[..., 3:] // 255
    assert (picture.width, picture.height) == (17, 21)
    assert np.array_equal(np.array(picture.rows), expected)


@pytest.mark.parametrize("filtered", range(5))
def test_every_filter_of_png_is_undone(filtered: int) -> None:
    picture = noise(9, 12, 3)
    strategy = [cv2.IMWRITE_PNG_FILTER, 1 << (3 + filtered)]
    data = bytes(cv2.imencode(".png", picture, strategy)[1])

    assert np.array_equal(np.array(read_png(data).rows), picture[..., ::-1])


@pytest.mark.parametrize("cut", [0, 8, 20, 40, 70, 200])
def test_broken_pictures_are_told(cut: int) -> None:
    data = bytes(cv2.imencode(".png", noise(9, 12, 3))[1])
    with pytest.raises(PictureUnreadable):
        read_png(data[:cut])


def test_two_pixels_share_a_cell() -> None:
    picture = read_png(png(noise(3, 2, 3), "RGB"))

    text = half_blocks(picture)

    assert text.plain == f"{HALF * 2}\n{HALF * 2}\n"
    style: Any = text.spans[0].style
    assert style.color.triplet == ColorTriplet(*picture.rows[0][0])
    assert style.bgcolor.triplet == ColorTriplet(*picture.rows[1][0])
    last: Any = text.spans[-1].style
    assert last.bgcolor.triplet == ColorTriplet(0, 0, 0)


def test_show_writes_the_overlay_and_tells_the_findings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    picture = png(noise(9, 12, 3), "RGB")
    with scripted(Answer(item()), Answer(picture)) as service:
        result = CliRunner().invoke(app, ["show", ITEM_ID, "--url", service.url])

    assert result.exit_code == 0, result.output
    assert (tmp_path / f"{ITEM_ID}.png").read_bytes() == picture
    assert service.seen[1].path == f"/v1/items/{ITEM_ID}/overlay?size=1024"
    lines = result.stdout.splitlines()
    assert lines[0] == "a?.png"
    assert lines[2].split()[:3] == ["bacterial", "pneumonia", "0.700"]
    assert lines[2].endswith("passes its threshold of 0.50")
    assert "passes" not in lines[1] + lines[3]
    assert lines[-1] == RESEARCH_NOTE


@pytest.mark.parametrize(
    ("wire", "words"),
    [
        (item(status="queued", prediction=None), "queued"),
        (
            item(
                status="failed",
                prediction=None,
                error={"code": "truncated", "reason": "The file ends early."},
            ),
            "failed: The file ends early.",
        ),
    ],
)
def test_a_film_that_is_not_read_has_no_picture(
    wire: dict[str, Any], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with scripted(Answer(wire)) as service:
        result = CliRunner().invoke(app, ["show", ITEM_ID, "--url", service.url])
        as_json = CliRunner().invoke(app, ["show", ITEM_ID, "--json", "--url", service.url])

    assert (result.exit_code, as_json.exit_code) == (3, 3)
    assert words in result.stdout
    assert json.loads(as_json.stdout)["picture"] is None
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_item_is_one_line() -> None:
    with scripted(problem(404, "item_not_found", "There is no such item.")) as service:
        result = CliRunner().invoke(app, ["show", ITEM_ID, "--url", service.url])

    assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)


def test_a_terminal_with_true_colour_shows_the_picture(tmp_path: Path) -> None:
    pictures = [Answer(png(noise(9, 12, 3), "RGB"))] * 2
    master, slave = pty.openpty()
    with scripted(Answer(item(prediction=item()["prediction"])), *pictures) as service:
        command = [sys.executable, "-m", "lungline", "show", ITEM_ID, "--url", service.url]
        environment = os.environ | {"COLORTERM": "truecolor", "TERM": "xterm-256color"}
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, stdout=slave, stderr=subprocess.PIPE, check=True
        )
    said = os.read(master, 1 << 16).decode()
    os.close(master)
    os.close(slave)

    assert said.count(HALF) == 12 * 5
    assert "\x1b[38;2;" in said
    assert RESEARCH_NOTE in said
    assert b"Wrote the overlay" in done.stderr
