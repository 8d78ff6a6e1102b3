"""What gunicorn serves in a drill: the API, with a point between its commit and its enqueue, and
with the clock of strikes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from api import doorbell
from api.application import create_app
from lungline.settings import current_settings
from lungline.telemetry import configure_logging
from tests.faults.drill.clock import set_clock
from tests.faults.drill.strikes import ENQUEUE, pass_point

ring = doorbell.Doorbell._ring


def struck_ring(self: doorbell.Doorbell, *args: Any) -> None:
    """Come to the point, then ring."""
    pass_point(Path(os.environ["LUNGLINE_DRILL_STRIKES"]), ENQUEUE)
    ring(self, *args)


doorbell.Doorbell._ring = struck_ring  # type: ignore[method-assign]
configure_logging(current_settings(), "api")
set_clock(Path(os.environ["LUNGLINE_DRILL_STRIKES"]))
app = create_app(current_settings())
