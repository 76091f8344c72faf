"""Settings of a training: the defaults of the configuration, and what a checkpoint and a card are told of them."""

import json

from ultraseg.plan.config import load_config
from ultraseg.train.augment import Augmentation
from ultraseg.train.settings import Compute, TrainSettings

CONFIG = {
    "volumes": {"v": {"image": "v", "voxel_size_nm": [4, 4, 4], "labels": {"nuclei": "n"}}},
    "structures": {"nuclei": {"kind": "organelle"}},
    "networks": {"net": {"structures": ["nuclei"]}},
}


def test_the_defaults_are_those_of_the_configuration():
    network = load_config(CONFIG)["networks"]["net"]
    given = {key: network[key] for key in vars(TrainSettings()) if key in network}
    assert {"crop", "batch", "epochs", "learning_rate", "augmentation"} <= set(given)
    assert TrainSettings.of(given) == TrainSettings()


def test_lists_and_mappings_of_the_configuration_become_settings():
    settings = TrainSettings.of(
        {"filters": [4, 8], "augmentation": {"flips": False, "rotation": 5}, "max_minutes": None}
    )
    assert settings.filters == settings.all_filters == (4, 8)
    assert settings.augmentation == Augmentation(flips=False, rotation=5)
    assert TrainSettings.of({"filters": None}).filters is None


def test_the_record_tells_the_filters_that_were_meant_and_is_plain():
    record = TrainSettings().record()
    assert record["filters"] == [16, 32, 64, 128] and record["augmentation"]["flips"] is True
    assert json.loads(json.dumps(record)) == record
    assert record != TrainSettings(seed=1).record()


def test_one_device_needs_no_scope():
    with Compute().scope():
        assert Compute().devices == 1
