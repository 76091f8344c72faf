"""Voxel sizes that files tell, and stacks that are not simply slices."""

import numpy as np
import pytest
import tifffile
from ultraseg.base.errors import UserError
from ultraseg.formats.pixel_size import PixelSize, check_pixel_size, doubtful_size, in_nm
from ultraseg.ingest.image_source import image_header, resolve_image

STACK = np.zeros((4, 6, 7), np.uint8)


def told(path):
    return image_header(resolve_image(str(path))).pixel_size


@pytest.mark.parametrize(
    ("value", "unit", "nm"),
    [
        (0.004, "µm", 4), (4, "nm", 4), ("0.02", "micron", 20), (50, "angstrom", 5), (2, "\\u00B5m", 2000),
        (3, "\u03bcm", 3000), (1, "inch", None), (1, "pixel", None), (1, None, None), (None, "nm", None),
        (0, "nm", None), ("20,5", "nm", 20.5), ("", "nm", None), ("about 20", "nm", None), ("nan", "nm", None),
    ],
)  # fmt: skip
def test_lengths_in_nanometres(value, unit, nm):
    assert in_nm(value, unit) == (nm if nm is None else pytest.approx(nm))


def test_imagej_tells_unit_spacing_and_pixels_per_unit(tmp_path):
    about = {"unit": "um", "spacing": 0.02, "axes": "ZYX"}
    tifffile.imwrite(tmp_path / "a.tif", STACK, imagej=True, resolution=(200, 250), metadata=about)
    found = told(tmp_path / "a.tif")
    assert found.nm == pytest.approx((20, 4, 5)) and found.told_by == "ImageJ"
    tifffile.imwrite(tmp_path / "b.tif", STACK, imagej=True, metadata={"axes": "ZYX"})
    assert told(tmp_path / "b.tif").nm == (None, None, None)


@pytest.mark.parametrize(
    ("lines", "nm"),
    [
        ("unit=um\nspacing=20,0\nzunit=nm\n", (20, 4, 5)),
        ("unit=um\nspacing=20\nzunit=nm\nyunit=mm\n", (20, 4e3, 5)),
        ("unit=um\nspacing=0,02\n", (20, 4, 5)),
        ("unit=um\nspacing=\n", (None, 4, 5)),
        ("unit=um\nspacing=unknown\nzunit=\n", (None, 4, 5)),
        ("unit=\nspacing=20\nzunit=nm\n", (20, None, None)),
    ],
)
def test_imagej_units_of_single_axes_and_numbers_with_a_comma(tmp_path, lines, nm):
    tifffile.imwrite(
        tmp_path / "a.tif", STACK, photometric="minisblack", resolution=(200, 250), metadata=None,
        description=f"ImageJ=1.53t\nimages=4\nslices=4\n{lines}",
    )  # fmt: skip
    assert told(tmp_path / "a.tif").nm == tuple(n if n is None else pytest.approx(n) for n in nm)


@pytest.mark.parametrize("sizes", ['SizeZ="" SizeC="1" SizeT="x"', 'SizeC="1"', ""])
def test_empty_sizes_of_ome_blame_nothing(tmp_path, sizes):
    xml = (
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0"><Pixels '
        f'DimensionOrder="XYZCT" ID="Pixels:0" SizeX="7" SizeY="6" {sizes} Type="uint8" '
        'PhysicalSizeX="4,5" PhysicalSizeXUnit="nm" PhysicalSizeY=""/></Image></OME>'
    )
    tifffile.imwrite(tmp_path / "a.ome.tif", STACK, photometric="minisblack", metadata=None, description=xml)
    assert told(tmp_path / "a.ome.tif").nm == (None, None, 4.5)
    assert len(resolve_image(str(tmp_path / "a.ome.tif"))) == 4


def test_ome_tells_physical_sizes(tmp_path):
    about = {"axes": "ZYX", "PhysicalSizeX": 0.004, "PhysicalSizeY": 5, "PhysicalSizeYUnit": "nm"}
    tifffile.imwrite(tmp_path / "a.ome.tif", STACK, metadata=about)
    found = told(tmp_path / "a.ome.tif")
    assert found.nm == (None, pytest.approx(5), pytest.approx(4)) and found.told_by == "OME"


FEI = "[User]\r\nDate=1\r\n[Beam]\r\nHV=2000\r\n[EScan]\r\nPixelWidth=4.5e-009\r\nPixelHeight=4e-009\r\n"
ZEISS = (
    "0\r\n4.0\r\nAP_WD\r\nWD = 5.0 mm\r\nAP_IMAGE_PIXEL_SIZE\r\nImage Pixel Size = {} \r\nDP_X\r\nX = No\r\n"
)


@pytest.mark.parametrize(
    ("tag", "text", "nm", "by"),
    [
        (34682, FEI, (None, 4, 4.5), "FEI"),
        (34680, FEI, (None, 4, 4.5), "FEI"),
        (34682, FEI.replace("PixelHeight=4e-009", ""), (None, 4.5, 4.5), "FEI"),
        (34682, FEI.replace("Pixel", "Pxl"), (None, None, None), ""),
        (34682, FEI.replace("4.5e-009", "?"), (None, 4, None), "FEI"),
        (34118, ZEISS.format("9.8 nm"), (None, 9.8, 9.8), "Zeiss"),
        (34118, ZEISS.format("0.0098 \xb5m"), (None, 9.8, 9.8), "Zeiss"),
        (34118, ZEISS.format("98 pm"), (None, 0.098, 0.098), "Zeiss"),
        (34118, ZEISS.format("unknown"), (None, None, None), ""),
    ],
)
def test_headers_of_microscopes_tell_the_size_of_pixels(tmp_path, tag, text, nm, by):
    stored = text.encode("cp1252")
    tifffile.imwrite(
        tmp_path / "z0.tif",
        STACK[0],
        metadata=None,
        resolution=(72, 72),
        extratags=[(tag, 2, len(stored) + 1, stored, True)],  # fmt: skip
    )
    found = told(tmp_path / "z0.tif")
    assert found.told_by == by and found.nm == tuple(n if n is None else pytest.approx(n) for n in nm)


def test_voxels_of_less_than_half_a_nanometre_are_doubted():
    assert doubtful_size([20, 0.5, 0.5], "volumes.a") is None
    said = doubtful_size([0.02, 0.004, 0.004], "volumes.a")
    assert "volumes.a.voxel_size_nm is z 0.02, y 0.004, x 0.004" in said and "20, 4, 4 then" in said


def test_the_resolution_of_other_tiffs_is_none(tmp_path):
    tifffile.imwrite(
        tmp_path / "a.tif", STACK, resolution=(72, 72), resolutionunit="inch", photometric="minisblack"
    )
    assert told(tmp_path / "a.tif") == PixelSize()


def test_a_mismatch_shows_both_sizes():
    found = PixelSize((None, 4, 5.0), "ImageJ")
    check_pixel_size(found, (20, 4.03, 4.98), "a.tif", "volumes.a")
    with pytest.raises(UserError) as error:
        check_pixel_size(found, (20, 4, 4), "a.tif", "volumes.a")
    assert "volumes.a.voxel_size_nm is z 20, y 4, x 4, but ImageJ metadata of a.tif say y 4, x 5 nm" in str(
        error.value
    )
    assert "check_pixel_size: false" in error.value.cure
