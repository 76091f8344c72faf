"""Tables of a volume against shapes of known size, place and contents."""

import cc3d
import numpy as np
import pandas as pd
import pytest
from scipy import ndimage
from skimage.measure import marching_cubes, mesh_surface_area, regionprops
from ultraseg.measure.lengths import Course
from ultraseg.measure.slab import measure_slab
from ultraseg.measure.tables import cell_columns, merge_measures

VOXEL = (40.0, 10.0, 5.0)


def measured(labels, depth, voxel=VOXEL, **settings):
    total = len(next(iter(labels.values())))
    within = [settings.get("cell", "cell"), settings.get("nucleus", "nucleus")]
    partials = []
    for z in range(0, total, depth):
        slab = {name: stack[z : z + depth] for name, stack in labels.items()}
        after = {name: stack[z + depth] for name, stack in labels.items() if z + depth < total}
        partials.append(measure_slab(slab, z, following=after, within=within, touching=within[:1]))
    shape = next(iter(labels.values())).shape
    return merge_measures(partials[::-1], voxel, shape, **settings)


@pytest.fixture(scope="module")
def boxes():
    cell = np.zeros((12, 30, 40), np.uint32)
    cell[2:10, 5:25, 4:20] = 7
    cell[2:10, 5:25, 20:40] = 9
    mito = np.zeros_like(cell)
    mito[3:6, 6:10, 5:9] = 1  # in cell 7
    mito[4:6, 12:14, 16:22] = 2  # 4 of 6 columns in cell 7
    mito[0:2, 0:3, 0:3] = 3  # in no cell
    nucleus = np.zeros_like(cell)
    nucleus[4:8, 10:20, 22:30] = 4
    nucleolus = np.zeros_like(cell)
    nucleolus[5:6, 12:14, 24:26] = 1
    er = (mito == 1).astype(np.uint8)
    return {"cell": cell, "mito": mito, "nucleus": nucleus, "nucleolus": nucleolus, "er": er}


LINKED = {"strength": 0.7, "probability": 0.8, "z_root": -1, "y_root": np.nan, "x_root": np.nan}
SETTINGS = {"organelles": ["mito", "nucleus", "nucleolus"], "masks": ["er"], "nucleus": "nucleus"}


def test_boxes_have_their_exact_measures(boxes):
    cells = measured(boxes, 5, **SETTINGS)["cells"].set_index("cell")
    seven, nine = cells.loc[7], cells.loc[9]
    assert seven["voxels"] == 8 * 20 * 16 and seven["n_slices"] == 8
    assert seven["volume_um3"] == pytest.approx(8 * 20 * 16 * 0.04 * 0.01 * 0.005)
    bounds = ["z_min", "y_min", "x_min", "z_max", "y_max", "x_max"]
    assert seven[bounds].tolist() == [2, 5, 4, 9, 24, 19]
    centre = seven[["centroid_z_um", "centroid_y_um", "centroid_x_um"]].astype(float)
    assert centre.tolist() == pytest.approx([6 * 0.04, 15 * 0.01, 12 * 0.005])
    faces = 2 * (20 * 16 * 0.01 * 0.005 + 8 * 16 * 0.04 * 0.005 + 8 * 20 * 0.04 * 0.01)
    assert seven["face_area_um2"] == pytest.approx(faces)
    # Cell 9 ends at the border of the volume: that side is no surface.
    border = 2 * (20 * 20 * 0.01 * 0.005 + 8 * 20 * 0.04 * 0.005) + 8 * 20 * 0.04 * 0.01
    assert nine["face_area_um2"] == pytest.approx(border)
    assert not seven["cut_by_edge"] and nine["cut_by_edge"]
    assert seven[["n_mito", "n_nucleus"]].tolist() == [2, 0] and nine[["n_mito", "n_nucleus"]].tolist() == [
        0,
        1,
    ]
    assert seven["mito_volume_fraction"] == pytest.approx((48 + 16) / 2560)
    assert nine["mito_volume_um3"] == pytest.approx(8 * 0.04 * 0.01 * 0.005)
    assert nine["nucleus_to_cell_ratio"] == pytest.approx(4 * 10 * 8 / (8 * 20 * 20))
    assert np.isnan(seven["nucleus_to_cell_ratio"])
    assert seven["er_volume_fraction"] == pytest.approx(48 / 2560) and "n_er" not in cells


