"""The one way from bytes to a film."""

from ml.decode.dicom import decode_dicom
from ml.decode.film import DecodeLimits, Film
from ml.decode.jpeg import decode_jpeg
from ml.decode.png import decode_png
from ml.decode.sniff import sniff
from ml.errors import FilmError

_DECODERS = {"jpeg": decode_jpeg, "png": decode_png, "dicom": decode_dicom}
_DEFAULT_LIMITS = DecodeLimits()


def decode(data: bytes, limits: DecodeLimits = _DEFAULT_LIMITS) -> Film:
    """Decode a JPEG, PNG or DICOM file to a grey film of 8 bits.

    Args:
        data: The file's bytes; its name plays no part.
        limits: What the film may cost.

    Returns:
        The film, upright, bone bright.

    Raises:
        FilmError: The only error that leaves. Codes: `empty_file`, `unsupported_format`,
            `truncated`, `undecodable`, `too_large`, `too_many_pixels`, `too_many_frames`,
            `no_pixels`, `unsupported_photometric`, `unsupported_transfer_syntax`.
    """
    limits.check_bytes(len(data))
    kind = sniff(data)
    try:
        return _DECODERS[kind](data, limits)
    except FilmError:
        raise
    except Exception as error:
        # Decoder libraries raise whatever they like on damaged input, and their words may quote
        # the file. Only the kind of error is passed on.
        raise FilmError(
            "undecodable",
            f"The {kind.upper()} file is damaged and cannot be decoded ({type(error).__name__}).",
        ) from None
