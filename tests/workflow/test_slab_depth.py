"""The slab depth is a matter of jobs and files: results do not depend on it."""

import json

import numpy as np
import pandas as pd
import pytest
import tifffile
import zarr
from ultraseg.phantom.volume import write_phantom
from workflow_run import TINY_NETWORK, Run, tiny_config

DEPTHS = (1, 4, 16)  # a slice, a part, more than all


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("depths")
    write_phantom(str(folder / "data"), (7, 96, 96), seed=3, label_slices=[0, 3, 6], scale=0.35)
    (folder / "xz").mkdir()
    truth = tifffile.imread(folder / "data/truth/cells.tif")
    tifffile.imwrite(folder / "xz/y040.tif", truth[:, 40].astype(np.uint16))  # a plane across the slices
    found = {}
    for depth in DEPTHS:
        network = {"structures": ["cells", "mitochondria"], "downsample": 2, **TINY_NETWORK}
        config = tiny_config(
            folder / "data", slab_depth=depth, pyramid_levels=1, networks={"both": network | {"epochs": 4}}
        )
        config["structures"]["mitochondria"]["threshold"] = 0.15  # so short a training is sure of nothing
        config["propagate"] = {"method": "auto"}  # both methods are tried, and one is chosen
        cells = {"path": str(folder / "data/labels/cells"), "planes": {"xz": str(folder / "xz")}}
        config["volumes"]["tiny"]["labels"]["cells"] = cells
        found[depth] = Run(folder / str(depth), config)
        found[depth].snakemake("results/tiny/metrics.csv", "results/tiny/tables/cells.csv")
    return found


@pytest.mark.parametrize("structure", ["cells", "mitochondria"])
@pytest.mark.parametrize("depth", [1, 16])
def test_labels_are_the_same(runs, structure, depth):
    a, b = (
        zarr.open_array(runs[d].results / f"tiny/image.zarr/labels/{structure}/0", mode="r")[:]
        for d in (4, depth)
    )
    assert a.any()
    # Ids follow the first voxel, so even the numbers are the same.
    assert np.array_equal(a, b)


@pytest.mark.parametrize("depth", [1, 16])
def test_tables_and_metrics_are_the_same(runs, depth):
    for name in ("cells", "organelles", "protrusions", "courses", "links", "meetings"):
        a, b = (pd.read_parquet(runs[d].results / f"tiny/tables/{name}.parquet") for d in (4, depth))
        pd.testing.assert_frame_equal(a, b, check_exact=False, rtol=1e-9)
    a, b = (pd.read_csv(runs[d].results / "tiny/metrics.csv") for d in (4, depth))
    pd.testing.assert_frame_equal(a, b, check_exact=False, rtol=2e-6)  # rounded to six digits


@pytest.mark.parametrize("depth", [1, 16])
def test_cuts_and_the_choice_of_the_method_are_the_same(runs, depth):
    a, b = (zarr.open_array(runs[d].results / "tiny/work/cuts", mode="r")[:] for d in (4, depth))
    assert a.any() and np.array_equal(a, b)
    a, b = (json.loads((runs[d].results / "tiny/work/method.json").read_text()) for d in (4, depth))
    assert a == b and set(a["scores"]) == {"flow", "volume"}
    assert len({a["method"], *("flow", "volume")}) == 2


@pytest.mark.parametrize("depth", DEPTHS)
def test_flow_is_computed_where_the_choice_needs_it_and_zero_elsewhere(runs, depth):
    chosen = json.loads((runs[depth].results / "tiny/work/method.json").read_text())["method"]
    flow = zarr.open_array(runs[depth].results / "tiny/work/flow", mode="r")[:]
    assert flow.any() == (chosen == "flow")


def test_one_slice_is_one_file_is_one_job(runs):
    files = list((runs[1].results / "tiny/image.zarr/labels/cells/0/c").rglob("0"))
    slabs = sorted(int(file.parts[-3]) for file in files if file.is_file())
    assert slabs == list(range(7))
