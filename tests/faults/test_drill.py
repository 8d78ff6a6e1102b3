"""The quick part of the drill (`make test-faults`): a round of faults that no other test has."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.drill.drill import Drill, Outcome
from tests.faults.drill.faults import FAULTS
from tests.faults.drill.journal import Round, add_round, read_rounds, table
from tests.faults.drill.pairs import EMBEDDED, running_pair
from tests.faults.drill.stack import QUICK, Stack

pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack that each fault finds as the one before left it."""
    folder = tmp_path_factory.mktemp("drill")
    with (
        running_pair(EMBEDDED, folder) as pair,
        Stack(pair, folder, {"batch_seconds": 0.2}, **QUICK) as running,
    ):
        yield running


@pytest.mark.parametrize(
    "fault",
    [
        "worker killed after commit",
        "API between commit and enqueue",
        "lease lost, worker goes on",
        "store gives wrong bytes",
        "film that eats memory",
    ],
)
def test_nothing_is_lost_or_doubled(stack: Stack, fault: str) -> None:
    outcome = Drill(stack, list(FAULTS).index(fault)).run(FAULTS[fault])

    assert outcome.good, outcome


def test_rounds_are_kept_and_counted(tmp_path_factory: pytest.TempPathFactory) -> None:
    journal = tmp_path_factory.mktemp("rounds") / "rounds.jsonl"
    good, bad = Outcome(resumed_seconds=1.0, seconds=3.0), Outcome(lost=2, stuck="the job's end")
    for seed, outcome in enumerate((good, bad)):
        add_round(journal, Round("sqlite+local", "beat", seed, outcome))

    rounds = read_rounds(journal)

    assert [each.outcome for each in rounds] == [good, bad]
    assert "| beat | sqlite+local | 2 | 2 | 0 | 0 | 1 | 1.0 | 1.0 |" in table(rounds)
