"""What a comparison has shown so far, as files."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from ml.comparison.answers import Answers
from ml.comparison.chart import write_charts
from ml.comparison.plan import Cell, Plan
from ml.comparison.scoring import score
from ml.comparison.table import markdown, write_csv

COSTS, TABLE = "costs.json", "table"


def report(plan: Plan, out: Path) -> str:
    """Write `table.md`, `table.csv` and the charts of all runs that have ended; give the table.

    Raises:
        ValueError: No run has ended.
    """
    answers = {cell: _ended(plan, cell, out) for cell in plan.cells()}
    scores = score(answers)
    labels = max(len(run.labels) for runs in answers.values() for run in runs)
    costs = _costs(plan, labels, out / COSTS)
    table = markdown(scores, costs)
    (out / f"{TABLE}.md").write_text(table, encoding="utf-8")
    write_csv(scores, costs, out / f"{TABLE}.csv")
    write_charts(scores, out)
    return table


def _ended(plan: Plan, cell: Cell, out: Path) -> list[Answers]:
    kept = (Answers.load(out / cell.folder(seed)) for seed in plan.seeds)
    return [answers for answers in kept if answers is not None]


def _costs(plan: Plan, labels: int, path: Path) -> Mapping[str, Mapping[str, float]]:
    """Measure once, all backbones side by side: times of different hours are no comparison."""
    asked = {"size": plan.size, "labels": labels, "backbones": list(plan.backbones)}
    if path.is_file():
        kept = json.loads(path.read_text(encoding="utf-8"))
        if kept["of"] == asked:
            found: Mapping[str, Mapping[str, float]] = kept["costs"]
            return found
    from ml.comparison.cost import costs_of

    costs = costs_of(plan.backbones, labels, plan.size)
    side = path.with_name(f".{path.name}.part")
    side.write_text(json.dumps({"of": asked, "costs": costs}, indent=2) + "\n", encoding="utf-8")
    os.replace(side, path)
    return costs
