"""Uploads in parts, as a client of the API makes them."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from typing import Any

from flask.testing import FlaskClient

from tests.factories import archives

MIB = 1024 * 1024
PART = 5 * MIB


def an_archive(parts: int = 3, films: int = 3) -> bytes:
    """A zip of `films` films that takes `parts` parts."""
    members = {f"{n}.jpg": archives.films.jpeg(n) for n in range(films)}
    size = (parts - 1) * PART + 1000
    padding = hashlib.shake_128(b"padding").digest(size) if parts > 1 else b"x"
    return archives.zip_of(members | {"padding.csv": padding})


def begin(client: FlaskClient, data: bytes, **fields: Any) -> dict[str, Any]:
    """Announce an upload of `data`."""
    wanted = {"filename": "films.zip", "size": len(data)} | fields
    answer = client.post("/v1/uploads", json=wanted)
    assert answer.status_code == 201, answer.text
    return dict(answer.get_json())


def piece(upload: dict[str, Any], data: bytes, number: int) -> bytes:
    """The bytes of a part."""
    start = (number - 1) * upload["part_size"]
    return data[start : start + upload["part_size"]]


def link(upload: dict[str, Any], number: int) -> str:
    """The link of a part."""
    (url,) = (one["url"] for one in upload["part_links"]["items"] if one["number"] == number)
    return str(url)


def content_md5(data: bytes) -> str:
    """The header's value."""
    return b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()


def send(client: FlaskClient, upload: dict[str, Any], data: bytes, *numbers: int) -> None:
    """Send parts through the API; all of them when none is named."""
    for number in numbers or range(1, upload["part_count"] + 1):
        part = piece(upload, data, number)
        answer = client.put(
            link(upload, number), data=part, headers={"Content-MD5": content_md5(part)}
        )
        assert answer.status_code == 204, answer.text


def complete(client: FlaskClient, data: bytes, **fields: Any) -> dict[str, Any]:
    """Upload `data` from beginning to end."""
    upload = begin(client, data, **fields)
    send(client, upload, data)
    answer = client.post(upload["links"]["complete"])
    assert answer.status_code == 200, answer.text
    return dict(answer.get_json())
