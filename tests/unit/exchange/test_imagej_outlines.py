"""Outlines of labels as ROIs of ImageJ: their place and their colours."""

import numpy as np
from roifile import ImagejRoi
from ultraseg.base.colours import id_colours, structure_colours
from ultraseg.exchange.imagej_outlines import outline_rois


def test_outlines_follow_the_edges_of_the_pixels():
    labels = np.zeros((2, 9, 9), np.uint32)
    labels[1, 2:5, 3:8] = 70001
    (roi,) = [ImagejRoi.frombytes(one) for one in outline_rois(labels, "cells", "cells")]
    assert (roi.name, roi.position) == ("70001", 2)
    corners = roi.coordinates()
    assert corners.min(axis=0).tolist() == [3, 2] and corners.max(axis=0).tolist() == [8, 5]


def test_each_piece_of_an_id_has_an_outline():
    labels = np.zeros((1, 12, 12), np.uint16)
    labels[0, 1:4, 1:4] = labels[0, 7:10, 7:10] = 3
    rois = [ImagejRoi.frombytes(one) for one in outline_rois(labels, "nuclei", "organelle")]
    assert [roi.name for roi in rois] == ["3", "3"]
    assert sorted(roi.coordinates().min(axis=0).tolist() for roi in rois) == [[1, 1], [7, 7]]
    assert outline_rois(np.zeros((2, 5, 5), np.uint8), "nuclei", "organelle") == []


def test_colours_go_by_the_kind_of_the_structure_not_by_its_name():
    labels = np.zeros((1, 8, 16), np.uint32)
    labels[0, 2:6, 2:6], labels[0, 2:6, 9:14] = 5, 70001

    def colours(structure: str, kind: str) -> list[bytes]:
        return [ImagejRoi.frombytes(one).stroke_color[1:] for one in outline_rois(labels, structure, kind)]

    own = [id_colours(np.array(i)).tobytes() for i in (5, 70001)]
    assert colours("neurons", "cells") == colours("cells", "cells") == own
    one = bytes.fromhex(structure_colours(["cells"])["cells"][1:])
    assert colours("cells", "organelle") == [one, one]
