"""The table of findings."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

from rich.console import Console

from lungline.cli.findings import MOST_ROWS, RESEARCH_NOTE, Findings, read_findings, show_findings


def row(name: str = "a.png", label: str | None = "normal", **fields: Any) -> dict[str, Any]:
    return {
        "name": name,
        "status": "succeeded" if label else "failed",
        "error_code": None if label else "truncated",
        "error_reason": None if label else "The file ends before its picture does.",
        "top_label": label,
        "probabilities": {"normal": 0.75, "viral_pneumonia": 0.25},
        "findings": [{"label": "normal", "positive": True}],
        **fields,
    }


def shown(*rows: dict[str, Any]) -> str:
    data = "".join(json.dumps(each) + "\n" for each in rows).encode()
    console = Console(file=StringIO(), width=100)
    show_findings(console, read_findings([data]))
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return text


def test_lines_are_read_however_the_pieces_fall() -> None:
    data = "".join(json.dumps(row(f"{n}.png")) + "\n" for n in range(10)).encode()

    findings = read_findings(data[start : start + 7] for start in range(0, len(data), 7))

    assert [each["name"] for each in findings.first] == [f"{n}.png" for n in range(10)]


def test_table_has_name_label_probability_and_a_bar() -> None:
    (line,) = [line for line in shown(row()).splitlines() if line.startswith("a.png")]

    assert line.split() == ["a.png", "normal", "0.750", "█" * 9 + "░" * 3]


def test_film_of_another_kind_is_called_out_and_flags_are_counted() -> None:
    text = shown(
        row(),
        row("hip.png", in_distribution=False, flags=["unlike_training_films", "low_contrast"]),
        row("dark.png", in_distribution=True, flags=["low_contrast"]),
    )

    lines = text.splitlines()
    (hip,) = [number for number, line in enumerate(lines) if line.startswith("hip.png")]
    assert lines[hip + 1].strip() == "out of distribution"
    assert text.count("out of distribution") == 2
    assert "Flagged: 2 low contrast, 1 out of distribution, 1 unlike training films" in text


def test_film_that_was_not_read_says_why() -> None:
    text = shown(row(), row("b.png", None))

    assert "failed: The file ends before its picture does." in text
    assert "Films: 1 succeeded, 1 failed" in text
    assert "Not read: 1 truncated" in text


def test_long_lists_are_cut_and_counted() -> None:
    text = shown(*(row(f"{n}.png") for n in range(MOST_ROWS + 1500)))

    assert text.count(".png") == MOST_ROWS
    assert "... and 1,500 films more" in text
    assert "Findings: 1,540 normal" in text


def test_research_note_is_always_there() -> None:
    assert RESEARCH_NOTE in shown(row())


def test_names_cannot_move_the_cursor_or_be_markup() -> None:
    text = shown(row("\x1b[31mred[bold]\n.png"))

    assert "\x1b" not in text
    assert "?[31mred[bold]?.png" in text


def test_nothing_found() -> None:
    assert Findings().labels == {}
    assert RESEARCH_NOTE in shown()
