"""The HTTP edge: films and archives in, jobs, findings and pictures out."""

from api.application import create_app

__all__ = ["create_app"]
