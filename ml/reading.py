"""What is read from one film: findings, lungs, and where the scores come from."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.lungs import Region, mask_at


@dataclass(frozen=True, slots=True)
class Finding:
    """One label's answer for one film.

    Attributes:
        label: Its name in the bundle's label set.
        probability: Calibrated (softmax of logits / temperature), 0..1.
        score: The logit as the network gave it.
        threshold: Operating threshold of the label.
        positive: The probability reaches the threshold.
    """

    label: str
    probability: float
    score: float
    threshold: float
    positive: bool


@dataclass(frozen=True)
class Reading:
    """What was read from one film.

    Attributes:
        findings: In label-set order; their probabilities sum to 1.
        top_label: The most probable label.
        lung_mask: (S, S) cleaned, 0 or 255, in the segmenter's geometry.
        lung_count: Lungs found, 0 to 2.
        lung_area_share: Lung pixels as a share of the film, 0..1.
        region: The part of the film that the classifier saw.
        activation: (labels, h, w) class activation maps over `region`; their mean is the score.
        width: Of the film, pixels, upright.
        height: Of the film, pixels, upright.
        view: An 8-bit PNG of the film, at most `VIEW_SIDE` a side, where a browser cannot show
            the stored bytes; else None.
        in_distribution: The film is of the kind the bundle was trained on; None: the bundle
            carries no gate.
        flags: Why it is not (`ml.gate.gate.REASONS`), or that it only just is; then what else
            makes its findings doubtful (`ml.quality`).
    """

    findings: tuple[Finding, ...]
    top_label: str
    lung_mask: NDArray[np.uint8]
    lung_count: int
    lung_area_share: float
    region: Region
    activation: NDArray[np.float32]
    width: int
    height: int
    view: bytes | None = None
    in_distribution: bool | None = None
    flags: tuple[str, ...] = ()

    def mask_at(self, width: int, height: int) -> NDArray[np.uint8]:
        """Give the lung mask in another geometry of the film, (height, width), 0 or 255."""
        return mask_at(self.lung_mask, width, height)
