"""Age group and sex, as far as a manifest tells them."""

from collections.abc import Mapping

_SEXES = {"f": "female", "female": "female", "m": "male", "male": "male"}
_AGE_GROUPS = (
    (1.0, "under 1 year"),
    (6.0, "1 to 5 years"),
    (11.0, "6 to 10 years"),
    (16.0, "11 to 15 years"),
    (130.0, "16 years and older"),
)
AGE_GROUPS = tuple(name for _, name in _AGE_GROUPS)
"""The groups that ages in years fall into, youngest first."""


def sex_of(row: Mapping[str, str | None]) -> str | None:
    """Read the column `sex` (f, female, m, male); None where it says nothing of these."""
    return _SEXES.get((row.get("sex") or "").strip().casefold())


def age_group_of(row: Mapping[str, str | None]) -> str | None:
    """Read the column `age_group` as it stands, or else `age` in years; None for neither."""
    group = (row.get("age_group") or "").strip()
    if group:
        return group
    try:
        years = float(row.get("age") or "")
    except ValueError:
        return None
    if not years >= 0.0:
        return None
    return next((name for limit, name in _AGE_GROUPS if years < limit), None)
