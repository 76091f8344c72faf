"""Accuracy: scores against held-out labels and truth, and which slices to label next."""
