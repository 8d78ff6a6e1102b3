"""Cases that were run, a line a chunk, so that a run of an hour goes on after a stop."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from tests.hostile.fuzzing import Chunk


def add_chunk(path: Path, chunk: Chunk) -> None:
    """Keep a chunk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    values = {each.name: getattr(chunk, each.name) for each in fields(chunk)}
    with path.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(values) + "\n")


def read_chunks(path: Path, seed: int) -> list[Chunk]:
    """Read what was kept of a seed."""
    if not path.exists():
        return []
    kept = [Chunk(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]
    return [chunk for chunk in kept if chunk.seed == seed]


def table(chunks: Sequence[Chunk]) -> str:
    """Lay chunks out as Markdown: a row a target."""
    heads = ("way in", "cases", "read or taken", "slowest, s", "most memory, MB", "findings")
    lines: list[Sequence[str]] = [heads, ("---", *["--:"] * (len(heads) - 1))]
    for name in dict.fromkeys(chunk.target for chunk in chunks):
        own = [chunk for chunk in chunks if chunk.target == name]
        words = sum((Counter(chunk.words) for chunk in own), Counter[str]())
        good = sum(count for word, count in words.items() if word in _GOOD)
        lines.append(
            (
                name,
                f"{sum(chunk.count for chunk in own):,}",
                f"{good:,}",
                f"{max(chunk.slowest for chunk in own):.2f}",
                str(max(chunk.peak for chunk in own) >> 20),
                str(sum(len(chunk.findings) for chunk in own)),
            )
        )
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


_GOOD = frozenset({"read", "unpacked", "taken, read"})
