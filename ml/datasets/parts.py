"""Division of films into train, validation and test, and the check that nothing leaks."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from ml.datasets.split import split_by_patient

TRAIN, VALIDATION, TEST = "train", "validation", "test"
PARTS = (TRAIN, VALIDATION, TEST)
REDRAW = "say --redraw to divide all films anew"


@dataclass(frozen=True, slots=True)
class Member:
    """A film to be divided.

    Attributes:
        identifier: Names the film.
        label: Of the label set.
        patient: The group that must not be divided: a patient with all copies of the films.
        part: The one that the source says; empty where it says none.
    """

    identifier: str
    label: str
    patient: str
    part: str = ""


@dataclass(frozen=True, slots=True)
class Shares:
    """Shares of the films, 0..1, of which each part gets one; what remains is for training."""

    validation: float = 0.1
    test: float = 0.1

    def __post_init__(self) -> None:
        if min(self.validation, self.test) <= 0 or self.validation + self.test >= 1:
            raise ValueError(
                f"the shares {self.validation} for validation and {self.test} for test leave a "
                "part empty; both must be above 0, their sum below 1"
            )


def divide(
    members: Sequence[Member], labels: Sequence[str], shares: Shares, seed: int
) -> dict[str, str]:
    """Give each film a part, by group and in proportion for each label.

    Parts that the source says are kept; a train part without validation beside it is divided.

    Args:
        members: All films; either all of them have a part or none.
        labels: The label set.
        shares: Of the films, for each part.
        seed: The same seed always gives the same division.

    Returns:
        Part by identifier.

    Raises:
        ValueError: Some films have a part and others none, a part is unknown, or a part lacks a
            label.
    """
    drawn = _kept(members) if any(member.part for member in members) else {}
    if not drawn:
        rest, test = split_by_patient(members, shares.test, seed)
        drawn = {member.identifier: TEST for member in test}
    else:
        rest = [member for member in members if drawn[member.identifier] == TRAIN]
    if VALIDATION not in drawn.values():
        share = shares.validation / (1 - shares.test)
        train, validation = split_by_patient(rest, share, seed)
        drawn |= {member.identifier: VALIDATION for member in validation}
        drawn |= {member.identifier: TRAIN for member in train}
    _check_labels(members, labels, drawn)
    return drawn


def _kept(members: Sequence[Member]) -> dict[str, str]:
    silent = [member.identifier for member in members if not member.part]
    if silent:
        raise ValueError(
            f"{len(silent)} of {len(members)} films have no split, first '{silent[0]}'; {REDRAW}"
        )
    strange = sorted({member.part for member in members} - set(PARTS))
    if strange:
        raise ValueError(
            f"the source has a split '{strange[0]}', which is none of {', '.join(PARTS)}; {REDRAW}"
        )
    return {member.identifier: member.part for member in members}


def _check_labels(members: Sequence[Member], labels: Sequence[str], drawn: dict[str, str]) -> None:
    there = {(drawn[member.identifier], member.label) for member in members}
    for part in PARTS:
        for label in labels:
            if (part, label) not in there:
                own = {member.patient for member in members if member.label == label}
                raise ValueError(
                    f"the split '{part}' has no film of {label}, whose films are of {len(own)} "
                    "patients; give more films, another --seed or larger shares, or leave the "
                    "label out of --labels"
                )


def check_leakage(members: Sequence[Member], parts: dict[str, str]) -> None:
    """Make sure that no group of films lies in two parts.

    Raises:
        ValueError: One does.
    """
    seen: dict[str, dict[str, str]] = defaultdict(dict)
    for member in members:
        seen[member.patient].setdefault(parts[member.identifier], member.identifier)
    torn = {group: films for group, films in seen.items() if len(films) > 1}
    if torn:
        films = next(iter(torn.values()))
        named = " and ".join(f"'{film}' in {part}" for part, film in films.items())
        raise ValueError(
            f"films leak between splits: {len(torn)} patients or pictures lie in more than one, "
            f"first {named}; {REDRAW}"
        )
