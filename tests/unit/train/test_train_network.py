import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from disc_tiles import SMALL, disc_tiles
from network_card import card_of
from ultraseg.base.errors import UserError
from ultraseg.networks.export import export_network
from ultraseg.train import train_network as training
from ultraseg.train.tiles import write_tiles
from ultraseg.train.train_network import train_network
from ultraseg.train.validation import validate


@pytest.fixture
def tiles_file(disc_training):
    return disc_training / "tiles.h5"


@pytest.fixture
def trained(disc_training, tmp_path):
    """The result of the training that is shared; nothing is trained again."""
    shutil.copytree(disc_training / "ck", tmp_path / "trained")
    return train_network(disc_training / "tiles.h5", tmp_path / "trained", SMALL)


def test_learns_an_easy_structure(trained):
    result = trained
    assert result.validation_dice["disc"] > 0.9
    assert 1 <= result.thresholds["disc"] <= 255
    assert len(result.history) == 6 and not result.stopped_by_time
    assert all(np.isfinite(row["loss"]) and np.isfinite(row["val_loss"]) for row in result.history)
    best = max(result.history, key=lambda row: row["dice_disc"])
    assert best["epoch"] == result.best_epoch and best["dice_disc"] == result.validation_dice["disc"]


def test_killed_and_resumed_equals_uninterrupted(tiles_file, trained, tmp_path, monkeypatch):
    real, calls = training._run_epoch, []

    def killed(*args):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        real(*args)

    monkeypatch.setattr(training, "_run_epoch", killed)
    with pytest.raises(KeyboardInterrupt):
        train_network(tiles_file, tmp_path / "b", SMALL)
    monkeypatch.setattr(training, "_run_epoch", real)
    resumed = train_network(tiles_file, tmp_path / "b", SMALL)
    assert [r["epoch"] for r in resumed.history] == [1, 2, 3, 4, 5, 6]
    # Two threads add in any order, so equal to rounding, not to the bit.
    np.testing.assert_allclose(
        [r["loss"] for r in resumed.history], [r["loss"] for r in trained.history], rtol=0.05
    )
    # A finished training is not repeated, another one starts anew.
    again = train_network(tiles_file, tmp_path / "b", SMALL)
    assert again.history == resumed.history
    other = train_network(tiles_file, tmp_path / "b", replace(SMALL, epochs=1))
    assert len(other.history) == 1


def test_time_limit_stops_and_is_recorded(tiles_file, tmp_path):
    result = train_network(tiles_file, tmp_path / "ck", replace(SMALL, epochs=500, max_minutes=0.02))
    assert result.stopped_by_time and 1 <= len(result.history) < 500


def test_channel_without_validation_labels_gets_the_middle_threshold(tmp_path):
    groups = [("train", "v", disc_tiles(z, (1, 1), 2)) for z in range(2)]
    groups += [("validation", "v", disc_tiles(9, (1, 0), 2))]
    write_tiles(tmp_path / "t.h5", groups, channels=["disc", "rest"])
    result = train_network(tmp_path / "t.h5", tmp_path / "ck", replace(SMALL, epochs=1))
    assert result.thresholds["rest"] == 128 and result.validation_dice["rest"] is None
    assert result.validation_dice["disc"] is not None


def test_no_validation_at_all_keeps_the_last_epoch(tmp_path):
    write_tiles(tmp_path / "t.h5", [("train", "v", disc_tiles(0))], channels=["disc"])
    result = train_network(tmp_path / "t.h5", tmp_path / "ck", replace(SMALL, epochs=2, steps_per_epoch=2))
    assert result.best_epoch == 2 and result.thresholds == {"disc": 128}


def test_useless_labels_are_named(tmp_path):
    write_tiles(tmp_path / "t.h5", [("train", "v", disc_tiles(0, (1, 0), 2))], channels=["disc", "rest"])
    with pytest.raises(UserError, match="no training tile shows a label of rest"):
        train_network(tmp_path / "t.h5", tmp_path / "ck", SMALL)


def test_crop_must_fit_the_network(tiles_file, tmp_path):
    with pytest.raises(UserError, match="crop 33"):
        train_network(tiles_file, tmp_path / "ck", replace(SMALL, crop=33))


def test_training_validates_at_the_scale_of_its_tiles(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(training, "validate", lambda *a: (seen.append(a[-1]), validate(*a))[1])
    groups = [(split, "v", disc_tiles(z)) for z, split in ((0, "train"), (9, "validation"))]
    write_tiles(tmp_path / "t.h5", groups, channels=["disc"], downsample=3)
    train_network(tmp_path / "t.h5", tmp_path / "ck", replace(SMALL, epochs=1, steps_per_epoch=1))
    assert seen == [3]


def test_a_checkpoint_of_other_code_is_not_continued(tiles_file, tmp_path, monkeypatch):
    real, calls = training._run_epoch, []
    monkeypatch.setattr(training, "_run_epoch", lambda *args: (calls.append(1), real(*args)))
    settings = replace(SMALL, epochs=1, steps_per_epoch=1)
    for code, expected in (("a", 1), ("a", 1), ("b", 2)):
        train_network(tiles_file, tmp_path / "ck", settings, code=code)
        assert len(calls) == expected


def test_training_goes_on_from_an_earlier_network(tiles_file, trained, tmp_path):
    card = card_of("disc", filters=SMALL.filters)
    export_network(
        trained.model, tmp_path / "a.keras", architecture="resunet", filters=SMALL.filters, card=card
    )
    short = replace(SMALL, epochs=1, steps_per_epoch=1, learning_rate=1e-5)
    tuned = train_network(tiles_file, tmp_path / "b", short, init_from=str(tmp_path / "a.keras"))
    fresh = train_network(tiles_file, tmp_path / "c", short)
    assert tuned.history[0]["loss"] < 0.5 * fresh.history[0]["loss"]
    # Another network to start from is another training.
    prints = [json.loads((tmp_path / f"{n}/state.json").read_text())["fingerprint"] for n in "bc"]
    assert prints[0] != prints[1]


def test_the_graph_of_a_step_is_built_once(tiles_file, tmp_path, monkeypatch):
    """TensorFlow builds it anew where a step made variables: that took longer than a tiny training."""
    built, real = [], training.loss_by_name
    monkeypatch.setattr(
        training, "loss_by_name", lambda name: lambda *of: (built.append(1), real(name)(*of))[1]
    )
    train_network(tiles_file, tmp_path / "ck", replace(SMALL, epochs=2, steps_per_epoch=2))
    assert len(built) == 1
