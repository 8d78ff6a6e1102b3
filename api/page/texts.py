"""The page's texts: one catalogue per language, and which one a visitor reads."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from flask import request

from api.page.assets import FOLDERS

LANGUAGES = {"en": "English", "ko": "한국어"}
COOKIE = "lungline_language"
COOKIE_SECONDS = 365 * 86_400
_STATIC, _TEXTS = FOLDERS


@cache
def catalogue(language: str) -> dict[str, str]:
    """All texts of a language, by key."""
    text = (_TEXTS / f"{language}.json").read_text(encoding="utf-8")
    return dict(json.loads(text))


def chosen_language() -> str:
    """The visitor's: what was chosen here before, or what the browser prefers."""
    kept = request.cookies.get(COOKIE, "")
    if kept in LANGUAGES:
        return kept
    return request.accept_languages.best_match(list(LANGUAGES), default="en") or "en"


def translate(language: str, key: str, **values: Any) -> str:
    """The text of a key, with values in the places that it names in braces."""
    text = catalogue(language)[key]
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", str(value))
    return text
