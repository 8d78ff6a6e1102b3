"""Fixtures that every test may ask for. The real servers live in `tests/fixtures`, one a file.

Owners of a fixture file import its fixtures here, by name.
"""

from __future__ import annotations

from hypothesis import HealthCheck, settings

from tests.fixtures.postgres import postgres_server, postgres_url  # noqa: F401
from tests.fixtures.seaweedfs import s3_settings, seaweedfs  # noqa: F401
from tests.fixtures.valkey import valkey  # noqa: F401

# A machine that trains a model beside the tests is slow without being wrong.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")
