"""The card of a network: what it was trained on, how, how well, and the thresholds that validation chose."""

from __future__ import annotations

import hashlib
import json
import zipfile
from importlib.metadata import version
from pathlib import Path

import pandas as pd

from ultraseg import __version__
from ultraseg.base.errors import UserError
from ultraseg.base.files import write_table, write_text

DEFINITIONS = {
    "thresholds": "probability from which a pixel belongs to a structure: the best Dice on validation tiles, enlarged "
    "to the pixels of the image (cells: at the network's scale), and of those within 0.005 of it the one nearest to a "
    "half",
    "validation_dice": "2 x pixels right / (pixels predicted + true pixels), over up to 24 tiles of the validation "
    "slices of that size, at that threshold; these slices also chose the epoch: a little optimistic",
}


def make_card(result, about: dict, settings: dict, device: dict, tiles: str = "") -> dict:
    """The card of a ``train.TrainResult``; it lies in the model files as well.

    ``device`` is the record of what it was trained on, see ``devices.Device``; ``tiles`` the checksum of its tiles.
    """
    return about | {
        "channels": result.channels,
        "thresholds": {name: value / 255 for name, value in result.thresholds.items()},
        "validation_dice": result.validation_dice,
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


def write_card(file: str, card: dict, weights: str | None = None) -> None:
    """Write the card (JSON), with the checksum of the weights in ``weights``, the .keras file beside it."""
    checksum = {"weights_blake2b": weights_hash(weights)} if weights else {}
    write_text(file, json.dumps(card | checksum, indent=2, default=list))


def weights_hash(keras_file: str) -> str:
    """Checksum of the weights in a .keras file: the same for every file with these weights, whatever its card says."""
    with zipfile.ZipFile(keras_file) as archive, archive.open("model.weights.h5") as weights:
        digest = hashlib.blake2b(digest_size=16)
        for block in iter(lambda: weights.read(1 << 22), b""):
            digest.update(block)
    return digest.hexdigest()


def write_history(file: str, history: list[dict]) -> None:
    """Write the history (CSV, one row per epoch)."""
    write_table(file, pd.DataFrame(history))


def threshold_of(file: str, structure: str) -> float:
    """Threshold (0..1) of a structure from its network's card. Raises UserError when the card lacks it."""
    thresholds = json.loads(Path(file).read_text())["thresholds"]
    if structure not in thresholds:
        raise UserError(
            f"{file}: no threshold for '{structure}', only for {', '.join(thresholds)}",
            f"Set structures.{structure}.threshold in the configuration, or train the network anew.",
        )
    return thresholds[structure]
