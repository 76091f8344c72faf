"""Doubt and protrusions as Zarr: what Zarr and OME-Zarr readers find is what was carried and linked."""

import numpy as np
import pandas as pd
import pytest
import zarr
from ultraseg.base.files import write_table
from ultraseg.grid.paths import VolumeFiles
from ultraseg.storage.arrays import write_slab
from ultraseg.storage.create import create_array
from ultraseg.storage.label_slices import write_slices
from ultraseg.storage.ome_read import Scaling
from ultraseg.viewer.derived import SIDE, Derived

SHAPE, SMALL = (4, 1201, 90), (4, 601, 45)  # the network of the cells sees half of the pixels


@pytest.fixture
def derived(tmp_path):
    files = VolumeFiles(str(tmp_path))
    rng = np.random.default_rng(0)
    pieces = rng.integers(0, 5, SMALL).astype(np.uint32)
    create_array(files.pieces, SMALL, (1, 601, 45), (4, 601, 45), "uint32", "zyx")
    write_slab(files.pieces, 0, pieces)
    labels = rng.integers(0, 3, SMALL).astype(np.uint32)
    trust = rng.integers(0, 256, SMALL).astype(np.uint8)
    # The wide gap is that around slice 2, which was left out for evaluation.
    for name, zs, values in (
        ("00000-00002", [0, 1, 2], trust),
        ("00002-00003x", [2, 3], trust),
        ("00000-00003x", [0, 1, 2, 3], 0 * trust),
    ):
        slices = [(z, {"labels": labels[z], "confidence": values[z]}) for z in zs]
        write_slices(files.propagated(name), SMALL[1:], slices)
    nodes = pd.DataFrame({"z": [1, 1, 3], "piece": [2, 4, 1], "protrusion": [7, 0, 9]})
    write_table(files.link("nodes"), nodes)
    found = Derived(tmp_path, SHAPE, Scaling((20.0, 8.0, 8.0), (40.0, 16.0, 0.0)))
    found.doubt = np.where(labels > 0, 255 - trust, 0)
    found.protrusions = np.where((pieces == 2) & (np.arange(4) == 1)[:, None, None], 7, 0)
    found.protrusions[3][pieces[3] == 1] = 9
    return found


@pytest.mark.parametrize("name", ["doubt", "protrusions"])
def test_zarr_reads_what_was_made(derived, tmp_path, name):
    folder = tmp_path / "written"
    for path, content in derived.files(name):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
        assert derived.file(name, path) == content
    group = zarr.open_group(folder, mode="r")
    assert np.array_equal(group["0"][:], getattr(derived, name))
    assert getattr(derived, name).any()
    (scales,) = group.attrs["ome"]["multiscales"]
    scale, translation = scales["datasets"][0]["coordinateTransformations"]
    assert scale["scale"] == [20, 16, 16] and translation["translation"] == [40, 20, 4]


def test_only_chunks_of_the_array_are_made(derived):
    assert derived.file("doubt", "0/c/0/1/0") is not None  # 601 rows are two chunks
    for path in ("0/c/4/0/0", "0/c/0/2/0", "0/c/0/0/1", "0/c/-1/0/0", "0/c/0/0", "1/zarr.json", "../x"):
        assert derived.file("doubt", path) is None
    assert derived.file("trust", "zarr.json") is None
    assert derived.file("protrusions", "0/c/0/0/0") is None  # no protrusion: Zarr leaves the chunk out
    assert SIDE == 512


def test_a_run_without_cells_has_none(tmp_path):
    assert Derived(tmp_path, SHAPE, Scaling((1.0, 1.0, 1.0), (0.0, 0.0, 0.0))).names == []
