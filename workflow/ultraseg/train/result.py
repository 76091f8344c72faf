"""What a training gives: the network, what is known about it, and its card."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

import keras

from ultraseg import __version__
from ultraseg.train.settings import VALIDATION_TILES
from ultraseg.train.thresholds import FOUND, NEARLY

DEFINITIONS = {
    "thresholds": "probability from which a pixel belongs to a structure: the best Dice on validation tiles, enlarged "
    f"to the pixels of the image (cells: at the network's scale), and of those within {NEARLY} of it the one nearest "
    "to a half; a half where nothing validates the structure, and where training went on with the validation slices "
    f"while that Dice was below {FOUND}",
    "validation_dice": "2 x pixels right / (pixels predicted + true pixels), over up to "
    f"{VALIDATION_TILES} tiles of the validation slices of that size, at that threshold, and over the last three "
    "epochs or so; these slices also chose the threshold, and the epoch: a little optimistic. With hold_back below 1: "
    "of the epochs before training learned from these slices",
    "learned_from_validation": "what training learned from validation slices as well, in the end or from the start",
}


@dataclass
class TrainResult:
    """A trained network with what is known about it.

    ``thresholds`` (0-255 probability, at or above = structure) and ``validation_dice`` come from validation
    tiles only; a channel without validation labels has threshold 128 and no Dice (None). ``stopped_by_time``:
    ``max_minutes`` came first. ``learned_from_validation``: channels that training learned from validation slices as
    well.
    """

    model: keras.Model
    channels: list[str]
    thresholds: dict[str, int]
    validation_dice: dict[str, float | None]
    history: list[dict[str, float | None]]
    best_epoch: int
    seconds: float
    stopped_by_time: bool
    parameters: int
    learned_from_validation: list[str] = field(default_factory=list)


def make_card(
    result: TrainResult,
    about: Mapping[str, Any],
    settings: Mapping[str, Any],
    device: Mapping[str, Any],
    tiles: str = "",
) -> dict[str, Any]:
    """The card of a trained network, which its model files hold as well (``networks.card``, ``networks.model_file``).

    ``device`` is the record of what the training computed on (``networks.devices.Device``); ``tiles`` is the checksum
    of the file of tiles.
    """
    return dict(about) | {
        "channels": result.channels,
        "thresholds": {name: value / 255 for name, value in result.thresholds.items()},
        "validation_dice": result.validation_dice,
        "learned_from_validation": result.learned_from_validation,
        "definitions": DEFINITIONS,
        "best_epoch": result.best_epoch,
        "training_seconds": round(result.seconds, 1),
        "stopped_by_time": result.stopped_by_time,
        "parameters": result.parameters,
        "settings": settings,
        "tiles_blake2b": tiles,
        "device": device,
        "versions": {"ultraseg": __version__} | {name: version(name) for name in ("keras", "numpy", "h5py")},
    }
