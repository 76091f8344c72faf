"""Slices that look bad: blank, repeated, defocused, shifted."""
