"""The command `compare`."""

from pathlib import Path
from typing import Annotated

import typer


def compare(
    plan: Annotated[Path, typer.Argument(help="The plan, such as docs/comparison/plan.toml.")],
    data: Annotated[
        Path, typer.Option(help="Folder that `prepare` made; it holds a folder for each recipe.")
    ],
    out: Annotated[Path, typer.Option(help="Folder of all runs and of the report.")] = Path(
        "runs/comparison"
    ),
    report_only: Annotated[
        bool, typer.Option("--report", help="Train nothing; report on the runs that have ended.")
    ] = False,
) -> None:
    """Compare backbones x recipes on one split; the same command continues.

    Trains each cell once with each seed, scores it on the validation part (the test part is not
    opened), and writes table.md, table.csv and a bar chart into OUT: macro F1 with its interval
    over seeds, AUC, a paired bootstrap against the best cell, parameters, multiply-adds, films a
    second, and what the seed project published.
    """
    from ml.comparison.plan import read_plan
    from ml.comparison.report import report

    wanted = read_plan(plan)
    if not report_only:
        from ml.comparison.running import run_all

        run_all(wanted, data, out, typer.echo)
    typer.echo(report(wanted, out))
    typer.echo(f"table and charts written to {out}")
