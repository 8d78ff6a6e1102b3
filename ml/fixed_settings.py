"""Settings that a folder was begun with, and that whoever continues in it must share."""

import json
from pathlib import Path
from typing import Any


def fix_settings(path: Path, wanted: dict[str, Any], usual: dict[str, Any], what: str) -> None:
    """Write settings, or make sure that the file holds the same ones.

    Args:
        path: JSON file.
        wanted: The settings.
        usual: What a setting is that the file does not hold: it was begun before there was one.
        what: What the folder holds, for the message: "a run".

    Raises:
        ValueError: The file holds other settings.
    """
    wanted, usual = json.loads(json.dumps(wanted)), json.loads(json.dumps(usual))
    if not path.exists():
        path.write_text(json.dumps(wanted, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        return
    found = json.loads(path.read_text(encoding="utf-8"))
    changed = sorted(key for key in wanted if found.get(key, usual.get(key)) != wanted[key])
    if changed:
        raise ValueError(
            f"{path.parent} holds {what} with other {', '.join(changed)}: "
            "name another folder, or give the same settings to continue it"
        )
