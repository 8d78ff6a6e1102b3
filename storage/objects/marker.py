"""What tells a store that is there from one whose volume, bucket or gateway is not.

A store that lost its disk for a moment answers as an empty one does: nothing is there. So each
store holds a marker, and an object counts as absent only while the marker can be seen.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from lungline.errors import StoreUnavailable

NAME = ".lungline"
"""Of the marker: no key, so that no object can have it."""
WORDS = (
    b"Lungline keeps objects here. While this file cannot be seen, the store counts as not mounted."
)

Known = Callable[[], Collection[str]]
"""Keys of some objects that should be in the store; none where nothing was stored yet."""


def nothing_known() -> Collection[str]:
    """Of a store without a database: there is nothing that should be in it."""
    return ()


class Marker:
    """A store's marker. A store has none before its first object, nor one of an earlier version."""

    def __init__(
        self,
        sees: Callable[[], bool],
        make: Callable[[], None],
        has: Callable[[str], bool],
        known: Known,
    ) -> None:
        """Look at nothing yet.

        Args:
            sees: Whether the marker is there now.
            make: Makes it.
            has: Whether an object is there now, whatever the marker says.
            known: What should be there.
        """
        self._sees, self._make, self._has, self._known = sees, make, has, known

    def check(self) -> None:
        """Do nothing if what is absent from the store is not stored.

        Raises:
            StoreUnavailable: The store is not that in which the objects were.
        """
        if not self._sees():
            self._check_known()

    def ready(self) -> None:
        """Make the marker before something is stored, unless it is there.

        Raises:
            StoreUnavailable: As in `check`.
        """
        if not self._sees():
            self._check_known()
            self._make()

    def _check_known(self) -> None:
        keys = self._known()
        if keys and not any(map(self._has, keys)):
            raise StoreUnavailable(
                f"The object store has neither its marker ({NAME}) nor any object that was stored. "
                "Check that its volume is mounted, or that it is the right folder or bucket."
            )
