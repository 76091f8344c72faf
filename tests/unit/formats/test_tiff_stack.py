"""Which pages of a TIFF are slices, in which order, and stacks that are more than slices."""

import json
import logging

import numpy as np
import pytest
import tifffile
from ultraseg.base.errors import UserError
from ultraseg.formats.tiff_read import read_slice
from ultraseg.ingest.find_slices import resolve_slices
from ultraseg.ingest.image_source import image_header, resolve_image
from ultraseg.labels.pixels import read_pixels

STACK = np.zeros((4, 6, 7), np.uint8)
HYPER = np.random.default_rng(0).integers(0, 255, (2, 10, 6, 7), np.uint8)


def told(path):
    return image_header(resolve_image(str(path))).pixel_size


@pytest.mark.parametrize(
    ("axes", "shape", "told_sizes"),
    [("ZCYX", (4, 2, 6, 7), "2 channels x 4 slices"), ("TZYX", (3, 4, 6, 7), "3 times x 4 slices")],
)
@pytest.mark.parametrize("kind", ["imagej", "ome"])
def test_channels_and_times_are_refused(tmp_path, kind, axes, shape, told_sizes):
    file = tmp_path / f"a.{'ome.' if kind == 'ome' else ''}tif"
    tifffile.imwrite(file, np.zeros(shape, np.uint8), **{kind: True}, metadata={"axes": axes})
    with pytest.raises(UserError, match=f"a.*tif: is a hyperstack of {told_sizes}"):
        told(file)


@pytest.mark.parametrize("kind", ["imagej", "ome"])
def test_slices_that_are_called_times_are_slices(tmp_path, kind):
    file = tmp_path / f"a.{'ome.' if kind == 'ome' else ''}tif"
    tifffile.imwrite(file, STACK, **{kind: True}, metadata={"axes": "TYX"})
    told(file)
    assert len(resolve_image(str(file))) == 4


def test_more_channels_than_imagej_knows_are_slices(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((8, 6, 7), np.uint8), imagej=True, metadata={"axes": "CYX"})
    assert told(tmp_path / "a.tif").nm == (None, None, None)
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((7, 6, 7), np.uint8), imagej=True, metadata={"axes": "CYX"})
    with pytest.raises(UserError, match="hyperstack of 7 channels"):
        told(tmp_path / "a.tif")


