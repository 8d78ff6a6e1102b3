"""The two pairs of database and store that a drill runs on, as real servers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.fixtures.postgres import PostgresServer, postgres_cluster
from tests.fixtures.seaweedfs import SeaweedServer
from tests.fixtures.valkey import ValkeyServer
from tests.fixtures.wire import Wire

EMBEDDED, SERVERS = "sqlite+local", "postgresql+s3"


@dataclass(frozen=True, slots=True)
class Pair:
    """Running servers.

    Attributes:
        name: `EMBEDDED` or `SERVERS`.
        valkey: The broker.
        postgres: The database server; None with SQLite.
        seaweed: The object store; None with a local folder.
        wires: The lines to the two latter, which can be made to fail.
        settings: What tells the parts of the service about them.
    """

    name: str
    valkey: ValkeyServer
    postgres: PostgresServer | None
    seaweed: SeaweedServer | None
    wires: dict[str, Wire]
    settings: dict[str, Any]


@contextmanager
def running_pair(name: str, folder: Path) -> Iterator[Pair]:
    """Start the servers of a pair, each with data of its own under `folder`; stop them."""
    with ExitStack() as stack:
        valkey = ValkeyServer(_made(folder / "valkey"))
        valkey.start()
        stack.callback(valkey.stop)
        if name == EMBEDDED:
            yield Pair(name, valkey, None, None, {}, {"broker_url": valkey.url})
            return
        postgres = stack.enter_context(postgres_cluster(durable=True))
        with postgres.connect() as connection:
            connection.execute("CREATE DATABASE drill")
        seaweed = SeaweedServer(_made(folder / "seaweedfs"))
        seaweed.start()
        stack.callback(seaweed.stop)
        store = seaweed.settings(seaweed.make_bucket())
        told = ("store", "s3_bucket", "s3_endpoint_url", "s3_access_key", "s3_secret_key")
        settings = {field: getattr(store, field) for field in told}
        database = stack.enter_context(Wire(postgres.socket).open())
        objects = stack.enter_context(Wire(urlsplit(seaweed.url).port or 0).open())
        settings |= {
            "broker_url": valkey.url,
            "database_url": f"postgresql+psycopg://postgres@127.0.0.1:{database.port}/drill",
            "s3_endpoint_url": f"http://127.0.0.1:{objects.port}",
        }
        wires = {"postgres": database, "seaweed": objects}
        yield Pair(name, valkey, postgres, seaweed, wires, settings)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder
