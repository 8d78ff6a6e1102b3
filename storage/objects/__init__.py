"""The object store: one interface, two backends (a local folder, S3)."""

from storage.objects.base import ObjectStore, StoredStream
from storage.objects.open import open_store

__all__ = ["ObjectStore", "StoredStream", "open_store"]