def test_several_ome_images_in_one_file_are_refused(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.ome.tif") as tif:
        for _ in range(2):
            tif.write(STACK, metadata={"axes": "ZYX"})
    with pytest.raises(UserError, match="holds 2 OME images"):
        told(tmp_path / "a.ome.tif")


# ---------------------------------------------------------------- labels and images alike
def write_hyper(file, kind, axes="CZYX"):
    data = np.moveaxis(HYPER, 0, axes.index("C")) if "C" in axes else HYPER
    about = {"axes": axes}
    if kind == "json":
        tifffile.imwrite(file, data, photometric="minisblack", metadata=about)
    else:
        tifffile.imwrite(file, data, **{kind: True}, photometric="minisblack", metadata=about)
    return str(file)


@pytest.mark.parametrize(
    ("kind", "axes"),
    [
        ("imagej", "ZCYX"),
        ("ome", "CZYX"),
        ("ome", "ZCYX"),
        ("json", "CZYX"),
        ("json", "ZCYX"),
        ("json", "TZYX"),
    ],
)
@pytest.mark.parametrize("what", ["image", "labels"])
def test_hyperstacks_are_refused_for_labels_as_for_images(tmp_path, kind, axes, what):
    file = write_hyper(tmp_path / "a.tif", kind, axes)
    with pytest.raises(UserError, match=r"a.tif: is a hyperstack of 2 (channels|times) x 10 slices"):
        if what == "labels":
            resolve_slices(file, kind="labels", slices=list(range(20)))
        else:
            told(file)


@pytest.mark.parametrize("kind", ["imagej", "ome", "json"])
def test_single_files_of_two_channels_say_so(tmp_path, kind):
    options = {"metadata": {"axes": "CYX"}} | ({kind: True} if kind != "json" else {})
    tifffile.imwrite(tmp_path / "z3.tif", HYPER[:, 0], photometric="minisblack", **options)
    for read in (lambda file: read_slice(file), lambda file: read_pixels(file, None, (6, 7))):
        with pytest.raises(UserError, match="z3.tif: is a hyperstack of 2 channels"):
            read(str(tmp_path / "z3.tif"))
    tifffile.imwrite(tmp_path / "z3.tif", HYPER[:, 0], photometric="minisblack")
    with pytest.raises(UserError, match="z3.tif: holds 2 slices where one is expected"):
        read_slice(str(tmp_path / "z3.tif"))


def test_arrays_of_stacks_without_names_are_refused_too(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", HYPER, photometric="minisblack")
    with pytest.raises(UserError, match="hyperstack of 10 slices x 2 planes along another axis"):
        told(tmp_path / "a.tif")
    for shape in ((1, 10, 6, 7), (10, 1, 6, 7), (10, 6, 7), (10, 6, 7, 1)):
        tifffile.imwrite(tmp_path / "a.tif", HYPER[0].reshape(shape), photometric="minisblack")
        told(tmp_path / "a.tif")
        assert len(resolve_image(str(tmp_path / "a.tif"))) == 10


def test_three_label_slices_that_a_program_calls_channels_are_slices(tmp_path):
    for options in ({"imagej": True}, {"ome": True}, {"metadata": {"axes": "CYX"}}):
        tifffile.imwrite(tmp_path / "a.tif", STACK[:3], photometric="minisblack", **options)
        assert resolve_slices(str(tmp_path / "a.tif"), 0, [0, 5, 9], "labels").zs == [0, 5, 9]
    with tifffile.TiffWriter(tmp_path / "a.ome.tif", ome=True) as tif:
        for page in STACK:  # an image of its own for each
            tif.write(page)
    assert len(resolve_slices(str(tmp_path / "a.ome.tif"), 0, [0, 5, 9, 11], "labels")) == 4


def test_metadata_that_are_left_over_from_another_file_do_not_count_for_labels(tmp_path):
    about = json.dumps({"shape": [2, 10, 6, 7], "axes": "CZYX"})
    tifffile.imwrite(tmp_path / "a.tif", STACK, photometric="minisblack", description=about, metadata=None)
    assert len(resolve_slices(str(tmp_path / "a.tif"), kind="labels")) == 4


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("kind", ["image", "labels"])
@pytest.mark.parametrize(
    "about",
    [
        *('{"shape": [40, 6, 7]}', '{"shape": [2, 6, 7]}', '{"shape": [4, 6, 7], "truncated": true}'),
        *("shape=(40,6,7)", "shape=(4,6,7)", '{"shape": "x"}', '{"shape": [null]}', '{"shape": [4,', "[1]"),
        *('{"shape": [4, 6, 7], "axes": 5}', '{"shape": [4, 6, 7], "axes": "ZYX"}', '{"shape": 3}', "{}"),
    ],
)
def test_a_description_of_another_file_is_no_damage(tmp_path, caplog, about, kind, compression):
    with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
        for number, page in enumerate(STACK):
            text = None if number else about
            tif.write(page, metadata=None, description=text, compression=compression, contiguous=False)
    source = resolve_slices(str(tmp_path / "a.tif"), kind=kind)
    if kind == "image":
        told(tmp_path / "a.tif")
    assert len(source) == 4 and not caplog.records


# ---------------------------------------------------------------- OME: order and other files
def ome(file, blocks, pages=5, order="XYZCT", root="urn:uuid:1", sizes=(5, 1, 1)):
    """An OME-TIFF of pages 0 to ``pages`` - 1; ``blocks``: TiffData elements as XML."""
    z, c, t = sizes
    xml = (
        f'<?xml version="1.0" encoding="UTF-8"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" '
        f'UUID="{root}"><Image ID="Image:0"><Pixels DimensionOrder="{order}" ID="Pixels:0" SizeX="7" SizeY="6" '
        f'SizeZ="{z}" SizeC="{c}" SizeT="{t}" Type="uint8"><Channel ID="Channel:0:0" SamplesPerPixel="1"/>'
        f"{blocks}</Pixels></Image></OME>"
    )
    data = np.stack([np.full((6, 7), 10 * page, np.uint8) for page in range(pages)])
    tifffile.imwrite(file, data, photometric="minisblack", description=xml, metadata=None)
    return str(file)


def block(ifd, z, count=1, uuid=None, name="a.ome.tif", axis="Z"):
    inside = f'<UUID FileName="{name}">{uuid}</UUID>' if uuid else ""
    return f'<TiffData IFD="{ifd}" First{axis}="{z}" PlaneCount="{count}">{inside}</TiffData>'


def values(path, kind="image"):
    return [int(read_slice(r.file, r.page, kind=kind)[0, 0]) for r in resolve_slices(path, kind=kind).slices]


@pytest.mark.parametrize("kind", ["image", "labels"])
@pytest.mark.parametrize("axis", ["Z", "T"])
def test_planes_are_read_in_the_order_of_the_metadata(tmp_path, kind, axis):
    sizes = (5, 1, 1) if axis == "Z" else (1, 1, 5)
    backwards = "".join(block(ifd, 4 - ifd, axis=axis) for ifd in range(5))
    assert values(ome(tmp_path / "a.ome.tif", backwards, sizes=sizes), kind) == [40, 30, 20, 10, 0]
    two = block(0, 3, 2, axis=axis) + block(2, 0, 3, axis=axis)
    assert values(ome(tmp_path / "a.ome.tif", two, sizes=sizes), kind) == [20, 30, 40, 0, 10]


@pytest.mark.parametrize(
    "blocks", ["", "<TiffData/>", '<TiffData IFD="0" PlaneCount="5"/>', '<TiffData FirstZ="0"/>']
)
def test_metadata_without_an_order_mean_that_of_the_file(tmp_path, blocks):
    assert values(ome(tmp_path / "a.ome.tif", blocks)) == [0, 10, 20, 30, 40]


@pytest.mark.parametrize("blocks", [block(0, 0, 99), block(7, 0) + block(8, 1), block(0, 0) + block(0, 1)])
def test_metadata_that_do_not_fit_the_pages_are_pointed_out(tmp_path, caplog, blocks):
    with caplog.at_level(logging.WARNING):
        assert values(ome(tmp_path / "a.ome.tif", blocks, sizes=(100, 1, 1))) == [0, 10, 20, 30, 40]
    assert "a.ome.tif: its OME metadata do not fit its 5 pages" in caplog.text
    assert len(caplog.records) == 1, "not once per page"


@pytest.mark.parametrize("size", ["5.0", " 5 "])
def test_whole_numbers_with_a_point_are_sizes(tmp_path, caplog, size):
    backwards = "".join(block(ifd, 4 - ifd) for ifd in range(5))
    assert values(ome(tmp_path / "a.ome.tif", backwards, sizes=(size, 1, 1))) == [40, 30, 20, 10, 0]
    assert not caplog.records


BINARY_ONLY = (
    '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:1">'
    '<BinaryOnly MetadataFile="all.companion.ome" UUID="urn:uuid:9"/></OME>'
)


@pytest.mark.parametrize("pages", [1, 3])
def test_a_file_whose_metadata_are_in_another_file_is_no_whole_image(tmp_path, caplog, pages):
    for name in ("s_0.ome.tif", "s_1.ome.tif"):
        tifffile.imwrite(
            tmp_path / name, STACK[:pages], photometric="minisblack", description=BINARY_ONLY, metadata=None
        )
    assert len(resolve_image(str(tmp_path / "s_0.ome.tif"))) == pages
    assert (
        "s_0.ome.tif: its OME metadata are in another file, all.companion.ome, and are not read"
        in caplog.text
    )
    ome(tmp_path / "x.tif", block(0, 0, uuid="urn:uuid:1", name="s_0.ome.tif"))
    with tifffile.TiffFile(tmp_path / "x.tif") as tif:
        alone = tif.ome_metadata
    companion = tmp_path / "all.companion.ome"
    companion.write_text(alone)
    assert len(resolve_image(str(tmp_path / "s_0.ome.tif"))) == pages
    both = block(0, 0, uuid="urn:uuid:1", name="s_0.ome.tif") + block(
        0, 1, uuid="urn:uuid:2", name="s_1.ome.tif"
    )
    companion.write_text(alone.replace(block(0, 0, uuid="urn:uuid:1", name="s_0.ome.tif"), both))
    with pytest.raises(UserError, match=r"goes on in 1 other file.*s_1.ome.tif"):
        resolve_image(str(tmp_path / "s_0.ome.tif"))
    (tmp_path / "x.tif").unlink()
    if pages == 1:
        assert len(resolve_image(str(tmp_path))) == 2


@pytest.mark.parametrize("pages", [1, 2])
def test_one_file_of_an_image_in_several_files_is_refused_and_their_folder_is_read(tmp_path, pages):
    here = "".join(block(i, i, uuid="urn:uuid:1", name="s_0.ome.tif") for i in range(pages))
    there = "".join(block(0, z, uuid=f"urn:uuid:{z}", name=f"s_{z}.ome.tif") for z in range(2, 5))
    file = ome(tmp_path / "s_0.ome.tif", here + there, pages)
    with pytest.raises(
        UserError, match=rf"s_0.ome.tif: holds {pages} slice.* 3 other file.*such as s_2.ome.tif"
    ):
        resolve_image(file)
    if pages == 1:
        assert resolve_slices(file, kind="labels").zs == [0], "one labelled slice of a set is one slice"
        for z in range(1, 4):
            ome(tmp_path / f"s_{z}.ome.tif", here + there, 1, root=f"urn:uuid:{z}")
        source = resolve_image(str(tmp_path))
        assert len(source) == 4 and image_header(source).shape == (6, 7)


def test_a_file_that_was_renamed_is_still_itself(tmp_path):
    blocks = block(0, 0, 5, uuid="urn:uuid:1", name="old.ome.tif")
    assert values(ome(tmp_path / "new.ome.tif", blocks)) == [0, 10, 20, 30, 40]
    assert values(ome(tmp_path / "new.ome.tif", blocks.replace("uuid:1", "uuid:7"), root="")) == [
        0,
        10,
        20,
        30,
        40,
    ]


# ---------------------------------------------------------------- planes that are slices
@pytest.mark.parametrize("count", [3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("options", [{}, {"tile": (16, 16)}, {"compression": "zlib"}])
def test_a_short_stack_that_was_saved_as_colours(tmp_path, count, dtype, options):
    """tifffile.imwrite makes one page of red, green and blue planes of it."""
    planes = np.random.default_rng(0).integers(0, 9, (count, 20, 30)).astype(dtype)
    file = str(tmp_path / "a1.tif")
    tifffile.imwrite(file, planes, photometric="rgb", **options)
    numbers = [7, 3, 9, 1][:count]
    source = resolve_slices(file, 0, numbers, "labels")
    assert source.zs == sorted(numbers)
    found = {r.z: read_pixels(r.file, r.page, (20, 30)).numbers for r in source.slices}
    assert all(np.array_equal(found[z], plane) for z, plane in zip(numbers, planes, strict=True))
    with pytest.raises(UserError, match=f"has 1 page of {count} planes .colours., but 'slices' lists 2"):
        resolve_slices(file, 0, [1, 2], "labels")
    with pytest.raises(
        UserError, match=f"holds {count} different planes as the colours of one page"
    ) as caught:
        read_slice(file)
    assert "photometric='minisblack'" in caught.value.cure
    assert resolve_slices(file, 0, [5], "labels").slices[0].page == 0, (
        "one number is one page, whatever its colours"
    )
    unnumbered = tmp_path / "stack.tif"
    unnumbered.write_bytes((tmp_path / "a1.tif").read_bytes())
    with pytest.raises(UserError, match=f"stack.tif: holds 1 page of {count} planes .colours., and nothing"):
        resolve_slices(str(unnumbered), 0, None, "labels")


@pytest.mark.parametrize(("count", "dtype"), [(4, np.uint8), (3, np.uint32)])
def test_planes_that_may_be_slices_are_spoken_of_whatever_is_wrong_with_them(tmp_path, count, dtype):
    planes = np.random.default_rng(0).integers(0, 9, (count, 20, 30)).astype(dtype)
    tifffile.imwrite(tmp_path / "z1.tif", planes, photometric="rgb")
    with pytest.raises(UserError, match="half-transparent|colours of type uint32") as caught:
        read_pixels(str(tmp_path / "z1.tif"), None, (20, 30))
    assert "name the slice of each plane with 'slices'" in caught.value.cure


def test_grey_planes_are_one_grey_slice(tmp_path):
    grey = HYPER[0, 0]
    tifffile.imwrite(tmp_path / "z1.tif", np.stack([grey] * 3), photometric="rgb")
    assert np.array_equal(read_slice(str(tmp_path / "z1.tif")), grey)


# ---------------------------------------------------------------- samples
def two_samples(file, second, kind="unspecified"):
    first = np.arange(42, dtype=np.uint8).reshape(6, 7)
    data = np.stack([first, np.broadcast_to(second, first.shape).astype(np.uint8)], -1)
    tifffile.imwrite(
        file, data, photometric="minisblack", planarconfig="contig", extrasamples=[kind], metadata=None
    )
    return str(file), first


@pytest.mark.parametrize("kind", ["image", "labels"])
def test_a_second_sample_of_unknown_kind_is_refused_unless_it_is_empty(tmp_path, kind):
    mask = np.zeros((6, 7), np.uint8)
    mask[:, 3:] = 255
    file, first = two_samples(tmp_path / "z1.tif", mask)

    def read(file):
        return read_slice(file) if kind == "image" else read_pixels(file, None, (6, 7)).numbers

    with pytest.raises(UserError, match="z1.tif: has 2 samples per pixel, and does not say"):
        read(file)
    for second in (0, 255):
        assert np.array_equal(read(two_samples(tmp_path / "z1.tif", second)[0]), first)
    found = read(two_samples(tmp_path / "z1.tif", mask, "unassalpha")[0])
    assert np.array_equal(found, first if kind == "image" else np.where(mask, first, 0)), (
        "transparency by its name"
    )


def test_more_samples_than_colours_are_refused(tmp_path):
    data = np.random.default_rng(0).integers(0, 255, (6, 7, 5), np.uint8)
    data[..., :3] = data[..., :1]
    tifffile.imwrite(tmp_path / "z1.tif", data, photometric="minisblack", planarconfig="contig")
    with pytest.raises(UserError, match="has 5 samples per pixel"):
        read_slice(str(tmp_path / "z1.tif"))