def test_organelles_know_their_cell_and_nucleus(boxes):
    table = measured(boxes, 4, **SETTINGS)["organelles"].set_index(["structure", "id"])
    assert table["cell"].to_dict() == {
        ("mito", 1): 7,
        ("mito", 2): 7,
        ("mito", 3): 0,
        ("nucleolus", 1): 9,
        ("nucleus", 4): 9,
    }
    assert table.loc["mito", "cell_share"].tolist() == pytest.approx([1, 2 / 3, 0])
    assert table.loc[("nucleolus", 1), "nucleus"] == 4 and table.loc[("mito", 1), "nucleus"] == 0
    assert table["cut_by_edge"].to_dict()[("mito", 3)] and not table["cut_by_edge"].to_dict()[("mito", 1)]


def test_a_tie_between_two_cells_goes_to_the_lower_id():
    cell = np.repeat(np.array([[[5, 5, 3, 3]]], np.uint32), 2, axis=0)
    mito = np.array([[[0, 1, 1, 0]]] * 2, np.uint32)
    table = measured({"cell": cell, "mito": mito}, 1, organelles=["mito"])["organelles"]
    assert table["cell"].tolist() == [3] and table["cell_share"].tolist() == [0.5]


def coordinates(shape, voxel):
    """Voxel centres in um from the middle of the volume, as three arrays."""
    axes = [(np.arange(n) - (n - 1) / 2) * size / 1000 for n, size in zip(shape, voxel, strict=True)]
    return np.meshgrid(*axes, indexing="ij")


@pytest.mark.parametrize(
    "voxel, rel", [((10, 10, 10), 0.01), ((12.5, 10, 10), 0.01), ((40, 10, 10), 0.03), ((50, 5, 5), 0.03)]
)
def test_a_sphere_is_a_sphere(voxel, rel):
    shape = [int(440 / size) + 4 for size in voxel]
    z, y, x = coordinates(shape, voxel)
    ball = (z**2 + y**2 + x**2 <= 0.2**2).astype(np.uint32)
    row = measured({"cell": ball}, 5, voxel)["cells"].iloc[0]
    assert row["surface_um2"] == pytest.approx(4 * np.pi * 0.2**2, rel=rel)
    assert row["face_area_um2"] == pytest.approx(1.5 * 4 * np.pi * 0.2**2, rel=0.03)
    assert row["volume_um3"] == pytest.approx(4 / 3 * np.pi * 0.2**3, rel=0.02)
    assert row["sphericity"] == pytest.approx(1, abs=0.02) and row["elongation"] == pytest.approx(1, abs=0.03)
    assert [row[f"{name}_axis_um"] for name in ("major", "middle", "minor")] == pytest.approx(
        [0.4] * 3, rel=0.03
    )


def test_what_the_edge_cuts_has_no_sphericity():
    z, y, x = coordinates((40, 44, 44), (10, 10, 10))
    ball = (z**2 + y**2 + x**2 <= 0.15**2).astype(np.uint32)
    whole, cut = (measured({"cell": part}, 5, (10, 10, 10))["cells"].iloc[0] for part in (ball, ball[20:]))
    assert not whole["cut_by_edge"] and whole["sphericity"] == pytest.approx(1, abs=0.02)
    # Half a ball without its cut face would be rounder than a ball.
    assert cut["cut_by_edge"] and np.isnan(cut["sphericity"])


def test_an_ellipsoid_has_its_axes_and_surface():
    # Half axes of 0.4, 0.2 and 0.1 um, the longest along the diagonal of y and x.
    z, y, x = coordinates((28, 80, 80), (10, 10, 10))
    along, across = (y + x) / np.sqrt(2), (y - x) / np.sqrt(2)
    inside = (z / 0.1) ** 2 + (along / 0.4) ** 2 + (across / 0.2) ** 2 <= 1
    row = measured({"cell": inside.astype(np.uint32)}, 5, (10, 10, 10))["cells"].iloc[0]
    assert [row[f"{name}_axis_um"] for name in ("major", "middle", "minor")] == pytest.approx(
        [0.8, 0.4, 0.2], rel=0.02
    )
    assert row["elongation"] == pytest.approx(2, rel=0.02)
    # K. Thomsen's formula for the surface of an ellipsoid, right to 1.1 %.
    p, (a, b, c) = 1.6075, (0.4, 0.2, 0.1)
    surface = 4 * np.pi * (((a * b) ** p + (a * c) ** p + (b * c) ** p) / 3) ** (1 / p)
    assert row["surface_um2"] == pytest.approx(surface, rel=0.04)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_cylinder_has_its_surface(axis):
    shape = [30, 30, 30]
    shape[axis] = 66
    place = coordinates(shape, (10, 10, 10))
    across = [c for i, c in enumerate(place) if i != axis]
    inside = (across[0] ** 2 + across[1] ** 2 <= 0.1**2) & (np.abs(place[axis]) < 0.3)
    row = measured({"cell": inside.astype(np.uint32)}, 5, (10, 10, 10))["cells"].iloc[0]
    assert row["surface_um2"] == pytest.approx(2 * np.pi * 0.1 * 0.6 + 2 * np.pi * 0.1**2, rel=0.04)
    # Second moments of a rod: length**2 / 12 along, radius**2 / 4 across.
    assert row["major_axis_um"] == pytest.approx(2 * np.sqrt(5 / 12) * 0.6, rel=0.01)
    assert row["minor_axis_um"] == pytest.approx(np.sqrt(5) * 0.1, rel=0.02)


