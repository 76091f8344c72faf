"""The card of a network: what it was trained on, how, how well, and the thresholds that validation chose."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path

import pandas as pd

from ultraseg.errors import UserError
from ultraseg.files import write_table, write_text


def write_card(file: str, history_file: str, result, about: dict, settings: dict, device: dict) -> None:
    """Write the card (JSON) and the history (CSV, one row per epoch) of a ``train.TrainResult``.

    ``device`` is the record of what it was trained on, see ``devices.Device``.
    """
    card = about | {
        "channels": result.channels,
        "thresholds": {name: value / 255 for name, value in result.thresholds.items()},
        "validation_dice": result.validation_dice,
        "best_epoch": result.best_epoch,
        "training_seconds": round(result.seconds, 1),
        "stopped_by_time": result.stopped_by_time,
        "parameters": result.parameters,
        "settings": settings,
        "device": device,
        "versions": {name: version(name) for name in ("keras", "numpy", "h5py")},
    }
    write_text(file, json.dumps(card, indent=2, default=list))
    write_table(history_file, pd.DataFrame(result.history))


def threshold_of(file: str, structure: str) -> float:
    """Threshold (0..1) of a structure from its network's card. Raises UserError when the card lacks it."""
    thresholds = json.loads(Path(file).read_text())["thresholds"]
    if structure not in thresholds:
        raise UserError(
            f"{file}: no threshold for '{structure}', only for {', '.join(thresholds)}",
            f"Set structures.{structure}.threshold in the configuration, or train the network anew.",
        )
    return thresholds[structure]
