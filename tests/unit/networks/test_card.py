"""The files that tell of a network: its card and its history."""

import json
import zipfile

import pandas as pd
import pytest
from ultraseg.base.errors import UserError
from ultraseg.networks.card import learned_dice, threshold_of, weights_hash, write_card, write_history

CARD = {"channels": ["nuclei", "cells/interior"], "thresholds": {"nuclei": 0.2, "cells/interior": 1.0}}


@pytest.fixture
def weights(tmp_path):
    """A file as Keras writes it, twice, with other cards in it."""
    for name in "ab":
        with zipfile.ZipFile(tmp_path / f"{name}.keras", "w") as archive:
            archive.writestr("model.weights.h5", b"the same weights")
            archive.writestr("ultraseg.json", name)
    return tmp_path / "a.keras", tmp_path / "b.keras"


@pytest.fixture
def files(tmp_path):
    return str(tmp_path / "card.json"), str(tmp_path / "history.csv")


def test_an_unknown_structure_is_named_with_those_that_are_there(files):
    write_card(files[0], CARD)
    assert threshold_of(files[0], "nuclei") == 0.2
    with pytest.raises(UserError) as caught:
        threshold_of(files[0], "golgi")
    assert files[0] in caught.value.problem
    assert "'golgi'" in caught.value.problem and "nuclei" in caught.value.problem
    assert "structures.golgi.threshold" in caught.value.cure


def test_the_history_has_one_row_per_epoch(files):
    write_history(files[1], [{"epoch": 1, "loss": 0.9}, {"epoch": 2, "loss": 0.5}])
    history = pd.read_csv(files[1])
    assert history["epoch"].tolist() == [1, 2] and history["loss"].tolist() == [0.9, 0.5]


def test_the_checksum_is_that_of_the_weights_alone(files, weights):
    write_card(files[0], CARD, weights[0])
    card = json.loads(open(files[0]).read())
    assert card["weights_blake2b"] == weights_hash(weights[1]) and len(card["weights_blake2b"]) == 32
    assert card["channels"] == CARD["channels"]


def test_the_dice_before_training_learned_from_validation_slices_is_told(files):
    told = {"validation_dice": {"nuclei": 0.8, "golgi": None, "er": 0.7}}
    write_card(files[0], CARD | told | {"learned_from_validation": ["nuclei", "golgi"]})
    assert learned_dice(files[0], "nuclei") == [0.8]
    assert learned_dice(files[0], "golgi") == [None]
    assert learned_dice(files[0], "er") == []
    write_card(files[0], CARD | told)  # of an earlier version
    assert learned_dice(files[0], "nuclei") == []
