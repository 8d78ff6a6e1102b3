"""All figures of bulk work: `make bench-bulk`, on PostgreSQL and S3 (SeaweedFS).

Each part starts servers of its own and is kept in a file when it is done, so that the same command
goes on after a break; `--anew` forgets what was done. `--only NAME` runs one part. The last line is
JSON with the figures of all parts that are done:

- `expansion`: `expand_vs_copy`, `expander_growth_mb`
- `manifests`: `manifest_growth_mb`, `manifest_lines_per_second`
- `uploads`: `upload_vs_boto3`, `put_growth_mb`
- `control`: `null_items_per_second`, `cost_ratio_million_to_thousand`,
  `poll_ratio_million_to_hundred`, `page_ratio_last_to_first`
- `scaling`: `scaling_efficiency_32`
- `permits`: `max_broker_messages`
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks import control_plane, expansion, permits, scaling, uploads

Figures = dict[str, float]
console = Console(stderr=True)
SMALL_SIZES = expansion.Sizes(
    films=40, few_films=20, many_films=60, distinct=20, tiny_entries=1_000
)
FULL: dict[str, Callable[[], Figures]] = {
    "control": lambda: control_plane.measure(1_000_000, 20_000),
    "scaling": lambda: scaling.measure(20),
    "permits": lambda: permits.measure(100_000, 1_800),
    "uploads": lambda: _uploads(2_048, 3),
    "expansion": lambda: expansion.measure(expansion.Sizes()),
    "manifests": lambda: expansion.measure_manifests(1_000_000),
}
SMALL: dict[str, Callable[[], Figures]] = {
    "control": lambda: control_plane.measure(2_000, 320),
    "scaling": lambda: scaling.measure(1, 2),
    "permits": lambda: permits.measure(500, 5, 0.1),
    "uploads": lambda: _uploads(65, 1),
    "expansion": lambda: expansion.measure(SMALL_SIZES),
    "manifests": lambda: expansion.measure_manifests(3_000),
}
KEPT = Path(".bench-bulk.json")


def main(
    only: Annotated[str, typer.Option(help=f"One part: {', '.join(FULL)}.")] = "",
    small: Annotated[
        bool, typer.Option(help="Try the parts out; the figures mean nothing.")
    ] = False,
    anew: Annotated[bool, typer.Option(help="Forget the parts that are done.")] = False,
    kept: Annotated[Path, typer.Option(help="File of what is done.")] = KEPT,
) -> None:
    """Measure what is not measured yet, and print the figures."""
    parts = SMALL if small else FULL
    if only and only not in parts:
        raise typer.BadParameter(f"there is no part {only!r}")
    done = {} if anew or small else _read(kept)
    for name, measure in parts.items():
        if only not in ("", name) or (name in done and not only):
            continue
        console.print(f"{name} ...")
        done[name] = measure()
        console.print(f"{name}: {json.dumps(done[name])}")
        if not small:
            kept.write_text(json.dumps(done, indent=1) + "\n")
    chosen = [done[only]] if only else done.values()
    print(json.dumps({key: value for figures in chosen for key, value in figures.items()}))


def _read(kept: Path) -> dict[str, Figures]:
    return dict(json.loads(kept.read_text())) if kept.exists() else {}


def _uploads(mebibytes: int, turns: int) -> Figures:
    with tempfile.TemporaryDirectory() as folder:
        return uploads.measure(Path(folder), mebibytes, turns)


if __name__ == "__main__":
    typer.run(main)