def test_two_touching_cubes_share_a_side_and_diagonal_ones_do_not():
    cubes = np.zeros((30, 40, 50), np.uint32)
    cubes[5:25, 2:22, 4:24] = 70_000
    cubes[5:25, 2:22, 24:44] = 3
    cubes[5:25, 22:38, 44:49] = 9  # meets cube 3 along an edge only
    tables = measured({"cell": cubes}, 7, (10, 10, 10))
    contacts = tables["contacts"]
    assert contacts[["cell", "neighbour"]].to_numpy().tolist() == [[3, 70_000]]
    assert contacts["face_area_um2"].item() == pytest.approx(0.2**2)
    assert contacts["area_um2"].item() == pytest.approx(0.2**2, rel=0.13)
    cells = tables["cells"].set_index("cell")
    assert cells["n_neighbours"].to_dict() == {3: 1, 9: 0, 70_000: 1}
    assert cells.loc[3, "contact_area_um2"] == contacts["area_um2"].item()
    assert cells.loc[70_000, "surface_um2"] == pytest.approx(6 * 0.2**2, rel=0.1)
    assert cells.loc[70_000, "sphericity"] == pytest.approx((np.pi / 6) ** (1 / 3), rel=0.12)


def test_measures_agree_with_scikit_image():
    field = ndimage.gaussian_filter(np.random.default_rng(2).normal(size=(44, 60, 60)), 4) - 0.03
    field[[0, -1]] = field[:, [0, -1]] = field[:, :, [0, -1]] = -0.01  # no object reaches the border
    cells = cc3d.connected_components(field > 0, connectivity=6).astype(np.uint32)
    spacing = np.array([0.02, 0.01, 0.01])
    table = measured({"cell": cells}, 7, spacing * 1000)["cells"].set_index("cell")
    regions = [region for region in regionprops(cells, spacing=spacing) if region.num_pixels > 1000]
    assert len(regions) > 2
    for region in regions:
        row = table.loc[region.label]
        assert row["volume_um3"] == pytest.approx(region.area)
        centroid = [row[f"centroid_{axis}_um"] for axis in "zyx"]
        assert centroid == pytest.approx(np.array(region.centroid) + spacing / 2)
        assert [row[f"{axis}_min"] for axis in "zyx"] == list(region.bbox[:3])
        assert [row[f"{axis}_max"] for axis in "zyx"] == [n - 1 for n in region.bbox[3:]]
        # A voxel's own extent, which scikit-image leaves out, hardly counts in objects of this size.
        assert row["major_axis_um"] == pytest.approx(region.axis_major_length, rel=0.01)
        # The mesh of the smooth field is the surface that the voxels were made from.
        own = np.where(ndimage.binary_dilation(cells == region.label, iterations=2), field, -0.01)
        mesh = marching_cubes(own, 0, spacing=spacing)[:2]
        assert row["surface_um2"] == pytest.approx(mesh_surface_area(*mesh), rel=0.07)


