"""Cells from labelled slices through the stack: optical flow, ids carried through gaps, 2D pieces."""
