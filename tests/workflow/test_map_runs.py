"""A whole run on maps that other programs made: nothing is trained or predicted, and results follow the maps."""

import json

import h5py
import numpy as np
import pandas as pd
import pytest
import tifffile
import zarr
from affinity_files import affinities_of, write_as_lsd
from scipy import ndimage
from skimage.segmentation import find_boundaries
from workflow_run import Run, tiny_config


@pytest.fixture(scope="module")
def run(tmp_path_factory, tissue):
    """Maps made of the truth, in the forms of ilastik (HDF5), of CellMap (OME-Zarr, half the size), and as TIFFs."""
    folder = tmp_path_factory.mktemp("maps")
    cells = tifffile.imread(tissue / "truth/cells.tif")
    edges = np.stack([find_boundaries(plane, mode="inner") for plane in cells])
    tags = json.dumps({"axes": [{"key": key} for key in "zyxc"]})
    with h5py.File(folder / "cells.h5", "w") as file:
        values = np.stack([(cells > 0) & ~edges, edges], axis=-1).astype(np.float32)
        file.create_dataset("exported_data", data=values, chunks=True).attrs["axistags"] = tags
    mitochondria = (tifffile.imread(tissue / "truth/mitochondria.tif") > 0).astype(np.float32)
    half = mitochondria.reshape(18, 48, 2, 48, 2).mean(axis=(2, 4))
    zarr.create_array(
        str(folder / "mito.zarr"), data=np.round(255 * half).astype(np.uint8), chunks=(4, 48, 48)
    )
    config = tiny_config(tissue)
    maps = {
        "cells/interior": {"path": str(folder / "cells.h5:exported_data"), "channel": 0},
        "cells/boundary": {"path": str(folder / "cells.h5:exported_data"), "channel": 1},
    }
    config["networks"] = {
        "context": {"structures": ["cells"], "downsample": 2, "maps": {"tiny": maps}},
        "detail": {
            "structures": ["mitochondria"],
            "maps": {"tiny": {"mitochondria": str(folder / "mito.zarr")}},
        },
    }
    with h5py.File(folder / "nuclei.h5", "w") as file:
        file["ids"] = tifffile.imread(tissue / "truth/nuclei.tif").astype(np.int64) * 1000
    config["structures"]["nuclei"] = {"kind": "organelle", "objects": {"tiny": str(folder / "nuclei.h5")}}
    sparse = np.zeros_like(cells)
    sparse[[0, 4, 8, 12, 17]] = cells[[0, 4, 8, 12, 17]]
    zarr.create_array(str(folder / "labels.zarr"), data=sparse, chunks=(1, 96, 96))
    with h5py.File(folder / "truth.h5", "w") as file:
        file["dense/cells"] = cells
    config["volumes"]["tiny"]["labels"]["cells"] = str(folder / "labels.zarr")
    config["volumes"]["tiny"]["truth"]["cells"] = str(folder / "truth.h5:dense/cells")
    run = Run(folder / "run", config)
    run.dry = run.planned()
    run.printed = run.snakemake()
    run.mitochondria = mitochondria > 0
    return run


def test_nothing_is_trained_or_predicted(run):
    assert not {"tiles", "train", "predict", "adopt", "cuts"} & {*run.dry}
    assert (run.dry["maps_card"], run.dry["take_maps"], run.dry["take_objects"]) == (2, 6, 3)
    assert run.planned() == {}


def test_objects_are_those_of_the_map(run):
    found = zarr.open_array(run.results / "tiny/image.zarr/labels/mitochondria/0", mode="r")[:] > 0
    assert 2 * (found & run.mitochondria).sum() / (found.sum() + run.mitochondria.sum()) > 0.85
    assert abs(ndimage.label(found)[1] - ndimage.label(run.mitochondria)[1]) <= 3


def test_ready_objects_are_taken_as_they_are(run, tissue):
    truth = tifffile.imread(tissue / "truth/nuclei.tif")
    found = zarr.open_array(run.results / "tiny/image.zarr/labels/nuclei/0", mode="r")[:]
    assert truth.any() and np.array_equal(found, truth.astype(np.uint32) * 1000)
    table = pd.read_csv(run.results / "tiny/tables/organelles.csv").query("structure == 'nuclei'")
    assert sorted(table["id"]) == [1000 * i for i in np.unique(truth) if i] and (table["cell"] > 0).any()


