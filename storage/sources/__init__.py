"""Folders outside the service that films are read from: of this machine, or in a bucket."""

from storage.sources.base import Found, Source, SourceUnreadable
from storage.sources.open import open_source

__all__ = ["Found", "Source", "SourceUnreadable", "open_source"]
