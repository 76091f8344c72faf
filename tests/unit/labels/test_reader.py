"""What label files store and what it means: numbers, masks, colours, palettes, classes, unlabelled parts."""

import pickle

import h5py
import numpy as np
import pytest
import tifffile
from ultraseg.base.errors import UserError
from ultraseg.formats.slice_source import SliceRef
from ultraseg.labels.reader import LabelReader
from ultraseg.labels.source import resolve_labels

SHAPE = (16, 24)
RED, GREEN, BLACK, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 0), (255, 255, 255)


def regions(*values):
    """Vertical stripes of these values."""
    labels = np.zeros(SHAPE, np.int64)
    for index, stripe in enumerate(np.array_split(np.arange(SHAPE[1]), len(values))):
        labels[:, stripe] = values[index]
    return labels


def coloured(*colours):
    return np.array(colours, np.uint8)[regions(*range(len(colours)))]


def read(folder, stored, kind="organelle", *, strict=True, tiff=None, **settings):
    """Labels and known of one slice, written and read back; with the checks over all slices."""
    file = folder / "z003.tif"
    tifffile.imwrite(file, stored, **(tiff or {}))
    source = resolve_labels({"path": str(file), **settings}, str)
    reader = LabelReader(source, SHAPE, kind)
    found = reader.read(source.slices[0])
    for problem in reader.problems() if strict else []:
        raise problem
    return found


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "int8", "int16", "int32", "int64", "uint64"])
def test_cell_ids_of_every_integer_type_are_kept(tmp_path, dtype):
    labels, known = read(tmp_path, regions(0, 3, 90).astype(dtype), "cells")
    assert labels.dtype == np.uint32 and known is None
    assert np.array_equal(labels, regions(0, 3, 90))


def test_the_largest_ids_are_kept(tmp_path):
    largest = 2**31 - 1
    labels, _ = read(tmp_path, regions(0, largest, largest - 1).astype(np.uint32), "cells")
    assert np.unique(labels).tolist() == [0, largest - 1, largest]


@pytest.mark.parametrize("kind", ["organelle", "mask"])
@pytest.mark.parametrize("values", [(0, 1), (0, 255), (0, 7), (0, 3, 900)])
def test_masks_of_any_number_and_instances_are_masks(tmp_path, kind, values):
    labels, _ = read(tmp_path, regions(*values).astype(np.uint16), kind)
    assert labels.dtype == np.uint8
    assert np.array_equal(labels, regions(*values) != 0)


def test_bilevel_tiffs_are_masks(tmp_path):
    labels, _ = read(tmp_path, regions(0, 1).astype(bool))
    assert np.array_equal(labels, regions(0, 1))


@pytest.mark.parametrize(
    ("values", "kind", "text"),
    [
        (regions(0, 2).astype(np.float32), "cells", "float32, not whole numbers"),
        (regions(0, 2).astype(np.float32), "mask", "float32, not whole numbers"),
        (regions(-1, 0, 1).astype(np.int16), "cells", "negative label -1"),
        (regions(4).astype(np.uint8), "cells", "all pixels have cell id 4"),
        (regions(0, 255).astype(np.uint8), "cells", "it is a mask"),
        (regions(0, 2**31).astype(np.uint32), "cells", "a cell has id 2147483648, which is too large"),
        (regions(0, 2**32).astype(np.uint64), "cells", "a cell has id 4294967296, which is too large"),
        (regions(0, 2**31).astype(np.uint32), "truth", "a cell has id 2147483648, which is too large"),
        (regions(1, 2).astype(np.uint8), "mask", "holds 1, 2 and no 0, so the background is unclear"),
        (regions(255).astype(np.uint8), "mask", "all labelled pixels are the structure; stored are 255"),
        (regions(0, 90, 130, 170, *[255] * 8).astype(np.uint8), "mask", "smoothed edges"),
    ],
)
def test_what_has_no_clear_meaning_is_refused(tmp_path, values, kind, text):
    with pytest.raises(UserError, match=text) as error:
        read(tmp_path, values, kind)
    assert "z003.tif" in error.value.problem and error.value.cure
    if text.startswith("all pixels"):
        assert "If 4 is the background, say background: 4" in error.value.cure


def test_empty_slice_and_single_cell_are_allowed(tmp_path):
    assert not read(tmp_path, regions(0).astype(np.uint8), "cells")[0].any()
    assert read(tmp_path, regions(0, 9).astype(np.uint8), "cells")[0].max() == 9


