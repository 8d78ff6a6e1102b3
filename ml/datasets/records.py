"""A film as a source tells of it, and what a whole source tells."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

Box = tuple[float, float, float, float]
"""A finding's box: left, top, width, height, in pixels of the original film."""


@dataclass(frozen=True, slots=True)
class Record:
    """One film of a source.

    Attributes:
        identifier: Names the film within the source; no other film has it.
        image: The film's file.
        label: As the label set spells it.
        patient: Whose film it is, within the source.
        masks: Its lung masks; where there are several, they are parts of one.
        split: Which part of the source it belongs to; empty where the source is not divided.
        sex: `female` or `male`, where the source says.
        age_days: At the time of the film, where the source says.
        age_group: As the source names it, or by age.
        boxes: Of findings.
        original_size: (width, height) in pixels before the source scaled the film, where known.
        duplicate_of: Identifier of the film that has the same pixels.
        mask_evidence: How film and mask were paired, where the source says.
        sha256: Of the original file.
    """

    identifier: str
    image: Path
    label: str
    patient: str
    masks: tuple[Path, ...] = ()
    split: str = ""
    sex: str | None = None
    age_days: int | None = None
    age_group: str | None = None
    boxes: tuple[Box, ...] = ()
    original_size: tuple[int, int] | None = None
    duplicate_of: str = ""
    mask_evidence: str = ""
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """Something to say about a film.

    Attributes:
        identifier: The film's, or the name of what is in its place.
        where: File or folder.
        reason: Why it cannot be used, or what is doubtful about it.
    """

    identifier: str
    where: Path
    reason: str


@dataclass(frozen=True, slots=True)
class Source:
    """What was read from a source.

    Attributes:
        layout: Name of its layout.
        labels: The label set, in order.
        films: What can be used.
        unusable: Every film that cannot, with the reason.
        remarks: What is doubtful about films that can.
    """

    layout: str
    labels: Sequence[str]
    films: list[Record] = field(default_factory=list)
    unusable: list[Note] = field(default_factory=list)
    remarks: list[Note] = field(default_factory=list)

    def refuse(self, identifier: str, where: Path, reason: str) -> None:
        """List a film that cannot be used."""
        self.unusable.append(Note(identifier, where, reason))

    def remark(self, identifier: str, where: Path, what: str) -> None:
        """List what is doubtful about a film that can be used."""
        self.remarks.append(Note(identifier, where, what))
