"""A dataset and annotations for webKnossos: the same voxels, read by ourselves and by the library of webKnossos."""

import json
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pytest
import zarr
from ultraseg.base.errors import UserError
from ultraseg.cli.main import call as command
from ultraseg.cli.parser import parser
from ultraseg.exchange import webknossos_write
from ultraseg.exchange.webknossos_read import open_voxels, read_annotation
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


@pytest.fixture(scope="module")
def annotation(run, tmp_path_factory):
    """The annotation of the cells, for a dataset of another name."""
    to = tmp_path_factory.mktemp("annotation")
    words = [
        "--structures",
        "cells",
        "--dataset",
        "biopsy & more",
        "--directory",
        str(run[0]),
        "--to",
        str(to),
    ]
    command(parser().parse_args(["export", "webknossos-annotation", *words]))
    assert [file.name for file in to.iterdir()] == ["v.cells.annotation.zip"]
    return to / "v.cells.annotation.zip"


def voxels_of(path, shape=SHAPE):
    """All ids (z, y, x) that our own reader finds."""
    found = read_annotation(str(path))
    with open_voxels(found, found.layer(None)) as voxels:
        assert voxels.slices == [*range(-(-shape[0] // 32) * 32)]
        planes = np.stack([voxels.plane(z)[0] for z in voxels.slices])
    n, height, width = shape
    assert not planes[n:].any() and not planes[:, height:].any() and not planes[:, :, width:].any()
    return planes[:n, :height, :width]


def test_an_annotation_comes_back_voxel_by_voxel(run, annotation):
    found = read_annotation(str(annotation))
    assert (found.dataset, found.voxel_size_nm) == ("biopsy & more", VOXEL_NM)
    assert (found.layer(None).name, found.layer(None).fallback) == ("cells_of_run", None)
    assert np.array_equal(voxels_of(annotation), run[1]["cells"]) and run[1]["cells"].max() == 70001


def test_an_annotation_has_the_layout_that_servers_read(annotation):
    """Blocks of 32 voxels by Blosc, no sharding, and no group before the array."""
    with zipfile.ZipFile(annotation) as outer:
        assert outer.namelist() == ["v.cells.annotation.nml", "data_0_cells_of_run.zip"]
        with zipfile.ZipFile(outer.open("data_0_cells_of_run.zip")) as inner:
            names = inner.namelist()
            array = json.loads(inner.read("volumeAnnotationData/1/zarr.json"))
            about = json.loads(inner.read("datasource-properties.json"))
    assert len(names) == len({*names})
    assert [name for name in names if name.endswith(".json")] == [
        "volumeAnnotationData/1/zarr.json", "datasource-properties.json",
    ]  # fmt: skip
    assert {name for name in names if not name.endswith(".json")} == {
        f"volumeAnnotationData/1/c.0.{x}.{y}.{z}" for x in range(3) for y in range(2) for z in range(2)
    }
    assert array["chunk_grid"]["configuration"]["chunk_shape"] == [1, 32, 32, 32]
    assert [codec["name"] for codec in array["codecs"]] == ["transpose", "bytes", "blosc"]
    (layer,) = about["dataLayers"]
    assert (layer["elementClass"], layer["largestSegmentId"]) == ("uint32", 70001)
    assert layer["boundingBox"] == {"topLeft": [0, 0, 0], "width": 75, "height": 40, "depth": 37}


def test_large_slices_of_an_annotation_are_written_part_by_part(run, annotation, tmp_path, monkeypatch):
    monkeypatch.setattr(webknossos_write, "SHARD", 32)
    sizes, read = [], webknossos_write.read_slices

    def watched(*what):
        found = read(*what)
        sizes.append(found.size)
        return found

    monkeypatch.setattr(webknossos_write, "read_slices", watched)
    path = webknossos_write.write_annotation(run[0] / "results/v", "cells", tmp_path / "a.zip", "v")
    assert np.array_equal(voxels_of(path), run[1]["cells"])
    assert len(sizes) == 12 and max(sizes) <= 32**3


def test_what_makes_no_annotation_is_refused(run, annotation, tmp_path):
    def refused(match, *words):
        with pytest.raises(UserError, match=match):
            command(
                parser().parse_args(["export", *words, "--directory", str(run[0]), "--to", str(tmp_path)])
            )

    refused("image has no ids", "webknossos-annotation", "--structures", "image", "cells")
    refused("--dataset d: webknossos has no place for it", "webknossos", "--dataset", "d")
    slab = run[0] / "results/v/image.zarr/labels/cells/0/c/5/0/0"
    slab.rename(f"{slab}.away")
    try:
        refused("the slab file is missing", "webknossos-annotation", "--structures", "cells")
    finally:
        slab.with_name(f"{slab.name}.away").rename(slab)
    assert not [*tmp_path.iterdir()]
    with pytest.raises(UserError, match=r"annotation.zip: is there already"):
        webknossos_write.write_annotation(run[0] / "results/v", "cells", annotation, "v")


LOAD = """
import sys, numpy as np, webknossos as wk
annotation = wk.Annotation.load(sys.argv[1])
assert annotation.dataset_name == "biopsy & more", annotation.dataset_name
assert tuple(annotation.voxel_size) == (5, 10, 20), annotation.voxel_size
(box,) = annotation.user_bounding_boxes
assert (tuple(box.topleft), tuple(box.size)) == ((0, 0, 0), (75, 40, 37)), box
assert [*annotation.get_volume_layer_names()] == ["cells_of_run"]
with annotation.temporary_volume_layer_copy() as layer:
    assert tuple(layer.bounding_box.size) == (75, 40, 37), layer.bounding_box
    assert layer.largest_segment_id == 70001, layer.largest_segment_id
    np.save(sys.argv[2], layer.get_mag(1).read()[0])
"""


@needs_webknossos
def test_the_library_of_webknossos_loads_the_annotation(run, annotation, tmp_path):
    file = tmp_path / "ids.npy"
    subprocess.run([INSTALLED, "-c", LOAD, annotation, file], check=True, capture_output=True)
    assert np.array_equal(np.load(file).transpose(), run[1]["cells"])


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
