"""Which films a preparation takes, which of them are one picture, and how they are divided."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ml.datasets.duplicates import near_pairs, pairs_of_equals, same_groups
from ml.datasets.layouts.reading import check_classes
from ml.datasets.manifest import PREDICTED
from ml.datasets.parts import Member, check_leakage, divide
from ml.datasets.records import Record, Source
from ml.preparation.film import Facts
from ml.preparation.recipes import RECIPES
from ml.preparation.settings import DivisionSettings


def choose(
    folder: Path,
    source: Source,
    facts: Mapping[str, Facts],
    recipes: Sequence[str],
    s: DivisionSettings,
) -> Source:
    """Take the films that can be used, mark duplicates, divide, and check that nothing leaks.

    Args:
        folder: Of the source, for messages.
        source: What it tells.
        facts: What was found out about each film.
        recipes: That are asked for.
        s: Which films to take and how to divide.

    Returns:
        The films with their split, and the full lists.

    Raises:
        ValueError: A label is left without a film, in whole or in a split, or films leak.
    """
    masked = [name for name in recipes if RECIPES[name].needs_mask]
    taken = replace(source, films=[], unusable=list(source.unusable), remarks=list(source.remarks))
    for film in source.films:
        found = facts[film.identifier]
        reason = _refusal(found, masked, s.two_lungs_only)
        if reason:
            taken.refuse(film.identifier, film.image, reason)
            continue
        if found.remark:
            taken.remark(film.identifier, film.image, found.remark)
        taken.films.append(_with_facts(film, found))
    check_classes(folder, taken)
    groups = _grouped(taken, [facts[film.identifier] for film in taken.films])
    members = [
        Member(film.identifier, film.label, group, "" if s.redraw else film.split)
        for film, group in zip(taken.films, groups, strict=True)
    ]
    parts = divide(members, taken.labels, s.shares(), s.seed)
    check_leakage(members, parts)
    divided = [replace(film, split=parts[film.identifier]) for film in taken.films]
    return replace(taken, films=divided)


def _refusal(found: Facts, masked: Sequence[str], two_lungs_only: bool) -> str:
    """Say why a film is not taken; empty where it is."""
    if found.unusable:
        return found.unusable
    if found.lungs is None and masked:
        return f"no lung mask, which {masked[0]} needs; --bundle has it predicted"
    if found.lungs is None and two_lungs_only:
        return "no lung mask to count lungs on; --bundle has it predicted"
    if two_lungs_only and found.lungs is not None and found.lungs < 2:
        return f"{found.lungs} of 2 lungs found, and --two-lungs-only leaves such films out"
    return ""


def _with_facts(film: Record, found: Facts) -> Record:
    told = "" if found.mask_from == PREDICTED else film.mask_evidence
    return replace(
        film,
        original_size=film.original_size or found.original,
        sha256=found.sha256,
        duplicate_of="",
        mask_evidence=told or found.mask_from,
    )


def _grouped(taken: Source, facts: Sequence[Facts]) -> list[str]:
    """Mark duplicates and say so; give the group of each film: all that patients and looks join."""
    films = taken.films
    same = list(pairs_of_equals([found.content for found in facts]))
    for first, other in same:
        films[other] = replace(films[other], duplicate_of=films[first].identifier)
        _remark(taken, first, other, "has the same pixels as")
    near = list(near_pairs([found.look for found in facts]))
    for first, other in near:
        if facts[first].content != facts[other].content:
            _remark(taken, first, other, "looks the same as")
    people = pairs_of_equals([film.patient for film in films])
    roots = same_groups(len(films), [*people, *same, *near])
    return [films[root].identifier for root in roots]


def _remark(taken: Source, first: int, other: int, words: str) -> None:
    one, two = taken.films[first], taken.films[other]
    labels = (
        "" if one.label == two.label else f", which is labelled {one.label} and not {two.label}"
    )
    taken.remark(two.identifier, two.image, f"{words} '{one.identifier}'{labels}")
