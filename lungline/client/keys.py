"""The API key of a client comes out of a file: command lines are seen by everybody."""

from __future__ import annotations

from pathlib import Path

from lungline.errors import ConfigurationError


def read_key(path: Path) -> str:
    """Read the key that a file holds.

    Raises:
        ConfigurationError: The file cannot be read, or holds no key.
    """
    try:
        key = path.read_text(encoding="ascii").strip()
    except OSError as error:
        raise ConfigurationError(
            f"the API key in {path} cannot be read ({error.strerror}): set LUNGLINE_KEY_FILE"
        ) from None
    except UnicodeDecodeError:
        key = ""
    if not key or len(key.split()) != 1:
        raise ConfigurationError(f"{path} holds no API key: set LUNGLINE_KEY_FILE")
    return key
