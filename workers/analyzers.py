"""The model bundles that this process has loaded."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from lungline.bundles import MANIFEST, find_bundle
from lungline.errors import BundleNotFound, LunglineError
from lungline.settings import Settings

if TYPE_CHECKING:
    from ml.analyzer import Reading
    from ml.errors import FilmError


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


class BundleAbsent(LunglineError):
    """The bundle that a job pinned was added while the service ran, and is not fetched yet."""

    code = "bundle_absent"
    title = "The job's model bundle is not on this machine yet"


class Analyzers:
    """Loads bundles when they are first asked for, and keeps the last few."""

    def __init__(self, load: Callable[[str], Reader], most: int = 2) -> None:
        """Start with none loaded.

        Args:
            load: Loads the bundle of a key (`name@version`).
            most: Bundles kept in memory; the least recently used is let go before another loads.
        """
        self._load, self._most = load, most
        self._unusable: dict[str, BundleUnusable] = {}
        self._loaded: OrderedDict[str, Reader] = OrderedDict()

    def get(self, bundle: str) -> Reader:
        """Return the reader of a bundle (`name@version`).

        Raises:
            BundleUnusable: The bundle is not here, or is damaged.
            BundleAbsent: It may be fetched (`workers.fetching`).
        """
        if error := self._unusable.pop(bundle, None):
            raise error
        if bundle not in self._loaded:
            while len(self._loaded) >= self._most:
                self._loaded.popitem(last=False)
            self._loaded[bundle] = self._load(bundle)
        self._loaded.move_to_end(bundle)
        return self._loaded[bundle]

    def refuse(self, bundle: str, error: BundleUnusable) -> None:
        """Let the next who asks for a bundle know why it could not be fetched."""
        self._unusable[bundle] = error


def fetched_folder(settings: Settings) -> Path:
    """Where bundles that were added are kept on this machine, each in a folder of its key."""
    return settings.data_dir / "models"


def bundle_loader(settings: Settings) -> Callable[[str], Reader]:
    """Return what loads bundles into the runtime of the settings.

    From the bundles' folder, or from where those are that were added and fetched.
    """
    looked: set[str] = set()

    def load(bundle: str) -> Reader:
        try:
            path = find_bundle(settings.bundles_dir, bundle).path
        except BundleNotFound as error:
            path = fetched_folder(settings) / bundle
            # What an earlier process fetched is looked at once more: it may be out of date.
            if bundle not in looked or not (path / MANIFEST).is_file():
                looked.add(bundle)
                raise BundleAbsent(error.message) from error
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
        max_inflated_bytes=settings.max_film_bytes,
    )
    try:
        return Analyzer.load(path, settings.runtime, precision=settings.precision, limits=limits)
    except BundleError as error:
        raise BundleUnusable(f"{path.name}: {error}") from error
