"""Colours of structures and cells: figures, viewer, report and exports show the same ones."""

from __future__ import annotations

import zlib
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

# Each colour was chosen as far as possible from all colours before it, in CIELAB of normal, deuteranope and protanope
# sight (matrices of Machado et al., IEEE TVCG 2009). All are bright and colourful enough to stand out from grey. They
# are listed in the order of hue.
ID_COLOURS = np.array(
    [
        *((85, 217, 255), (0, 113, 179), (151, 161, 255), (123, 113, 255), (132, 19, 255)),
        *((151, 47, 208), (236, 0, 255), (142, 85, 142), (227, 104, 227), (255, 170, 246)),
        *((208, 113, 189), (217, 0, 189), (198, 19, 47), (208, 94, 85), (255, 161, 142)),
        *((189, 66, 0), (198, 123, 0), (246, 217, 132), (179, 161, 76), (189, 189, 38)),
        *((208, 246, 85), (217, 236, 161), (151, 179, 104), (142, 236, 94), (47, 170, 19)),
        *((0, 255, 0), (66, 113, 57), (0, 236, 113), (142, 217, 161), (0, 170, 104)),
    ],
    np.uint8,
)

LABEL_OPACITY = 0.35  # of areas that are drawn over the image

# Okabe and Ito's colours, safe for the colour-blind
PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442")

STRUCTURE_COLOURS = {
    "cells": "#0072B2",
    "nuclei": "#56B4E9",
    "nucleoli": "#CC79A7",
    "mitochondria": "#E69F00",
    "lysosomes": "#009E73",
    "endosomes": "#D55E00",
}


def id_colours(ids: NDArray[np.integer]) -> NDArray[np.uint8]:
    """RGB colours (..., 3) of ids of any shape; 0 is black, and an id has the same colour everywhere."""
    # Knuth's multiplicative hash steps by the golden ratio, so that consecutive ids get hues far apart.
    mixed = np.asarray(ids).astype(np.uint32) * np.uint32(2654435761)
    colours = ID_COLOURS[((mixed >> np.uint32(16)) * np.uint32(len(ID_COLOURS))) >> np.uint32(16)]
    colours[np.asarray(ids) == 0] = 0
    return colours


def structure_colours(names: Iterable[str]) -> dict[str, str]:
    """The colour of each structure: name -> "#rrggbb".

    A name that is not in ``STRUCTURE_COLOURS`` takes a colour of ``PALETTE`` by a hash of the name: the first one from
    there that no other name has, where one is left.
    """
    names = list(dict.fromkeys(names))
    colours = {name: STRUCTURE_COLOURS[name] for name in names if name in STRUCTURE_COLOURS}
    for name in names:
        if name not in colours:
            start = zlib.crc32(name.encode()) % len(PALETTE)
            order = [*PALETTE[start:], *PALETTE[:start]]
            colours[name] = next((colour for colour in order if colour not in colours.values()), order[0])
    return colours
