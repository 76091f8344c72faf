import cv2
import numpy as np
import pytest
from rare_tiles import rare_tiles
from ultraseg.figures import augmentation as module
from ultraseg.figures.augmentation import augmentation_figure
from ultraseg.train.augment import NONE, Augmentation


def _drawn_panels(monkeypatch, tmp_path, settings, tiles):
    seen = []
    real = module.new_figure

    def figure(*size):
        made = real(*size)
        seen.append(made)
        return made

    monkeypatch.setattr(module, "new_figure", figure)
    augmentation_figure(tiles, settings, 48, str(tmp_path / "a.png"))
    return [(axes.get_title(), axes.images[0].get_array()) for axes in seen[0].axes]


def test_every_change_that_is_on_is_shown_and_shows(monkeypatch, tmp_path):
    tiles = rare_tiles(size=96)
    tiles.image = np.random.default_rng(0).integers(60, 200, (6, 96, 96, 3), dtype=np.uint8)
    panels = _drawn_panels(monkeypatch, tmp_path, Augmentation(blur=0, strip=0.1), tiles)
    names = [name.split(" ")[0] for name, _ in panels]
    assert names[0] == "unchanged" and "strip" in names and "blur" not in names and names.count("all") == 5
    assert "rotation" in names and "warped" not in names  # a share is no change of its own
    assert not any(np.array_equal(image, panels[0][1]) for name, image in panels[1:] if name[:3] != "all")
    strip = next(image for name, image in panels if name.startswith("strip"))
    assert any(np.ptp(line) == 0 for line in (*strip, *strip.T))
    assert cv2.imread(str(tmp_path / "a.png")).shape[1] <= 1600


@pytest.mark.parametrize("empty", [False, True])
def test_without_changes_or_structures_there_are_plain_crops(monkeypatch, tmp_path, empty):
    tiles = rare_tiles(size=96)
    tiles.target[:] *= not empty
    panels = _drawn_panels(monkeypatch, tmp_path, NONE, tiles)
    assert [name for name, _ in panels] == ["unchanged", *["all together"] * 5]
