"""Layouts that sources come in, each read into the same records.

A folder that is not laid out as it should be is an error; a film in it that cannot be used is
listed with the reason.
"""

from ml.datasets.layouts.reading import LAYOUTS, read_source

__all__ = ["LAYOUTS", "read_source"]
