"""The documents; `python -m docs.pictures` takes their pictures."""
