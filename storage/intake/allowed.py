"""Which DICOM elements are stored, and what their values may be.

The Basic Application Level Confidentiality Profile (PS3.15, annex E) lists what to remove. Here it
is the other way round: what is not listed is removed, so that no vendor's element, new edition of
the standard or misspelled tag lets an identity through. Listed are the elements that make the
picture and say how to look at it, as numbers or as one of the standard's own terms; a free text is
never kept, because people write names into any field.

Kept beyond the profile (its Retain Patient Characteristics option, 113108): sex, and age made
coarse, without which a child's film cannot be judged. Not done (its Clean Pixel Data option,
113101): names burned into the picture stay, and so does what a compressed frame that is no JPEG
carries in its own comments, because it is stored byte for byte.
"""

from __future__ import annotations

from storage.intake.rules import Rule, binary, coarse_age, decimals, storage_class, term, terms

_MODALITIES = "CR, CT, DR, DX, ES, IO, MG, MR, NM, OT, PT, PX, RF, RG, SC, US, XA, XC"
_BODY_PARTS = (
    "ABDOMEN, ARM, BREAST, CHEST, CHESTABDOMEN, CLAVICLE, CSPINE, ELBOW, EXTREMITY, FINGER, FOOT, "
    "HAND, HEAD, HEART, HIP, KNEE, LEG, LSPINE, LUNG, NECK, PELVIS, RIB, RIBS, SHOULDER, SKULL, "
    "SPINE, STERNUM, THORAX, TORSO, TRACHEA, TSPINE, WHOLE BODY, WHOLEBODY, WRIST"
)
_VIEWS = (
    "AP, PA, LL, RL, LAT, LATERAL, LLD, RLD, LLO, RLO, LAO, RAO, LPO, RPO, LDO, RDO, OBL, "
    "LORDOTIC, DECUBITUS, SUPINE, ERECT"
)
_DIRECTIONS = ", ".join(
    first + second + third
    for first in "APLRHF"
    for second in ("", *"APLRHF")
    for third in ("", *"APLRHF")
)
_PHOTOMETRIC = (
    "MONOCHROME1, MONOCHROME2, PALETTE COLOR, RGB, YBR_FULL, YBR_FULL_422, YBR_PARTIAL_420, "
    "YBR_PARTIAL_422, YBR_ICT, YBR_RCT, HSV, ARGB, CMYK, XYB"
)
_UNITS = "OD, HU, US, MGML, Z_EFF, ED, EDW"

SOP_CLASS, SOP_INSTANCE, STUDY, SERIES = 0x00080016, 0x00080018, 0x0020000D, 0x0020000E
PATIENT, ISSUER = 0x00100020, 0x00100021
PHOTOMETRIC, FRAMES, ROWS, COLUMNS = 0x00280004, 0x00280008, 0x00280010, 0x00280011
SAMPLES, BITS, SIGNED, PIXELS = 0x00280002, 0x00280100, 0x00280103, 0x7FE00010
TABLES = frozenset({0x00283000, 0x00283010})
"""Modality LUT Sequence, VOI LUT Sequence."""

ALLOWED: dict[int, tuple[bytes, Rule]] = {
    SOP_CLASS: (b"UI", storage_class),
    0x00080060: (b"CS", term(_MODALITIES)),  # Modality
    0x00100040: (b"CS", term("F, M, O")),  # Patient's Sex
    0x00101010: (b"AS", coarse_age),  # Patient's Age
    0x00180015: (b"CS", term(_BODY_PARTS)),  # Body Part Examined
    0x00181164: (b"DS", decimals(2)),  # Imager Pixel Spacing
    0x00185101: (b"CS", term(_VIEWS)),  # View Position
    0x00200020: (b"CS", terms(2, _DIRECTIONS)),  # Patient Orientation
    0x00200060: (b"CS", term("L, R, B, U")),  # Laterality
    0x00200062: (b"CS", term("L, R, B, U")),  # Image Laterality
    SAMPLES: (b"US", binary(2, 1)),
    PHOTOMETRIC: (b"CS", term(_PHOTOMETRIC)),
    0x00280006: (b"US", binary(2, 1)),  # Planar Configuration
    FRAMES: (b"IS", decimals(1)),
    ROWS: (b"US", binary(2, 1)),
    COLUMNS: (b"US", binary(2, 1)),
    0x00280030: (b"DS", decimals(2)),  # Pixel Spacing
    0x00280034: (b"IS", decimals(2)),  # Pixel Aspect Ratio
    BITS: (b"US", binary(2, 1)),  # Allocated
    0x00280101: (b"US", binary(2, 1)),  # Bits Stored
    0x00280102: (b"US", binary(2, 1)),  # High Bit
    SIGNED: (b"US", binary(2, 1)),  # Pixel Representation
    0x00280120: (b"??", binary(2, 1)),  # Pixel Padding Value
    0x00280121: (b"??", binary(2, 1)),  # Pixel Padding Range Limit
    0x00280301: (b"CS", term("YES, NO")),  # Burned In Annotation
    0x00281040: (b"CS", term("LIN, LOG, DISP")),  # Pixel Intensity Relationship
    0x00281041: (b"SS", binary(2, 1)),  # Pixel Intensity Relationship Sign
    0x00281050: (b"DS", decimals(64)),  # Window Center
    0x00281051: (b"DS", decimals(64)),  # Window Width
    0x00281052: (b"DS", decimals(1)),  # Rescale Intercept
    0x00281053: (b"DS", decimals(1)),  # Rescale Slope
    0x00281054: (b"LO", term(_UNITS)),  # Rescale Type
    0x00281056: (b"CS", term("LINEAR, LINEAR_EXACT, SIGMOID")),  # VOI LUT Function
    0x00282110: (b"CS", term("00, 01")),  # Lossy Image Compression
    0x20500020: (b"CS", term("IDENTITY, INVERSE")),  # Presentation LUT Shape
}
"""Tag to value representation and rule. `??` is US or SS, as the pixels are."""

ALLOWED_IN_TABLE: dict[int, tuple[bytes, Rule]] = {
    0x00283002: (b"??", binary(2, 3)),  # LUT Descriptor
    0x00283004: (b"LO", term(_UNITS)),  # Modality LUT Type
    0x00283006: (b"OW", binary(2, 65_536)),  # LUT Data
}

STATED: dict[int, tuple[bytes, bytes]] = {
    0x00120062: (b"CS", b"YES"),  # Patient Identity Removed
    0x00120063: (b"LO", b"Lungline intake, allow-list"),  # De-identification Method
    0x00280303: (b"CS", b"REMOVED"),  # Longitudinal Temporal Information Modified
}
"""What is said in every stored file."""