# ---------------------------------------------------------------- values
def test_values_choose_a_class_of_a_file(tmp_path):
    stored = regions(0, 2, 3, 4).astype(np.uint8)
    assert np.array_equal(read(tmp_path, stored, values=[2])[0], stored == 2)
    assert np.array_equal(read(tmp_path, stored, values=[3, 4])[0], stored > 2)
    assert np.array_equal(read(tmp_path, stored, "cells", values=[3, 4])[0], np.where(stored > 2, stored, 0))


def test_values_say_which_of_two_numbers_is_background(tmp_path):
    assert np.array_equal(read(tmp_path, regions(1, 2).astype(np.uint8), values=[2])[0], regions(0, 1))
    assert np.array_equal(read(tmp_path, regions(0, 255).astype(np.uint8), values=[0])[0], regions(1, 0))


def test_a_value_that_never_occurs_is_named_with_those_that_do(tmp_path):
    with pytest.raises(UserError, match="value 5 does not occur; stored are 0, 2, 3"):
        read(tmp_path, regions(0, 2, 3).astype(np.uint8), values=[2, 5])


@pytest.mark.parametrize("kind", ["cells", "organelle", "truth"])
def test_the_number_of_the_background(tmp_path, kind):
    for stored, background in (
        (regions(1, 5, 6).astype(np.uint8), 1),
        (regions(-1, 5, 6).astype(np.int16), -1),
        (regions(65535, 5, 0).astype(np.uint16), 65535),
        (regions(2**32 - 1, 5, 6).astype(np.uint32), 2**32 - 1),
    ):
        labels, known = read(tmp_path, stored, kind, background=background)
        assert known is None and np.array_equal(labels != 0, (stored != background) & (stored != 0))
        if kind != "organelle":
            assert np.array_equal(labels, np.where(stored == background, 0, stored))


def test_background_beside_values_that_are_not_labelled(tmp_path):
    stored = regions(1, 5, 255).astype(np.uint8)
    labels, known = read(tmp_path, stored, "cells", background=1, ignore_value=255)
    assert np.array_equal(labels, regions(0, 5, 0)) and np.array_equal(known, regions(1, 1, 0))
    labels, _ = read(tmp_path, coloured(WHITE, RED), background="#ffffff")
    assert np.array_equal(labels, regions(0, 1))
    with pytest.raises(UserError, match="holds numbers, but .* a colour"):
        read(tmp_path, stored, "cells", background="#ffffff")


# ---------------------------------------------------------------- colours
@pytest.mark.parametrize("colours", [(BLACK, RED), (BLACK, (255, 254, 0))])
def test_a_mask_of_one_colour(tmp_path, colours):
    assert np.array_equal(read(tmp_path, coloured(*colours))[0], regions(0, 1))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_grey_saved_as_rgb_holds_numbers(tmp_path, dtype):
    grey = np.repeat(regions(0, 7, 9)[..., None], 3, axis=2).astype(dtype)
    assert np.array_equal(read(tmp_path, grey, "cells")[0], regions(0, 7, 9))


def test_transparent_pixels_are_background(tmp_path):
    rgba = np.concatenate([coloured(WHITE, RED), regions(0, 255)[..., None].astype(np.uint8)], axis=2)
    assert np.array_equal(read(tmp_path, rgba)[0], regions(0, 1))
    opaque = np.concatenate([coloured(BLACK, RED), np.full((*SHAPE, 1), 255, np.uint8)], axis=2)
    assert np.array_equal(read(tmp_path, opaque)[0], regions(0, 1))


def test_colours_of_classes(tmp_path):
    image = coloured(BLACK, RED, GREEN)
    assert np.array_equal(read(tmp_path, image, values=["#00FF00"])[0], regions(0, 0, 1))
    labels, known = read(tmp_path, image, values=["#ff0000"], ignore_value="#00ff00")
    assert np.array_equal(labels, regions(0, 1, 0)) and np.array_equal(known, regions(1, 1, 0))


def test_a_colour_slice_without_any_label_is_empty(tmp_path):
    labels, _ = read(tmp_path, coloured(BLACK, BLACK), strict=False, values=["#00ff00"])
    assert not labels.any()
    labels, known = read(
        tmp_path, coloured(BLACK, WHITE), strict=False, values=["#00ff00"], ignore_value="#ffffff"
    )
    assert not labels.any() and np.array_equal(known, regions(1, 0))


def blended():
    image = coloured(BLACK, RED).astype(int)
    image[:, 8:16] = np.linspace(0, 1, 8)[None, :, None] * (255, 60, 0) + np.arange(16)[:, None, None]
    return image.clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("kind", ["cells", "mask", "truth"])
@pytest.mark.parametrize("high", [5, 250])
def test_planes_saved_as_colours_are_told_how_to_be_read(tmp_path, kind, high):
    planes = np.random.default_rng(0).integers(0, high, (3, *SHAPE)).astype(np.uint8)
    with pytest.raises(UserError, match="colours") as caught:
        read(tmp_path, planes, kind, tiff={"photometric": "rgb"})
    assert "name the slice of each plane with 'slices'" in caught.value.cure


