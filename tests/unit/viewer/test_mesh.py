"""Surfaces and colours of the viewer."""

import struct

import numpy as np
import pytest
from ultraseg.base.colours import id_colours, structure_colours
from ultraseg.grid.pyramid_levels import pyramid_levels
from ultraseg.storage.create import create_array, create_group
from ultraseg.storage.ome_read import Scaling
from ultraseg.storage.ome_write import label_attributes
from ultraseg.storage.pyramid import reduce_labels, write_pyramid
from ultraseg.viewer.mesh import Surfaces
from ultraseg.viewer.state import colour_table, volume_state

SHAPE, VOXEL_NM, ORIGIN_NM, DEPTH = (32, 48, 64), (20, 10, 10), (200, 0, 50), 8
RADIUS_NM, CENTRE = 180, (13, 24, 30)


@pytest.fixture(scope="module")
def volume(tmp_path_factory):
    """A ball (id 9) and a bar that runs through the whole volume in z (id 4); the last slab is not made yet."""
    folder = tmp_path_factory.mktemp("volume")
    grid = np.ogrid[tuple(slice(n) for n in SHAPE)]
    nm = [(g - c) * size for g, c, size in zip(grid, CENTRE, VOXEL_NM, strict=True)]
    labels = np.where(nm[0] ** 2 + nm[1] ** 2 + nm[2] ** 2 < RADIUS_NM**2, 9, 0).astype(np.uint32)
    labels[:, 2:6, 2:6] = 4
    group = folder / "image.zarr/labels/cells"
    levels = pyramid_levels(SHAPE, VOXEL_NM, DEPTH, 3)
    create_group(str(group), label_attributes("cells", levels, VOXEL_NM, ORIGIN_NM))
    for number, level in enumerate(levels):
        create_array(str(group / str(number)), level.shape, level.chunk, level.shard, "uint32", "zyx")
    for start in range(0, SHAPE[0] - DEPTH, DEPTH):
        write_pyramid(str(group), start, labels[start : start + DEPTH], levels, reduce_labels)
    return folder


def mesh_of(data: bytes) -> tuple[np.ndarray, np.ndarray]:
    (count,) = struct.unpack("<I", data[:4])
    vertices = np.frombuffer(data, "<f4", 3 * count, 4).reshape(-1, 3)
    return vertices, np.frombuffer(data, "<u4", offset=4 + 12 * count).reshape(-1, 3)


@pytest.mark.parametrize("whole, each", [(1e9, 1e9), (20_000, 1e9), (20_000, 100)])
def test_the_surface_of_a_ball_lies_where_the_ball_is(volume, whole, each):
    """At level 0, at level 0 by way of a coarser overview, and at the coarse level itself."""
    vertices, triangles = mesh_of(Surfaces(volume, "cells", whole, each).surface(9))
    centre = (np.array(CENTRE) * VOXEL_NM + ORIGIN_NM)[::-1]
    distance = np.linalg.norm(vertices - centre, axis=1)
    voxel = 10 if each > 100 else 20
    assert abs(distance.mean() - RADIUS_NM) < 0.7 * voxel
    assert distance.min() > RADIUS_NM - 2.2 * voxel and distance.max() < RADIUS_NM + 2.2 * voxel
    a, b, c = (vertices[triangles[:, i]] - centre for i in range(3))
    inside = abs(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6)
    assert inside == pytest.approx(4 / 3 * np.pi * RADIUS_NM**3, rel=0.12 if each > 100 else 0.2)


def test_a_surface_is_open_where_the_volume_ends(volume):
    vertices, triangles = mesh_of(Surfaces(volume, "cells").surface(4))
    edges = np.sort(
        np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), axis=1
    )
    edges, uses = np.unique(edges, axis=0, return_counts=True)
    ends = np.unique(vertices[edges[uses == 1].ravel()][:, 2])
    assert ends.tolist() == [ORIGIN_NM[0]]  # the slab that is not made yet counts as empty: closed there


def test_sizes_are_voxels_and_slabs_to_come_are_empty(volume):
    sizes = Surfaces(volume, "cells").sizes
    assert list(sizes) == [4, 9]
    assert sizes[4] == 24 * 16
    assert Surfaces(volume, "cells").surface(5) is None


def test_colours_are_those_of_the_figures():
    sizes = {"cells": {3: 10, 70001: 20}, "nuclei": {1: 5}}
    state = volume_state(
        "v", (4, 8, 8), Scaling((20, 10, 10), (0, 0, 0)), (0, 255), sizes, {"cells": [3, 4, 70001]}
    )
    image, cells, nuclei = state["layers"]
    for number, colour in cells["segmentColors"].items():
        rgb = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
        assert rgb == id_colours(np.array(int(number))).tolist()
    assert list(cells["segmentColors"]) == ["3", "4", "70001"]
    assert cells["segments"] == ["70001", "3"]
    assert nuclei["segmentDefaultColor"] == structure_colours(sizes)["nuclei"]
    assert state["position"] == [4, 4, 2]
    assert colour_table([]) == {}
