"""The Celery application and its tasks: each a few lines over a function that knows no Celery.

Start workers with `python -m workers`, which sets what Celery reads before it is imported.
"""

from __future__ import annotations

from lungline.queueing import Task, make_celery
from lungline.settings import current_settings
from workers import child

app = make_celery(current_settings())
app.conf.worker_consumer = "workers.consumer:Consumer"


@app.task(name=Task.ANALYZE)
def analyze() -> None:
    """Spend a permit: read one batch of films."""
    from workers.analyze import read_batch  # imports ml, which no parent may

    child.current().run(read_batch)


# What stands still ends itself (`workers.progress`); this is for what holds even that up.
@app.task(name=Task.EXPAND, time_limit=6 * 3600)
def expand() -> None:
    """Spend a permit: make an export, or expand a piece of one archive."""
    from workers.expand import expand_archive
    from workers.export import export_results

    # Exports first: a crew makes one at a time, so its other processes go on with archives.
    child.current().run(lambda parts: export_results(parts) or expand_archive(parts))


@app.task(name=Task.SWEEP)
def sweep() -> None:
    """Repair what was left behind, and send the permits that are missing."""
    from workers.sweep import sweep as sweep_once

    child.current().run(sweep_once)
