"""The card that is made of a training: thresholds as probabilities, and everything that the training was told."""

import json

import numpy as np
import pytest
from ultraseg.networks.card import threshold_of, write_card
from ultraseg.train import thresholds
from ultraseg.train.result import DEFINITIONS, TrainResult, make_card
from ultraseg.train.settings import TrainSettings

DEVICE = {"kind": "cpu", "names": ["AMD EPYC"], "precision": "float32"}


def result(**changes):
    values = dict(
        model=None,
        channels=["nuclei", "cells/interior", "cells/boundary"],
        thresholds={"nuclei": 51, "cells/interior": 128, "cells/boundary": 255},
        validation_dice={"nuclei": 0.91, "cells/interior": None, "cells/boundary": np.float64(0.5)},
        history=[{"epoch": 1, "loss": 0.9}, {"epoch": 2, "loss": 0.5}],
        best_epoch=2,
        seconds=12.345,
        stopped_by_time=False,
        parameters=1234,
    )
    return TrainResult(**(values | changes))


@pytest.fixture
def file(tmp_path):
    return str(tmp_path / "card.json")


def test_thresholds_are_probabilities(file):
    write_card(file, make_card(result(), {}, {}, DEVICE))
    assert threshold_of(file, "nuclei") == pytest.approx(0.2)
    assert threshold_of(file, "cells/boundary") == 1.0


def test_a_threshold_picks_the_same_voxels_as_the_number_it_came_from(file):
    """A voxel belongs to the structure from the threshold on, in training (0..255) and in objects (0..1)."""
    thresholds = {f"s{value}": value for value in range(1, 255)}
    write_card(file, make_card(result(thresholds=thresholds), {}, {}, DEVICE))
    maps = np.arange(256, dtype=np.uint8)
    for name, value in thresholds.items():
        assert np.array_equal(maps >= threshold_of(file, name) * 255, maps >= value)


def test_the_card_says_what_was_trained_on_and_how(file):
    about = {
        "network": "context",
        "structures": ("nuclei", "cells"),
        "slices": {"a": {0: "train", 5: "test"}},
    }
    write_card(file, make_card(result(), about, {"epochs": 2, "augmentation": {"flips": False}}, DEVICE))
    card = json.loads(open(file).read())
    assert card["network"] == "context" and card["structures"] == ["nuclei", "cells"]
    assert card["slices"] == {"a": {"0": "train", "5": "test"}}
    assert card["validation_dice"] == {"nuclei": 0.91, "cells/interior": None, "cells/boundary": 0.5}
    assert (card["best_epoch"], card["training_seconds"], card["stopped_by_time"]) == (2, 12.3, False)
    assert (card["parameters"], card["settings"]["epochs"]) == (1234, 2)
    assert card["device"] == DEVICE
    assert (
        set(card["versions"]) == {"ultraseg", "keras", "numpy", "h5py"}
        and card["versions"]["numpy"] == np.__version__
    )


def test_the_definitions_name_the_numbers_that_training_uses():
    assert f"within {thresholds.NEARLY} of it" in DEFINITIONS["thresholds"]
    assert f"over up to {TrainSettings().validation_tiles} tiles" in DEFINITIONS["validation_dice"]
    assert make_card(result(), {}, {}, DEVICE)["definitions"] == DEFINITIONS
