"""Manifests: CSV or NDJSON that gives films of a job the client's own ids and words, by name."""

from storage.manifests.lines import Line, ManifestUnreadable, check_manifest, read_lines
from storage.manifests.rows import key_of

__all__ = ["Line", "ManifestUnreadable", "check_manifest", "key_of", "read_lines"]
