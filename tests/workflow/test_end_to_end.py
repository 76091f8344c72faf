"""What a finished run leaves: labels, tables, metrics and a report that agree with each other and with the input."""

import json
import zipfile

import numpy as np
import pandas as pd
import pytest
import tifffile
import zarr
from ome_zarr_models.v05.image import Image
from ome_zarr_models.v05.image_label import ImageLabel

pytestmark = pytest.mark.xdist_group("finished")

LABELLED = [0, 4, 8, 12, 17]


@pytest.fixture(scope="module")
def volume(finished_run):
    return finished_run.results / "tiny"


@pytest.fixture(scope="module")
def cells(volume):
    return zarr.open_array(volume / "image.zarr/labels/cells/0", mode="r")[:]


def test_image_holds_the_slices_of_the_tiffs(volume, tissue):
    image = zarr.open_array(volume / "image.zarr/0", mode="r")[:]
    for z in range(len(image)):
        assert (image[z] == tifffile.imread(tissue / f"image/z{z:04d}.tif")).all()


def test_stores_are_valid_ome_zarr(volume):
    image = Image.from_zarr(zarr.open_group(volume / "image.zarr", mode="r"))
    scales = image.attributes.ome.multiscales[0]
    assert [axis.unit for axis in scales.axes] == ["nanometer"] * 3
    assert scales.datasets[0].coordinateTransformations[0].scale == [20, 16, 16]
    assert json.loads((volume / "image.zarr/labels/zarr.json").read_text())["attributes"]["ome"]["labels"] == [
        "cells",
        "mitochondria",
    ]
    for structure in ("cells", "mitochondria"):
        group = zarr.open_group(volume / f"image.zarr/labels/{structure}", mode="r")
        ImageLabel.from_zarr(group)
        assert group["0"].shape == (18, 96, 96)
        assert group["1"].shape[1:] == (48, 48)


def test_labelled_slices_keep_the_users_ids(cells, tissue):
    for z in LABELLED:
        assert (cells[z] == tifffile.imread(tissue / f"labels/cells/z{z:04d}.tif")).all()


def test_new_cells_get_higher_ids(cells, tissue):
    users = {int(i) for z in LABELLED for i in np.unique(tifffile.imread(tissue / f"labels/cells/z{z:04d}.tif"))}
    others = {int(i) for i in np.unique(cells)} - users
    assert all(i > max(users) for i in others)


def test_cell_table_counts_the_voxels_of_the_labels(volume, cells):
    table = pd.read_csv(volume / "tables/cells.csv")
    ids, counts = np.unique(cells[cells > 0], return_counts=True)
    assert table["cell"].tolist() == ids.tolist()
    assert table["voxels"].tolist() == counts.tolist()
    assert np.allclose(table["volume_um3"], counts * 20 * 16 * 16 / 1e9)


def test_organelle_table_counts_the_voxels_of_the_labels(volume):
    labels = zarr.open_array(volume / "image.zarr/labels/mitochondria/0", mode="r")[:]
    table = pd.read_parquet(volume / "tables/organelles.parquet")
    ids, counts = np.unique(labels[labels > 0], return_counts=True)
    assert table["id"].tolist() == ids.tolist() == list(range(1, len(ids) + 1))
    assert table["voxels"].tolist() == counts.tolist()


def test_csv_and_parquet_hold_the_same_tables(volume):
    for name in ("cells", "organelles", "protrusions", "links"):
        text, binary = pd.read_csv(volume / f"tables/{name}.csv"), pd.read_parquet(volume / f"tables/{name}.parquet")
        assert list(text.columns) == list(binary.columns)
        assert len(text) == len(binary)


def test_every_fragment_has_an_outcome(volume, cells):
    links = pd.read_csv(volume / "tables/links.csv")
    assert set(links["outcome"]) <= {"assigned", "unassigned_weak", "unassigned_ambiguous", "new_cell"}
    assert (links.loc[links["outcome"].str.startswith("unassigned"), "cell"] == 0).all()
    assert (links.loc[links["outcome"] == "assigned", "cell"] > 0).all()


def test_metrics_agree_with_scores_from_the_arrays(volume, cells, tissue):
    metrics = pd.read_csv(volume / "metrics.csv")
    assert list(metrics.columns) == ["structure", "metric", "split", "value", "n_slices"]
    truth = tifffile.imread(tissue / "truth/cells.tif")
    rest = [z for z in range(18) if z not in LABELLED]
    scores = []
    for cell in np.unique(truth[truth > 0]):
        if (truth == cell).sum() >= 2400:
            for z in rest:
                true, found = truth[z] == cell, cells[z] == cell
                if true.any():
                    scores.append(2 * (true & found).sum() / (true.sum() + found.sum()))
    row = metrics.query("structure == 'cells' and metric == 'dice' and split == 'truth'")
    assert row["value"].item() == pytest.approx(np.mean(scores))
    assert row["n_slices"].item() == len(rest)
    # The slice that no network saw and no id was carried from.
    assert (metrics.query("structure == 'cells' and split == 'test' and metric == 'dice'")["n_slices"] == 1).all()


def test_cells_are_found_better_than_by_copying_the_nearest_label(volume, cells, tissue):
    truth = tifffile.imread(tissue / "truth/cells.tif")
    rest = [z for z in range(18) if z not in LABELLED]
    copied = [truth[min(LABELLED, key=lambda given: abs(given - z))] for z in rest]
    right = np.mean([(cells[z] == truth[z])[truth[z] > 0].mean() for z in rest])
    right_copied = np.mean([(c == truth[z])[truth[z] > 0].mean() for z, c in zip(rest, copied, strict=True)])
    assert right > right_copied


def test_models_come_with_history_and_card(finished_run):
    for network in ("context", "detail"):
        card = json.loads((finished_run.results / f"models/{network}.json").read_text())
        history = pd.read_csv(finished_run.results / f"models/{network}.history.csv")
        assert len(history) == 3
        assert 1 <= card["best_epoch"] <= 3
        split = card["slices"]["tiny"]
        assert sorted(map(int, split)) == LABELLED
        assert sorted(split.values()) == ["test", "train", "train", "train", "validation"]
        assert all(0 < value < 1 for value in card["thresholds"].values())


def test_report_holds_all_figures(finished_run):
    with zipfile.ZipFile(finished_run.results / "report.zip") as report:
        names = report.namelist()
    for figure in ("overlay", "raw", "rendering", "links", "metrics", "context.learning_curves"):
        assert any(name.endswith(f"{figure}.png") for name in names), figure
    assert any(name.endswith("report.html") for name in names)


def test_every_job_says_what_it_read_wrote_and_how_long_it_took(finished_run):
    logs = [file for file in (finished_run.folder / "logs").rglob("*.log")]
    assert len(logs) > 40
    for file in logs:
        text = file.read_text()
        assert "reads" in text and "wrote" in text and "took" in text, file
