"""A destroyed and a missing slice: stepped over, marked, and of no effect on what lies around them."""

import json
import os
import shutil

import numpy as np
import pandas as pd
import pytest
import tifffile
import zarr
from ultraseg.phantom.volume import write_phantom
from workflow_run import TINY_NETWORK, Run, tiny_config

LABELLED = [0, 5, 11]
N = 13
# The last slice of a slab of 4, the first of one, and one that is a slab of its own.
DESTROYED, MISSING, LAST = BAD = (3, 8, 12)
GOOD = [z for z in range(N) if z not in BAD]
RESULTS = ("results/tiny/metrics.csv", "results/tiny/summary.txt", "results/tiny/tables/cells.csv")


def config_of(data, depth=4, **volume):
    network = {"structures": ["cells", "mitochondria"], "downsample": 2, **TINY_NETWORK}
    config = tiny_config(data, slab_depth=depth, pyramid_levels=1, networks={"one": network})
    config["volumes"]["tiny"] |= volume
    return config


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The tissue as it is; with slice 3 destroyed and slice 8 lost, declared at two slab depths, and not declared."""
    folder = tmp_path_factory.mktemp("bad")
    write_phantom(str(folder / "whole"), (N, 96, 96), seed=3, label_slices=LABELLED, scale=0.35)
    shutil.copytree(folder / "whole", folder / "broken")
    noise = np.random.default_rng(0).integers(0, 256, (96, 96), np.uint8)
    tifffile.imwrite(folder / f"broken/image/z{DESTROYED:04d}.tif", noise)
    os.remove(folder / f"broken/image/z{MISSING:04d}.tif")
    bridged = {"missing_slices": "bridge"}
    configs = {
        "whole": config_of(folder / "whole"),
        "declared": config_of(folder / "broken", bad_slices=[DESTROYED, LAST], **bridged),
        "deeper": config_of(folder / "broken", 5, bad_slices=[DESTROYED, LAST], **bridged),
        "undeclared": config_of(folder / "broken", **bridged),
    }
    groups = [f"results/tiny/image.zarr/{g}zarr.json" for g in ("", "labels/cells/")]
    cells = [f"results/tiny/image.zarr/labels/cells/0/c/{slab}/0/0" for slab in range(-(-N // 4))]
    # Of the two runs to compare with only what is compared.
    targets = {"whole": [*cells, "results/tiny/tables/slices.csv"], "undeclared": RESULTS[:2]}
    found = {}
    for name, config in configs.items():
        found[name] = Run(folder / name, config)
        found[name].snakemake(*targets.get(name, [*RESULTS, *groups]))
    found["truth"] = tifffile.imread(folder / "whole/truth/cells.tif")
    found["noise"] = noise
    return found


def labels(run, structure="cells"):
    return zarr.open_array(run.results / f"tiny/image.zarr/labels/{structure}/0", mode="r")[:]


def right(runs, name, zs):
    """Share of the pixels of true cells that have the right id."""
    cells, truth = labels(runs[name]), runs["truth"]
    return np.mean([(cells[z] == truth[z])[truth[z] > 0].mean() for z in zs])


def test_the_image_keeps_its_places(runs):
    image, whole = (
        zarr.open_array(runs[n].results / "tiny/image.zarr/0", mode="r")[:] for n in ("declared", "whole")
    )
    assert image.shape == whole.shape
    assert np.array_equal(image[[*GOOD, LAST]], whole[[*GOOD, LAST]])
    assert np.array_equal(image[DESTROYED], runs["noise"])  # as it was recorded
    mean = (whole[MISSING - 1].astype(float) + whole[MISSING + 1]) / 2
    assert np.abs(image[MISSING] - mean).max() <= 0.5


@pytest.mark.parametrize("structure", ["cells", "mitochondria"])
def test_bad_slices_show_the_nearest_good_one(runs, structure):
    found = labels(runs["declared"], structure)
    assert found.any()
    for z in BAD:
        assert np.array_equal(found[z], found[z - 1])  # of two as near the lower one


@pytest.mark.parametrize("structure", ["cells", "mitochondria"])
def test_results_do_not_depend_on_the_slab_depth(runs, structure):
    assert np.array_equal(labels(runs["declared"], structure), labels(runs["deeper"], structure))
    for name in ("cells", "organelles", "protrusions"):
        a, b = (
            pd.read_parquet(runs[n].results / f"tiny/tables/{name}.parquet") for n in ("declared", "deeper")
        )
        pd.testing.assert_frame_equal(a, b, check_exact=False, rtol=1e-9)
    a, b = (pd.read_csv(runs[n].results / "tiny/metrics.csv") for n in ("declared", "deeper"))
    pd.testing.assert_frame_equal(a, b, check_exact=False, rtol=2e-6)  # rounded to six digits


def test_a_declared_slice_does_little_harm_and_an_undeclared_one_much(runs):
    rest = [z for z in range(N) if z not in LABELLED]
    whole, declared, undeclared = (right(runs, n, rest) for n in ("whole", "declared", "undeclared"))
    assert declared > whole - 0.03
    there = {n: right(runs, n, [DESTROYED]) for n in ("whole", "declared", "undeclared")}
    # Both labelled slices are near, so that most of the destroyed slice is right anyway; its errors are far more.
    assert 1 - there["undeclared"] > 1.3 * (1 - there["declared"]) and declared > undeclared


def test_interpolated_slices_are_marked_and_not_scored(runs):
    folder = runs["declared"].results / "tiny"
    for group in ("image.zarr", "image.zarr/labels/cells"):
        marks = json.loads((folder / group / "zarr.json").read_text())["attributes"]["ultraseg"]
        assert marks["interpolated_slices"] == list(BAD)
    metrics = pd.read_csv(folder / "metrics.csv").set_index(["structure", "metric", "split"])["n_slices"]
    assert metrics[("cells", "dice", "truth")] == len(GOOD) - len(LABELLED)
    assert metrics[("mitochondria", "dice", "truth")] == len(GOOD) - len(LABELLED)


def test_bad_slices_are_listed_with_the_cure(runs):
    tables = {
        n: pd.read_csv(runs[n].results / "tiny/tables/slices.csv")
        for n in ("whole", "declared", "undeclared")
    }
    assert not tables["whole"]["flagged"].any()
    for name in ("declared", "undeclared"):
        assert tables[name].loc[tables[name]["flagged"], "z"].tolist() == [DESTROYED]
    table = tables["declared"]
    assert table["interpolated"].tolist() == [z not in GOOD for z in range(N)]
    assert table.loc[MISSING, ["missing", "bad", "stand_in"]].tolist() == [True, False, MISSING - 1]
    notes = {n: (runs[n].results / "tiny/summary.txt").read_text() for n in ("declared", "undeclared")}
    assert f"bad_slices: [{DESTROYED}]" in notes["undeclared"] and "bad_slices" not in notes["declared"]
    assert "bad_slices" not in (runs["whole"].folder / "logs/quality/tiny.log").read_text()
    assert f"Slices {DESTROYED}, {MISSING}, {LAST} are bad or missing" in notes["declared"]
    log = (runs["undeclared"].folder / "logs/quality/tiny.log").read_text()
    assert f"bad_slices: [{DESTROYED}]" in log


def test_nothing_is_left_to_do(runs):
    assert "Nothing to be done" in runs["declared"].snakemake("--dry-run", *RESULTS)
