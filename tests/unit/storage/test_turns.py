"""Which priority a claim looks at first, whatever waits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable

from hypothesis import given, settings
from hypothesis import strategies as st

from lungline.domain import Priority
from storage.turns import SHARE, STREAK, Turns

ALL = tuple(Priority)
waiting = st.sets(st.sampled_from(ALL), min_size=1)


def claims(turns: Turns, waits: Iterable[Collection[Priority]]) -> list[Priority]:
    """Claim once for each set of priorities of which films wait."""
    taken = []
    for there in waits:
        first = next(priority for priority in turns.order() if priority in there)
        turns.count(first)
        taken.append(first)
    return taken


def test_each_gets_its_tenth_while_all_wait() -> None:
    taken = Counter(claims(Turns(), [ALL] * 10 * SHARE))

    assert {taken[Priority.NORMAL], taken[Priority.BULK]} <= {9, 10}


@given(st.lists(waiting, max_size=40))
def test_a_single_interactive_film_is_always_next(past: list[set[Priority]]) -> None:
    turns = Turns()
    taken = claims(turns, past)
    streak = [priority is Priority.INTERACTIVE for priority in taken[-STREAK:]]

    assert turns.order()[0] is Priority.INTERACTIVE or streak == [True] * STREAK


@settings(max_examples=20)
@given(st.lists(waiting, max_size=30), st.lists(waiting, min_size=60, max_size=60))
def test_who_waits_gets_a_tenth_of_the_claims(
    past: list[set[Priority]], waits: list[set[Priority]]
) -> None:
    turns = Turns()
    claims(turns, past)

    for other in (Priority.NORMAL, Priority.BULK):
        taken = claims(turns, [there | {other} for there in waits])
        assert taken.count(other) >= len(waits) // SHARE - 2


@given(st.lists(waiting, max_size=40))
def test_every_priority_is_looked_at_once(past: list[set[Priority]]) -> None:
    turns = Turns()
    claims(turns, past)

    assert sorted(turns.order()) == sorted(ALL)
