"""Figures of the report, and the arrays for them."""
