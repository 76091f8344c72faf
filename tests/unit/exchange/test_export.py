"""Results in other forms: the same voxels, numbers, names and scale."""

import shutil
import threading
import time

import numpy as np
import pytest
import tifffile
from ome_zarr.io import parse_url
from ome_zarr.reader import Reader
from ultraseg.base.errors import UserError
from ultraseg.cli.main import call as command
from ultraseg.cli.parser import parser
from ultraseg.exchange import export
from written_volume import write_volume

SHAPE, VOXEL_NM, DEPTH = (11, 40, 48), (20, 10, 5), 4


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run with an image and two structures, one of which has ids beyond 16 bits."""
    folder = tmp_path_factory.mktemp("run")
    image = folder / "results/v/image.zarr"
    random = np.random.default_rng(0)
    stacks = {
        "image": random.integers(0, 255, SHAPE).astype(np.uint8),
        "cells": random.choice(np.array([0, 3, 70001], np.uint32), SHAPE),
        "mito": random.integers(0, 4, SHAPE).astype(np.uint32),
    }
    write_volume(image, stacks, voxel_nm=VOXEL_NM, depth=DEPTH)
    return folder, stacks


def call(run, *words) -> None:
    command(parser().parse_args(["export", *words, "--directory", str(run[0])]))


def test_slices_are_one_file_each_with_all_ids(run, tmp_path):
    call(run, "slices", "--to", str(tmp_path))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["cells", "mito"]
    for name, dtype in (("cells", "uint32"), ("mito", "uint8")):
        files = sorted((tmp_path / name).iterdir())
        assert [file.name for file in files] == [f"z{z:05d}.tif" for z in range(SHAPE[0])]
        found = np.stack([tifffile.imread(file) for file in files])
        assert found.dtype == dtype and (found == run[1][name]).all()


def test_a_stack_has_the_scale_that_imagej_reads(run, tmp_path):
    call(run, "stack", "--structures", "image", "cells", "mito", "--to", str(tmp_path))
    for name, dtype in (("image", "uint8"), ("cells", "float32"), ("mito", "uint8")):
        with tifffile.TiffFile(tmp_path / f"{name}.tif") as tif:
            found, about = tif.asarray(), tif.imagej_metadata
            across = tif.pages[0].tags["XResolution"].value
        assert found.dtype == dtype and (found == run[1][name]).all()
        assert (about["spacing"], about["unit"], across[0] / across[1]) == (0.02, "um", 200)


def test_a_stack_too_large_for_imagej_is_ome_tiff(run, tmp_path, monkeypatch):
    monkeypatch.setattr("ultraseg.exchange.tiff_write.IMAGEJ_BYTES", 1000)
    call(run, "stack", "--structures", "cells", "--to", str(tmp_path))
    with tifffile.TiffFile(tmp_path / "cells.tif") as tif:
        assert tif.is_bigtiff and tif.is_ome and not tif.is_imagej
        assert 'PhysicalSizeZ="0.02"' in tif.ome_metadata
        assert (tif.asarray() == run[1]["cells"]).all()


def test_ome_zarr_of_the_older_version_is_read_by_the_reference_reader(run, tmp_path):
    call(run, "ome-zarr", "--to", str(tmp_path))
    target = tmp_path / "v.ome.zarr"
    assert [file.name for file in tmp_path.iterdir()] == ["v.ome.zarr"]
    assert (target / ".zattrs").exists() and not (target / "zarr.json").exists()
    image, listing, *labels = Reader(parse_url(target, mode="r"))()
    assert [label.metadata["name"] for label in labels] == ["cells", "mito"]
    for node, name in zip((image, *labels), ("image", "cells", "mito"), strict=True):
        assert (node.data[0].compute() == run[1][name]).all()
        assert len(node.data) == 2
        assert node.metadata["coordinateTransformations"][0][0] == {"type": "scale", "scale": [20, 10, 5]}
        assert [axis["unit"] for axis in node.metadata["axes"]] == ["nanometer"] * 3
    with pytest.raises(UserError, match="is there already"):
        call(run, "ome-zarr", "--to", str(tmp_path))


def test_an_unknown_structure_names_the_known_ones(run):
    with pytest.raises(UserError, match="nuclei is not in volume v") as raised:
        call(run, "slices", "--structures", "nuclei")
    assert "image, cells, mito" in raised.value.cure


def test_a_missing_slab_is_an_error_and_leaves_no_stack(run, tmp_path):
    slab = run[0] / "results/v/image.zarr/labels/mito/0/c/1/0/0"
    slab.rename(f"{slab}.away")
    try:
        with pytest.raises(UserError, match="the slab file is missing"):
            call(run, "stack", "--structures", "mito", "--to", str(tmp_path))
        assert not list(tmp_path.iterdir())
        with pytest.raises(UserError, match="the slab file is missing"):
            call(run, "ome-zarr", "--structures", "mito", "--to", str(tmp_path))
        assert not list(tmp_path.iterdir())
    finally:
        slab.with_name(f"{slab.name}.away").rename(slab)


def test_a_failed_export_is_removed_only_when_nothing_works_on_it_any_more(run, tmp_path, monkeypatch):
    """Else what other threads still write stays behind."""
    read, remove, begun = export.read_slices, shutil.rmtree, threading.Event()
    reading, reading_at_removal = [], []

    def slow_read(path, start, stop):
        if start == 8:
            begun.wait(10)
            raise UserError("the last slab: the slab file is missing", "Run again.")
        reading.append(path)
        begun.set()
        time.sleep(0.5)
        reading.remove(path)
        return read(path, start, stop)

    def watched_remove(*what, **how):
        reading_at_removal.append(list(reading))
        remove(*what, **how)

    monkeypatch.setattr(export, "read_slices", slow_read)
    monkeypatch.setattr("ultraseg.base.files.shutil.rmtree", watched_remove)
    with pytest.raises(UserError, match="the slab file is missing"):
        call(run, "ome-zarr", "--structures", "mito", "--to", str(tmp_path))
    assert reading_at_removal and not any(reading_at_removal)
    assert not list(tmp_path.iterdir())
