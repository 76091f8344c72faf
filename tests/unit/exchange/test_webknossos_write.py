"""A dataset for webKnossos: the same voxels at all levels, read by ourselves and by the library of webKnossos."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
import zarr
from ultraseg.base.errors import UserError
from ultraseg.cli.main import call as command
from ultraseg.cli.parser import parser
from ultraseg.exchange import webknossos_write
from ultraseg.formats.array_files import open_header, read_planes
from webknossos_files import INSTALLED, needs_webknossos
from written_volume import write_volume

SHAPE, VOXEL_NM, DEPTH = (37, 40, 75), (20, 10, 5), 4


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run with an image and two structures, one of which has ids beyond 16 bits."""
    folder = tmp_path_factory.mktemp("run")
    random = np.random.default_rng(0)
    stacks = {
        "image": random.integers(0, 255, SHAPE).astype(np.uint8),
        "cells": random.choice(np.array([0, 3, 70001], np.uint32), SHAPE),
        "mito": random.integers(0, 4, SHAPE).astype(np.uint32),
    }
    write_volume(folder / "results/v/image.zarr", stacks, voxel_nm=VOXEL_NM, depth=DEPTH)
    return folder, stacks


@pytest.fixture(scope="module")
def dataset(run, tmp_path_factory):
    """The dataset of the image and the cells."""
    to = tmp_path_factory.mktemp("out")
    words = ["export", "webknossos", "--structures", "cells", "--directory", str(run[0]), "--to", str(to)]
    command(parser().parse_args(words))
    return to / "v.webknossos"


def read(folder, **how):
    found = open_header(str(folder), **how)
    return found, np.stack([*read_planes(found, range(found.shape[0]))])


def test_our_own_reader_gets_the_same_voxels(run, dataset):
    for name in ("image", "cells"):
        header, values = read(dataset / name / "1")
        assert header.shape == SHAPE and np.array_equal(values, run[1][name])


def test_levels_are_those_of_the_run(run, dataset):
    about = json.loads((dataset / "datasource-properties.json").read_text())
    assert about["scale"] == {"factor": [5.0, 10.0, 20.0], "unit": "nanometer"}
    layers = {layer["name"]: layer for layer in about["dataLayers"]}
    assert [(one["category"], one["elementClass"]) for one in layers.values()] == [
        ("color", "uint8"), ("segmentation", "uint32"),
    ]  # fmt: skip
    assert layers["cells"]["largestSegmentId"] == 70001 and "largestSegmentId" not in layers["image"]
    assert layers["cells"]["boundingBox"] == {"topLeft": [0, 0, 0], "width": 75, "height": 40, "depth": 37}
    image = run[0] / "results/v/image.zarr"
    for layer, group in (("image", image), ("cells", image / "labels/cells")):
        mags = [mag["mag"] for mag in layers[layer]["mags"]]
        assert mags[0] == [1, 1, 1] and len(mags) == 2 and mags[1][0] == 2
        for level, mag in enumerate(layers[layer]["mags"]):
            small = zarr.open_array(group / str(level), mode="r")[:]
            found = zarr.open_array(dataset / mag["path"], mode="r")[0]
            z, y, x = small.shape
            assert np.array_equal(found[:x, :y, :z].transpose(), small) and not found[x:].any()


def test_large_slices_are_written_shard_by_shard(run, tmp_path, monkeypatch):
    monkeypatch.setattr(webknossos_write, "SHARD", 32)
    path = webknossos_write.write_dataset(run[0] / "results/v", ["mito"], tmp_path / "d")
    _, values = read(f"{path}/mito/1")
    assert np.array_equal(values, run[1]["mito"])
    assert len([*Path(path, "mito/1/c").rglob("*")]) > 8


def test_a_dataset_that_is_there_is_not_written_over(run, dataset):
    with pytest.raises(UserError, match=r"v.webknossos: is there already"):
        webknossos_write.write_dataset(run[0] / "results/v", ["cells"], dataset)


READ = """
import sys, numpy as np, webknossos as wk
dataset = wk.Dataset.open(sys.argv[1])
assert tuple(dataset.voxel_size) == (5, 10, 20), dataset.voxel_size
for name in ("image", "cells"):
    layer = dataset.get_layer(name)
    assert tuple(layer.bounding_box.size) == (75, 40, 37), layer.bounding_box
    for mag in layer.mags.values():
        np.save(f"{sys.argv[2]}/{name}-{mag.name}.npy", mag.read()[0])
assert dataset.get_layer("cells").largest_segment_id == 70001
"""


@needs_webknossos
def test_the_library_of_webknossos_reads_the_same_voxels(run, dataset, tmp_path):
    subprocess.run([INSTALLED, "-c", READ, dataset, tmp_path], check=True, capture_output=True)
    assert sorted(file.name for file in tmp_path.iterdir())[::2] == ["cells-1.npy", "image-1.npy"]
    for name in ("image", "cells"):
        assert np.array_equal(np.load(tmp_path / f"{name}-1.npy").transpose(), run[1][name])
