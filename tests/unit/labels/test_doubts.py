"""Labels that are something else: pictures, resized or compressed ids."""

import cv2
import imagecodecs
import numpy as np
import pytest
import tifffile
from scipy import ndimage
from ultraseg.base.errors import UserError
from ultraseg.labels.coverage import coverage_table
from ultraseg.labels.doubts import Doubts, thin_ids, thin_parts
from ultraseg.labels.source import resolve_labels

SHAPE = (120, 160)
RNG = np.random.default_rng(0)


def discs(count, shape=SHAPE, radius=12, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.zeros(shape, np.uint16)
    y, x = np.mgrid[: shape[0], : shape[1]]
    for i in range(count):
        cy, cx = rng.uniform(radius, shape[0] - radius), rng.uniform(radius, shape[1] - radius)
        labels[np.hypot(y - cy, x - cx) < radius * rng.uniform(0.6, 1)] = 10 * (i + 1)
    return labels


def resized(labels, interpolation):
    small = cv2.resize(labels, (labels.shape[1] // 2, labels.shape[0] // 2), interpolation=cv2.INTER_NEAREST)
    return cv2.resize(small, labels.shape[::-1], interpolation=interpolation)


def grey_image():
    image = 120 + 40 * ndimage.gaussian_filter(RNG.normal(size=SHAPE), 3) * 10 + RNG.normal(0, 6, SHAPE)
    return image.clip(0, 255).astype(np.uint8)


def through_jpeg(labels, level):
    return imagecodecs.jpeg_decode(imagecodecs.jpeg_encode(labels.astype(np.uint8), level=level))


def said(numbers, kind="cells"):
    doubts = Doubts(kind)
    doubts.add(5, numbers, np.unique(numbers))
    return " ".join(doubts.warnings("cells"))


@pytest.mark.parametrize(
    "numbers",
    [
        resized(discs(8), cv2.INTER_LINEAR),
        resized(discs(3), cv2.INTER_CUBIC),
        cv2.resize(discs(5), (400, 300), interpolation=cv2.INTER_LINEAR),
        grey_image(),
        through_jpeg(discs(3), 75),
        through_jpeg(discs(20), 90),
        ndimage.gaussian_filter(discs(6), 1),
    ],
    ids=["bilinear", "bicubic", "enlarged", "grey", "jpeg", "fine jpeg", "blurred"],
)  # fmt: skip
def test_numbers_that_are_no_ids_are_doubted(numbers):
    assert "crumbs or lines" in said(numbers) and "slice 5" in said(numbers)


@pytest.mark.parametrize(
    "numbers",
    [
        discs(3),
        discs(60, radius=6),
        discs(200, (300, 300), radius=4),
        resized(discs(20), cv2.INTER_NEAREST),
        np.zeros(SHAPE, np.uint8),
        (discs(9) > 0).astype(np.uint8) * 255,
        np.arange(6, dtype=np.uint8).reshape(2, 3),
    ],
    ids=["few", "many", "small", "nearest", "empty", "mask", "tiny"],
)
def test_drawn_labels_are_not_doubted(numbers):
    assert said(numbers) == ""


def test_strokes_are_thin_and_no_reason_for_doubt():
    lines = np.zeros(SHAPE, np.uint8)
    for i in range(40):
        lines[3 * i, 4:150] = 1 + i % 12
    assert "crumbs" in said(lines)
    doubts = Doubts("cells", strokes=True)
    doubts.add(5, lines, np.unique(lines))
    assert list(doubts.warnings("cells")) == []


def test_a_few_stray_pixels_are_no_reason_for_doubt():
    labels = discs(30, radius=8)
    labels[RNG.integers(0, SHAPE[0], 12), RNG.integers(0, SHAPE[1], 12)] = 999
    assert said(labels) == ""


def test_crumbs_and_rims_are_counted():
    labels = np.zeros((20, 20), np.uint8)
    labels[2:8, 2:8] = 1  # a body
    labels[10, 2:18] = labels[11, 2:18] = 2  # two pixels wide
    labels[15, 15] = 3
    assert thin_ids(labels) == (2, 3)
    labels[18, 3] = 1
    assert thin_ids(labels) == (2, 3) and thin_parts(labels) == (3, 4)


def test_the_warning_comes_with_the_table_and_only_once(tmp_path, caplog):
    for z in (0, 4):
        tifffile.imwrite(tmp_path / f"z{z}.tif", resized(discs(8, seed=z), cv2.INTER_LINEAR))
    source = resolve_labels(str(tmp_path), str)
    coverage_table({"cells": source}, {"cells": "cells"}, SHAPE, 9)
    assert (
        len([r for r in caplog.records if "cells: most ids on 2 of 2 labelled slices" in r.getMessage()]) == 1
    )


# ---------------------------------------------------------------- background that is not 0
def coverage(tmp_path, caplog, make, **settings):
    for z in (0, 4):
        tifffile.imwrite(tmp_path / f"z{z}.tif", make(discs(6, seed=z)))
    source = resolve_labels({"path": str(tmp_path)} | settings, str)
    table = coverage_table({"cells": source}, {"cells": "cells"}, SHAPE, 9)
    return table, caplog.text


@pytest.mark.parametrize(
    ("make", "number"),
    [
        (lambda labels: labels + 1, 1),
        (lambda labels: labels + 32768, 32768),
        (lambda labels: np.where(labels, labels, 65535).astype(np.uint16), 65535),
        (lambda labels: np.where(labels, labels, 700).astype(np.uint16), 700),
        (lambda labels: np.where(labels, labels.astype(np.uint32), 2**31 - 1), 2**31 - 1),
    ],
    ids=["ilastik", "shifted", "-1", "any", "32 bit"],
)
def test_a_background_that_is_not_0_is_asked_for_and_can_be_said(tmp_path, caplog, make, number):
    table, text = coverage(tmp_path, caplog, make)
    assert f"cells: id {number} covers" in text and f"background: {number}" in text
    assert table["foreground_fraction"].tolist() == [1, 1]
    caplog.clear()
    table, text = coverage(tmp_path, caplog, make, background=number)
    assert "is it the background" not in text and table["foreground_fraction"].max() < 0.5
    assert table["n_instances"].tolist() == [len(np.unique(discs(6, seed=z))) - 1 for z in (0, 4)]


def test_dense_cells_and_slices_with_a_0_are_not_asked_about(tmp_path, caplog):
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    dense = (1 + y // 40 * 4 + x // 40).astype(np.uint16)
    _, text = coverage(tmp_path, caplog, lambda labels: dense)
    assert "background" not in text
    nucleus = np.where(labels := discs(1), labels, 1).astype(np.uint16)
    nucleus[0, 0] = 0
    _, text = coverage(tmp_path, caplog, lambda labels: nucleus)
    assert "background" not in text


def test_truth_whose_background_is_not_0_is_asked_about_too():
    other = discs(6) + 1
    doubts = Doubts("truth")
    for z, numbers in enumerate([np.ones_like(other), other, np.ones_like(other)]):  # cells on one slice only
        doubts.add(z, numbers, np.unique(numbers))
    (text,) = doubts.warnings("truth of cells")
    assert "truth of cells: id 1 covers" in text and "background: 1" in text
    for numbers in (np.ones_like(other), discs(6), resized(discs(8), cv2.INTER_LINEAR), grey_image()):
        assert "id" not in said(numbers, "truth"), (
            "inside one cell, with a 0, and what only labels are asked for"
        )


# ---------------------------------------------------------------- ids that ran over
def grid(count, columns=20, side=14):
    """That many square cells, numbered from 1, with a gap between them."""
    labels = np.zeros((-(-count // columns) * side, columns * side), np.uint16)
    for i in range(count):
        y, x = side * (i // columns), side * (i % columns)
        labels[y + 1 : y + side - 1, x + 1 : x + side - 1] = i + 1
    return labels


@pytest.mark.parametrize("count", [300, 400, 700])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_ids_that_ran_over_are_warned_of(count, dtype):
    text = said((grid(count) % 256).astype(dtype))
    assert "ids of 8 bits" in text and "16 bits" in text


@pytest.mark.parametrize(
    "labels",
    [
        grid(255),
        grid(400),
        grid(120) % 100,
        discs(60, (400, 400), radius=8) // 10,
        grey_image(),
        through_jpeg(discs(20), 90),
    ],
)
def test_other_ids_are_not_said_to_have_run_over(labels):
    assert "8 bits" not in said(labels)


# ---------------------------------------------------------------- compression with loss
def write(file, labels, **options):
    try:
        tifffile.imwrite(file, labels.astype(np.uint8), photometric="minisblack", **options)
    except Exception as error:  # an encoder that this build of imagecodecs lacks
        pytest.skip(str(error))
    return resolve_labels(str(file), str)


LOSSY = [
    {"compression": "jpeg"},
    {"compression": "jpeg", "compressionargs": {"level": 100}},
    {"compression": "jpeg", "tile": (64, 64)},
    {"compression": "jpeg2000", "compressionargs": {"level": 60, "reversible": False}},
]
LOSSLESS = [
    {"compression": "jpeg", "compressionargs": {"lossless": True}},
    {"compression": "jpeg2000", "compressionargs": {"reversible": True}},
    {"compression": "png"}, {"compression": "lzw"}, {"compression": "zstd"},
]  # fmt: skip


@pytest.mark.parametrize("kind", ["cells", "organelle", "mask"])
@pytest.mark.parametrize("options", LOSSY)
def test_labels_that_were_compressed_with_loss_are_refused(tmp_path, kind, options):
    source = write(tmp_path / "z0.tif", discs(3), **options)
    with pytest.raises(UserError, match="z0.tif: is compressed with loss"):
        coverage_table({"a": source}, {"a": kind}, SHAPE, 1)


@pytest.mark.parametrize("lossless", [True, False])
def test_compression_that_may_be_lossy_is_pointed_out_once(tmp_path, caplog, lossless):
    source = write(
        tmp_path / "z0.tif", discs(3), compression="jpegxl", compressionargs={"lossless": lossless}
    )
    for _ in range(2):
        coverage_table({"a": source}, {"a": "cells"}, SHAPE, 1)
    assert caplog.text.count("z0.tif: is compressed with JPEGXL, which may have changed numbers") == 1


@pytest.mark.parametrize("options", LOSSLESS)
def test_labels_that_were_compressed_without_loss_are_read(tmp_path, options):
    source = write(tmp_path / "z0.tif", discs(3), **options)
    table = coverage_table({"a": source}, {"a": "cells"}, SHAPE, 1)
    assert table["n_instances"].tolist() == [3]
