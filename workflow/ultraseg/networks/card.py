"""Files that tell of a network: its card (what it was trained on, how, how well, thresholds) and its history.

``train.result.make_card`` makes the card.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ultraseg.base.errors import UserError
from ultraseg.base.files import write_table, write_text


def write_card(file: str, card: Mapping[str, Any], weights: str | None = None) -> None:
    """Write the card (JSON), with the checksum of the weights in ``weights``, the .keras file beside it."""
    checksum = {"weights_blake2b": weights_hash(weights)} if weights else {}
    write_text(file, json.dumps(dict(card) | checksum, indent=2, default=list))


def weights_hash(keras_file: str) -> str:
    """Checksum of the weights in a .keras file: the same for every file with these weights, whatever its card says."""
    with zipfile.ZipFile(keras_file) as archive, archive.open("model.weights.h5") as weights:
        digest = hashlib.blake2b(digest_size=16)
        for block in iter(lambda: weights.read(1 << 22), b""):
            digest.update(block)
    return digest.hexdigest()


def write_history(file: str, history: Sequence[Mapping[str, Any]]) -> None:
    """Write the history (CSV, one row per epoch)."""
    import pandas as pd  # jobs that only read a card do not wait for it

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


def learned_dice(file: str, structure: str) -> list[float | None]:
    """Dice on validation slices before training learned from them as well, None where it could not be told.

    Empty where training learned nothing of the structure from its validation slices.
    """
    card = json.loads(Path(file).read_text())
    learned = structure in card.get("learned_from_validation", ())
    return [card["validation_dice"][structure]] if learned else []
