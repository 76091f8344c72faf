import subprocess
import sys
from pathlib import Path

import cc3d
import numpy as np
import pytest
import tifffile
from ultraseg.base.errors import UserError
from ultraseg.phantom import volume as module
from ultraseg.phantom.volume import STRUCTURES, TRUTH, Phantom, phantom_files, write_phantom

SMALL = {"shape": (20, 128, 128), "scale": 0.4}
ORGANELLES = ("nuclei", "nucleoli", "mitochondria", "endosomes", "lysosomes")


@pytest.fixture(scope="module")
def volume():
    return Phantom(**SMALL, seed=3).render(0, 20)


def test_same_seed_same_voxels_and_other_seed_others(volume):
    again, other = Phantom(**SMALL, seed=3).render(0, 20), Phantom(**SMALL, seed=4).render(0, 20)
    for name, values in volume.items():
        np.testing.assert_array_equal(values, again[name], name)
        assert (values != other[name]).any(), name


def test_slices_do_not_depend_on_the_block(volume):
    fresh = Phantom(**SMALL, seed=3)
    for z in (19, 0, 7):  # not in order: nothing may depend on what was made before
        for name, values in fresh.render(z, z + 1).items():
            np.testing.assert_array_equal(values[0], volume[name][z], f"{name} {z}")


def test_labels_do_not_depend_on_the_bands_of_a_large_slice(volume, monkeypatch):
    monkeypatch.setattr(module, "BAND_VOXELS", 64 * 128)
    banded = Phantom(**SMALL, seed=3).render(5, 7)
    for name in TRUTH:
        np.testing.assert_array_equal(banded[name], volume[name][5:7], name)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_structure_occurs(seed):
    rendered = Phantom(**SMALL, seed=seed).render(6, 14)
    assert rendered["image"].dtype == np.uint8 and rendered["image"].std() > 15
    assert 0.6 < (rendered["cells"] > 0).mean() < 0.97
    assert len(np.unique(rendered["cells"])) > 5
    for name, least in zip((*ORGANELLES, "protrusions"), (0.02, 5e-4, 0.01, 2e-3, 1e-3, 2e-3), strict=True):
        assert (rendered[name] > 0).mean() > least, name


def test_types_and_shapes(volume):
    phantom = Phantom(**SMALL, seed=3)
    assert {name: values.dtype for name, values in volume.items()} == phantom.dtypes()
    assert volume["cells"].dtype == np.uint32 and volume["mitochondria"].dtype == np.uint16
    assert {values.shape for values in volume.values()} == {(20, 128, 128)}


def test_protrusions_are_joined_to_the_body_in_3d(volume):
    joined_pieces = 0
    for cell in np.unique(volume["protrusions"])[1:]:
        own = volume["cells"] == cell
        tube = volume["protrusions"] == cell
        assert own[tube].all()
        pieces = cc3d.connected_components(tube, connectivity=26)
        joined = cc3d.connected_components(own, connectivity=26)
        bodies = np.unique(joined[own & ~tube])
        for piece in range(1, pieces.max() + 1):
            where = np.argwhere(pieces == piece)
            is_joined = joined[tuple(where[0])] in bodies
            # cut by the border, its body may lie outside
            assert is_joined or (where == 0).any() or (where == np.array(tube.shape) - 1).any()
            joined_pieces += is_joined
    assert joined_pieces >= 3


def test_protrusions_are_islands_in_some_slices(volume):
    islands = 0
    for cells, tubes in zip(volume["cells"], volume["protrusions"], strict=True):
        pieces = cc3d.connected_components(cells, connectivity=8)  # neighbours of another id are other pieces
        bodies = np.unique(pieces[(cells > 0) & (tubes == 0)])
        islands += len(np.setdiff1d(np.unique(pieces[tubes > 0]), bodies))
    assert islands > 20


def test_orphans_get_ids_of_their_own():
    phantom = Phantom(**SMALL, seed=3, orphans=2)
    cells = phantom.cell_count
    rendered = phantom.render(0, 20)
    orphans = rendered["cells"] > cells
    assert len(np.unique(rendered["cells"][orphans])) == 2
    np.testing.assert_array_equal(orphans, rendered["protrusions"] > cells)


def test_consecutive_slices_are_alike_but_change(volume):
    same = [(a == b).mean() for a, b in zip(volume["cells"][:-1], volume["cells"][1:], strict=True)]
    assert min(same) > 0.9
    assert (volume["cells"][2] == volume["cells"][10]).mean() < 0.93


def test_written_files_are_those_announced_and_hold_what_is_rendered(tmp_path, volume):
    folder = str(tmp_path / "demo")
    shape = (3, 128, 128)
    files = write_phantom(folder, shape, seed=3, label_slices=[2, 0], scale=0.4)
    assert files == phantom_files(folder, shape, [0, 2])
    on_disk = {str(path) for path in (tmp_path / "demo").rglob("*") if path.is_file()}
    assert on_disk == set(sum(files.values(), []))
    expected = Phantom(shape, seed=3, scale=0.4).render(0, 3)
    np.testing.assert_array_equal(np.stack([tifffile.imread(f) for f in files["image"]]), expected["image"])
    for name, file in zip(TRUTH, files["truth"], strict=True):
        np.testing.assert_array_equal(tifffile.imread(file), expected[name], name)
    for name in STRUCTURES:
        for file, z in zip(files[f"labels/{name}"], (0, 2), strict=True):
            label = tifffile.imread(file)
            wanted = expected[name][z] if name == "cells" else 255 * (expected[name][z] > 0)
            np.testing.assert_array_equal(label, wanted, file)
            assert label.dtype == ("uint16" if name == "cells" else "uint8")


def test_names_of_files():
    files = phantom_files("demo", (12001, 5, 5), [7])
    assert files["image"][0] == "demo/image/z00000.tif" and len(files["image"]) == 12001
    assert files["labels/cells"] == ["demo/labels/cells/z00007.tif"]
    assert phantom_files("d", (10, 5, 5), [])["image"][9] == "d/image/z0009.tif"
    assert "d/truth/protrusions.tif" in phantom_files("d", (10, 5, 5), [])["truth"]


def test_names_of_files_need_no_heavy_import():
    code = "import sys, ultraseg.phantom.volume; assert not {'numpy', 'scipy', 'cv2', 'tifffile'} & set(sys.modules)"
    workflow = Path(module.__file__).parents[2]
    subprocess.run([sys.executable, "-c", code], check=True, cwd=workflow)


@pytest.mark.parametrize(
    "wrong", [{"shape": (4, 0, 9)}, {"seed": -1}, {"difficulty": 1.5}, {"scale": 0.01}, {"shape": (4, 4)}]
)
def test_values_out_of_bounds_are_refused(wrong):
    with pytest.raises(UserError, match="Cure"):
        Phantom(**({"shape": (4, 32, 32)} | wrong))


def test_label_slices_outside_the_volume_are_refused(tmp_path):
    with pytest.raises(UserError, match="label slices"):
        write_phantom(str(tmp_path), (3, 64, 64), label_slices=[3], scale=0.4)
    assert not list(tmp_path.iterdir())
