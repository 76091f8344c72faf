"""Surfaces as files: closed, in the right place, of the right size, in every format."""

import struct

import numpy as np
import pandas as pd
import pytest
from ultraseg.grid.pyramid_levels import pyramid_levels
from ultraseg.storage.create import create_array, create_group
from ultraseg.storage.ome_write import label_attributes
from ultraseg.storage.pyramid import reduce_labels, write_pyramid
from ultraseg.viewer.mesh_files import FORMATS, surfaces_of, write_meshes

SHAPE, VOXEL_NM, ORIGIN_NM, DEPTH = (24, 64, 72), (20, 10, 10), (200, 0, 50), 8
RADIUS_NM, CENTRE = 200, (12, 34, 30)
BALL, SLAB = 70001, 4


@pytest.fixture(scope="module")
def volume(tmp_path_factory):
    """A ball, and a plate at the end of the volume."""
    folder = tmp_path_factory.mktemp("volume")
    grid = np.ogrid[tuple(slice(n) for n in SHAPE)]
    nm = [(g - c) * size for g, c, size in zip(grid, CENTRE, VOXEL_NM, strict=True)]
    labels = np.where(nm[0] ** 2 + nm[1] ** 2 + nm[2] ** 2 < RADIUS_NM**2, BALL, 0).astype(np.uint32)
    labels[:, :, 64:] = SLAB
    group = folder / "image.zarr/labels/cells"
    levels = pyramid_levels(SHAPE, VOXEL_NM, DEPTH, 2)
    create_group(str(group), label_attributes("cells", levels, VOXEL_NM, ORIGIN_NM))
    for number, level in enumerate(levels):
        create_array(str(group / str(number)), level.shape, level.chunk, level.shard, "uint32", "zyx")
    for start in range(0, SHAPE[0], DEPTH):
        write_pyramid(str(group), start, labels[start : start + DEPTH], levels, reduce_labels)
    return folder, labels


def boxes(labels: np.ndarray, *ids: int) -> pd.DataFrame:
    rows = []
    for one in ids:
        places = np.argwhere(labels == one)
        low, high = places.min(axis=0), places.max(axis=0)
        rows.append((one, *low, *high))
    return pd.DataFrame(rows, columns=["id", "z_min", "y_min", "x_min", "z_max", "y_max", "x_max"])


def enclosed(vertices: np.ndarray, triangles: np.ndarray) -> float:
    """Volume within a closed surface; positive where the normals point outwards."""
    a, b, c = (vertices[triangles[:, i]].astype(float) for i in range(3))
    return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6)


def assert_closed(triangles: np.ndarray) -> None:
    """Each edge belongs to two triangles, which run along it in opposite directions."""
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    forward = {tuple(edge) for edge in edges.tolist()}
    assert len(forward) == len(edges) and all((b, a) in forward for a, b in forward)


@pytest.mark.parametrize(("most", "tolerance"), [(10**9, 0.04), (8000, 0.12)])
def test_a_ball_is_closed_and_has_its_place_and_volume(volume, most, tolerance):
    """At the finest level and at a coarser one."""
    folder, labels = volume
    ((number, (vertices, triangles)),) = surfaces_of(folder, "cells", boxes(labels, BALL), most)
    assert number == BALL
    assert_closed(triangles)
    ball = 4 / 3 * np.pi * RADIUS_NM**3
    assert enclosed(vertices - vertices.mean(axis=0), triangles) == pytest.approx(ball, rel=tolerance)
    centre = (np.array(CENTRE) * VOXEL_NM + ORIGIN_NM)[::-1]
    assert np.abs((vertices.min(axis=0) + vertices.max(axis=0)) / 2 - centre).max() <= 10


def test_an_object_that_the_volume_cuts_is_closed_as_well(volume):
    folder, labels = volume
    ((_, (vertices, triangles)),) = surfaces_of(folder, "cells", boxes(labels, SLAB), 10**9)
    assert_closed(triangles)
    size = np.ptp(vertices, axis=0)
    assert np.allclose(size, (8 * 10, 64 * 10, 24 * 20), atol=1e-3)


def test_every_format_holds_the_same_surface(volume, tmp_path):
    folder, labels = volume
    assert write_meshes(folder, "cells", boxes(labels, SLAB, BALL), tmp_path, FORMATS, 10**9) == 2
    names = {str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*") if file.is_file()}
    each = {f"{i}.{suffix}" for i in (SLAB, BALL) for suffix in ("ply", "obj")}
    each |= {f"precomputed/{i}{end}" for i in (SLAB, BALL) for end in (":0", ".mesh")}
    assert names == each | {"precomputed/info"}

    head, body = (tmp_path / f"{BALL}.ply").read_bytes().split(b"end_header\n")
    counts = [int(line.split()[-1]) for line in head.decode().splitlines() if line.startswith("element")]
    points = np.frombuffer(body, "<f4", 3 * counts[0]).reshape(-1, 3)
    faces = np.frombuffer(body, [("n", "u1"), ("i", "<i4", 3)], offset=12 * counts[0])
    assert len(faces) == counts[1] and (faces["n"] == 3).all()

    lines = [line.split() for line in (tmp_path / f"{BALL}.obj").read_text().splitlines()]
    assert np.allclose([[*map(float, line[1:])] for line in lines if line[0] == "v"], points, atol=1e-5)
    assert ([[int(i) - 1 for i in line[1:]] for line in lines if line[0] == "f"] == faces["i"]).all()

    data = (tmp_path / f"precomputed/{BALL}.mesh").read_bytes()
    (count,) = struct.unpack("<I", data[:4])
    assert np.allclose(np.frombuffer(data, "<f4", 3 * count, 4).reshape(-1, 3), points * 1000, atol=1e-3)
    assert (np.frombuffer(data, "<u4", offset=4 + 12 * count).reshape(-1, 3) == faces["i"]).all()


def test_what_is_lost_at_a_coarse_level_is_left_out(volume, tmp_path):
    folder, _ = volume
    row = [(12, 0, 0, 0, 5, 5, 5)]
    table = pd.DataFrame(row, columns=["id", "z_min", "y_min", "x_min", "z_max", "y_max", "x_max"])
    assert write_meshes(folder, "cells", table, tmp_path, ["ply"], 10**6) == 0
