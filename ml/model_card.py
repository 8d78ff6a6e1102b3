"""The model card of a bundle (after Mitchell et al., FAT* 2019), written from its manifest."""

from typing import Any

from ml.evaluation.tables import Row, rows
from ml.network_card import network_card

_TEMPLATE = """# Model card: {name} {version}

**For research only.** Not a medical device, not to be used to decide about a patient.

## What it is
Two networks that read a frontal chest film of a child of 1 to 5 years:

- a U-Net finds the lungs at {segmenter_size}x{segmenter_size};
- CheXNet (DenseNet121, global average pooling, one dense layer; Rajpurkar et al., 2017) reads the
  lungs' box with a margin of {margin:.0%}, squashed to {classifier_size}x{classifier_size}, and
  gives {labels}. Its class activation map shows where each score comes from.

Both were trained from random initialisation.

## Intended use
Research on bulk reading of films: pipelines, queues, calibration, comparison of methods.
Out of scope: diagnosis and triage; adults; children outside 1 to 5 years; lateral films;
photographs of films; findings other than the labels above.

## Data
- Films: 5,190 films of the train part of the paediatric pneumonia set of the Guangzhou Women and
  Children's Medical Center (Kermany et al., Cell 2018, doi:10.1016/j.cell.2018.02.010;
  CC BY 4.0), 224x224, aspect ratio squashed. {validation:.0%} of them, chosen by patient and in
  proportion for each label, are held out for validation; no patient is on both sides.
- Lung masks: v7labs, covid-19-xray-dataset (CC BY 4.0).
- Test: the official test part, as far as it is at hand; never used for choosing anything.

## Training
Segmenter: {segmenter_epochs} epochs, Dice and cross-entropy.
Classifier: {classifier_epochs} epochs at {sizes} pixels, cross-entropy with label smoothing, films
drawn in equal numbers for each label, exponential average of the weights. Both with changes in
exposure, sharpness, noise, rotation, mirroring; the classifier also with each side of the crop
moved by itself. The commands stand in `docs/model.md`.

## Calibration and thresholds
Temperature {temperature}, the least log loss on validation films that were changed in aspect,
exposure, sharpness and crop. A film counts as any pneumonia when P(normal) is below
{normal_threshold} (sensitivity 0.95 on those films). The thresholds of the single labels have the
largest Youden index there: {thresholds}.

## Figures
{figures}

## Limits
- One hospital, one country, ages 1 to 5. Nothing is known about other places, machines and ages.
- Labels are a hospital's clinical reading, not microbiology.
- In this data set the film's aspect ratio alone tells normal films from others. The crop to the
  lungs, squashed to a square, with its sides moved at random in training, is meant to take that
  away; markers, tubes and exposure may still carry hints of the same kind.
- Validation films carved out of the train part are easier than the test part for normal against
  pneumonia; the figures on them are too good.
- The gate that tells other pictures from such films was judged on the kinds listed above; what it
  makes of others is not known. Films of adults look much the same: many pass, flagged or not.

## Licence and attribution
{licence}
"""


def model_card(described: dict[str, Any]) -> str:
    """Write the card from a manifest's attributes (`ml.bundle.Manifest`, without `files`)."""
    figures = _figures(described.get("metrics", {}))
    if described.get("picture"):
        return network_card(described, figures)
    preprocessing = described["preprocessing"]
    if not isinstance(preprocessing, dict):
        preprocessing = {
            key: getattr(preprocessing, key)
            for key in ("segmenter_size", "classifier_size", "lung_margin")
        }
    training = described["training"]
    settings = training["classifier"]["settings"]
    return _TEMPLATE.format(
        name=described["name"],
        version=described["version"],
        segmenter_size=preprocessing["segmenter_size"],
        classifier_size=preprocessing["classifier_size"],
        margin=preprocessing["lung_margin"],
        labels=", ".join(described["thresholds"]),
        validation=settings["validation"],
        segmenter_epochs=training["segmenter"]["epochs_run"],
        classifier_epochs=training["classifier"]["epochs_run"],
        sizes=", ".join(str(size) for size in settings["sizes"]),
        temperature=described["temperature"],
        normal_threshold=described["thresholds"]["normal"],
        thresholds=_list_thresholds(described["thresholds"]),
        figures=figures,
        licence=described["licence"],
    )


def _list_thresholds(thresholds: dict[str, float]) -> str:
    return ", ".join(f"{name} {value}" for name, value in thresholds.items() if name != "normal")


def _figures(metrics: dict[str, Any]) -> str:
    """Write the test figures, or that there are none, then those on validation."""
    blocks = [_block(f"On the {part} part", metrics[part]) for part in metrics if part == "test"]
    if not blocks:
        blocks = ["Not scored on the test part."]
    for part, figures in metrics.get("validation", {}).items():
        blocks.append(_block(f"On {part} validation films", figures))
    if "outliers" in metrics:
        blocks.append(_outliers(metrics["outliers"]))
    return "\n\n".join(blocks)


def _outliers(figures: dict[str, Any]) -> str:
    """Write what the gate makes of pictures that are no films of a child's chest."""
    lines = [
        f"| {kind.replace('_', ' ')} | {row['pictures']} | {row['auroc']} | {row['caught']:.1%} |"
        for kind, row in figures["kinds"].items()
    ]
    return "\n".join(
        [
            "### The gate: real films against other pictures",
            "",
            f"Of {figures['films']} validation films {figures['false_alarms']:.2%} are called out "
            "of distribution.",
            "",
            "| kind of picture | pictures | AUROC | called out |",
            "|---|---|---|---|",
            *lines,
        ]
    )


def _block(title: str, figures: dict[str, Any]) -> str:
    """Write figures as a table, with intervals where there are any."""
    found = list(rows(figures))
    if not any(row.spread for row in found):
        lines = [f"| {_for_people(row)} | {row.value} |" for row in found]
        return "\n".join([f"### {title}", "", "| figure | value |", "|---|---|", *lines])
    lines = [f"| {_for_people(row)} | {row.value} | {row.spread} |" for row in found]
    head = ["| figure | value | 95 % interval and standard error |", "|---|---|---|"]
    return "\n".join([f"### {title}", "", *head, *lines])


def _for_people(row: Row) -> str:
    return row.name.replace("_", " ").replace(".", ", ")
