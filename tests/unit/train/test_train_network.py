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
from ultraseg.train.validation import Validation, validate


@pytest.fixture
def tiles_file(disc_training):
    return disc_training / "tiles.h5"


@pytest.fixture
def trained(disc_training, tmp_path):
    """The result of the training that is shared; nothing is trained again."""
    shutil.copytree(disc_training / "ck", tmp_path / "trained")
    return train_network(disc_training / "tiles.h5", tmp_path / "trained", SMALL)


def test_learns_an_easy_structure(tiles_file, tmp_path):
    result = train_network(tiles_file, tmp_path / "ck", replace(SMALL, hold_back=1))
    assert result.validation_dice["disc"] > 0.9
    assert 1 <= result.thresholds["disc"] <= 255
    assert len(result.history) == 6 and not result.stopped_by_time
    assert all(np.isfinite(row["loss"]) and np.isfinite(row["val_loss"]) for row in result.history)
    assert result.learned_from_validation == []


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


def scripted(monkeypatch, *dice):
    """Let validation tell these values of Dice, one after the other; the best threshold is 200."""
    told = iter(dice)

    def fixed(model, tiles, channels, *_):
        found = next(told)
        return Validation(tuple(channels), {"disc": np.where(np.arange(256) == 200, found, found / 2)}, 0.5)

    monkeypatch.setattr(training, "validate", fixed)


def test_one_lucky_epoch_is_not_kept(tiles_file, tmp_path, monkeypatch):
    scripted(monkeypatch, 0.2, 0.9, 0.3, 0.8, 0.82, 0.81)
    result = train_network(tiles_file, tmp_path / "ck", replace(SMALL, steps_per_epoch=1, hold_back=1))
    assert result.best_epoch == 6
    assert [row["dice_disc"] for row in result.history] == pytest.approx([0.2, 0.9, 0.3, 0.8, 0.82, 0.81])
    assert 0.6 < result.validation_dice["disc"] < 0.8  # of the last epochs, not of the luckiest


def test_from_hold_back_on_training_learns_from_all_slices(tiles_file, tmp_path, monkeypatch):
    seen, real = [], training.TileCrops
    monkeypatch.setattr(
        training, "TileCrops", lambda draw, *a: (seen.append(sorted({*draw.tiles.z})), real(draw, *a))[1]
    )
    scripted(monkeypatch, 0.6, 0.7, 0.8)
    settings = replace(SMALL, steps_per_epoch=1, hold_back=0.5)
    result = train_network(tiles_file, tmp_path / "ck", settings)
    assert seen == [[0, 1, 2, 3]] * 3 + [[0, 1, 2, 3, 9]] * 3
    assert [row["dice_disc"] is None for row in result.history] == [False] * 3 + [True] * 3
    assert result.best_epoch == 6 and result.learned_from_validation == ["disc"]
    assert 0.6 < result.validation_dice["disc"] < 0.8 and result.thresholds["disc"] == 200


def test_few_slices_are_learned_from_in_the_end_and_many_are_held_back(tmp_path):
    settings = replace(SMALL, epochs=3, steps_per_epoch=1)
    for count, learned in ((2, ["disc"]), (3, [])):
        folder = tmp_path / str(count)
        folder.mkdir()
        groups = [("train", "v", disc_tiles(z)) for z in range(count)] + [("validation", "w", disc_tiles(0))]
        write_tiles(folder / "t.h5", groups, channels=["disc"])
        assert train_network(folder / "t.h5", folder / "ck", settings).learned_from_validation == learned


def test_a_threshold_of_what_was_hardly_found_does_not_outlive_its_epoch(tiles_file, tmp_path, monkeypatch):
    settings = replace(SMALL, steps_per_epoch=1, epochs=2, hold_back=0.5)
    scripted(monkeypatch, 0.4)
    assert train_network(tiles_file, tmp_path / "a", settings).thresholds == {"disc": 128}
    scripted(monkeypatch, 0.6)
    assert train_network(tiles_file, tmp_path / "b", settings).thresholds != {"disc": 128}


def test_a_training_that_is_resumed_remembers_what_validation_told(tiles_file, tmp_path, monkeypatch):
    settings = replace(SMALL, steps_per_epoch=1, hold_back=0.7)
    scripted(monkeypatch, 0.6, 0.7, 0.8, 0.9, 0.95)
    whole = train_network(tiles_file, tmp_path / "a", settings)
    real = training._run_epoch
    for cut in (2, 5):  # while slices are held back, and afterwards
        calls = []

        def killed(*args, calls=calls, cut=cut):
            calls.append(1)
            if len(calls) > cut:
                raise KeyboardInterrupt
            real(*args)

        scripted(monkeypatch, 0.6, 0.7, 0.8, 0.9, 0.95)
        monkeypatch.setattr(training, "_run_epoch", killed)
        with pytest.raises(KeyboardInterrupt):
            train_network(tiles_file, tmp_path / f"b{cut}", settings)
        monkeypatch.setattr(training, "_run_epoch", real)
        resumed = train_network(tiles_file, tmp_path / f"b{cut}", settings)
        assert resumed.validation_dice == whole.validation_dice and resumed.thresholds == whole.thresholds
        assert resumed.learned_from_validation == whole.learned_from_validation == ["disc"]


def test_the_only_examples_of_a_structure_are_learned(tmp_path, caplog):
    """The slice that is held back shows all of the second structure, and some of the first."""
    shown, empty = disc_tiles(9, (1, 1), 2), disc_tiles(0, (1, 1), 2)
    empty.target[..., 1] = 0
    write_tiles(
        tmp_path / "t.h5", [("train", "v", empty), ("validation", "v", shown)], channels=["disc", "rest"]
    )
    with caplog.at_level("WARNING"):
        result = train_network(tmp_path / "t.h5", tmp_path / "ck", replace(SMALL, hold_back=1))
    assert "rest: the slices held back for validation show most of what is labelled" in caplog.text
    assert result.learned_from_validation == ["rest"]
    assert result.validation_dice["rest"] is None and result.thresholds["rest"] == 128
    assert result.validation_dice["disc"] > 0.5  # which was held back
    found = result.model.predict_on_batch(shown.image.astype(np.float32))[..., 1] > 0.5
    true = shown.target[..., 1] > 127
    assert 2 * (found & true).sum() / (found.sum() + true.sum()) > 0.8


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
