"""Surfaces and colours of the viewer."""

import struct

import numpy as np
import pytest
from ultraseg.base.errors import UserError
from ultraseg.grid.pyramid_levels import pyramid_levels
from ultraseg.storage.create import create_array, create_group
from ultraseg.storage.ome_read import Scaling, read_scaling
from ultraseg.storage.ome_write import label_attributes
from ultraseg.storage.pyramid import reduce_labels, write_pyramid
from ultraseg.viewer.mesh import Level, Surfaces, finest_fitting, surface_of

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


def test_levels_and_their_place_are_read(volume, tmp_path):
    levels = read_scaling(volume / "image.zarr/labels/cells")
    assert levels[0] == Scaling((20.0, 10.0, 10.0), (200.0, 0.0, 50.0))
    assert levels[1] == Scaling((20.0, 20.0, 20.0), (200.0, 5.0, 55.0))
    with pytest.raises(UserError, match="not there"):
        read_scaling(tmp_path)
    (tmp_path / "zarr.json").write_text("{}")
    with pytest.raises(UserError, match="no OME-Zarr metadata"):
        read_scaling(tmp_path)


def test_the_surface_of_one_voxel_is_closed_around_its_centre():
    scaling = Scaling((30.0, 10.0, 10.0), (100.0, 0.0, 0.0))
    vertices, triangles = surface_of(np.ones((1, 1, 1), bool), (2, 3, 4), scaling, ((1, 1),) * 3)
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    forward = {tuple(edge) for edge in edges.tolist()}
    assert len(forward) == len(edges) and all((b, a) in forward for a, b in forward)
    assert vertices.mean(axis=0).tolist() == pytest.approx([40, 30, 160])
    a, b, c = (vertices[triangles[:, i]] for i in range(3))
    assert np.einsum("ij,ij->i", a, np.cross(b, c)).sum() > 0  # normals point outwards


def test_a_box_is_taken_from_the_finest_level_that_holds_it():
    sizes = [
        ((20.0, 10.0, 10.0), (10, 40, 41)),
        ((20.0, 20.0, 20.0), (10, 20, 21)),
        ((40.0, 40.0, 40.0), (5, 10, 11)),
    ]
    levels = [Level(str(n), shape, Scaling(nm, (0.0, 0.0, 0.0))) for n, (nm, shape) in enumerate(sizes)]
    box = (slice(2, 6), slice(8, 19), slice(30, 41))
    assert finest_fitting(levels, box, 0, 484, 2) == (0, box)
    assert finest_fitting(levels, box, 0, 483, 2) == (1, (slice(2, 6), slice(4, 10), slice(15, 21)))
    assert finest_fitting(levels, box, 0, 1, 2) == (2, (slice(1, 3), slice(2, 5), slice(7, 11)))
    # From a coarse level wider by one of its voxels, but not beyond the volume.
    coarse = (slice(1, 2), slice(0, 2), slice(9, 11))
    assert finest_fitting(levels, coarse, 2, 10**6, 2) == (0, (slice(0, 6), slice(0, 12), slice(32, 41)))
    assert finest_fitting(levels, coarse, 2, 1, 2) == (2, coarse)
