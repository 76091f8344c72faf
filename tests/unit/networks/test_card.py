"""The card of a network: thresholds as probabilities, and everything that it was told."""

import json
import zipfile
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import ultraseg
from ultraseg.base.errors import UserError
from ultraseg.networks.card import make_card, threshold_of, weights_hash, write_card, write_history

DEVICE = {"kind": "cpu", "names": ["AMD EPYC"], "precision": "float32"}


def result(**changes):
    values = dict(
        channels=["nuclei", "cells/interior", "cells/boundary"],
        thresholds={"nuclei": 51, "cells/interior": 128, "cells/boundary": 255},
        validation_dice={"nuclei": 0.91, "cells/interior": None, "cells/boundary": np.float64(0.5)},
        history=[{"epoch": 1, "loss": 0.9}, {"epoch": 2, "loss": 0.5}],
        best_epoch=2,
        seconds=12.345,
        stopped_by_time=False,
        parameters=1234,
    )
    return SimpleNamespace(**(values | changes))


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


def test_thresholds_are_probabilities(files):
    write_card(files[0], make_card(result(), {}, {}, DEVICE))
    assert threshold_of(files[0], "nuclei") == pytest.approx(0.2)
    assert threshold_of(files[0], "cells/boundary") == 1.0


def test_a_threshold_picks_the_same_voxels_as_the_number_it_came_from(files):
    """A voxel belongs to the structure from the threshold on, in training (0..255) and in objects (0..1)."""
    thresholds = {f"s{value}": value for value in range(1, 255)}
    write_card(files[0], make_card(result(thresholds=thresholds), {}, {}, DEVICE))
    maps = np.arange(256, dtype=np.uint8)
    for name, value in thresholds.items():
        assert np.array_equal(maps >= threshold_of(files[0], name) * 255, maps >= value)


def test_an_unknown_structure_is_named_with_those_that_are_there(files):
    write_card(files[0], make_card(result(), {}, {}, DEVICE))
    with pytest.raises(UserError) as caught:
        threshold_of(files[0], "golgi")
    assert files[0] in caught.value.problem
    assert "'golgi'" in caught.value.problem and "nuclei" in caught.value.problem
    assert "structures.golgi.threshold" in caught.value.cure


def test_the_card_says_what_was_trained_on_and_how(files):
    about = {
        "network": "context",
        "structures": ("nuclei", "cells"),
        "slices": {"a": {0: "train", 5: "test"}},
    }
    write_card(files[0], make_card(result(), about, {"epochs": 2, "augmentation": {"flips": False}}, DEVICE))
    card = json.loads(open(files[0]).read())
    assert card["network"] == "context" and card["structures"] == ["nuclei", "cells"]
    assert card["slices"] == {"a": {"0": "train", "5": "test"}}
    assert card["validation_dice"] == {"nuclei": 0.91, "cells/interior": None, "cells/boundary": 0.5}
    assert (card["best_epoch"], card["training_seconds"], card["stopped_by_time"]) == (2, 12.3, False)
    assert (card["parameters"], card["settings"]["epochs"]) == (1234, 2)
    assert card["device"] == DEVICE
    assert set(card["versions"]) == {"ultraseg", "keras", "numpy", "h5py"}
    assert (
        card["versions"]["numpy"] == np.__version__ and card["versions"]["ultraseg"] == ultraseg.__version__
    )


def test_the_history_has_one_row_per_epoch(files):
    write_history(files[1], result().history)
    history = pd.read_csv(files[1])
    assert history["epoch"].tolist() == [1, 2] and history["loss"].tolist() == [0.9, 0.5]


def test_the_checksum_is_that_of_the_weights_alone(files, weights):
    write_card(files[0], make_card(result(), {}, {}, DEVICE), weights[0])
    card = json.loads(open(files[0]).read())
    assert card["weights_blake2b"] == weights_hash(weights[1]) and len(card["weights_blake2b"]) == 32
    assert set(card["definitions"]) == {"thresholds", "validation_dice"}
