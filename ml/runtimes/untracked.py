"""OpenVINO without its telemetry.

`import openvino` sends a usage event to an analytics server and leaves a client id in the home
folder, unless its telemetry package cannot be imported: then it falls back to a stub of its own.
A service that reads films in a hospital calls nobody.
"""

import sys
from typing import Any

_TELEMETRY = "openvino_telemetry"


def import_openvino() -> Any:
    """Import OpenVINO so that it reports to nobody. Everything here imports it through this."""
    sys.modules.setdefault(_TELEMETRY, None)  # type: ignore[arg-type]
    import openvino

    return openvino
