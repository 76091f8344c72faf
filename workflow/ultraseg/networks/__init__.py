"""Networks as such: architecture, files and cards, GPUs and precision, sizes."""
