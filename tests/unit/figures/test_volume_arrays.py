"""Arrays for the figures: the right slices, cells as areas, the others as outlines."""

import cv2
import numpy as np
import pytest
from ultraseg.figures import volume_arrays
from ultraseg.figures.volume_arrays import draw_montages, small_cells
from written_volume import write_stack

SHAPE = (11, 20, 30)
KINDS = {"nuclei": "organelle", "cells": "cells"}


@pytest.fixture
def folder(tmp_path):
    """Slice z has grey value 10 z, cells of id 100 + z and nuclei of id 500 + z in its upper half."""
    z = np.arange(SHAPE[0])[:, None, None]
    write_stack(tmp_path / "image.zarr/0", np.broadcast_to(10 * z, SHAPE).astype(np.uint8), 4)
    cells, nuclei = (np.broadcast_to(first + z, SHAPE).astype(np.uint32).copy() for first in (100, 500))
    nuclei[:, 10:] = 0
    write_stack(tmp_path / "image.zarr/labels/cells/0", cells, 4)
    write_stack(tmp_path / "image.zarr/labels/nuclei/0", nuclei, 4)
    return str(tmp_path)


@pytest.fixture
def drawn(monkeypatch):
    calls = []
    monkeypatch.setattr(volume_arrays, "overlay_montage", lambda *args, **named: calls.append((args, named)))
    return calls


def test_the_slices_are_shown_with_their_labels(folder, drawn):
    draw_montages(folder, KINDS, [0, 5, 10], (8, 4, 4), "raw.png", "overlay.png")
    for (images, areas, zs, size, _), named in drawn:
        assert zs == [0, 5, 10] and size == (8, 4, 4)
        assert [np.unique(image).tolist() for image in images] == [[0], [50], [100]]
        assert [np.unique(area).tolist() for area in areas] == [[100], [105], [110]]
        assert list(named["outlines"]) == ["nuclei"]
        for mask in named["outlines"]["nuclei"]:
            assert mask.dtype == bool and mask[:10].all() and not mask[10:].any()
    assert [(args[4], named["overlay"]) for args, named in drawn] == [
        ("raw.png", False),
        ("overlay.png", True),
    ]


def test_without_cells_there_are_outlines_only(folder, drawn):
    draw_montages(folder, {"nuclei": "organelle"}, [0, 10], (8, 4, 4), "raw.png", "overlay.png")
    assert drawn[0][0][1] == [None, None] and list(drawn[0][1]["outlines"]) == ["nuclei"]


def test_the_two_pictures_have_one_size_and_differ(folder, tmp_path):
    files = [str(tmp_path / name) for name in ("raw.png", "overlay.png")]
    draw_montages(folder, KINDS, [0, 5, 10], (8, 4, 4), *files)
    raw, overlay = (cv2.imread(file) for file in files)
    assert raw.shape == overlay.shape
    assert (raw != overlay).any()


def test_small_cells_are_those_of_the_level(folder, tmp_path):
    labels, size = small_cells(folder, KINDS, 0, (1, 1, 1), (8, 4, 4))
    assert labels.shape == SHAPE and size == (8, 4, 4)
    assert labels[:, 0, 0].tolist() == [100 + z for z in range(11)]
    labels, _ = small_cells(folder, {"nuclei": "organelle"}, 0, (1, 1, 1), (8, 4, 4))
    assert labels[:, 0, 0].tolist() == [500 + z for z in range(11)]


@pytest.mark.parametrize("limit, kept", [(11 * 600, 11), (11 * 600 - 1, 6), (4 * 600, 4), (600, 1)])
def test_small_cells_are_thinned_in_z_to_fit(folder, monkeypatch, limit, kept):
    monkeypatch.setattr(volume_arrays, "MAX_VOXELS", limit)
    labels, size = small_cells(folder, KINDS, 0, (2, 4, 4), (8, 4, 4))
    stride = -(-11 // kept)
    assert labels.size <= limit
    assert labels[:, 0, 0].tolist() == [100 + z for z in range(0, 11, stride)]
    assert size == (16 * stride, 16, 16)
