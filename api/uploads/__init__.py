"""Uploads in parts: signed links, bodies of parts, and the way from parts to an object."""
