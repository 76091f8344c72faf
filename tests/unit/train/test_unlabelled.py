"""Slices without labels: the mean of eight views is learned there, as far as the views agree."""

import json
from dataclasses import replace

import numpy as np
import pytest
from disc_tiles import SMALL, disc_tiles
from ultraseg.train import train_network as training
from ultraseg.train import unlabelled
from ultraseg.train.augment import NONE
from ultraseg.train.crops import CropDraw
from ultraseg.train.tiles import UNLABELLED, write_tiles
from ultraseg.train.train_network import train_network
from ultraseg.train.unlabelled import KEPT, MixedDraw, snapshots_until, taught_by, views_of


def left_half(image):
    """A network that finds what is bright, and only in the left half of what it sees."""
    found = (image[..., :1] > 100).astype(np.float32)
    found[:, :, image.shape[2] // 2 :] = 0
    return found


def test_views_are_turned_back_and_their_mean_does_not_depend_on_the_direction():
    image = np.random.default_rng(0).integers(0, 255, (32, 32, 3), np.uint8)
    mean, spread = views_of(lambda seen: (seen[..., :1] / 255).astype(np.float32), image)
    np.testing.assert_allclose(mean[..., 0], image[..., 0] / 255, atol=1e-6)
    assert spread.max() < 1e-6
    bright = np.full((32, 32, 1), 200, np.uint8)
    mean, spread = views_of(left_half, bright)
    assert (mean == 0.5).all() and (spread == 0.5).all()  # each half is left in half of the views


def test_where_views_disagree_nothing_is_learned():
    tiles = disc_tiles(0)
    sure = taught_by(tiles, lambda seen: np.full((*seen.shape[:3], 1), 0.8, np.float32), None)
    assert (sure.target == 204).all() and (sure.weight == 255).all()
    tiles.image[:] = 200
    torn = taught_by(tiles, left_half, None)
    assert (torn.target == 128).all() and (torn.weight == 0).all()


def test_snapshots_are_averaged_and_nothing_is_known_beyond_the_slice():
    tiles = disc_tiles(0)
    tiles.weight[:, 40:] = 0
    first = taught_by(tiles, lambda seen: np.zeros((*seen.shape[:3], 1), np.float32), None)
    second = taught_by(tiles, lambda seen: np.ones((*seen.shape[:3], 1), np.float32), first)
    assert (second.target == round(255 * (1 - KEPT))).all()
    assert (second.weight[:, :40] == 255).all() and not second.weight[:, 40:].any()
    assert tiles.target.max() == 255 and set(np.unique(tiles.weight)) == {0, 255}  # left as they are


def test_snapshots_come_late_and_one_after_the_other():
    assert [snapshots_until(p) for p in (0, 0.59, 0.6, 0.75, 0.95)] == [0, 0, 1, 2, 4]


def test_a_share_of_the_crops_is_of_slices_without_labels():
    labelled, free = disc_tiles(0), disc_tiles(1)
    free.target[:], free.weight[:] = 77, 200
    draw = MixedDraw(CropDraw(labelled, 32, NONE), free)
    rng = np.random.default_rng(0)
    truths = [draw(rng)[1] for _ in range(400)]
    taught = [truth for truth in truths if (truth[..., 0] == 77).all()]
    assert abs(len(taught) / 400 - unlabelled.SHARE) < 0.06
    assert all((truth[..., 1] == 100).all() for truth in taught)


def tiles_file(tmp_path, free=(7, 8)):
    tmp_path.mkdir(exist_ok=True)
    groups = [("train", "v", disc_tiles(z)) for z in range(2)] + [("validation", "v", disc_tiles(9))]
    for z in free:
        tiles = disc_tiles(z)
        tiles.target[:] = 0  # no label
        groups.append((UNLABELLED, "v", tiles))
    write_tiles(tmp_path / "tiles.h5", groups, channels=["disc"])
    return tmp_path / "tiles.h5"


def test_a_training_teaches_itself_what_is_on_slices_without_labels(tmp_path, monkeypatch):
    known = []
    real = training.MixedDraw
    monkeypatch.setattr(
        training, "MixedDraw", lambda one, taught, *a: (known.append(taught), real(one, taught, *a))[1]
    )
    settings = replace(SMALL, epochs=10)
    result = train_network(tiles_file(tmp_path), tmp_path / "ck", settings)
    assert len(known) == 4  # of epochs 7 to 10
    true = np.concatenate([disc_tiles(z).target for z in (7, 8)]) > 127
    found = known[-1].target > 127
    assert 2 * (true & found).sum() / (true.sum() + found.sum()) > 0.8
    assert result.validation_dice["disc"] > 0.8
    state = json.loads((tmp_path / "ck/state.json").read_text())
    assert state["snapshots"] == 4
    assert sorted(f.name for f in (tmp_path / "ck").glob("taught*")) == [state["taught"]]
    # Without such slices nothing of the kind happens.
    train_network(tiles_file(tmp_path / "b", ()), tmp_path / "other", replace(settings, epochs=2))
    assert len(known) == 4


def test_a_training_that_is_cut_off_remembers_what_it_was_taught(tmp_path, monkeypatch):
    settings, file = replace(SMALL, epochs=5, steps_per_epoch=2), tiles_file(tmp_path)
    seen = []
    real_draw, real_epoch = training.MixedDraw, training._run_epoch
    monkeypatch.setattr(
        training,
        "MixedDraw",
        lambda one, taught, *a: (seen.append(taught.target.copy()), real_draw(one, taught, *a))[1],
    )

    def killed(*args):
        real_epoch(*args)
        model, *_, folder, state, _ = args
        if state["epoch"] == 4:
            training.save_state(folder, state, model)
            raise KeyboardInterrupt

    monkeypatch.setattr(training, "_run_epoch", killed)
    with pytest.raises(KeyboardInterrupt):
        train_network(file, tmp_path / "ck", settings)
    monkeypatch.setattr(training, "_run_epoch", real_epoch)
    monkeypatch.setattr(unlabelled, "KEPT", 1.0)  # the last snapshot changes nothing: what was known is left
    train_network(file, tmp_path / "ck", settings)
    assert len(seen) == 2 and np.array_equal(seen[0], seen[1])
