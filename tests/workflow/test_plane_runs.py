"""Labels on planes across the slices through a run: networks learn from them, cells start from them, ids must agree."""

import h5py
import numpy as np
import pytest
import tifffile
from ultraseg.arrays.scale import downsample_ids
from ultraseg.phantom.volume import write_phantom
from workflow_run import TINY_NETWORK, Run, tiny_config

SHAPE = (7, 96, 96)
PLANES = {"xz": [30, 60], "yz": [44]}
GAP = "results/tiny/work/propagated/00000-00003.h5"
TILES = "results/models/context.tiles.h5"


def write_planes(data, planes):
    """Planes of the truth, by the place that each is said to have: (plane, place) -> true place."""
    truth = tifffile.imread(data / "truth/cells.tif")
    for (plane, said), at in planes.items():
        (data / plane).mkdir(exist_ok=True)
        cut = truth[:, at] if plane == "xz" else truth[:, :, at]
        tifffile.imwrite(data / plane / f"p{said:03d}.tif", cut.astype(np.uint16))


def config_of(data):
    config = tiny_config(data, slab_depth=4, pyramid_levels=1, propagate={"method": "volume"})
    config["volumes"]["tiny"] |= {
        "voxel_size_nm": [32, 16, 16],
        "labels": {
            "cells": {"path": str(data / "labels/cells"), "planes": {p: str(data / p) for p in PLANES}}
        },
    }
    config["structures"] = {"cells": {"kind": "cells"}}
    network = {"structures": ["cells"], "downsample": 2, **TINY_NETWORK, "epochs": 2}
    config["networks"] = {"context": network}
    config["volumes"]["tiny"]["truth"] = {"cells": str(data / "truth/cells.tif")}
    return config


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("planes")
    data = folder / "data"
    write_phantom(str(data), SHAPE, seed=3, label_slices=[0, 3, 6], scale=0.35)
    write_planes(data, {(plane, at): at for plane, places in PLANES.items() for at in places})
    run = Run(folder / "run", config_of(data))
    run.data = data
    run.printed = run.snakemake(GAP, "results/tiny/work/propagated/00003-00006.h5")
    return run


def test_planes_that_agree_raise_no_alarm(run):
    assert "other ids" not in run.printed and "contradicts" not in run.printed


def test_networks_learn_from_planes_but_not_on_slices_that_validate(run):
    with h5py.File(run.folder / TILES) as file:
        z, split = file["z"][:], file["split"].asstr()[:]
        at = {"xz": [7 + y for y in PLANES["xz"]], "yz": [7 + 96 + x for x in PLANES["yz"]]}
        across = np.isin(z, [*at["xz"], *at["yz"]])
        assert {*z[across].tolist()} == {*at["xz"], *at["yz"]} and {*split[across]} == {"train"}
        (held,) = {*z[split == "validation"].tolist()}
        weight = file["weight"][:][across][:, :7, :48, :2]  # interior and boundary
    assert not weight[:, held].any() and weight[:, (held + 2) % 7].all()


def test_cells_between_labelled_slices_have_the_ids_of_planes(run):
    truth = tifffile.imread(run.data / "truth/cells.tif")
    with h5py.File(run.folder / GAP) as file:
        labels, confidence = file["labels"][:], file["confidence"][:]
    for z in (1, 2):
        for plane, places in PLANES.items():
            for at in places:
                line = truth[z, at] if plane == "xz" else truth[z, :, at]
                here = (z, at // 2) if plane == "xz" else (z, slice(None), at // 2)
                assert np.array_equal(labels[here], downsample_ids(np.stack([line, line]), 2)[0])
                assert (confidence[here] == 255).all()


def test_another_plane_makes_only_what_reads_planes_again(run):
    write_planes(run.data, {("xz", 75): 75})
    planned = run.planned_for(GAP)
    assert planned["labels_planes"] == 1 and planned["propagate"] == planned["tiles"] == planned["train"] == 1
    assert not {"labels", "ingest", "flow"} & {*planned}
    (run.data / "xz/p075.tif").unlink()
    assert run.planned_for(GAP) == {}


def test_a_plane_that_lies_elsewhere_stops_the_run_before_a_network_is_trained(run):
    write_planes(run.data, {("yz", 44): 80})
    text = run.snakemake(GAP, check=False)
    assert "cells: yz plane 44 contradicts the labelled slices that it crosses on" in text
    assert "its column along x" in text and "rule train" not in text
