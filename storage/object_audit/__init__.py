"""The object audit: objects, whole or not, that no row owns, and rows whose object is missing."""

from storage.object_audit.audit import Finding, ObjectAudit, Problem
from storage.object_audit.places import Kind

__all__ = ["Finding", "Kind", "ObjectAudit", "Problem"]
