import numpy as np
import pytest
from ultraseg.train.losses import LOSSES, dice_cross_entropy, loss_by_name, pack, soft_dice


def _batch(seed=0, k=2):
    rng = np.random.default_rng(seed)
    target = (255 * (rng.random((2, 16, 16, k)) > 0.7)).astype(np.uint8)
    weight = np.full_like(target, 255)
    return target, weight, rng.random(target.shape).astype(np.float32)


@pytest.mark.parametrize("loss", LOSSES.values())
def test_perfect_is_near_zero_and_wrong_is_large(loss):
    target, weight, _ = _batch()
    truth = pack(target, weight)
    perfect = (target / 255).astype(np.float32)
    assert float(loss(truth, perfect)) < 0.01 < 0.9 < float(loss(truth, 1 - perfect))


@pytest.mark.parametrize("loss", LOSSES.values())
def test_unlabelled_pixels_contribute_nothing(loss):
    target, weight, p = _batch()
    weight[:, :, 8:] = 0
    a = float(loss(pack(target, weight), p))
    target[:, :, 8:] = 255 - target[:, :, 8:]
    p[:, :, 8:] = 1 - p[:, :, 8:]
    assert float(loss(pack(target, weight), p)) == pytest.approx(a, rel=1e-6)


@pytest.mark.parametrize("loss", LOSSES.values())
def test_unlabelled_channel_equals_its_absence(loss):
    target, weight, p = _batch()
    weight[..., 1] = 0
    alone = loss(pack(target[..., :1], weight[..., :1]), p[..., :1])
    assert float(loss(pack(target, weight), p)) == pytest.approx(float(alone), rel=1e-6)


@pytest.mark.parametrize("loss", LOSSES.values())
def test_nothing_labelled_is_zero_not_nan(loss):
    target, weight, p = _batch()
    assert float(loss(pack(target, 0 * weight), p)) == 0


def test_extreme_probabilities_stay_finite():
    target, weight, p = _batch()
    for value in (0.0, 1.0):
        assert np.isfinite(float(dice_cross_entropy(pack(target, weight), np.full_like(p, value))))


def test_soft_dice_by_hand():
    target = np.array([255, 255, 0, 0], np.uint8).reshape(1, 2, 2, 1)
    p = np.array([0.5, 1, 0, 0.5], np.float32).reshape(1, 2, 2, 1)
    # (2 * 1.5 + 1) / (2 + 2 + 1)
    assert float(soft_dice(pack(target, np.full_like(target, 255)), p)) == pytest.approx(0.2, abs=1e-6)


def test_unknown_name():
    with pytest.raises(ValueError, match="dice_cross_entropy"):
        loss_by_name("hinge")
