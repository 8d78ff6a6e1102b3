"""Films of a job, and what was found on them, as the service tells of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from lungline.domain import ItemStatus


@dataclass(frozen=True, slots=True)
class Finding:
    """A label of the bundle's label set.

    Attributes:
        label: Its name.
        probability: Calibrated, 0 to 1; they add up to 1 over the labels.
        threshold: The operating threshold.
        positive: Whether the probability passes it.
    """

    label: str
    probability: float
    threshold: float
    positive: bool


@dataclass(frozen=True, slots=True)
class Prediction:
    """The findings of one film by one bundle. For research use only.

    Attributes:
        bundle: `name@version`.
        top_label: Of the largest probability.
        findings: In the order of the label set.
        in_distribution: Whether it is a film of the kind trained on; None: nobody looked.
        flags: Doubts about the film.
    """

    bundle: str
    top_label: str
    findings: tuple[Finding, ...]
    in_distribution: bool | None
    flags: tuple[str, ...]

    @property
    def probabilities(self) -> dict[str, float]:
        """Probability by label."""
        return {finding.label: finding.probability for finding in self.findings}


@dataclass(frozen=True, slots=True)
class Item:
    """One film of a job.

    Attributes:
        id: 32 hexadecimal digits.
        job_id: Of its job.
        seq: Its place in the job, from 0.
        name: What it was called.
        status: Where it stands.
        external_id: The caller's own id of it.
        metadata: What the caller said of it.
        error: Code and reason when it failed.
        prediction: None until it was read.
        wire: All that the service told, as it told it.
    """

    id: str
    job_id: str
    seq: int
    name: str
    status: ItemStatus
    external_id: str | None
    metadata: Mapping[str, Any] | None
    error: tuple[str, str] | None
    prediction: Prediction | None
    wire: Mapping[str, Any] = field(repr=False, compare=False)

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> Self:
        """Read an item's JSON; unknown fields of a newer service are left alone."""
        error, prediction = wire.get("error"), wire.get("prediction")
        return cls(
            id=str(wire["id"]),
            job_id=str(wire["job_id"]),
            seq=int(wire["seq"]),
            name=str(wire["name"]),
            status=ItemStatus(wire["status"]),
            external_id=wire.get("external_id"),
            metadata=wire.get("metadata"),
            error=(str(error["code"]), str(error.get("reason") or "")) if error else None,
            prediction=_prediction(prediction) if prediction else None,
            wire=wire,
        )


def _prediction(wire: Mapping[str, Any]) -> Prediction:
    findings = tuple(
        Finding(
            str(each["label"]),
            float(each["probability"]),
            float(each["threshold"]),
            bool(each["positive"]),
        )
        for each in wire["findings"]
    )
    return Prediction(
        bundle=str(wire["bundle"]),
        top_label=str(wire["top_label"]),
        findings=findings,
        in_distribution=wire.get("in_distribution"),
        flags=tuple(wire.get("flags") or ()),
    )
