"""Which priority a claim of this process looks at first, so that strict order starves nobody.

Interactive films go before normal ones, and those before bulk; yet of ten claims one is for normal
films and one for bulk, where some wait. Each process counts its own claims: what each gives in
tenths, all give together.
"""

from __future__ import annotations

from collections.abc import Sequence

from lungline.domain import Priority

SHARE = 10
"""Of so many claims one is for normal films and one for bulk, whatever waits before them."""
STREAK = 4
"""Claims in a row that interactive films have at least: a single one never waits for a turn."""
_MOST_OWED = 2 * SHARE
_OTHERS = (Priority.NORMAL, Priority.BULK)


class Turns:
    """Counts the claims of a process by the priority of their first film.

    Threads that share it may lose a count to each other, which moves a turn by one claim.
    """

    def __init__(self) -> None:
        """Owe nothing."""
        self._owed = dict.fromkeys(_OTHERS, 0)  # claims, counted in parts of SHARE
        self._streak = 0

    def order(self) -> Sequence[Priority]:
        """The priorities in the order in which the next claim looks at them."""
        # This claim would be the tenth without one of theirs. Most owed first.
        due = [other for other in _OTHERS if self._owed[other] >= SHARE - 1]
        due.sort(key=lambda other: -self._owed[other])
        rest = [other for other in _OTHERS if other not in due]
        if self._streak >= STREAK:
            return [*due, Priority.INTERACTIVE, *rest]
        return [Priority.INTERACTIVE, *due, *rest]

    def count(self, taken: Priority) -> None:
        """Count a claim whose first film had this priority."""
        self._streak = self._streak + 1 if taken is Priority.INTERACTIVE else 0
        for other in _OTHERS:
            owed = self._owed[other] + 1 - (SHARE if other is taken else 0)
            self._owed[other] = min(max(owed, 0), _MOST_OWED)
