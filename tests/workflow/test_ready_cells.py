"""A whole run on cells that another program found: no network, no labels; protrusions and relations are measured."""

import h5py
import numpy as np
import pandas as pd
import pytest
import tifffile
import zarr
from workflow_run import Run, tiny_config

IDS = 7  # cells of the file have ids 7, 14, ..


@pytest.fixture(scope="module")
def run(tmp_path_factory, tissue):
    """Cells, nuclei and mitochondria of the truth, as label volumes of HDF5."""
    folder = tmp_path_factory.mktemp("ready")
    config = tiny_config(tissue)
    structures = {}
    for name in ("cells", "nuclei", "mitochondria"):
        values = tifffile.imread(tissue / f"truth/{name}.tif").astype(np.uint32)
        with h5py.File(folder / f"{name}.h5", "w") as file:
            file["ids"] = values * IDS
        kind = "cells" if name == "cells" else "organelle"
        structures[name] = {"kind": kind, "objects": {"tiny": str(folder / f"{name}.h5")}}
    config["structures"] = structures
    del config["networks"]
    config["cells"] = {"downsample": 2, "min_body_area": 40}
    config["volumes"]["tiny"].pop("labels")
    run = Run(folder / "run", config)
    run.dry = run.planned()
    run.printed = run.snakemake()
    run.of = lambda name: tifffile.imread(tissue / f"truth/{name}.tif").astype(np.uint32) * IDS
    run.truth = run.of("cells")
    return run


def test_nothing_is_trained_predicted_carried_or_written_anew(run):
    left_out = {
        "tiles",
        "train",
        "predict",
        "cuts",
        "cells",
        "flow",
        "propagate",
        "labels",
        "link_relabel",
        "objects",
        "choose_method",
    }
    assert not left_out & {*run.dry}
    assert (run.dry["take_objects"], run.dry["take_cells"], run.dry["link"]) == (9, 3, 1)
    assert run.planned() == {}


def test_cells_are_those_of_the_file(run):
    found = zarr.open_array(run.results / "tiny/image.zarr/labels/cells/0", mode="r")[:]
    assert np.array_equal(found, run.truth)
    table = pd.read_csv(run.results / "tiny/tables/cells.csv")
    assert sorted(table["cell"]) == [i for i in np.unique(run.truth) if i]
    counts = dict(zip(*np.unique(run.truth, return_counts=True), strict=True))
    assert all(row.voxels == counts[row.cell] for row in table.itertuples())


def test_protrusions_are_measured_and_belong_to_cells_of_the_file(run):
    protrusions = pd.read_csv(run.results / "tiny/tables/protrusions.csv")
    cells = pd.read_csv(run.results / "tiny/tables/cells.csv").set_index("cell")
    assert len(protrusions) and set(protrusions["cell"]) <= {*cells.index}
    assert (protrusions["length_um"] > 0).all() and (protrusions["probability"] == 1).all()
    counted = protrusions.groupby("cell").size()
    assert cells["n_protrusions"].sum() == counted.sum() == len(protrusions)
    assert len(pd.read_csv(run.results / "tiny/tables/links.csv")) == 0, "linking had nothing to decide"


def test_organelles_lie_in_cells_of_the_file(run):
    organelles = pd.read_csv(run.results / "tiny/tables/organelles.csv").query("structure == 'mitochondria'")
    truth = {name: run.of(name) for name in ("cells", "mitochondria")}
    for row in organelles.itertuples():
        ids, counts = np.unique(truth["cells"][truth["mitochondria"] == row.id], return_counts=True)
        best = dict(zip(ids.tolist(), counts.tolist(), strict=True))
        assert row.cell == 0 or best[row.cell] == max(n for cell, n in best.items() if cell)
    assert (organelles["cell"] > 0).any()


def test_scores_follow_the_cells_whatever_their_numbers(run):
    """The truth counts from 1, the file in sevens."""
    scores = pd.read_csv(run.results / "tiny/metrics.csv").query("structure == 'cells'").set_index("metric")
    assert scores.loc["dice", "value"] == scores.loc["protrusion_right", "value"] == 1
    assert scores.loc["boundary_distance_nm", "value"] == 0


def test_summary_advises_no_slice_and_every_file_is_as_written(run):
    assert "abel" not in "".join(
        line for line in (run.results / "tiny/summary.txt").read_text().splitlines() if "next" in line
    )
    run.snakemake("verify")
    assert "every file is as its job wrote it" in (run.folder / "logs/verify.log").read_text()


def test_the_viewer_shows_them(run):
    run.snakemake("viewer")
    assert (run.results / "tiny/viewer/index.html").exists()
