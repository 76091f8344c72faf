"""Networks in 8-bit integers are used only where validation proves them as good."""

import shutil

import numpy as np
import pytest
from disc_tiles import SMALL, disc_tiles
from network_card import card_of
from ultraseg.base.errors import UserError
from ultraseg.networks.export import export_network, fixed_size
from ultraseg.networks.model_file import read_card
from ultraseg.predict.predictor import Predictor, load_predictor
from ultraseg.predict.quantise import compare, refuse_worse, write_int8
from ultraseg.train.train_network import train_network

SETTINGS = dict(tile=48, overlap=16, stride=16)


@pytest.fixture(scope="module")
def trained(tmp_path_factory, disc_training):
    """A network that finds discs, its files, and the card."""
    folder = tmp_path_factory.mktemp("q")
    shutil.copytree(disc_training, folder, dirs_exist_ok=True)
    result = train_network(folder / "tiles.h5", folder / "ck", SMALL)
    thresholds = {"disc": result.thresholds["disc"] / 255}
    card = card_of("disc", filters=SMALL.filters, thresholds=thresholds)
    export_network(
        result.model, folder / "m.keras", folder / "m.tflite", architecture="resunet", filters=SMALL.filters,
        tile=48, card=card,
    )  # fmt: skip
    return folder, fixed_size(result.model, "resunet", SMALL.filters, 48), card


def test_a_network_that_stays_as_good_is_written_with_the_proof(trained):
    folder, model, card = trained
    proof = write_int8(
        model, folder / "m.tflite", folder / "m.int8.tflite", disc_tiles(0), disc_tiles(9), card, **SETTINGS
    )
    assert proof["disc"]["float32"] > 0.9 and proof["disc"]["float32"] - proof["disc"]["int8"] < 0.005
    assert read_card(folder / "m.int8.tflite")["int8"] == proof
    images = np.full((1, 48, 48, 1), 128, np.float32)
    full, small = (load_predictor(folder / name).run(images) for name in ("m.tflite", "m.int8.tflite"))
    assert not np.array_equal(full, small) and np.abs(full - small).max() < 0.2


def test_a_network_that_gets_worse_is_refused_and_leaves_no_file(trained, tmp_path):
    folder, model, card = trained
    blank = disc_tiles(0)
    # Ranges measured on what shows nothing fit nothing.
    blank.image[:] = np.random.default_rng(0).integers(127, 130, blank.image.shape)
    with pytest.raises(
        UserError, match=r"networks.n.int8: Dice on validation slices falls .*: disc"
    ) as caught:
        write_int8(
            model, folder / "m.tflite", tmp_path / "bad.tflite", blank, disc_tiles(9), card, **SETTINGS
        )
    assert "Remove networks.n.int8" in caught.value.cure and not list(tmp_path.iterdir())


def test_without_validation_nothing_is_proven(trained, tmp_path):
    folder, model, card = trained
    held = disc_tiles(9)
    held.weight[:] = 0
    with pytest.raises(UserError, match="no validation slice shows disc"):
        write_int8(model, folder / "m.tflite", tmp_path / "q.tflite", disc_tiles(0), held, card, **SETTINGS)


def test_the_limit_is_on_every_structure():
    refuse_worse("n", {"a": {"float32": 0.9, "int8": 0.8951}, "b": {"float32": 0.5, "int8": 0.6}})
    with pytest.raises(UserError, match="b 0.5000 to 0.4940"):
        refuse_worse("n", {"a": {"float32": 0.9, "int8": 0.99}, "b": {"float32": 0.5, "int8": 0.494}})


def test_dice_by_hand():
    tiles = disc_tiles(9)
    true = tiles.target[0, ..., 0] > 127

    def found(mask):
        return Predictor(lambda x: mask[None, ..., None].astype(np.float32) * 0.9, 1, 64, 1, 1)

    half = true.copy()
    half[:, 32:] = False
    proof = compare(found(true), found(half), tiles, ["disc"], {"disc": 0.5}, 1, overlap=0)
    assert proof["disc"]["float32"] == 1
    assert proof["disc"]["int8"] == pytest.approx(2 * half.sum() / (half.sum() + true.sum()))
