"""A preparation from start to end: read the source, make the pictures, divide, write manifests."""

import json
import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from ml.datasets.counting import overview
from ml.datasets.layouts import read_source
from ml.datasets.records import Record, Source
from ml.datasets.writing import row_of, write_manifest
from ml.fixed_settings import fix_settings
from ml.preparation.choosing import choose
from ml.preparation.film import FILMS, MASKS, Facts, Job, stamp_of
from ml.preparation.journal import add_facts, open_journal, read_journal
from ml.preparation.recipes import RECIPES
from ml.preparation.settings import DivisionSettings, PictureSettings
from ml.preparation.working import prepare_all

PICTURES, DIVISION = "pictures.json", "division.json"
Show = Callable[[str], None]
Watch = Callable[[Iterable[Facts], int], Iterable[Facts]]
"""Shows progress through so many films."""


@dataclass(frozen=True, slots=True)
class Request:
    """What to prepare.

    Attributes:
        data: The source's folder.
        out: Where pictures and manifests go.
        recipes: Names of recipes to apply.
        pictures: How pictures are made.
        division: Which films are taken and how they are divided.
        bundle: Folder of the bundle that finds lungs; None for none.
        workers: Processes.
    """

    data: Path
    out: Path
    recipes: tuple[str, ...]
    pictures: PictureSettings
    division: DivisionSettings
    bundle: Path | None = None
    workers: int = 1


def prepare(request: Request, show: Show, watch: Watch = lambda films, _: films) -> Source:
    """Prepare a source, or continue; films that were prepared before are not opened again.

    Raises:
        ValueError: The source or the request cannot be used, or films leak between splits.
        BundleError: The bundle is not usable.
    """
    s, out = request.division, request.out
    source = read_source(
        request.data, request.pictures.layout, s.labels, leave_out_others=s.leave_out_others
    )
    names = file_names(source.films)
    out.mkdir(parents=True, exist_ok=True)
    usual = asdict(PictureSettings(layout=""))
    fix_settings(out / PICTURES, asdict(request.pictures), usual, "a preparation")
    jobs = [
        Job(film, names[film.identifier], stamp_of(film.image), request.recipes)
        for film in source.films
    ]
    facts = _pictures(request, jobs, show, watch)
    taken = choose(request.data, source, facts, request.recipes, s)
    _write(request, taken, names, facts)
    show(overview(taken))
    show(f"\nmanifest written to {out}")
    for recipe in request.recipes:
        show(f"{RECIPES[recipe].says}: {out / recipe}")
    return taken


def file_names(films: Sequence[Record]) -> dict[str, str]:
    """Name the files of each film: its identifier, without what file systems may not take.

    Raises:
        ValueError: Two films would have one name.
    """
    names: dict[str, str] = {}
    owners: dict[str, str] = {}
    for film in films:
        name = re.sub(r"[^\w.-]+", "_", film.identifier).lstrip(".-") or "_"
        owner = owners.setdefault(name.casefold(), film.identifier)
        if owner != film.identifier:
            raise ValueError(
                f"the films '{owner}' and '{film.identifier}' would both be written as {name}.png; "
                "rename one of them"
            )
        names[film.identifier] = name
    return names


def _pictures(
    request: Request, jobs: Sequence[Job], show: Show, watch: Watch
) -> Mapping[str, Facts]:
    """Make the pictures that are not there yet, and give the facts of all films."""
    kept = read_journal(request.out)
    open_jobs = [job for job in jobs if not _done(job, kept.get(job.film.identifier), request.out)]
    if len(open_jobs) < len(jobs):
        show(f"{len(jobs) - len(open_jobs)} of {len(jobs)} films were prepared before")
    with open_journal(request.out) if open_jobs else nullcontext() as journal:
        made = prepare_all(
            open_jobs, request.out, request.pictures, request.bundle, request.workers
        )
        for facts in watch(made, len(open_jobs)):
            kept[facts.identifier] = facts
            if journal:
                add_facts(journal, facts)
    return kept


def _done(job: Job, facts: Facts | None, out: Path) -> bool:
    if facts is None or facts.stamp != job.stamp or facts.unusable:
        return False
    recipes = [
        name for name in job.recipes if facts.lungs is not None or not RECIPES[name].needs_mask
    ]
    return all(file.is_file() for file in replace(job, recipes=tuple(recipes)).files(out))


def _write(
    request: Request, taken: Source, names: Mapping[str, str], facts: Mapping[str, Facts]
) -> None:
    """Write the manifest of the films, one for each recipe, and how they were divided."""
    out, size = request.out, request.pictures.size
    rows = defaultdict(list)
    for film in taken.films:
        found, name = facts[film.identifier], f"{names[film.identifier]}.png"
        masks = () if found.lungs is None else (out / MASKS / name,)
        here = replace(film, image=out / FILMS / name, masks=masks)
        rows[out].append(row_of(here, out, found.size))
        for recipe in request.recipes:
            # A mask of the whole film does not fit a crop.
            fitting = () if RECIPES[recipe].cropped else masks
            folder = out / recipe
            shown = replace(film, image=folder / "images" / name, masks=fitting)
            rows[folder].append(row_of(shown, folder, (size, size)))
    for folder in (*(out / recipe for recipe in request.recipes), out):
        write_manifest(folder, rows[folder], taken.unusable, taken.remarks)
    _write_division(out / DIVISION, request.division, taken)


def _write_division(path: Path, s: DivisionSettings, taken: Source) -> None:
    described = {**s.described(), "labels": list(taken.labels), "layout": taken.layout}
    side = path.with_name(f".{path.name}.part")
    side.write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
    os.replace(side, path)
