"""Lungline: reads chest films of children in bulk. This package holds what all parts share."""

__version__ = "0.1.0"
