"""Films in, findings out: decode, find the lungs, classify, explain; train and publish bundles."""
