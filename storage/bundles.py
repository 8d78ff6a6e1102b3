"""Model bundles: those built in, in a folder, and those added, in the object store.

A name means its active version: the one last activated; before any is, the newest built in, or
where none is built in the one that was added first.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from sqlalchemy import Connection, select

from lungline.bundle_files import CARD, BundleFiles
from lungline.bundles import MANIFEST, BundleRef, list_bundles
from lungline.domain import BundleStatus
from lungline.errors import BundleExists, BundleInUse, BundleNotFound, ConfigurationError
from lungline.settings import Settings
from storage import transitions
from storage.audit import tell
from storage.backups import is_held
from storage.database import Database
from storage.models import ActiveBundleRow, BundleRow
from storage.objects import ObjectStore

Open = Callable[[str], BinaryIO]
"""Opens a file of a bundle by its path."""


@dataclass(frozen=True, slots=True)
class ServedBundle:
    """A bundle that jobs can name.

    Attributes:
        name: For instance `paediatric-pneumonia`.
        version: For instance `0.1.0`.
        labels: Names of the label set, in order.
        path: Its folder, of one that is built in; None: it was added.
        checksum: SHA-256 of the manifest of one that was added; empty for one that is built in.
        active: Its name means this version.
        default: Jobs that name none get it.
        added_at: Seconds since the epoch; None: it is built in.
    """

    name: str
    version: str
    labels: tuple[str, ...]
    path: Path | None
    checksum: str
    active: bool = False
    default: bool = False
    added_at: float | None = None

    @property
    def key(self) -> str:
        """`name@version`."""
        return f"{self.name}@{self.version}"


@dataclass(frozen=True, slots=True)
class StoredBundle:
    """What is kept of a bundle that was added.

    Attributes:
        key: `name@version`.
        checksum: SHA-256 of its manifest.
        manifest: The manifest.
        card: The text of its model card.
        size: Bytes of its files.
    """

    key: str
    checksum: str
    manifest: Mapping[str, Any]
    card: str
    size: int


def object_key(checksum: str, digest: str) -> str:
    """Where a file of an added bundle lies: no name that somebody sent is part of it."""
    return f"_bundles/{checksum}/{digest}"


class Bundles:
    """What the service reads with."""

    def __init__(self, database: Database, settings: Settings) -> None:
        """Keep where to look: the folder and the start value of the default are settings."""
        self._database, self._settings = database, settings

    def served(self) -> list[ServedBundle]:
        """List all that jobs can name, by name, the oldest version of each first."""
        built_in = [_built_in(ref) for ref in list_bundles(self._settings.bundles_dir)]
        query = select(BundleRow).where(BundleRow.status == BundleStatus.READY)
        columns = (BundleRow.name, BundleRow.version, BundleRow.checksum, BundleRow.created_at)
        with self._database.read() as connection:
            rows = connection.execute(
                query.with_only_columns(*columns, BundleRow.manifest).order_by(
                    BundleRow.created_at, BundleRow.key
                )
            ).all()
            choices = connection.execute(
                select(ActiveBundleRow.name, ActiveBundleRow.version, ActiveBundleRow.is_default)
            ).all()
        taken = {bundle.key for bundle in built_in}
        added = [
            ServedBundle(row.name, row.version, _labels(row.manifest), None, row.checksum)
            for row in rows
            if f"{row.name}@{row.version}" not in taken
        ]
        times = {f"{row.name}@{row.version}": row.created_at for row in rows}
        added = [replace(bundle, added_at=times[bundle.key]) for bundle in added]
        chosen = {row.name: row.version for row in choices}
        named = next((row.name for row in choices if row.is_default), self._settings.bundle)
        return _marked(built_in, added, chosen, named)

    def resolve(self, wanted: str | None) -> ServedBundle:
        """Find what a job names: `name` (its active version), `name@version`, or nothing.

        Raises:
            BundleNotFound: There is none of this name.
            ConfigurationError: Nothing was named, and the default is not there.
        """
        served = self.served()
        if wanted is None:
            found = [bundle for bundle in served if bundle.default]
            if not found:
                # Not the client's fault, who named none.
                raise ConfigurationError(
                    f"The service's own bundle {self._settings.bundle!r} is not installed: its "
                    "operator must set LUNGLINE_BUNDLE or LUNGLINE_BUNDLES_DIR."
                )
            return found[0]
        for bundle in served:
            if wanted == bundle.key or (bundle.active and wanted == bundle.name):
                return bundle
        known = ", ".join(bundle.key for bundle in served) or "none"
        raise BundleNotFound(f"There is no model bundle {wanted[:80]!r}; known bundles: {known}.")

    def labels(self, key: str) -> Sequence[str]:
        """The label set of a bundle; empty where it is gone."""
        return next((bundle.labels for bundle in self.served() if bundle.key == key), ())

    def stored(self, key: str) -> StoredBundle | None:
        """What is kept of a bundle that was added and is ready."""
        query = select(BundleRow).where(
            BundleRow.key == key, BundleRow.status == BundleStatus.READY
        )
        names = ("key", "checksum", "manifest", "card", "size")
        with self._database.read() as connection:
            row = connection.execute(
                query.with_only_columns(*(getattr(BundleRow, name) for name in names))
            ).one_or_none()
        return None if row is None else StoredBundle(*row)

    def told(self, bundle: ServedBundle) -> tuple[Mapping[str, Any], str]:
        """The manifest of a bundle, and the text of its card; empty where it has none.

        Raises:
            BundleNotFound: It was removed meanwhile.
        """
        if bundle.path is None:
            kept = self.stored(bundle.key)
            if kept is None:
                raise BundleNotFound(f"The model bundle {bundle.key!r} was removed.")
            return kept.manifest, kept.card
        card = bundle.path / CARD
        manifest = json.loads((bundle.path / MANIFEST).read_text(encoding="utf-8"))
        return manifest, card.read_text(encoding="utf-8") if card.is_file() else ""

    def add(
        self,
        store: ObjectStore,
        files: BundleFiles,
        raw: bytes,
        card: str,
        size: int,
        opened: Open,
    ) -> bool:
        """Store a bundle whose files were verified; from then on jobs can name it.

        Its row is there before the first of its objects, and goes after the last.

        Args:
            store: Where its files go.
            files: What its manifest says.
            raw: The manifest, byte by byte.
            card: The text of its model card.
            size: Bytes of its files.
            opened: Opens each file.

        Returns:
            False when it was there already.

        Raises:
            BundleExists: The name and version belong to another bundle.
            StoreUnavailable: The store failed; sent again it goes on.
        """
        if files.key in {ref.key for ref in list_bundles(self._settings.bundles_dir)}:
            raise BundleExists(f"{files.key} is built in; publish yours with another version.")
        values = {
            "key": files.key,
            "name": files.name,
            "version": files.version,
            "checksum": files.checksum,
            "manifest": files.manifest,
            "card": card,
            "size": size,
        }

        def begin(connection: Connection) -> bool:
            at = self._database.time(connection)
            return transitions.begin_adding_bundle(connection, at, values)

        if not self._database.run(begin):
            return False
        for name, digest in files.files.items():
            with opened(name) as stream:
                store.put_stream(object_key(files.checksum, digest), stream, size)
        manifest = io.BytesIO(raw)
        store.put_stream(object_key(files.checksum, files.checksum), manifest, len(raw))

        def finish(connection: Connection) -> None:
            transitions.finish_adding_bundle(connection, files.key, files.checksum)
            tell(connection, self._database.time(connection), files.key)

        self._database.run(finish)
        return True

    def activate(self, key: str, *, default: bool) -> ServedBundle:
        """Let a bundle's name mean its version, and maybe be that of jobs that name none.

        Raises:
            BundleNotFound: There is no such bundle.
        """
        bundle = self.resolve(key)

        def change(connection: Connection) -> None:
            transitions.activate_bundle(connection, bundle.name, bundle.version, default=default)
            tell(connection, self._database.time(connection), bundle.key)

        self._database.run(change)
        return self.resolve(bundle.key)

    def remove(self, store: ObjectStore, key: str) -> None:
        """Remove an added bundle; called again it goes on where the store failed.

        Raises:
            BundleNotFound: There is no such added bundle.
            BundleInUse: See `transitions.begin_removing_bundle`; or it is built in, or all that
                its name can mean while others of the name are there; or a backup is being taken.
        """
        served = {bundle.key: bundle for bundle in self.served()}
        there = served.get(key)
        if there is not None and there.path is not None:
            raise BundleInUse(f"{key} is built in: it goes with LUNGLINE_BUNDLES_DIR.")
        if there is not None and there.default:
            raise BundleInUse(f"{key} is the default; activate another one before.")
        others = [b for b in served.values() if there and b.name == there.name and b.key != key]
        if there is not None and there.active and others:
            raise BundleInUse(f"{key} is what its name means; activate another one before.")
        lone = there is not None and not others

        def begin(connection: Connection) -> None:
            if lone and there is not None:
                transitions.forget_active_bundle(connection, there.name, there.version)
            transitions.begin_removing_bundle(connection, key)
            # Before its files go: from here on no job can name it.
            tell(connection, self._database.time(connection), key)

        self._check_backup(key)
        self._database.run(begin)
        self._check_backup(key)  # one that began meanwhile may have taken the row as it was
        with self._database.read() as connection:
            row = connection.execute(
                select(BundleRow.checksum, BundleRow.manifest).where(BundleRow.key == key)
            ).one()
        for digest in {*row.manifest["files"].values(), row.checksum}:
            store.delete(object_key(row.checksum, digest))
        self._database.run(lambda c: transitions.finish_removing_bundle(c, key))

    def _check_backup(self, key: str) -> None:
        if is_held(self._database):
            raise BundleInUse(f"{key} is in a backup that is being taken; remove it afterwards.")


def _built_in(ref: BundleRef) -> ServedBundle:
    return ServedBundle(ref.name, ref.version, ref.labels, ref.path, "")


def _labels(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(label["name"] for label in manifest["labels"])


def _marked(
    built_in: Sequence[ServedBundle],
    added: Sequence[ServedBundle],
    chosen: Mapping[str, str],
    default: str,
) -> list[ServedBundle]:
    """Say which version each name means, and which bundle is the default."""
    means: dict[str, str] = {}
    for bundle in added:
        means.setdefault(bundle.name, bundle.key)
    for bundle in built_in:  # oldest first
        means[bundle.name] = bundle.key
    keys = {bundle.key for bundle in (*built_in, *added)}
    for name, version in chosen.items():
        if f"{name}@{version}" in keys:
            means[name] = f"{name}@{version}"
    default = means.get(default, default)
    marked = [
        replace(
            bundle,
            active=means[bundle.name] == bundle.key,
            default=bundle.key == default,
        )
        for bundle in (*built_in, *added)
    ]
    return sorted(marked, key=lambda bundle: bundle.name)
