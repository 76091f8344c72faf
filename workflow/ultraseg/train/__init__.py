"""Training of networks on tiles of labelled slices: tiles, crops, augmentation, losses, thresholds, checkpoints."""
