"""The model card of a bundle whose classifier was trained on a prepared recipe."""

from typing import Any

from ml.preparation.picture import PictureSteps
from ml.preparation.recipes import RECIPES

_TEMPLATE = """# Model card: {name} {version}

**For research only.** Not a medical device, not to be used to decide about a patient.

## What it is
Two networks that read a frontal chest film:

- a U-Net finds the lungs; it is that of the bundle {segmenter};
- {backbone}, global average pooling and one dense layer, {start}, sees the picture of the recipe
  `{recipe}` ({says}) at {input_size}x{input_size} and gives {labels}. Its class activation map
  shows where each score comes from.

The picture: the film's longest side is brought to at most {side} pixels, {cut}squashed to
{size}x{size}, {equalised}{blackened}.

## Intended use
Research. Out of scope: diagnosis and triage; films of other people, machines and views than those
it was trained on; findings other than the labels above.

## Data
Layout `{layout}`, divided by patient with seed {seed}; lung masks {masks}. SHA-256 of the manifest:
`{manifest}`. Who the patients are, how the labels were made and who may use the films stands with
the data, not here: whoever passes this bundle on should add it.

## Training
{epochs} epochs, Nadam, learning rate {rate}, batch {batch}, augmentation `{augmentation}`, class
weights unless the classes are balanced, seed {run_seed}, exponential average of the weights.

## Calibration and thresholds
Temperature {temperature}, the least log loss on the validation films, read as the service reads
them: with the lungs that the U-Net finds. {normal}The thresholds of the other labels have the
largest Youden index there: {thresholds}.

## Figures
{figures}

"served" is the whole way from the film; "prepared" has the pictures of the preparation, with the
lung masks of the data set where there are any. A large difference says that the U-Net does not
find the lungs of these films as people drew them.

## Limits
- These figures are of validation films from the same source as the training films, on which also
  temperature and thresholds were fitted: they are too good. Score a test part with
  `python -m ml evaluate`.
- Nothing is known about other hospitals, machines and ages than those of the training data.
- The U-Net was trained on children of 1 to 5 years, if it is that of the shipped bundle; on other
  films its lungs, and with them a cropped or masked picture, may be wrong.
- {gate}
- A label with few films (see the table) has thresholds and figures that chance decides.

## Licence and attribution
{licence}
"""


def network_card(described: dict[str, Any], figures: str) -> str:
    """Write the card.

    Args:
        described: A manifest's attributes (`ml.bundle.Manifest`, without `files`), with a picture.
        figures: Tables of its metrics.
    """
    steps = described["picture"]
    if isinstance(steps, dict):
        steps = PictureSteps(**steps)
    training = described["training"]
    facts = training["classifier"]
    settings, data = facts["settings"], facts["data"]
    recipe = RECIPES[steps.recipe]
    return _TEMPLATE.format(
        name=described["name"],
        version=described["version"],
        segmenter=training["segmenter"]["bundle"],
        backbone=settings["backbone"],
        start="started from other weights"
        if settings["weights"]
        else "trained from random weights",
        recipe=steps.recipe,
        says=recipe.says,
        input_size=steps.input_size,
        labels=", ".join(described["thresholds"]),
        side=steps.side,
        cut=f"cropped to the lungs with a margin of {steps.lung_margin:.0%}, "
        if recipe.cropped
        else "",
        size=steps.size,
        equalised=_equalised(steps),
        blackened=", and black where there is no lung" if recipe.masked else "",
        layout=data["division"].get("layout", "not told"),
        seed=data["division"].get("seed", "not told"),
        masks=_masks(data["pictures"]),
        manifest=data["manifest"],
        epochs=facts["epochs_run"],
        rate=settings["rate"],
        batch=settings["batch"],
        augmentation=settings["augmentation"],
        run_seed=settings["seed"],
        temperature=described["temperature"],
        normal=_normal(described["thresholds"]),
        thresholds=_thresholds(described["thresholds"]),
        figures=figures,
        gate=_gate(training.get("gate")),
        licence=described["licence"],
    )


def _equalised(steps: PictureSteps) -> str:
    if not steps.clahe_clip:
        return "not equalised"
    tiles = steps.clahe_tiles
    return f"equalised locally (CLAHE, clip limit {steps.clahe_clip}, {tiles}x{tiles} tiles)"


def _masks(pictures: dict[str, Any]) -> str:
    if pictures.get("predict_all"):
        return "found by a bundle's U-Net"
    if pictures.get("bundle"):
        return "of the data set, or found by a bundle's U-Net where it has none"
    return "of the data set, where it has any"


def _normal(thresholds: dict[str, float]) -> str:
    if next(iter(thresholds)) != "normal":
        return ""
    return (
        f"A film counts as any finding when P(normal) is below {thresholds['normal']} (sensitivity "
        "0.95 on those films). "
    )


def _thresholds(thresholds: dict[str, float]) -> str:
    first = next(iter(thresholds))
    return ", ".join(
        f"{name} {value}" for name, value in thresholds.items() if (name, first) != ("normal",) * 2
    )


def _gate(facts: Any) -> str:
    if facts:
        return (
            "The gate that tells other pictures from such films was fitted on its training films "
            "and was not judged on any others."
        )
    return "It has no gate: it gives findings for any picture, a film of a chest or not."
