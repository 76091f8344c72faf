"""Whatever valid encoding a TIFF has, its voxels are the same."""

import tempfile
from pathlib import Path

import numpy as np
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from ultraseg.arrays.grey_values import stored_as
from ultraseg.ingest.image_source import image_header, resolve_image
from ultraseg.ingest.read_slices import read_stored

GREY = np.random.default_rng(0).integers(0, 128, (3, 37, 53))  # fits all types of pixels
WINDOW = (10, 117)
EXPECTED = np.clip(np.rint((GREY - 10) / stored_as("uint16", WINDOW, 8).scale), 0, 255)
DTYPES = ("uint8", "int8", "uint16", "int16", "float32")


@st.composite
def encodings(draw) -> dict:
    """One way to write the slices: files, type, compression, layout, colours, kind of metadata."""
    way = {
        "files": draw(st.sampled_from(["folder", "pages", "list", "pattern"])),
        "dtype": draw(st.sampled_from(DTYPES)),
        "compression": draw(st.sampled_from([None, "lzw", "zlib", "packbits", "zstd"])),
        "byteorder": draw(st.sampled_from("<>")),
        "layout": draw(st.sampled_from([{}, {"tile": (16, 32)}, {"rowsperstrip": 5}, {"rowsperstrip": 37}])),
        "bigtiff": draw(st.booleans()),
        "metadata": draw(st.sampled_from(["plain", "shaped", "imagej", "ome"])),
        "colour": draw(st.sampled_from(["minisblack", "miniswhite", "rgb", "rgba", "planar"])),
        "threads": draw(st.integers(1, 3)),
    }
    way["predictor"] = way["compression"] in ("lzw", "zlib", "zstd") and draw(st.booleans())
    if way["metadata"] == "imagej":  # the format knows no other
        way |= {"bigtiff": False, "byteorder": ">", "layout": {}, "compression": None, "predictor": False}
        way |= {"colour": "minisblack" if way["colour"] != "miniswhite" else "miniswhite"}
        way["dtype"] = draw(st.sampled_from(["uint8", "uint16", "float32"]))
    if way["dtype"] not in ("uint8", "uint16") and way["colour"] not in ("minisblack", "miniswhite"):
        way["colour"] = "minisblack"
    return way


def numbers(way: dict) -> tuple[np.ndarray, dict]:
    """The slices as numbers to write, and tifffile's options for their colours."""
    values = GREY.astype(way["dtype"])
    colour = way["colour"]
    if colour == "miniswhite":
        return (~values if values.dtype.kind in "iu" else -values), {"photometric": colour}
    if colour == "minisblack":
        return values, {"photometric": colour}
    if colour == "planar":
        return np.stack([values] * 3, 1), {"photometric": "rgb", "planarconfig": "separate"}
    channels = [values] * 3 + ([np.full_like(values, 77)] if colour == "rgba" else [])
    return np.stack(channels, -1), {"photometric": "rgb"} | (
        {"extrasamples": ["unassalpha"]} if colour == "rgba" else {}
    )


def write(folder: Path, way: dict) -> str:
    """Write the slices in one way; returns what the configuration would name."""
    values, options = numbers(way)
    options |= way["layout"] | {"compression": way["compression"], "predictor": way["predictor"]}
    kind = way["metadata"]
    options |= {"metadata": None} if kind == "plain" else {}
    writer = {"byteorder": way["byteorder"], "bigtiff": way["bigtiff"]}
    writer |= {"imagej": True} if kind == "imagej" else {"ome": kind == "ome"}
    if way["files"] == "pages":
        with tifffile.TiffWriter(folder / "stack.tif", **writer) as tif:
            if kind == "plain":
                for one in values:
                    tif.write(one, **options)
            else:
                axes = {"planar": "ZSYX", "rgb": "ZYXS", "rgba": "ZYXS"}.get(way["colour"], "ZYX")
                tif.write(
                    values, **options, **({"metadata": {"axes": axes}} if kind in ("ome", "imagej") else {})
                )
        return str(folder / "stack.tif")
    names = [f"s_{number}.{'ome.tif' if kind == 'ome' else 'tif'}" for number in (8, 9, 10)]
    for name, one in zip(names, values, strict=True):
        with tifffile.TiffWriter(folder / name, **writer) as tif:
            tif.write(one, **options)
    if way["files"] == "list":
        (folder / "slices.txt").write_text("# my slices\n" + "\n".join(reversed(names)) + "\n\n")
        return str(folder / "slices.txt")
    return str(folder if way["files"] == "folder" else folder / "s_*.tif")


@settings(max_examples=150, deadline=None, derandomize=True)
@given(way=encodings())
def test_all_encodings_give_the_same_voxels(way):
    with tempfile.TemporaryDirectory() as folder:
        source = resolve_image(write(Path(folder), way))
        header = image_header(source)
        assert (header.shape, header.dtype, len(source)) == ((37, 53), way["dtype"], 3)
        stored = stored_as(header.dtype, WINDOW, 8)
        slices = read_stored(source.slices, header.shape, header.dtype, stored, threads=way["threads"])
        found = np.stack(list(slices))
        assert np.array_equal(found, EXPECTED)
        part = np.stack(
            list(read_stored(source.slices[1:], header.shape, header.dtype, stored, [(3, 30), (20, 53)]))
        )
        assert np.array_equal(part, found[1:, 3:30, 20:])
