"""How long a tenant's data are kept: what the settings say of one tenant."""

from __future__ import annotations

from dataclasses import dataclass

from lungline.settings import Settings


@dataclass(frozen=True, slots=True)
class RetentionRules:
    """How many days each kind is kept; None: no rule.

    Attributes:
        results: Jobs with their findings and films, since the job's end.
        films: Pixels, since the end of the last item that had them.
        uploads: Archives: those that are no jobs since they began, kept ones since the job's end.
    """

    results: float | None
    films: float | None
    uploads: float | None


def retention_of(settings: Settings, tenant: str) -> RetentionRules:
    """The rules that hold for a tenant."""
    return RetentionRules(
        settings.retain_days_of.get(tenant, settings.retain_days),
        settings.retain_films_days_of.get(tenant, settings.retain_films_days),
        settings.retain_uploads_days_of.get(tenant, settings.retain_uploads_days),
    )
