"""Pieces linked through z to cells and their protrusions, the user's edits of cells, final cells."""
