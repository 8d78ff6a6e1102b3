"""Every code that a command or the client can end with stands in docs/errors.md."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator

import lungline
import storage
from lungline import errors
from lungline.client.errors import ServiceError
from lungline.errors import LunglineError
from tests.fixtures.parts import REPOSITORY

OWN = REPOSITORY.joinpath("docs", "errors.md").read_text(encoding="utf-8").rpartition("\n## ")[2]


def test_every_code_of_commands_and_clients_is_documented() -> None:
    for package in (lungline, storage):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if "migrations" not in module.name and not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    codes = {error.code for error in below(LunglineError) if is_own(error)}
    assert {"backup_unusable", "target_not_empty", "port_busy"} <= codes
    documented = re.findall(r"^\| `(\w+)` \|", OWN, re.MULTILINE)
    assert sorted(documented) == sorted(codes)


def is_own(error: type[LunglineError]) -> bool:
    """Raised outside the API, under a code of its own."""
    room = error.__module__.partition(".")[0]
    api_s = error.__module__ == errors.__name__ or issubclass(error, ServiceError)
    return room in ("lungline", "storage") and not api_s


def below(error: type[LunglineError]) -> Iterator[type[LunglineError]]:
    for each in error.__subclasses__():
        yield each
        yield from below(each)
