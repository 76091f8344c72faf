"""Slices with and without labels in one layout."""

import numpy as np
import pytest
from pictures import has_colour, pixels
from ultraseg.base.colours import id_colours
from ultraseg.figures import montage
from ultraseg.figures.montage import GAP, HEAD, draw_labels, grey_panel

RNG = np.random.default_rng(1)


def test_labels_are_mixed_in_and_outlined():
    grey = grey_panel(np.full((20, 20), 100, np.uint8), (20, 20))
    labels = np.zeros((10, 10), np.uint32)
    labels[2:8, 2:8] = 7  # at half the scale of the panel
    drawn = draw_labels(grey, labels, opacity=0.5)
    colour = id_colours(np.array(7))
    assert np.array_equal(drawn[0, 0], [100, 100, 100])
    assert np.array_equal(drawn[4, 10], colour)
    assert np.array_equal(drawn[10, 10], np.round(0.5 * colour + 50).astype(np.uint8))
    assert np.array_equal(draw_labels(grey, None), grey)
    assert np.array_equal(draw_labels(grey, labels, "#ff0000")[4, 10], [255, 0, 0])


def test_large_slices_are_averaged():
    image = np.zeros((40, 40), np.uint8)
    image[:, ::2] = 200
    assert (grey_panel(image, (10, 10)) == 100).all()


@pytest.mark.parametrize("count", [1, 2, 5, 9])
def test_montage_variants_have_one_layout(tmp_path, count):
    images = RNG.integers(0, 255, (count, 30, 40)).astype(np.uint8)
    labels = np.zeros((count, 30, 40), np.uint32)
    labels[:, 5:15, 5:20] = 12
    labels[:, 15:25, 10:30] = 13
    raw, overlay = str(tmp_path / "raw.png"), str(tmp_path / "overlay.png")
    for path, shown in ((raw, False), (overlay, True)):
        montage.overlay_montage(images, labels, range(count), (10, 4, 8), path, overlay=shown, width=800)
    columns = {1: 1, 2: 2, 5: 3, 9: 4}[count]
    panel = (800 - (columns - 1) * GAP) // columns
    height = round(panel * 30 * 4 / (40 * 8))
    plain, drawn = pixels(raw), pixels(overlay)
    assert plain.shape == drawn.shape == (-(-count // columns) * (height + HEAD + GAP), 800, 3)
    assert has_colour(drawn, id_colours(np.array(12)))
    assert not has_colour(plain, id_colours(np.array(12)))
    outside = np.s_[HEAD : HEAD + height // 7, :panel]  # above the first label
    assert np.array_equal(plain[outside], drawn[outside])


def test_montage_draws_one_array_value_as_one_pixel(tmp_path):
    path = str(tmp_path / "raw.png")
    image = RNG.integers(0, 255, (100, 300)).astype(np.uint8)
    montage.overlay_montage([image], [None], [0], (1, 1, 1), path, overlay=False, width=300)
    assert np.array_equal(pixels(path)[HEAD : HEAD + 50, :, 0], image[:50])


def test_montage_outlines_organelles_in_their_colour(tmp_path):
    path = str(tmp_path / "overlay.png")
    mask = np.zeros((30, 40), np.uint8)
    mask[10:20, 10:30] = 1
    image = np.full((30, 40), 80, np.uint8)
    masks = {"mitochondria": [mask, None]}
    montage.overlay_montage([image] * 2, [None] * 2, [0, 4], (1, 1, 1), path, outlines=masks, width=400)
    picture = pixels(path)
    assert has_colour(picture[HEAD:-HEAD, :190], (0xE6, 0x9F, 0x00))
    assert not has_colour(picture[HEAD:-HEAD, 210:], (0xE6, 0x9F, 0x00))


def test_montage_without_slices(tmp_path):
    montage.overlay_montage([], [], [], (1, 1, 1), str(tmp_path / "none.png"), width=700)
    assert pixels(tmp_path / "none.png").shape[1] == 700
