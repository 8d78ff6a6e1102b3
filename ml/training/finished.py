"""The trained model of a run, whichever network it trained."""

from pathlib import Path

import keras

from ml.datasets import LABELS
from ml.networks.backbones import backbone_classifier
from ml.networks.chexnet import chexnet
from ml.networks.unet import unet
from ml.preprocess import SEGMENTER_SIZE
from ml.training.runs import RunFolder


def trained_model(run: RunFolder, *, checkpoint: bool = False) -> keras.Model:
    """Load the model that a run ended with, or rebuild the one its checkpoint holds.

    Args:
        run: The run.
        checkpoint: Take the averaged weights of the last epoch, at the size it was trained at.

    Raises:
        ValueError: The run has not ended, or has no checkpoint.
    """
    if not checkpoint:
        if not run.model_path.is_file():
            raise ValueError(f"{run.path} has not ended: continue it, or ask for its checkpoint")
        return keras.saving.load_model(run.model_path, compile=False, safe_mode=True)
    weights = run.averaged_weights()
    settings, last = run.settings(), run.history()[-1]
    if "backbone" in settings:
        start = Path(settings["weights"]) if settings["weights"] else None
        labels, size = len(settings["labels"]), settings["size"]
        model = backbone_classifier(settings["backbone"], labels, size, start)
    elif "sizes" in settings:
        model = chexnet(len(LABELS), int(float(last["size"])))
    else:
        model = unet(SEGMENTER_SIZE, settings["base"])
    model.set_weights(weights)
    return model
