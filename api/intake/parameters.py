"""What a client may say about a job besides its films."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from api.intake.names import clean_name
from lungline.domain import Priority
from lungline.errors import InvalidParameter
from lungline.settings import Settings
from storage.bundles import Bundles
from storage.external import NOTHING, External, read_external, read_metadata

EXTERNAL_ID, FILM_METADATA = "external_id", "film_metadata"
FIELDS = frozenset(
    {"name", "metadata", "bundle", "model", "priority", "expires_in", EXTERNAL_ID, FILM_METADATA}
)
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_MOST_NAME = 200
_LONGEST = 366 * 86_400  # a year: whoever means longer means for ever


@dataclass(frozen=True, slots=True)
class Parameters:
    """A job's parameters, checked.

    Attributes:
        name: For people; empty when none was given.
        metadata: A JSON object, given back as it came.
        bundle: `name@version`, pinned.
        priority: Which jobs are claimed first.
        expires_in: Seconds after which films that still wait are given up; None: never.
        external: What is said of the only film.
        given: The texts as they came, for the request's hash.
    """

    name: str
    metadata: dict[str, Any]
    bundle: str
    priority: Priority
    expires_in: int | None
    external: External
    given: Mapping[str, str]

    def request_hash(self, contents: Iterable[tuple[str, str]]) -> str:
        """Hash what makes two requests the same: parameters, names and bytes of the files.

        Args:
            contents: Name and SHA-256 of each file, in order.

        Returns:
            64 hexadecimal digits.
        """
        text = json.dumps([sorted(self.given.items()), list(contents)])
        return hashlib.sha256(text.encode()).hexdigest()


def read_parameters(given: Mapping[str, str], settings: Settings, bundles: Bundles) -> Parameters:
    """Check the fields of a form, or the query of a raw body.

    Raises:
        InvalidParameter: A field is unknown or has a value that cannot be taken.
        BundleNotFound: There is no such model bundle.
    """
    unknown = sorted(set(given) - FIELDS)
    if unknown:
        names = ", ".join(repr(clean_name(name)[:40]) for name in unknown[:5])
        raise InvalidParameter(f"Unknown field {names}. Known are {', '.join(sorted(FIELDS))}.")
    return Parameters(
        name=checked_name(given.get("name", "")),
        metadata=_metadata(given.get("metadata", ""), settings.max_metadata_bytes),
        bundle=_bundle(given, bundles),
        priority=_priority(given.get("priority", "")),
        expires_in=_expires_in(given.get("expires_in", "")),
        external=_external(given, settings.max_film_metadata_bytes),
        given=given,
    )


def read_idempotency_key(value: str | None) -> str | None:
    """Check the `Idempotency-Key` header.

    Raises:
        InvalidParameter: It is not 1 to 255 visible ASCII characters.
    """
    if value is not None and not _KEY.fullmatch(value):
        raise InvalidParameter("Idempotency-Key must be 1 to 255 visible ASCII characters.")
    return value


def check_interactive(priority: Priority, films: int | None, most: int) -> None:
    """Refuse a large interactive job: those go before all others, so they must be small.

    Args:
        priority: Of the job.
        films: Number of films; None: an archive.
        most: Films that an interactive job may have.

    Raises:
        InvalidParameter: The job is interactive and large.
    """
    if priority is Priority.INTERACTIVE and (films is None or films > most):
        raise InvalidParameter(
            f"An interactive job has at most {most:,} films and no archive. Use priority=normal."
        )


def check_single(external: External, films: int | None) -> None:
    """Refuse what is said of one film where there are more.

    Args:
        external: What is said.
        films: Number of films; None: an archive.

    Raises:
        InvalidParameter: It cannot be known which film is meant.
    """
    if external != NOTHING and films != 1:
        raise InvalidParameter(
            f"{EXTERNAL_ID} and {FILM_METADATA} belong to a single film. Send that film alone."
        )


def checked_name(text: str) -> str:
    """Check a job's name.

    Raises:
        InvalidParameter: It is too long.
    """
    if len(text) > _MOST_NAME:
        raise InvalidParameter(f"name has more than {_MOST_NAME} characters.")
    return clean_name(text)


def _metadata(text: str, most: int) -> dict[str, Any]:
    try:
        return read_metadata(text, most)
    except ValueError as error:
        raise InvalidParameter(f"{error}.") from None


def _external(given: Mapping[str, str], most: int) -> External:
    try:
        return read_external(given.get(EXTERNAL_ID, ""), given.get(FILM_METADATA, ""), most)
    except ValueError as error:
        raise InvalidParameter(f"Of the film: {error}.") from None


def _bundle(given: Mapping[str, str], bundles: Bundles) -> str:
    named = {given[field] for field in ("bundle", "model") if given.get(field)}
    if len(named) > 1:
        raise InvalidParameter("bundle and model name different bundles; give one of them.")
    return bundles.resolve(named.pop() if named else None).key


def _priority(text: str) -> Priority:
    names = {priority.name.lower(): priority for priority in Priority}
    if text and text not in names:
        raise InvalidParameter(f"priority must be one of {', '.join(names)}.")
    return names.get(text, Priority.NORMAL)


def _expires_in(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10 and 0 < int(text) <= _LONGEST):
        raise InvalidParameter(f"expires_in must be a whole number of seconds, 1 to {_LONGEST:,}.")
    return int(text)
