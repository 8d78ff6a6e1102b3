"""Pictures that are no chest films of children, from what packages and data folders hold.

None of them takes part in fitting a gate: they judge it.
"""

import csv
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ml.decode import decode
from ml.errors import FilmError
from ml.images import read_grey

Film = NDArray[np.uint8]

PHOTOGRAPHS = (
    "astronaut.png",
    "brick.png",
    "camera.png",
    "chelsea.png",
    "coffee.png",
    "coins.png",
    "grass.png",
    "gravel.png",
    "hubble_deep_field.jpg",
    "moon.png",
    "motorcycle_left.png",
    "retina.jpg",
    "rocket.jpg",
)
DRAWINGS = (
    "chessboard_GRAY.png",
    "clock_motion.png",
    "color.png",
    "horse.png",
    "logo.png",
    "page.png",
    "phantom.png",
    "text.png",
)
ULTRASOUND = ("examples_ybr_color.dcm", "examples_rgb_color.dcm", "examples_palette.dcm")
_KINDS = {
    ("CR", "HIP"): "hip",
    ("CR", "EXTREMITY"): "extremity",
    ("CT", None): "ct",
    ("MR", None): "mr",
    ("NM", None): "nuclear_medicine",
    ("OT", None): "other_modality",
    ("CR", "CHEST"): "adult_chest",
}


def packaged() -> dict[str, list[Film]]:
    """Give photographs and drawings that scikit-image ships, and ultrasound that pydicom ships."""
    import skimage.data

    folder = Path(skimage.data.__file__).parent
    return {
        "photograph": [read_grey(folder / name) for name in PHOTOGRAPHS],
        "drawing": [read_grey(folder / name) for name in DRAWINGS],
        "ultrasound": [_first_frame(name) for name in ULTRASOUND],
    }


def of_dicom_folder(folder: Path) -> dict[str, list[Film]]:
    """Give the readable films of a folder of DICOM files, by modality and body part.

    Args:
        folder: It holds `manifest.csv` with the columns `file`, `modality`, `body_part`.
    """
    found: dict[str, list[Film]] = {}
    with (folder / "manifest.csv").open(newline="", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            key = (row["modality"], row["body_part"] or None)
            kind = _KINDS.get(key) or _KINDS.get((row["modality"], None))
            if kind:
                found.setdefault(kind, []).extend(_readable(folder / row["file"]))
    return {kind: films for kind, films in found.items() if films}


def of_folder(folder: Path) -> list[Film]:
    """Give all pictures below a folder."""
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in {".png", ".jpg", ".jpeg"})
    return [read_grey(path) for path in paths]


def _readable(path: Path) -> Iterator[Film]:
    try:
        yield decode(path.read_bytes()).pixels
    except FilmError:
        return  # the folder holds damaged files on purpose


def _first_frame(name: str) -> Film:
    """Read the first frame of a file that pydicom ships, as grey."""
    import pydicom
    from pydicom.data import get_testdata_file
    from pydicom.pixels.utils import pixel_array

    path = get_testdata_file(name, download=False)
    dataset = pydicom.dcmread(str(path))
    frame = (
        pixel_array(dataset, index=0)
        if int(dataset.get("NumberOfFrames", 1)) > 1
        else pixel_array(dataset)
    )
    grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) if frame.ndim == 3 else frame
    return np.asarray(grey, np.uint8)
