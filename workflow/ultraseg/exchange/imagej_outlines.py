"""Outlines of labels as ROIs that ImageJ draws over an image."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from roifile import ImagejRoi
from scipy.ndimage import find_objects

from ultraseg.base.colours import id_colours, structure_colours


def outline_rois(labels: NDArray[np.integer], structure: str, kind: str) -> list[bytes]:
    """ROIs around every connected piece of every id of labels (z, y, x), with the id as name.

    Each id of a structure of kind ``cells`` has its own colour, as in the figures; all ids of another structure have
    the colour of the structure.
    """
    found = []
    for page, plane in enumerate(labels):
        numbers, inverse = np.unique(plane, return_inverse=True)
        small = inverse.reshape(plane.shape).astype(np.int32) + (numbers[0] != 0)
        ids = numbers[numbers != 0]
        for identity, box in zip(ids.tolist(), find_objects(small), strict=True):
            colour = _colour(identity, structure, kind)
            found += [
                _roi(points + (box[1].start, box[0].start), identity, page, colour)
                for points in _contours(plane[box] == identity)
            ]
    return found


def _contours(mask: NDArray[np.bool_]) -> list[NDArray[np.float64]]:
    """Corner points (n, 2) as x, y of the outer contours of a mask, with pixels as squares of size 1."""
    # Twice as large and with a rim, so that the line runs along the edges of pixels, not through their centres.
    double = np.pad(mask.astype(np.uint8).repeat(2, axis=0).repeat(2, axis=1), 1)
    contours, _ = cv2.findContours(double, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    return [
        np.round((contour[:, 0].astype(float) - 1) / 2 + 0.01) for contour in contours if len(contour) > 2
    ]


def _roi(points: NDArray[np.float64], identity: int, page: int, colour: bytes) -> bytes:
    roi = ImagejRoi.frompoints(points, name=str(identity), position=page)
    roi.roitype = type(roi.roitype).POLYGON
    roi.stroke_color = b"\xff" + colour
    return roi.tobytes()


def _colour(identity: int, structure: str, kind: str) -> bytes:
    if kind == "cells":
        return id_colours(np.array(identity, np.uint32)).tobytes()
    return bytes.fromhex(structure_colours([structure])[structure][1:])
