"""The API's process holds no model, no worker and no decoder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from lungline.settings import environment_of
from tests.factories.services import settings
from tests.fixtures.parts import REPOSITORY

FORBIDDEN = ("tensorflow", "keras", "openvino", "ml", "workers", "torch", "jax")
DECODERS = ("cv2", "PIL", "pydicom", "imagecodecs", "simplejpeg", "numpy")
SCRIPT = """
import sys
from api.wsgi import app
client = app.test_client()
from api.context import EXTENSION
app.extensions[EXTENSION].intake, app.extensions[EXTENSION].drawers
print(client.get("/healthz").status_code, client.get("/openapi.json").status_code)
print(" ".join(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def test_the_api_loads_neither_ml_nor_workers_nor_a_runtime_nor_a_decoder(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=REPOSITORY,
        env=environment_of(settings(tmp_path)),
        capture_output=True,
        text=True,
        check=True,
    )
    statuses, modules = done.stdout.splitlines()
    assert statuses == "200 200"
    assert {"api", "storage", "flask"} <= set(modules.split())
    assert set(FORBIDDEN).isdisjoint(modules.split())
    assert set(DECODERS).isdisjoint(modules.split())
