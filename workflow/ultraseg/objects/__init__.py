"""Objects of organelles in 3D, and masks, from maps."""
