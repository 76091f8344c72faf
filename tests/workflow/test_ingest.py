"""Images of every kind end in the same voxels: only the ingest of small volumes is run."""

import numpy as np
import pytest
import tifffile
import zarr
from conftest import Run, tiny_config

SHAPE = (12, 40, 50)
ROI = {"z": [3, 11], "y": [4, 36], "x": [10, 50]}
PART = (slice(3, 11), slice(4, 36), slice(10, 50))
GREY = np.random.default_rng(0).integers(1000, 3000, SHAPE).astype(np.uint16)


def write_slices(folder, stack):
    folder.mkdir(parents=True, exist_ok=True)
    for z, values in enumerate(stack):
        tifffile.imwrite(folder / f"z{z:03d}.tif", values, compression="zlib")
    return str(folder)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """One run that ingests the same voxels from several kinds of files, as volumes of one configuration."""
    folder = tmp_path_factory.mktemp("ingest")
    labels = {"mitochondria": write_slices(folder / "labels", np.ones(SHAPE, np.uint8))}
    size = [20, 16, 16]
    volumes = {
        "tiff16": {"image": write_slices(folder / "tiff16", GREY)},
    }
    volumes["part"] = volumes["tiff16"] | {"roi": ROI}
    volumes["kept"] = volumes["tiff16"] | {"roi": ROI, "bit_depth": 16, "intensity_window": [1000, 2500]}
    config = tiny_config(folder, slab_depth=5)
    config["volumes"] = {n: v | {"voxel_size_nm": size, "labels": labels} for n, v in volumes.items()}
    config["structures"] = {"mitochondria": {"kind": "organelle"}}
    config["networks"] = {"detail": config["networks"]["detail"]}
    run = Run(folder / "run", config)
    slabs = {name: range(-(-(8 if "roi" in v else 12) // 5)) for name, v in volumes.items()}
    run.snakemake(*[f"results/{n}/image.zarr/0/c/{s}/0/0" for n, found in slabs.items() for s in found])
    return run


def image(run, name, level=0):
    return zarr.open_array(run.results / f"{name}/image.zarr/{level}", mode="r")


def test_16_bit_grey_values_become_8_bit_by_a_window_that_is_recorded(run):
    lo, hi = image(run, "tiff16").attrs["ultraseg"]["window"]
    assert lo == pytest.approx(np.percentile(GREY, 0.1), abs=1)
    assert hi == pytest.approx(np.percentile(GREY, 99.9), abs=1)
    expected = np.clip(np.rint((GREY - float(lo)) / (hi - lo) * 255), 0, 255)
    assert np.abs(image(run, "tiff16")[:] - expected).max() <= 1
    log = (run.folder / "logs/ingest/tiff16/0.log").read_text()
    assert f"uint16 stored with 8 bits, window [{lo}, {hi}]" in log


def test_a_part_holds_the_voxels_of_the_whole_run_and_tells_its_place(run):
    assert np.array_equal(image(run, "part")[:], image(run, "tiff16")[PART])
    group = zarr.open_group(run.results / "part/image.zarr", mode="r")
    (scales,) = group.attrs["ome"]["multiscales"]
    assert scales["datasets"][0]["coordinateTransformations"][1]["translation"] == [60, 64, 160]


def test_16_bits_are_kept_on_request_and_shown_through_the_window(run):
    from ultraseg.store import read_image

    assert image(run, "kept").dtype == np.uint16 and np.array_equal(image(run, "kept")[:], GREY[PART])
    means = GREY[PART].reshape(8, 16, 2, 20, 2).mean(axis=(2, 4))
    assert np.abs(image(run, "kept", 1)[:].astype(float)[: len(means)] - means).max() <= 1
    shown = read_image(str(run.results / "kept/image.zarr/0"), 0, 8)
    assert np.array_equal(shown, np.clip(np.rint((GREY[PART] - 1000.0) / (1500 / 255)), 0, 255))
    omero = zarr.open_group(run.results / "kept/image.zarr", mode="r").attrs["ome"]["omero"]
    assert omero["channels"][0]["window"] == {"min": 0, "max": 65535, "start": 1000, "end": 2500}
