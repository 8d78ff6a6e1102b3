"""What the project that Lungline rebuilds published of its own comparison, on its own data.

Macro F1 of seven classes at 224 pixels, trained from random weights, one run each; its films are
not available, so the figures can be set beside ours and not against them.
"""

from ml.comparison.plan import Cell

PUBLISHED_F1 = {
    Cell("small_cnn", "segmented_crop"): 0.117,
    Cell("vgg16", "segmented_crop"): 0.213,
    Cell("mobilenetv2", "segmented_crop"): 0.231,  # "MobileNet"
    Cell("inceptionv3", "segmented_crop"): 0.321,
    Cell("resnet50", "segmented_crop"): 0.376,
    Cell("densenet169", "segmented_crop"): 0.435,
    Cell("densenet121", "segmented_crop"): 0.45,  # "CheXNet V1"
    Cell("densenet121", "background_removed"): 0.49,  # V2
    Cell("densenet121", "whole_clahe"): 0.48,  # V3; its final 0.94 was scored on training films
    Cell("densenet121", "lung_crop"): 0.60,  # V4
}