def half_transparent():
    return np.concatenate([coloured(BLACK, RED), regions(0, 90, 255)[..., None].astype(np.uint8)], axis=2)


@pytest.mark.parametrize(
    ("image", "settings", "kind", "text"),
    [
        (coloured(BLACK, RED, GREEN), {}, "mask", "3 colours: #000000, #00ff00, #ff0000"),
        (coloured(WHITE, RED), {}, "mask", "2 colours: #ff0000, #ffffff"),
        (coloured(BLACK, RED), {}, "cells", "colours .*no cell ids"),
        (
            coloured(BLACK, RED),
            {"values": [1]},
            "mask",
            "holds colours, but the configuration gives a number, 1",
        ),
        (regions(0, 1).astype(np.uint8), {"values": ["#ff0000"]}, "mask", "holds numbers, but .* a colour"),
        (coloured(BLACK, RED), {"values": ["#0000ff"]}, "mask", "value #0000ff does not occur.*#ff0000"),
        (blended(), {}, "mask", "different colours, so it is a picture, or its edges are blended"),
        (half_transparent(), {}, "mask", "half-transparent"),
    ],
)
def test_unclear_colours_are_refused(tmp_path, image, settings, kind, text):
    with pytest.raises(UserError, match=text):
        read(tmp_path, image, kind, **settings)


def test_colours_of_truth_are_no_ids_either(tmp_path):
    with pytest.raises(UserError, match="colours .*no cell ids"):
        read(tmp_path, coloured(BLACK, RED, GREEN), "truth")
    labels, _ = read(tmp_path, coloured(BLACK, RED), "truth")
    assert np.array_equal(labels != 0, regions(0, 1)), "one colour on black is a mask"
    labels, _ = read(tmp_path, coloured(BLACK, RED, GREEN), "truth", strict=False, values=["#00ff00"])
    assert np.array_equal(labels != 0, regions(0, 0, 1))


def palette(*colours):
    table = np.zeros((3, 256), np.uint16)
    table[:, : len(colours)] = np.array(colours).T * 257
    return {"photometric": "palette", "colormap": table}


def test_numbers_of_a_palette_image_count_not_its_colours(tmp_path):
    stored = regions(0, 1, 2).astype(np.uint8)
    tiff = palette(BLACK, RED, GREEN)
    assert np.array_equal(read(tmp_path, stored, "cells", tiff=tiff)[0], stored)
    assert np.array_equal(read(tmp_path, stored, values=[2], tiff=tiff)[0], stored == 2)


def test_colours_of_a_palette_image_can_be_named(tmp_path):
    stored = regions(0, 1, 2).astype(np.uint8)
    labels, _ = read(tmp_path, stored, values=["#ff0000"], tiff=palette(BLACK, RED, GREEN))
    assert np.array_equal(labels, stored == 1)


def test_a_palette_with_black_elsewhere_than_at_0_is_unclear(tmp_path):
    with pytest.raises(UserError, match="black is not number 0 .*0 = #ff0000, 1 = #000000"):
        read(tmp_path, regions(0, 1).astype(np.uint8), tiff=palette(RED, BLACK))


# ---------------------------------------------------------------- parts of a slice
def test_ignored_pixels_are_neither_structure_nor_background(tmp_path):
    labels, known = read(tmp_path, regions(0, 1, 255).astype(np.uint8), ignore_value=255)
    assert np.array_equal(labels, regions(0, 1, 0)) and np.array_equal(known, regions(1, 1, 0))


def test_scribbles_zero_may_be_the_ignored_value(tmp_path):
    stored = regions(0, 1, 2, 0).astype(np.uint8)
    labels, known = read(tmp_path, stored, values=[2], ignore_value=0)
    assert np.array_equal(labels, stored == 2) and np.array_equal(known, stored > 0)


def test_scribbles_of_one_class_show_no_background(tmp_path):
    with pytest.raises(UserError, match="all labelled pixels are the structure"):
        read(tmp_path, regions(0, 1).astype(np.uint8), ignore_value=0)


def test_negative_ignore_value(tmp_path):
    labels, known = read(tmp_path, regions(-1, 0, 5, 6).astype(np.int16), "cells", ignore_value=-1)
    assert np.array_equal(labels, regions(0, 0, 5, 6)) and np.array_equal(known, regions(0, 1, 1, 1))


