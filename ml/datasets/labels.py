"""What data sets call the labels of a bundle."""

import re
from collections.abc import Sequence

from ml.datasets.films import PNEUMONIA

SYNONYMS: dict[str, tuple[str, ...]] = {
    "normal": ("healthy", "no_finding", "none"),
    "bacterial_pneumonia": ("bacterial", "bacteria", "pneumonia_bacterial", "pneumonia_bacteria"),
    "viral_pneumonia": ("viral", "virus", "pneumonia_viral", "pneumonia_virus"),
}
"""Other names of labels, as `plain` writes them."""

KIND_UNKNOWN = ("pneumonia", "any_pneumonia", "lung_opacity")
"""Names of pneumonia whose kind the data set does not tell."""


def plain(name: str) -> str:
    """Write a name in lower case, its words joined by underscores."""
    return re.sub(r"[\s_-]+", "_", name.strip().casefold())


def label_index(name: str, labels: Sequence[str]) -> int | None:
    """Find the label that a data set means.

    Args:
        name: As the data set writes it; case, spaces, hyphens and underscores do not matter.
        labels: The label set.

    Returns:
        Its index; `PNEUMONIA` for pneumonia of a kind not told, where the label set has at least
        one pneumonia; None for a name that is unknown.
    """
    wanted = plain(name)
    for index, label in enumerate(labels):
        if wanted == plain(label) or wanted in SYNONYMS.get(label, ()):
            return index
    if wanted in KIND_UNKNOWN and any(label.endswith("pneumonia") for label in labels):
        return PNEUMONIA
    return None


def known_names(labels: Sequence[str]) -> str:
    """List what the labels may be called, for messages."""
    each = [" or ".join((label, *SYNONYMS.get(label, ()))) for label in labels]
    return "; ".join((*each, " or ".join(KIND_UNKNOWN)))


def canonical(name: str) -> str:
    """Spell a label as label sets do, `No Lung Opacity / Not Normal` and synonyms among them."""
    spelled = re.sub(r"[\W_]+", "_", plain(name)).strip("_")
    return next((label for label, others in SYNONYMS.items() if spelled in others), spelled)
