from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.factories.work import Desk, make_parts, make_settings
from tests.unit.workers.doubles import NullReader
from workers.parts import Parts


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., tuple[Parts, Desk]]]:
    """Makes parts with a null reader, and a desk over the same database and store."""
    made: list[tuple[Parts, Desk]] = []

    def make_both(reader: Any = None, load: Any = None, **changes: Any) -> tuple[Parts, Desk]:
        names = ("worker_id", "stopping", "parent")
        parts_changes = {name: changes.pop(name) for name in names if name in changes}
        settings = make_settings(tmp_path, **changes)
        null = reader or NullReader()
        parts = make_parts(settings, load or (lambda bundle: null), **parts_changes)
        both = (parts, Desk(settings))
        made.append(both)
        return both

    yield make_both
    for parts, desk in made:
        parts.close()
        desk.close()