def test_labelled_slices_of_an_array_are_found(run):
    coverage = pd.read_csv(run.results / "tiny/work/labels/cells.csv")
    assert coverage["z"].tolist() == [0, 4, 8, 12, 17]


def test_cells_are_as_good_as_their_maps(run):
    scores = pd.read_csv(run.results / "tiny/metrics.csv").query("structure == 'cells' and split == 'truth'")
    assert float(scores[scores["metric"] == "dice"]["value"].iloc[0]) > 0.8


def test_the_card_and_the_report_tell_of_the_maps(run):
    card = json.loads((run.results / "models/detail.json").read_text())
    assert card["maps"]["tiny"]["mitochondria"]["range"] == [0, 255]
    assert (run.results / "report.zip").exists()
    run.snakemake("verify")
    assert "every file is as its job wrote it" in (run.folder / "logs/verify.log").read_text()


def test_other_numbers_in_the_maps_make_only_what_follows_anew(run):
    """The range of numbers is found again in all of them, so all slabs of these maps are made anew, and no others."""
    folder = run.results / "tiny/work/probability"
    slabs = {
        (name, slab): folder / name / f"c/{slab}/0/0/0" for name in ("detail", "context") for slab in range(3)
    }
    before = {key: file.stat().st_mtime_ns for key, file in slabs.items()}
    zarr.open_array(run.folder.parent / "mito.zarr", mode="r+")[12:] = 0
    planned = run.planned()
    assert planned["maps_card"] == 1 and not {"propagate", "flow", "cells"} & {*planned}
    run.snakemake("results/tiny/work/objects/mitochondria.npz")
    newer = {key[0] for key, file in slabs.items() if file.stat().st_mtime_ns > before[key]}
    assert newer == {"detail"}
    assert all(slabs["detail", slab].stat().st_mtime_ns > before["detail", slab] for slab in range(3))


# ---- cells from affinities
@pytest.fixture(scope="module")
def cut(tmp_path_factory, tissue):
    """Cells in three dimensions from affinities as LSD writes them: those of the truth, blurred and noisy."""
    folder = tmp_path_factory.mktemp("affinities")
    cells = tifffile.imread(tissue / "truth/cells.tif")
    values = ndimage.gaussian_filter(affinities_of(cells), (0, 0.4, 0.4, 0.4))
    noise = np.random.default_rng(0).normal(0, 0.05, values.shape)
    path = write_as_lsd(folder, np.clip(values + noise, 0, 1).astype(np.float32))
    config = tiny_config(tissue, propagate={"method": "volume"}, agglomerate={"min_new": 100})
    del config["structures"]["mitochondria"]
    for key in ("labels", "truth"):
        config["volumes"]["tiny"][key].pop("mitochondria")
    config["networks"] = {
        "context": {"structures": ["cells"], "downsample": 2, "maps": {"tiny": {"cells/affinities": path}}}
    }
    run = Run(folder / "run", config)
    run.dry = run.planned()
    run.printed = run.snakemake("results/tiny/metrics.csv")
    return run


def test_affinities_take_the_place_of_predicted_cuts(cut):
    assert not {"tiles", "train", "predict", "adopt", "cuts"} & {*cut.dry}
    assert (cut.dry["maps_card"], cut.dry["take_maps"], cut.dry["take_cuts"]) == (1, 3, 1)
    card = json.loads((cut.results / "models/context.json").read_text())
    assert [*card["maps"]["tiny"]] == ["cells/affinities"]
    cuts = zarr.open_array(cut.results / "tiny/work/cuts", mode="r")
    assert cuts.shape == (9, 6, 48, 48) and 0.02 < cuts[:].mean() / 255 < 0.5


def test_cells_from_affinities_are_as_good_as_these(cut):
    scores = pd.read_csv(cut.results / "tiny/metrics.csv").query("structure == 'cells' and split == 'truth'")
    assert float(scores[scores["metric"] == "dice"]["value"].iloc[0]) > 0.8
