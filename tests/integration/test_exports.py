"""Exports over PostgreSQL and S3, from the command line to the link into the store."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import httpx
import pytest
from typer.testing import CliRunner
from werkzeug.serving import make_server

from lungline.cli.app import app
from lungline.settings import Settings
from storage.database import Database
from storage.migrate import upgrade
from tests.factories import films
from tests.factories.services import Service, service
from tests.factories.work import exporter
from workers.export import export_results
from workers.sweep import _deletions

pytestmark = pytest.mark.integration

S3_FIELDS = ("s3_bucket", "s3_endpoint_url", "s3_region", "s3_access_key", "s3_secret_key")


@pytest.fixture
def api(tmp_path: Path, postgres_url: str, s3_settings: Settings) -> Iterator[Service]:
    database = Database(postgres_url)
    upgrade(database)
    database.dispose()
    fields = {name: getattr(s3_settings, name) for name in S3_FIELDS}
    with service(tmp_path, database_url=postgres_url, store="s3", **fields) as it:
        yield it


@pytest.fixture
def url(api: Service) -> Iterator[str]:
    """The address of a server with the API."""
    server = make_server("127.0.0.1", 0, api.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_overlays_come_from_the_store_by_one_command(
    api: Service, url: str, tmp_path: Path
) -> None:
    job = api.job(("a.jpg", films.jpeg(11)), ("b.jpg", films.jpeg(12)), ("c.jpg", b"text"))
    api.read_all()
    target = tmp_path / "overlays.zip"
    api.client.post(f"{job['links']['self']}/exports", json={"format": "overlays"})
    with exporter(api.parts.settings) as worker:
        assert export_results(worker)
        words = ["results", job["id"], "--format", "overlays", "-o", str(target), "--url", url]
        assert CliRunner().invoke(app, words).exit_code == 0

        with ZipFile(target) as archive:
            assert archive.testzip() is None
            *pictures, missing = archive.namelist()
            assert all(archive.read(name).startswith(b"\x89PNG") for name in pictures)
            assert len(pictures) == 2
            assert len(archive.read(missing).splitlines()) == 2
        (export,) = api.client.get("/v1/exports").get_json()["items"]
        link = api.client.get(export["links"]["self"]).get_json()["url"]
        assert link.startswith(str(api.parts.settings.s3_endpoint_url))
        part = httpx.get(link, headers={"Range": "bytes=0-3"}, trust_env=False)
        assert part.content == b"PK\x03\x04"

        assert api.client.delete(export["links"]["self"]).status_code == 204
        assert _deletions(worker)["removed_exports"] == 1
        assert httpx.get(link, trust_env=False).status_code == 404
