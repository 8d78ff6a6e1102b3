"""The model bundles that this process has loaded."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from lungline.bundles import find_bundle
from lungline.errors import BundleNotFound, LunglineError
from lungline.settings import Settings

if TYPE_CHECKING:
    from ml.analyzer import Reading
    from ml.errors import FilmError

MOST_LOADED = 2
"""Bundles kept in memory by a process: the old and the new one while a roll-out lasts."""


class Reader(Protocol):
    """What `ml.analyzer.Analyzer` is to the workers."""

    runtime_name: str

    def read(self, films: Sequence[bytes]) -> Sequence[Reading | FilmError]:
        """Read films, in order; a film that cannot be read gives a `FilmError` in its place."""
        ...


class BundleUnusable(LunglineError):
    """The bundle that a job pinned is not here, or is damaged; its films cannot be read here."""

    code = "bundle_unusable"
    title = "The job's model bundle cannot be used"


class Analyzers:
    """Loads bundles when they are first asked for, and keeps the last few."""

    def __init__(self, load: Callable[[str], Reader]) -> None:
        """Start with none loaded.

        Args:
            load: Loads the bundle of a key (`name@version`).
        """
        self._load = load
        self._loaded: OrderedDict[str, Reader] = OrderedDict()

    def get(self, bundle: str) -> Reader:
        """Return the reader of a bundle (`name@version`).

        Raises:
            BundleUnusable: The bundle is not here, or is damaged.
        """
        if bundle not in self._loaded:
            reader = self._load(bundle)
            while len(self._loaded) >= MOST_LOADED:
                self._loaded.popitem(last=False)
            self._loaded[bundle] = reader
        self._loaded.move_to_end(bundle)
        return self._loaded[bundle]


def bundle_loader(settings: Settings) -> Callable[[str], Reader]:
    """Return what loads bundles from the bundles' folder into the runtime of the settings."""

    def load(bundle: str) -> Reader:
        try:
            path = find_bundle(settings.bundles_dir, bundle).path
        except BundleNotFound as error:
            raise BundleUnusable(error.message) from error
        return _load_analyzer(path, settings)

    return load


def _load_analyzer(path: Path, settings: Settings) -> Reader:
    # Imported here: only children that read films carry the weight of ml and its runtime, and
    # nothing of it is ever loaded before a fork.
    from ml.analyzer import Analyzer
    from ml.decode import DecodeLimits
    from ml.errors import BundleError

    limits = DecodeLimits(
        max_bytes=settings.max_film_bytes,
        max_pixels=settings.max_film_pixels,
        max_side=settings.max_film_side,
    )
    try:
        return Analyzer.load(path, settings.runtime, precision=settings.precision, limits=limits)
    except BundleError as error:
        raise BundleUnusable(f"{path.name}: {error}") from error