@pytest.mark.parametrize("depth", [1, 3, 4, 8])
def test_slabs_add_up_to_the_whole(depth):
    rng = np.random.default_rng(4)
    blocks = rng.integers(0, 5, (3, 11, 6, 7)).repeat(4, 2).repeat(5, 3)
    labels = dict(zip(["cell", "mito", "nucleus"], blocks.astype(np.uint32), strict=True))
    settings = {"organelles": ["mito", "nucleus"], "nucleus": "nucleus"}
    whole, parts = measured(labels, 11, **settings), measured(labels, depth, **settings)
    for name in whole:
        pd.testing.assert_frame_equal(parts[name], whole[name], check_exact=True)
    cells = whole["cells"].set_index("cell")
    for i in range(1, 5):
        place = np.nonzero(labels["cell"] == i)
        assert cells.loc[i, "voxels"] == len(place[0]) and cells.loc[i, "n_slices"] == len(set(place[0]))
        assert cells.loc[i, "centroid_x_um"] == pytest.approx((place[2].mean() + 0.5) * 0.005)
        inside, areas = (labels["cell"] == i).astype(int), (0.01 * 0.005, 0.04 * 0.005, 0.04 * 0.01)
        faces = sum(np.abs(np.diff(inside, axis=k)).sum() * areas[k] for k in range(3))
        assert cells.loc[i, "face_area_um2"] == pytest.approx(faces)
    objects = whole["organelles"].query("structure == 'mito'").set_index("id")
    for i in range(1, 5):
        shares = np.bincount(labels["cell"][labels["mito"] == i], minlength=5)[1:]
        assert objects.loc[i, "cell"] == shares.argmax() + 1


def test_protrusions_get_length_and_volume_in_micrometres(boxes):
    # A tube of 10 slices that leans by 2 pieces' pixels per slice in x, two pieces in its third slice.
    z = [3, 4, 5, 5, *range(6, 13)]
    x = [2.0 * k for k in z]
    x[2], x[3] = 9.0, 11.0
    pieces = pd.DataFrame({"z": z, "area": 20, "y": 4.0, "x": x, "protrusion": 1})
    pieces.loc[[2, 3], "area"] = 10
    pieces = pd.concat([pieces, pieces.assign(protrusion=0, z=0)])
    table = pd.DataFrame(
        {"protrusion": [1], "cell": [7], "z_first": [3], "z_last": [12], "pieces": [11], "voxels": [200]}
    ).assign(**LINKED)
    # A way of 8 pieces' pixels of 0.02 um along y or 0.01 um along x, and one more for its outer faces.
    courses = {1: Course(np.stack([np.full(9, 3.0), np.full(9, 4.0), np.arange(9.0)], 1), 1)}
    got = measured(boxes, 6, protrusions=table, pieces=pieces, cell_downsample=2, courses=courses)
    row = got["protrusions"].iloc[0]
    assert row["volume_um3"] == pytest.approx(200 * 0.04 * 0.02 * 0.01)
    assert row["length_um"] == pytest.approx(9 * 0.01)
    assert row["mean_area_um2"] == pytest.approx(20 * 0.02 * 0.01)
    area = 200 * 0.04 * 0.02 * 0.01 / row["length_um"]
    assert row["diameter_um"] == pytest.approx(2 * np.sqrt(area / np.pi))
    cells = got["cells"].set_index("cell")
    assert cells["n_protrusions"].to_dict() == {7: 1, 9: 0}
    assert cells.loc[7, "protrusion_volume_um3"] == row["volume_um3"]


def test_protrusions_count_the_copies_on_bad_slices(boxes):
    """A straight tube in slices 2 to 6, of which 3, 4 and 6 are bad, counts as the labels show it."""
    pieces = pd.DataFrame({"z": [2, 5], "area": 10, "y": 4.0, "x": 4.0, "protrusion": 1})
    table = pd.DataFrame(
        {"protrusion": [1], "cell": [7], "z_first": [2], "z_last": [5], "pieces": [2], "voxels": [20]}
    )
    table = table.assign(**LINKED)
    given = dict(protrusions=table, pieces=pieces, stand_ins={3: 2, 4: 5, 6: 5})
    row = measured(boxes, 6, **given)["protrusions"].iloc[0]
    assert (row["z_first"], row["z_last"], row["pieces"]) == (2, 6, 2)
    assert row["volume_um3"] == pytest.approx(50 * 0.04 * 0.01 * 0.005)


def test_empty_tables_keep_their_columns(boxes):
    nothing = {name: np.zeros_like(stack) for name, stack in boxes.items()}
    empty, full = measured(nothing, 5, **SETTINGS), measured(boxes, 5, **SETTINGS)
    for name in full:
        assert len(empty[name]) == 0
        assert list(empty[name]) == list(full[name])
    assert list(full["cells"]) == cell_columns(SETTINGS["organelles"], SETTINGS["masks"])
    assert empty["organelles"].dtypes["cell"] == full["organelles"].dtypes["cell"]


def test_a_voxel_size_of_nothing_is_refused():
    with pytest.raises(ValueError, match="voxel size"):
        merge_measures([], (0, 1, 1), (1, 1, 1))
