"""Validation: thresholds, Dice and loss on tiles that nothing is trained on."""

import numpy as np
import pytest
from disc_tiles import disc_tiles
from rare_tiles import rare_tiles
from ultraseg.train.losses import pack, soft_dice
from ultraseg.train.tiles import read_downsample, write_tiles
from ultraseg.train.validation import KEPT, Validation, spread_rows, validate


def test_validation_is_at_the_size_of_the_image(tmp_path):
    """A network that has learned the share of each pixel is scored, and cut, where pixels are of the image."""
    groups = [(split, "v", disc_tiles(z)) for z, split in ((0, "train"), (9, "validation"))]
    held = groups[1][2]
    target = held.target[..., 0].astype(float)
    found = np.where(target > 127, 1.0, np.where(np.roll(target, 1, 1) > 127, 0.3, 0.0))

    class Fixed:
        def predict_on_batch(self, _):
            return found[..., None].astype(np.float32)

    dice = {}
    for d in (1, 4):
        write_tiles(tmp_path / f"{d}.h5", groups, channels=["disc"], downsample=d)
        seen = validate(
            Fixed(), held, ["disc"], "soft_dice", downsample=read_downsample(tmp_path / f"{d}.h5")
        )
        dice[d] = seen.dice
        assert abs(seen.thresholds["disc"] - 128) < 30
    assert dice[1]["disc"] == 1 and 0.95 < dice[4]["disc"] < 1
    seen = validate(Fixed(), held, ["disc/interior"], "soft_dice", downsample=4)
    assert seen.dice == {"disc/interior": 1}


class Half:
    """A network that gives a half everywhere, and counts the tiles that it saw."""

    def __init__(self, channels):
        self.channels, self.seen = channels, 0

    def predict_on_batch(self, images):
        self.seen += len(images)
        return np.full((*images.shape[:3], self.channels), 0.5, np.float32)


def test_the_loss_is_the_mean_over_tiles_and_what_is_nowhere_has_no_dice():
    held = rare_tiles()
    found = validate(Half(3), held, ["common", "rare", "missing"], "soft_dice")
    half = np.full(held.target.shape[1:], 0.5, np.float32)[None]
    truths = [pack(held.target[i : i + 1], held.weight[i : i + 1]) for i in range(len(held))]
    assert found.loss == pytest.approx(np.mean([float(soft_dice(truth, half)) for truth in truths]), rel=1e-5)
    assert found.dice["missing"] is None and found.thresholds["missing"] == 128
    # A half everywhere lies at 128: up to there all is found, a third of it rightly.
    assert found.thresholds["common"] == 128
    share = (held.target[..., 0] > 0).mean()
    assert found.dice["common"] == pytest.approx(2 * share / (1 + share))
    assert found.score == pytest.approx((found.dice["common"] + found.dice["rare"]) / 2)


def test_only_so_many_tiles_are_looked_at_and_none_is_no_failure():
    few = Half(3)
    validate(few, rare_tiles(count=9), ["a", "b", "c"], "soft_dice", most=4)
    assert few.seen == 4
    tiles = rare_tiles()
    empty = type(tiles)(*(getattr(tiles, name)[:0] for name in vars(tiles)))
    found = validate(few, empty, ["a", "b", "c"], "soft_dice")
    assert found.loss is None and found.score is None and set(found.thresholds.values()) == {128}


def test_rows_are_spread_evenly():
    assert spread_rows(0, 5) == [] and spread_rows(3, 5) == [0, 1, 2] and spread_rows(9, 3) == [0, 4, 8]


def test_the_score_leaves_out_what_has_no_label():
    curves = {"a": np.full(256, 0.5), "c": np.ones(256)}
    assert Validation(("a", "b", "c"), curves, 0.1).score == 0.75
    assert Validation(("b",), {}, None).score is None


def told(dice, level=200):
    return Validation(("a", "b"), {"a": np.where(np.arange(256) == level, dice, 0)}, None)


def test_the_last_epochs_count_and_earlier_ones_fade():
    first, second = told(1.0), told(0.5)
    both = second.after(first.curves, 1)
    share = (1 - KEPT) / (1 - KEPT**2)
    assert both.dice == {"a": pytest.approx(1 - share + 0.5 * share), "b": None}
    later = both
    for epochs in range(2, 30):
        later = second.after(later.curves, epochs)
    assert later.dice["a"] == pytest.approx(0.5, abs=1e-3)
    assert second.after({}, 0).dice == second.dice


def test_the_mean_of_the_first_epochs_is_a_plain_one():
    found = told(0.2)
    for epochs, dice in enumerate((0.4, 0.6), 1):
        found = told(dice).after(found.curves, epochs)
    weights = KEPT ** np.arange(2, -1, -1.0)
    assert found.dice["a"] == pytest.approx(np.average([0.2, 0.4, 0.6], weights=weights))


def test_a_threshold_that_is_good_once_is_not_that_of_many_epochs():
    found, steady = told(0.8, level=100), told(0.7, level=150)
    for epochs in range(1, 8):
        found = steady.after(found.curves, epochs)
    assert found.thresholds == {"a": 150, "b": 128}
