"""Questions before what cannot be undone."""

from __future__ import annotations

import sys

from lungline.cli.console import tell
from lungline.cli.interrupts import interruptible
from lungline.client import InputUnusable


def confirmed(question: str, option: str) -> bool:
    """Ask, and tell whether the answer is yes; all else is no.

    Args:
        question: What would be done.
        option: What answers it beforehand.

    Raises:
        InputUnusable: Nobody is there to answer.
    """
    tell(f"{question} [y/N]")
    with interruptible("nothing was done"):
        answer = sys.stdin.readline()
    if not answer:
        raise InputUnusable(f"nobody answered; {option} answers beforehand")
    return answer.strip().lower() in {"y", "yes"}