def test_rectangle(tmp_path):
    labels, known = read(
        tmp_path, regions(0, 5, 6).astype(np.uint8), "cells", region={"y": [2, 9], "x": [8, 20]}
    )
    inside = np.zeros(SHAPE, bool)
    inside[2:9, 8:20] = True
    assert np.array_equal(known, inside)
    assert np.array_equal(labels, np.where(inside, regions(0, 5, 6), 0))


def test_one_region_mask_for_all_slices_or_one_for_each(tmp_path):
    tifffile.imwrite(tmp_path / "drawn.tif", regions(0, 255, 255).astype(np.uint8))
    stored = regions(1, 0, 2).astype(np.uint8)
    _, known = read(tmp_path, stored, "cells", region=str(tmp_path / "drawn.tif"))
    assert np.array_equal(known, regions(0, 1, 1))
    (tmp_path / "drawn").mkdir()
    tifffile.imwrite(tmp_path / "drawn/z003.tif", regions(1, 0, 0).astype(np.uint8))
    _, known = read(tmp_path, stored, "cells", region=str(tmp_path / "drawn"))
    assert np.array_equal(known, regions(1, 0, 0))
    (tmp_path / "drawn/z003.tif").rename(tmp_path / "drawn/z004.tif")
    with pytest.raises(UserError, match=r"no mask for slice number\(s\) 3"):
        read(tmp_path, stored, "cells", region=str(tmp_path / "drawn"))


def test_the_region_file_is_read_by_the_job(tmp_path):
    tifffile.imwrite(tmp_path / "drawn.tif", regions(0, 1).astype(np.uint8))
    tifffile.imwrite(tmp_path / "z003.tif", regions(0, 1).astype(np.uint8))
    settings = {
        "path": str(tmp_path / "z003.tif"),
        "region": str(tmp_path / "drawn.tif"),
        "first_slice_number": 1,
    }
    source = resolve_labels(settings, str)
    assert source.files == [settings["path"], settings["region"]] and source.zs == [2] and source.partial
    assert pickle.loads(pickle.dumps(source)) == source  # as it reaches the job


def test_slice_without_a_known_pixel_is_refused(tmp_path):
    with pytest.raises(UserError, match="slice 3: no pixel is labelled"):
        read(tmp_path, regions(7).astype(np.uint8), "cells", ignore_value=7)


def test_the_crop_counts_in_the_whole_slice(tmp_path):
    file = tmp_path / "z003.tif"
    tifffile.imwrite(file, regions(0, 5, 6).astype(np.uint8))
    source = resolve_labels({"path": str(file), "region": {"x": [0, 12]}}, str)
    labels, known = LabelReader(source, SHAPE, "cells", ((4, 8), (6, 18))).read(SliceRef(0, str(file), None))
    assert np.array_equal(labels[:, :6], regions(0, 5, 6)[4:8, 6:12]) and not labels[:, 6:].any()
    assert known[:, :6].all() and not known[:, 6:].any()


@pytest.mark.parametrize("kind", ["cells", "organelle", "truth"])
def test_a_slice_of_an_array_is_read_like_that_of_a_tiff(tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    stack = np.zeros((4, 6, 8), np.int64)
    stack[2, 1:4, 2:5], stack[2, 4:], stack[2, 0, 0] = 7, 9, -1
    with h5py.File(tmp_path / "ids.h5", "w") as file:
        file["ids"] = stack
    tifffile.imwrite(tmp_path / "z0002.tif", stack[2].astype(np.int32))
    settings = {"ignore_value": -1}
    array = resolve_labels({"path": str(tmp_path / "ids.h5"), **settings}, str, 4)
    plain = resolve_labels({"path": str(tmp_path / "z0002.tif"), **settings}, str, 4)
    assert array.zs == plain.zs == [2]
    crop = [(0, 5), (1, 8)]
    found, expected = (LabelReader(s, (6, 8), kind, crop).read(s.slices[0]) for s in (array, plain))
    assert all(np.array_equal(one, other) for one, other in zip(found, expected, strict=True))
    assert pickle.loads(pickle.dumps(array)) == array


def test_an_array_of_another_size_or_with_fractions_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with h5py.File(tmp_path / "ids.h5", "w") as file:
        file["ids"], file["maps"] = np.ones((4, 6, 8), np.uint8), np.full((4, 6, 8), 0.5)
    source = resolve_labels(str(tmp_path / "ids.h5:ids"), str, 4)
    with pytest.raises(UserError, match="ids.h5:ids: slice is 6 x 8 pixels .* expected 6 x 9"):
        LabelReader(source, (6, 9), "truth").read(source.slices[0])
    source = resolve_labels(str(tmp_path / "ids.h5:maps"), str, 4)
    with pytest.raises(UserError, match="label type is float64, not whole numbers"):
        LabelReader(source, (6, 8), "truth").read(source.slices[0])
