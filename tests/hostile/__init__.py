"""Hostile input at volume: `make test-hostile`."""
