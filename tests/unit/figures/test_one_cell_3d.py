"""One cell in 3D: which one, what of it, and what is drawn."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from ultraseg.base.colours import id_colours, structure_colours
from ultraseg.figures.one_cell_3d import PROTRUSION, cell_figure, choose_cell, describe_cell
from ultraseg.figures.volume_arrays import cut_out
from ultraseg.grid.pyramid_levels import pyramid_levels
from ultraseg.storage.create import create_array
from ultraseg.storage.pyramid import write_pyramid

COLUMNS = ["cell", "voxels", "n_protrusions", "protrusion_length_um", "nucleus_to_cell_ratio"]


def test_a_cell_with_nucleus_and_long_protrusions_is_chosen():
    rows = [(1, 900, 0, 0.0, 0.2), (2, 500, 1, 3.0, 0.1), (3, 400, 4, 9.0, np.nan), (4, 100, 2, 2.0, 0.3)]
    table = pd.DataFrame(rows, columns=COLUMNS)
    assert choose_cell(table) == 2
    assert choose_cell(table[table["cell"] != 2]) == 4
    assert choose_cell(table[table["cell"].isin([1, 3])]) == 1
    assert choose_cell(table.iloc[:0]) is None


def test_the_line_about_a_cell_counts_what_it_has():
    row = pd.Series(
        {"cell": 7, "volume_um3": 12.345, "n_protrusions": 2, "protrusion_length_um": 3.21, "cut_by_edge": True,
         "n_nuclei": 1, "n_mitochondria": 0}
    )  # fmt: skip
    assert describe_cell(row, ["nuclei", "mitochondria"]) == (
        "Cell 7: 12.3 µm³; 2 protrusions of together 3.21 µm; nuclei 1; cut by the edge of the volume"
    )


@pytest.fixture
def volume(tmp_path):
    """A box of cell 9 with a nucleus, and an arm that the pieces of linking know as a protrusion."""
    cells = np.zeros((8, 32, 40), np.uint32)
    cells[:, 4:20, 4:20] = 9
    cells[:, 10:14, 20:36] = 9
    cells[:, 24:30, :] = 5
    nuclei = np.zeros_like(cells)
    nuclei[2:6, 8:12, 8:12] = 3
    nuclei[:, 26, :] = 4  # of another cell
    pieces = np.zeros((8, 16, 20), np.uint32)
    pieces[:, 2:10, 2:10], pieces[:, 5:7, 10:18] = 1, 2
    for name, stack in (("cells", cells), ("nuclei", nuclei)):
        levels = pyramid_levels(stack.shape, (20, 10, 10), 4, 1)
        path = tmp_path / f"image.zarr/labels/{name}/0"
        create_array(str(path), levels[0].shape, levels[0].chunk, levels[0].shard, "uint32", "zyx")
        for start in (0, 4):
            write_pyramid(str(path.parent), start, stack[start : start + 4], levels, None)
    level = pyramid_levels(pieces.shape, (20, 20, 20), 4, 1)
    create_array(
        str(tmp_path / "work/pieces"), level[0].shape, level[0].chunk, level[0].shard, "uint32", "zyx"
    )
    (tmp_path / "work/0").symlink_to("pieces")
    for start in (0, 4):
        write_pyramid(str(tmp_path / "work"), start, pieces[start : start + 4], level, None)
    return tmp_path


def test_a_cell_is_cut_out_with_its_parts(volume):
    row = pd.Series({"cell": 9, "z_min": 0, "z_max": 7, "y_min": 4, "y_max": 19, "x_min": 4, "x_max": 35})
    nodes = pd.DataFrame([(z, piece, piece == 2) for z in range(8) for piece in (1, 2)])
    nodes.columns = ["z", "piece", "protrusion"]
    kinds = {"cells": "cells", "nuclei": "organelle"}
    parts, step = cut_out(str(volume), row, kinds, 0, (1, 1, 1), (20, 10, 10), nodes, 2, {}, grid=32)
    assert step == 10  # nm: 32 steps of the longest side, 32 voxels of 10 nm
    assert {name: mask.shape for name, mask in parts.items()} == dict.fromkeys(parts, (16, 16, 32))
    assert parts["cell"].sum() == 16 * (16 * 16 + 4 * 16)
    assert (parts["protrusions"] & parts["cell"]).sum() == 16 * 4 * 16
    assert parts["nuclei"].sum() == 8 * 4 * 4
    # A bad slice shows the pieces of another one.
    alone = nodes[nodes["z"] == 0]
    parts, _ = cut_out(
        str(volume), row, kinds, 0, (1, 1, 1), (20, 10, 10), alone, 2, dict.fromkeys(range(1, 8), 0), grid=32
    )
    assert (parts["protrusions"] & parts["cell"]).sum() == 16 * 4 * 16


def alike(picture: np.ndarray, colour) -> int:
    """Pixels in the hue of a colour, in light and shadow."""
    colour, picture = np.array(colour, float), picture.astype(float)
    length = np.linalg.norm(picture, axis=-1)
    same = picture @ colour / (np.linalg.norm(colour) * np.maximum(length, 1))
    return int(((same > 0.998) & (length > 30) & (length < 400)).sum())


def test_cell_protrusions_and_organelles_are_drawn(tmp_path):
    parts = {name: np.zeros((20, 30, 40), bool) for name in ("cell", "protrusions", "nuclei", "lysosomes")}
    parts["cell"][:, :20, :20] = parts["cell"][8:12, 8:12, 20:] = True
    parts["protrusions"][8:12, 8:12, 20:] = True
    parts["nuclei"][5:15, 5:15, 5:15] = True
    parts["lysosomes"][:, 25:, 30:] = True  # of another cell
    cell_figure(9, parts, 10.0, "Cell 9", str(tmp_path / "cell.png"))
    picture = np.asarray(Image.open(tmp_path / "cell.png").convert("RGB"))[:-34]
    middle = picture.shape[0] // 2
    assert alike(picture[:middle], id_colours(np.array(9))) > 20_000
    assert alike(picture[:middle], PROTRUSION) > 5_000
    assert alike(picture[middle:], (0x56, 0xB4, 0xE9)) > 5_000  # the nucleus, behind the cell's surface
    assert alike(picture[:middle], (0x56, 0xB4, 0xE9)) < 200
    assert alike(picture, (0x00, 0x9E, 0x73)) < 200


def test_nucleoli_are_seen_through_the_nucleus(tmp_path):
    """Whatever their names are: what a structure is, the key ``role`` says."""
    parts = {name: np.zeros((20, 20, 20), bool) for name in ("cell", "protrusions", "karyon", "spots")}
    parts["cell"][:] = True
    parts["karyon"][3:17, 3:17, 3:17] = True
    parts["spots"][7:13, 7:13, 7:13] = True
    spots = tuple(bytes.fromhex(structure_colours(["karyon", "spots"])["spots"][1:]))
    for roles, seen in (({}, False), ({"nuclei": "karyon", "nucleoli": "spots"}, True)):
        cell_figure(9, parts, 10.0, "", str(tmp_path / "cell.png"), **roles)
        picture = np.asarray(Image.open(tmp_path / "cell.png").convert("RGB"))[:-34]
        assert (alike(picture, spots) > 5_000) is seen


def test_a_cell_that_is_not_seen_says_so(tmp_path):
    empty = np.zeros((3, 4, 5), bool)
    cell_figure(1, {"cell": empty, "protrusions": empty}, 5.0, "", str(tmp_path / "cell.png"))
    assert Image.open(tmp_path / "cell.png").size[1] < 200
