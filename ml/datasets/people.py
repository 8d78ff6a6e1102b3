"""Age and sex, as data sets tell them, in English or Korean."""

import re
from collections.abc import Mapping
from pathlib import Path

DAYS_A_YEAR = 365.25
OLDEST = 130.0
"""Years; an age above it is a slip of the pen (RSNA has five of 148 to 155 years)."""

_SEXES = {
    **dict.fromkeys(("f", "female", "여", "여자", "여성"), "female"),
    **dict.fromkeys(("m", "male", "남", "남자", "남성"), "male"),
}
_AGE_GROUPS = (
    (1.0, "under 1 year"),
    (6.0, "1 to 5 years"),
    (11.0, "6 to 10 years"),
    (16.0, "11 to 15 years"),
    (OLDEST, "16 years and older"),
)
AGE_GROUPS = tuple(name for _, name in _AGE_GROUPS)
"""The groups that ages in years fall into, youngest first."""

_AGE = re.compile(r"(\d+(?:\.\d+)?)\s*(\D*)")
_DAYS = {
    **dict.fromkeys(("", "y", "year", "years", "세", "살", "년"), DAYS_A_YEAR),
    **dict.fromkeys(("m", "month", "months", "개월", "달"), DAYS_A_YEAR / 12),
    **dict.fromkeys(("w", "week", "weeks", "주"), 7.0),
    **dict.fromkeys(("d", "day", "days", "일"), 1.0),
}


def sex_of(row: Mapping[str, str | None]) -> str | None:
    """Read the column `sex` (f, female, m, male, or Korean); None where it says none of these."""
    return _SEXES.get((row.get("sex") or "").strip().casefold())


def age_in_days(text: str) -> int | None:
    """Read an age: `0개월`, `3세`, `003Y` as DICOM writes it, `18 months`; a bare number is years.

    Returns:
        Days, rounded; None for what is no age, or above `OLDEST`.
    """
    found = _AGE.fullmatch(text.strip().casefold())
    unit = _DAYS.get(found[2].strip()) if found else None
    if found is None or unit is None:
        return None
    days = float(found[1]) * unit
    return round(days) if days < OLDEST * DAYS_A_YEAR else None


def age_group_of(row: Mapping[str, str | None]) -> str | None:
    """Read the column `age_group` as it stands, or else `age` in years; None for neither."""
    group = (row.get("age_group") or "").strip()
    if group:
        return group
    try:
        return group_of_years(float(row.get("age") or ""))
    except ValueError:
        return None


def group_of_days(days: int | None) -> str | None:
    """Name the group of an age in days; None for an age not known."""
    return None if days is None else group_of_years((days + 0.5) / DAYS_A_YEAR)


def group_of_years(years: float) -> str | None:
    """Name the group of an age in years; None for one that is no age."""
    if not years >= 0.0:
        return None
    return next((name for limit, name in _AGE_GROUPS if years < limit), None)


def told_by_dicom(file: Path) -> tuple[str | None, int | None]:
    """Read sex and age in days out of a DICOM file's header; None for what it does not tell."""
    import pydicom

    from ml.decode.quiet import quiet

    try:
        with quiet():
            wanted = ["PatientSex", "PatientAge"]
            header = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=wanted)
            sex, age = (str(header.get(keyword) or "") for keyword in wanted)
    except Exception:
        # Whatever a damaged header makes pydicom raise: whether the film can be read at all is
        # found out when it is decoded.
        return None, None
    return sex_of({"sex": sex}), age_in_days(age)
