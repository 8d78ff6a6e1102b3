"""Uploads: S3 and the API as processes of their own, against boto3 with the same file.

`make bench-uploads` prints, last, one line of JSON:

- `upload_vs_boto3`: the rate of the client's upload, from its announcement to its job, as a share
  of the rate of boto3's own multipart upload into the same store; the medians of alternating turns.
- `put_growth_mb`: MiB by which the peak memory of the API grows with one raw `PUT` of the file.
"""

from __future__ import annotations

import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import boto3
import httpx
import typer
from rich.console import Console

from benchmarks.memory import MIB
from lungline.client import LunglineClient
from tests.factories.servers import Server, running_server
from tests.fixtures.seaweedfs import ACCESS_KEY, SECRET_KEY, SeaweedServer

_S3 = ("s3_bucket", "s3_endpoint_url", "s3_region", "s3_access_key", "s3_secret_key")
_ZIP_START = b"PK\x03\x04"


def main(
    mebibytes: Annotated[int, typer.Option(min=64, help="Size of the file, in MiB.")] = 2_048,
    turns: Annotated[int, typer.Option(min=1, help="Uploads of each kind.")] = 3,
    folder: Annotated[Path | None, typer.Option(help="Where the file and the store lie.")] = None,
) -> None:
    """Measure, and print the figures."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        figures = measure(Path(name), mebibytes, turns)
    Console(stderr=True).print(f"{mebibytes} MiB, {turns} turns of each")
    typer.echo(json.dumps(figures))


def measure(folder: Path, mebibytes: int, turns: int) -> dict[str, float]:
    """Upload a file of random bytes both ways.

    Args:
        folder: Empty; holds the file and all copies in the store.
        mebibytes: Size of the file.
        turns: Uploads of each kind, after one that warms the store up.
    """
    path = folder / "films.zip"
    _write(path, mebibytes)
    for part in ("store", "api"):
        (folder / part).mkdir()
    store = SeaweedServer(folder / "store")
    store.start()
    try:
        settings = store.settings(store.make_bucket())
        fields = {field: getattr(settings, field) for field in _S3}
        session = boto3.session.Session(ACCESS_KEY, SECRET_KEY, region_name=settings.s3_region)
        plain = session.client("s3", endpoint_url=store.url)
        with running_server(folder / "api", store="s3", **fields) as server:

            def by_boto3() -> None:
                plain.upload_file(str(path), settings.s3_bucket, "plain/films.zip")

            by_boto3()
            ratio = _compare(by_boto3, lambda: _by_client(server, path), turns)
            return {"upload_vs_boto3": ratio, "put_growth_mb": _growth(server, path)}
    finally:
        store.stop()


def _compare(reference: Callable[[], None], work: Callable[[], None], turns: int) -> float:
    seconds: dict[Any, list[float]] = {reference: [], work: []}
    for _ in range(turns):
        for one, taken in seconds.items():
            started = time.perf_counter()
            one()
            taken.append(time.perf_counter() - started)
    return round(statistics.median(seconds[reference]) / statistics.median(seconds[work]), 3)


def _by_client(server: Server, path: Path) -> None:
    with LunglineClient(server.settings.url) as client:
        client.submit_archive(path)


def _growth(server: Server, path: Path) -> float:
    size = path.stat().st_size
    before = server.peak_bytes()
    upload = server.http.post("/v1/uploads", json={"size": size}).json()
    with path.open("rb") as file:
        answer = httpx.put(
            server.settings.url + upload["links"]["content"],
            content=file,
            headers={"Content-Length": str(size)},
            timeout=3_600,
        )
    answer.raise_for_status()
    return round((server.peak_bytes() - before) / MIB, 1)


def _write(path: Path, mebibytes: int) -> None:
    block = os.urandom(MIB)
    with path.open("wb") as file:
        file.write(_ZIP_START)
        for number in range(mebibytes):
            file.write(number.to_bytes(8, "big") + block[8:])


if __name__ == "__main__":
    typer.run(main)
