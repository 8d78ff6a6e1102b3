"""The page's texts: one catalogue per language, and which one a visitor reads.

What the service itself says of errors is English; so is its part of the English catalogue, which
stands in `lungline.errors`. Other languages have all of it in their files.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from flask import request

from api.page.assets import FOLDERS
from lungline import errors
from lungline.errors import FILM_CODES, JOB_CODES, LunglineError

LANGUAGES = {"en": "English", "ko": "한국어"}
_SERVICE_LANGUAGE = "en"
COOKIE = "lungline_language"
COOKIE_SECONDS = 365 * 86_400
_STATIC, _TEXTS = FOLDERS


@cache
def catalogue(language: str) -> dict[str, str]:
    """All texts of a language, by key."""
    text = (_TEXTS / f"{language}.json").read_text(encoding="utf-8")
    own = service_words() if language == _SERVICE_LANGUAGE else {}
    return own | dict(json.loads(text))


def service_words() -> dict[str, str]:
    """What the service says of each code of an error, of a film and of a job that failed."""
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    titles = {kind.code: kind.title for kind in kinds if issubclass(kind, LunglineError)}
    return {
        **{f"problem.{code}": title for code, title in titles.items()},
        **{f"code.{code}": words for code, words in FILM_CODES.items()},
        **{f"job_code.{code}": words for code, words in JOB_CODES.items()},
    }


def told(language: str, code: str, detail: str) -> str:
    """An error in a visitor's language: the service's own words where they are, being exact.

    Args:
        language: The visitor's.
        code: Of the error.
        detail: What the service says of this one.
    """
    texts = catalogue(language)
    known = texts.get(f"problem.{code}") or texts.get(f"code.{code}")
    return detail if language == _SERVICE_LANGUAGE else known or detail


def chosen_language() -> str:
    """The visitor's: what was chosen here before, or what the browser prefers."""
    kept = request.cookies.get(COOKIE, "")
    if kept in LANGUAGES:
        return kept
    return request.accept_languages.best_match(list(LANGUAGES), default="en") or "en"


def translate(language: str, key: str, /, **values: Any) -> str:
    """The text of a key, with values in the places that it names in braces."""
    text = catalogue(language)[key]
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", str(value))
    return text
