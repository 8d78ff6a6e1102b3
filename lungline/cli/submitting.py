"""From paths to jobs: what `submit` and `demo` have in common."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from lungline.cli.console import amount, size, tell
from lungline.cli.progress import sending
from lungline.client import Inputs, InputUnusable, Job, JobOptions, LunglineClient, gather


def find_films(paths: list[Path]) -> Inputs:
    """Find what can be submitted, and note what is left out.

    Raises:
        InputUnusable: A path is of no use, or there is no film at all.
    """
    inputs = gather(paths)
    for reason, count in sorted(inputs.skipped.items()):
        tell(f"Left out {amount(count, 'file')}: {reason}", style="yellow")
    if not inputs.films and not inputs.archives:
        where = ", ".join(str(path) for path in paths)
        raise InputUnusable(f"{where}: no film (JPEG, PNG, DICOM) in there")
    return inputs


def json_object(option: str, text: str | None) -> dict[str, Any] | None:
    """Read an option that is a JSON object.

    Raises:
        InputUnusable: It is none.
    """
    try:
        value = None if text is None else json.loads(text)
    except ValueError:
        value = text
    if value is None or isinstance(value, dict):
        return value
    raise InputUnusable(f"{option}: must be a JSON object, such as '{{\"age\": 3}}'")


def check_single(inputs: Inputs, options: JobOptions) -> None:
    """Refuse what is said of one film where more are submitted.

    Raises:
        InputUnusable: It cannot be known which film is meant.
    """
    said = options.external_id is not None or options.film_metadata is not None
    if said and (inputs.archives or len(inputs.films) != 1):
        raise InputUnusable("--external-id and --film-metadata need a single film")


def check_manifest(inputs: Inputs, manifest: Path | None) -> None:
    """Refuse a manifest that more than one job would take.

    Raises:
        InputUnusable: It cannot be known whose films it names.
    """
    if manifest is not None and bool(inputs.films) + len(inputs.archives) != 1:
        raise InputUnusable("--manifest needs films or a single archive, which make one job")


def submit_prefix(
    client: LunglineClient, prefix: str, options: JobOptions, manifest: Path | None
) -> Job:
    """Submit what lies at a place that the service reads itself."""
    named = options if options.name else replace(options, name=prefix)
    job = client.submit_prefix(prefix, named, manifest=manifest)
    tell(f"The service reads {prefix} as job {job.id}")
    return job


def submit_all(
    client: LunglineClient, inputs: Inputs, options: JobOptions, manifest: Path | None = None
) -> Iterator[Job]:
    """Submit the films as one job and each archive as one more; yields the jobs."""
    if inputs.films:
        what = amount(len(inputs.films), "film")
        named = options if options.name else replace(options, name=_name(inputs))
        with sending(what, inputs.bytes) as sent:
            job = client.submit_films(inputs.films, named, sent, tell, manifest=manifest)
        tell(f"Sent {what} ({size(inputs.bytes)}) as job {job.id}")
        yield job
    for path in inputs.archives:
        named = options if options.name else replace(options, name=path.name)
        length = path.stat().st_size
        with sending(path.name, length) as sent:
            job = client.submit_archive(path, named, sent, tell, manifest=manifest)
        tell(f"Sent {path.name} ({size(length)}) as job {job.id}")
        yield job


def _name(inputs: Inputs) -> str:
    first, count = inputs.films[0].name, len(inputs.films)
    return first if count == 1 else f"{first} and {amount(count - 1, 'film')} more"


def away_once() -> Callable[[str], None]:
    """Make what tells that the service is away, once and not at each try."""
    told: list[str] = []

    def away(why: str) -> None:
        if not told:
            tell(f"{why}; still trying", style="yellow")
        told.append(why)

    return away
