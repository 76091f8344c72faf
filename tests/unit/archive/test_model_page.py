"""What a package tells people."""

import numpy as np
from network_card import card_of
from PIL import Image
from ultraseg.archive.model_page import channel_names, draw_cover, page, slice_names, summary, title
from ultraseg.archive.model_sample import Sample

SAMPLE = Sample(np.full((1, 128, 256, 3), 7, np.uint8), np.ones((1, 128, 256, 2), np.float32), 0.0123)
CARD = card_of(
    "cells/interior", "cells/boundary", filters=[4, 8], z_context=1, downsample=2, network="context",
    thresholds={"cells/interior": 0.42}, validation_dice={"cells/interior": 0.9, "cells/boundary": None},
)  # fmt: skip


def test_names_are_those_that_the_format_takes():
    assert title(CARD) == "ultraseg context (cells in electron microscopy)"
    assert title(card_of(*[f"organelle{n}" for n in range(20)], filters=[4, 8])) == "ultraseg n"
    assert channel_names(CARD["channels"]) == ["cells_interior", "cells_boundary"]
    assert slice_names(0) == ["slice"] and slice_names(1) == ["slice_minus_1", "slice", "slice_plus_1"]
    assert "cells/interior, cells/boundary" in summary(CARD)


def test_the_page_tells_what_the_input_must_be_and_how_good_the_maps_are():
    text = page(CARD, SAMPLE, "ultraseg 1.2")
    assert "3 neighbouring slices" in text and "blocks of 2 x 2 pixels" in text
    assert (
        "volume v: voxels of 8 x 4 x 4 nm (z, y, x); uint8, grey values shown as they are in 8 bits" in text
    )
    assert (
        "`cells/interior`: 0.42" in text and "`cells/interior`: 0.900" in text and "0.012 on average" in text
    )
    assert "None" not in text and "# Validation" in text
    assert "No slices were held back" in page(card_of("m", filters=[4, 8]), SAMPLE, "ultraseg 1.2")


def test_the_picture_shows_the_image_beside_the_first_map(tmp_path):
    draw_cover(tmp_path / "c.png", SAMPLE)
    picture = np.asarray(Image.open(tmp_path / "c.png"))
    assert picture.shape == (256, 512)
    assert (picture[:, :256] == 7).all() and (picture[:, 256:] == 255).all()
