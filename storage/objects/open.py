"""From settings to a store."""

from __future__ import annotations

from lungline.settings import Settings
from storage.objects.base import ObjectStore
from storage.objects.local import LocalStore
from storage.objects.marker import Known, nothing_known


def open_store(settings: Settings, known: Known = nothing_known) -> ObjectStore:
    """Make the store that the settings name. Nothing is touched before its first use.

    Args:
        settings: Which store.
        known: What should be in it, asked where it has no marker (`storage.objects.marker`).
    """
    if settings.store == "local":
        return LocalStore(settings.objects_dir, known)
    # boto3 costs a third of a second and 30 MB, which the embedded stack does without.
    from storage.objects.s3 import S3Store

    return S3Store(settings, known)
