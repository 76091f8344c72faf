"""Unlike neighbours against plain search, and areas against shapes of known surface."""

from collections import Counter

import numpy as np
import pytest
from ultraseg.measure.surfaces import (
    CONTACT_COLUMNS,
    COUNTS,
    DIRECTIONS,
    add_contacts,
    contact_areas,
    direction_areas,
    slice_contacts,
    surfaces,
)


def counted_slowly(one, after, between):
    """id, other, direction -> unlike neighbours, voxel by voxel."""
    found = Counter()
    stack = [one] if after is None else [one, after]
    for d, (dz, dy, dx) in enumerate(DIRECTIONS):
        for y, x in np.ndindex(one.shape):
            if dz >= len(stack) or not (0 <= y + dy < one.shape[0] and 0 <= x + dx < one.shape[1]):
                continue
            a, b = sorted((int(one[y, x]), int(stack[dz][y + dy, x + dx])))
            if a == b:
                continue
            if between:
                found[(a, b, d) if a else (b, 0, d)] += 1
            else:
                found.update((label, 0, d) for label in (a, b) if label)
    return found


@pytest.mark.parametrize("cached", [1, 15, 200_000])  # rows at a time: one, two, all
@pytest.mark.parametrize("between", [False, True])
@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("factor", [1, 1_000_003, 2**30])  # numbered from 1, users' ids, ids near 2**32
def test_unlike_neighbours_are_those_of_plain_search(monkeypatch, cached, between, last, factor):
    monkeypatch.setattr("ultraseg.measure.surfaces.CACHED", cached)
    rng = np.random.default_rng(3)
    one, after = (rng.integers(0, 4, (2, 6, 7)) * factor).astype(np.uint32)
    table = slice_contacts(one, None if last else after, between)
    found = Counter()
    for row in table.to_dict("records"):
        found.update({(row["id"], row["other"], d): row[name] for d, name in enumerate(COUNTS) if row[name]})
    assert found == counted_slowly(one, None if last else after, between)
    assert not table.duplicated(["id", "other"]).any() and (table["id"] > 0).all()


def contacts_of(labels, between=False):
    tables = [
        slice_contacts(one, labels[z + 1] if z + 1 < len(labels) else None, between).assign(structure="cells")
        for z, one in enumerate(labels)
    ]
    return add_contacts(tables)


def test_contacts_add_up_and_keep_their_columns():
    labels = np.random.default_rng(0).integers(0, 3, (3, 5, 6)).astype(np.uint32)
    table = contacts_of(labels, between=True)
    assert list(table) == CONTACT_COLUMNS and not table.duplicated(["structure", "id", "other"]).any()
    twice = add_contacts([table, table])
    assert (twice[COUNTS] == 2 * table[COUNTS]).all().all()
    empty = add_contacts([])
    assert len(empty) == 0 and empty.dtypes.to_dict() == table.dtypes.to_dict()


@pytest.mark.parametrize("size", [(1.0, 1.0, 1.0), (4.0, 1.0, 0.5)])
def test_the_directions_share_the_sphere(size):
    areas = direction_areas(size)
    steps = np.linalg.norm(np.array(DIRECTIONS) * size, axis=1)
    assert (areas > 0).all() and (areas * steps / (2 * np.prod(size))).sum() == pytest.approx(1)


def test_alike_directions_of_cubes_weigh_alike():
    areas = direction_areas((2, 2, 2))
    for kind in (1, 2, 3):
        alike = areas[[np.abs(d).sum() == kind for d in DIRECTIONS]]
        assert len(alike) == {1: 3, 2: 6, 3: 4}[kind] and alike == pytest.approx(alike[0])


def test_a_box_has_its_faces_and_the_border_of_the_volume_is_none():
    labels = np.zeros((6, 8, 9), np.uint32)
    labels[1:4, 2:6, 3:8] = 5
    labels[:, :, 0] = 70_000  # along a side of the volume
    table = surfaces(contacts_of(labels), (4, 2, 1)).loc["cells"]
    assert table.loc[5, "faces"] == 2 * (4 * 5 * 2 * 1 + 3 * 5 * 4 * 1 + 3 * 4 * 4 * 2)
    assert table.loc[70_000, "faces"] == 6 * 8 * 4 * 2


def test_a_ball_has_its_smooth_surface():
    z, y, x = np.ogrid[-12:13, -24:25, -24:25]
    ball = ((2 * z) ** 2 + y**2 + x**2 <= 20**2).astype(np.uint32)
    found = surfaces(contacts_of(ball), (2, 1, 1)).loc[("cells", 1), "surface"]
    assert found == pytest.approx(4 * np.pi * 20**2, rel=0.02)


def test_labels_that_meet_by_an_edge_alone_do_not_touch():
    labels = np.zeros((2, 4, 6), np.uint32)
    labels[:, :2, :3], labels[:, :2, 3:], labels[:, 2:, 3:] = 9, 4, 2
    table = contact_areas(contacts_of(labels, between=True), "cells", (1, 1, 1))
    assert table[["id", "other", "faces"]].to_numpy().tolist() == [[2, 4, 2 * 3], [4, 9, 2 * 2]]
    assert contact_areas(contacts_of(labels, between=True), "nuclei", (1, 1, 1)).empty
