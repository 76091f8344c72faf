"""Images of every kind end in the same voxels: only the ingest of small volumes is run."""

import shutil

import mrcfile
import numpy as np
import pytest
import tifffile
import zarr
from ome_zarr.format import FormatV04, FormatV05
from ome_zarr.writer import write_multiscale
from workflow_run import Run, tiny_config
from zarr_server import serving

SHAPE = (12, 40, 50)
ROI = {"z": [3, 11], "y": [4, 36], "x": [10, 50]}
PART = (slice(3, 11), slice(4, 36), slice(10, 50))
GREY = np.random.default_rng(0).integers(1000, 3000, SHAPE).astype(np.uint16)


def write_slices(folder, stack):
    folder.mkdir(parents=True, exist_ok=True)
    for z, values in enumerate(stack):
        tifffile.imwrite(folder / f"z{z:03d}.tif", values, compression="zlib")
    return str(folder)


def write_zarr(path, version):
    """An OME-Zarr with two levels, as ome-zarr writes it."""
    formats = {"0.4": FormatV04, "0.5": FormatV05}
    group = zarr.open_group(str(path), mode="w", zarr_format=2 if version == "0.4" else 3)
    scale = [{"type": "scale", "scale": [0.02, 0.016 * f, 0.016 * f]} for f in (1, 2)]
    axes = [{"name": a, "type": "space", "unit": "micrometer"} for a in "zyx"]
    write_multiscale(
        [GREY, GREY[:, ::2, ::2]], group, fmt=formats[version](), axes=axes,
        coordinate_transformations=[[one] for one in scale], storage_options={"chunks": (4, 16, 16)},
    )  # fmt: skip
    return str(path)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """One run that ingests the same voxels from several kinds of files, as volumes of one configuration."""
    folder = tmp_path_factory.mktemp("ingest")
    labels = {"mitochondria": write_slices(folder / "labels", np.ones(SHAPE, np.uint8))}
    size = [20, 16, 16]
    volumes = {
        "tiff16": {"image": write_slices(folder / "tiff16", GREY)},
    }
    with mrcfile.new(str(folder / "a.mrc")) as out:
        out.set_data(GREY)
        out.set_volume()
        out.voxel_size = (160, 160, 200)
    volumes["mrc"] = {"image": str(folder / "a.mrc")}
    for version in ("0.4", "0.5"):
        path = write_zarr(folder / f"v{version}.zarr", version)
        volumes[f"zarr{version[-1]}"] = {"image": path}
    volumes["served"] = {"image": "v0.5.zarr"}  # behind an address, see below
    volumes["zarrpart"] = volumes["zarr5"] | {"roi": ROI}
    volumes["part"] = volumes["tiff16"] | {"roi": ROI}
    volumes["kept"] = volumes["tiff16"] | {"roi": ROI, "bit_depth": 16, "intensity_window": [1000, 2500]}
    config = tiny_config(folder, slab_depth=6)
    config["volumes"] = {n: v | {"voxel_size_nm": size, "labels": labels} for n, v in volumes.items()}
    config["structures"] = {"mitochondria": {"kind": "organelle"}}
    config["networks"] = {"detail": config["networks"]["detail"]}
    slabs = {name: range(-(-(8 if "roi" in v else 12) // 6)) for name, v in volumes.items()}
    targets = [f"results/{n}/image.zarr/0/c/{s}/0/0" for n, found in slabs.items() for s in found]
    with serving(folder) as http:
        config["volumes"]["served"]["image"] = f"{http.address}/v0.5.zarr"
        http.fail["/v0.5.zarr/0/c/1/0/0"] = [503]
        run = Run(folder / "run", config)
        run.snakemake(*targets, *[f"results/{n}/image.zarr/zarr.json" for n in ("part", "kept")])
    return run


def test_an_image_at_an_address_is_read_as_one_in_a_folder(run):
    assert (image(run, "served")[:] == image(run, "zarr5")[:]).all() and image(run, "served")[:].any()


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


def test_a_part_has_the_window_of_its_own_rows_and_columns_and_tells_its_place(run):
    lo, hi = image(run, "part").attrs["ultraseg"]["window"]
    used = GREY[:, *PART[1:]]
    assert lo == pytest.approx(np.percentile(used, 0.1), abs=1)
    assert hi == pytest.approx(np.percentile(used, 99.9), abs=1)
    expected = np.clip(np.rint((GREY[PART] - float(lo)) / (hi - lo) * 255), 0, 255)
    assert np.abs(image(run, "part")[:] - expected).max() <= 1
    group = zarr.open_group(run.results / "part/image.zarr", mode="r")
    (scales,) = group.attrs["ome"]["multiscales"]
    assert scales["datasets"][0]["coordinateTransformations"][1]["translation"] == [60, 64, 160]


def test_16_bits_are_kept_on_request_and_shown_through_the_window(run):
    from ultraseg.storage.arrays import read_image

    assert image(run, "kept").dtype == np.uint16 and np.array_equal(image(run, "kept")[:], GREY[PART])
    means = GREY[PART].reshape(4, 2, 16, 2, 20, 2).mean(axis=(1, 3, 5))
    assert np.abs(image(run, "kept", 1)[:] - means).max() <= 1
    shown = read_image(str(run.results / "kept/image.zarr/0"), 0, 8)
    assert np.array_equal(shown, np.clip(np.rint((GREY[PART] - 1000.0) / (1500 / 255)), 0, 255))
    omero = zarr.open_group(run.results / "kept/image.zarr", mode="r").attrs["ome"]["omero"]
    assert omero["channels"][0]["window"] == {"min": 0, "max": 65535, "start": 1000, "end": 2500}


@pytest.mark.parametrize("name", ["mrc", "zarr4", "zarr5"])
def test_other_files_give_the_same_voxels(run, name):
    assert np.array_equal(image(run, name)[:], image(run, "tiff16")[:])
    assert image(run, name).attrs["ultraseg"] == image(run, "tiff16").attrs["ultraseg"]


def test_a_part_of_a_zarr_is_the_part_of_the_whole(run):
    assert np.array_equal(image(run, "zarrpart")[:], image(run, "part")[:])


def test_a_chunk_that_is_lost_later_is_noticed_and_pointed_out(run):
    """Last of this file: it changes the data."""
    assert not run.planned_for("results/zarr5/image.zarr/0/c/0/0/0")
    (chunk, *_) = sorted((run.folder.parent / "v0.5.zarr").rglob("c/0/0/0"), key=str)
    shutil.move(chunk, run.folder / "lost")
    assert "ingest" in run.planned_for("results/zarr5/image.zarr/0/c/0/0/0")
    text = run.snakemake("results/zarr5/image.zarr/0/c/0/0/0")
    # slices 0 to 5 lie in two rows of 3 x 4 chunks
    assert "1 of 24 chunk files of slices 0 to 5 do not exist" in text
