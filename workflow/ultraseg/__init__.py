"""ultraseg: cells, organelles and protrusions in 3D electron microscopy from labels on a few slices."""

__version__ = "0.2.0"
