"""Bytes of a film in, 8-bit grey out.

Every limit is checked against the file's headers before a pixel is decoded, and nothing but
`FilmError` leaves this package, whatever the bytes.
"""

from ml.decode.decode import decode
from ml.decode.film import DecodeLimits, Film

__all__ = ["DecodeLimits", "Film", "decode"]
