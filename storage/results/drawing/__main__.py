"""`python -m storage.results.drawing SECONDS BYTES`: started by `Drawers`, which can kill it."""

from __future__ import annotations

import sys

from storage.results.drawing.drawer import run
from storage.results.render.draw import draw

if __name__ == "__main__":
    run(draw, seconds=float(sys.argv[1]), memory=int(sys.argv[2]))
