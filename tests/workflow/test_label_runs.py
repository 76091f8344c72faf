"""Labels of many kinds through a whole run: in parts of slices, as ROIs, with ids that change, with wrong numbers."""

import shutil
import zipfile

import cv2
import numpy as np
import pandas as pd
import pytest
import tifffile
import zarr
from roifile import ImagejRoi
from workflow_run import Run, tiny_config

LABELLED = [0, 4, 8, 12, 17]


def known_part(z):
    """Slice 4 is labelled on the left, slice 12 below; the others are labelled whole."""
    known = np.ones((96, 96), bool)
    if z == 4:
        known[:, 60:] = False
    if z == 12:
        known[:40] = False
    return known


def as_rois(masks: dict[int, np.ndarray], path) -> None:
    """Outlines of masks as Fiji's ROI Manager saves them, named by Fiji."""
    with zipfile.ZipFile(path, "w") as archive:
        for z, mask in masks.items():
            outlines, _ = cv2.findContours(
                cv2.resize(mask, None, fx=4, fy=4, interpolation=cv2.INTER_NEAREST), cv2.RETR_EXTERNAL,
                cv2.CHAIN_APPROX_NONE,
            )  # fmt: skip
            for i, outline in enumerate(outlines):
                roi = ImagejRoi.frompoints(((outline[:, 0] + 0.5) / 4).astype(np.float32))
                roi.position = z + 1
                archive.writestr(f"{z + 1:04d}-{i:04d}-0000.roi", roi.tobytes())


@pytest.fixture(scope="module")
def run(tmp_path_factory, tissue):
    folder = tmp_path_factory.mktemp("labels")
    data = folder / "data"
    shutil.copytree(tissue, data)
    for z in LABELLED:
        file = data / f"labels/cells/z{z:04d}.tif"
        ids = tifffile.imread(file).astype(np.int32)
        tifffile.imwrite(file, np.where(known_part(z), ids, -1).astype(np.int32))
    masks = {
        z: tifffile.imread(data / f"labels/mitochondria/z{z:04d}.tif").astype(np.uint8) for z in LABELLED
    }
    as_rois(masks, data / "RoiSet.zip")
    config = tiny_config(data)
    volume = config["volumes"]["tiny"]
    volume["labels"]["cells"] = {"path": str(data / "labels/cells"), "ignore_value": -1}
    volume["labels"]["mitochondria"] = {"path": str(data / "RoiSet.zip"), "region": {"y": [0, 90]}}
    run = Run(folder / "run", config)
    run.printed = run.snakemake("results/tiny/metrics.csv", "results/tiny/work/labels/cells.fit.csv")
    return run


def test_users_ids_are_final_where_they_labelled_and_cells_go_on_elsewhere(run, tissue):
    cells = zarr.open_array(run.results / "tiny/image.zarr/labels/cells/0", mode="r")[:]
    for z in LABELLED:
        drawn, known = tifffile.imread(tissue / f"labels/cells/z{z:04d}.tif"), known_part(z)
        assert np.array_equal(cells[z][known], drawn[known])
        if not known.all():
            unknown = ~known & (drawn > 0)
            assert (cells[z][unknown] == drawn[unknown]).mean() > 0.8


def test_coverage_tells_the_labelled_share(run):
    table = pd.read_csv(run.results / "tiny/work/labels/cells.csv").set_index("z")
    assert table["known_fraction"].round(4).to_dict() == {z: round(known_part(z).mean(), 4) for z in LABELLED}
    table = pd.read_csv(run.results / "tiny/work/labels/mitochondria.csv")
    assert table["known_fraction"].tolist() == [90 / 96] * len(table)


def test_rois_hold_the_pixels_of_the_masks(run, tissue):
    import h5py

    with h5py.File(run.results / "tiny/work/labels/mitochondria.h5") as file:
        for z, found in zip(file.attrs["z"], file["labels"], strict=True):
            drawn = tifffile.imread(tissue / f"labels/mitochondria/z{z:04d}.tif")[:90] > 0
            assert (found[:90] != drawn).sum() <= 0.05 * drawn.sum() and not found[90:].any()


def test_networks_learn_from_what_is_labelled(run):
    metrics = pd.read_csv(run.results / "tiny/metrics.csv")
    dice = metrics.query("metric == 'dice'").set_index(["structure", "split"])["value"]
    # This small training reaches 0.51 for mitochondria when all slices are labelled whole, from masks.
    assert dice["cells", "truth"] > 0.8 and dice["mitochondria", "truth"] > 0.4


def test_right_numbers_and_consistent_ids_raise_no_alarm(run):
    assert "off by one" not in run.printed and "change their id" not in run.printed


def test_wrong_numbers_and_changing_ids_are_pointed_out(run, tissue, tmp_path):
    moved = tmp_path / "cells"
    moved.mkdir()
    for z in LABELLED[:-1]:
        labels = tifffile.imread(tissue / f"labels/cells/z{z:04d}.tif").astype(np.uint16)
        if z == 8:
            labels = np.where(labels > 0, labels + 100, 0).astype(np.uint16)
        tifffile.imwrite(moved / f"z{z + 1:04d}.tif", labels)
    config = tiny_config(run.folder.parent / "data")
    config["volumes"]["tiny"]["labels"] = {"cells": str(moved)}
    config["structures"], config["networks"] = (
        {"cells": {"kind": "cells"}},
        {"context": config["networks"]["context"]},
    )
    other = Run(tmp_path / "run", config)
    config["volumes"]["tiny"]["truth"] = {}
    other.write_config(config)
    text = other.snakemake("results/tiny/work/labels/cells.fit.csv")
    assert "seem to be off by one slice" in text and "volumes.tiny.labels.cells.first_slice_number: 1" in text
    assert "change their id between labelled slices" in text
    config["structures"]["cells"]["ids_consistent"] = False
    other.write_config(config)
    text = other.snakemake("results/tiny/work/labels/cells.h5")
    assert "change their id" not in text
    import h5py

    with h5py.File(other.results / "tiny/work/labels/cells.h5") as file:
        ids = [set(np.unique(one)) for one in file["labels"]]
    assert len(ids[2] & ids[1]) > 5
