"""Kernels on NumPy arrays that several stages share: grey values, scale, outlines, labels."""
