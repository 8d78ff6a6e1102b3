"""The object store: one interface, two backends (a local folder, S3)."""

from storage.objects.base import Listed, ObjectStore, StoredStream
from storage.objects.open import open_store
from storage.objects.parted import Part, Parted, Unfinished

__all__ = [
    "Listed",
    "ObjectStore",
    "Part",
    "Parted",
    "StoredStream",
    "Unfinished",
    "open_store",
]
