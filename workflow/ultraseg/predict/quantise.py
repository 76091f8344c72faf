"""Networks in 8-bit integers for the CPU; validation tiles must prove that such a network is as good."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ultraseg.base.errors import UserError
from ultraseg.base.files import whole_file
from ultraseg.networks.model_file import embed_card
from ultraseg.predict.predictor import Predictor, load_litert, predict_normalised
from ultraseg.train.thresholds import dice_by_level, level_counts, scale_of
from ultraseg.train.tiles import Tiles
from ultraseg.train.validation import spread_rows

if TYPE_CHECKING:
    import keras

log = logging.getLogger(__name__)

Proof = dict[
    str, dict[str, float | None]
]  # {channel: {'float32': Dice, 'int8': Dice}}, None where unlabelled

MOST_FALL = 0.005  # of the Dice of any structure
CALIBRATION, PROOF = 48, 48  # tiles at most


def write_int8(
    model: keras.Model,
    tflite_file: str | Path,
    int8_file: str | Path,
    tiles: Tiles,
    held: Tiles,
    card: dict[str, Any],
    *,
    threads: int = 1,
    **settings: int,
) -> Proof:
    """Write the int8 twin of a float32 ``.tflite`` file and return the Dice of both for every structure.

    ``model`` is the Keras network for one tile, as the ``.tflite`` file has it (``export.fixed_size``). Its
    ranges are measured on training tiles. ``settings`` of prediction are tile, overlap and stride. Raises UserError
    where the Dice on the validation tiles ``held`` falls by ``MOST_FALL`` or more: then there is no file.
    """
    import tensorflow as tf

    before = load_litert(tflite_file, threads)
    side = before.tile or settings["tile"]
    with whole_file(int8_file) as part:
        model.export(
            part,
            format="litert",
            verbose=False,
            optimizations=[tf.lite.Optimize.DEFAULT],
            representative_dataset=lambda: ([image] for image in _calibration(tiles, side)),
        )
        after = load_litert(part, threads)
        proof = compare(
            before, after, held, card["channels"], card["thresholds"], card["downsample"], **settings
        )
        refuse_worse(card["network"], proof)
        embed_card(part, card | {"int8": proof})
    return proof


def refuse_worse(network: str, proof: Proof, most: float = MOST_FALL) -> None:
    """Raise UserError unless every structure was compared and fell by less than ``most``."""
    falls = {
        name: dice["float32"] - dice["int8"]
        for name, dice in proof.items()
        if dice["float32"] is not None and dice["int8"] is not None
    }
    unproven = [name for name in proof if name not in falls]
    if unproven:
        raise UserError(
            f"networks.{network}.int8: no validation slice shows {', '.join(unproven)}, so nothing proves that 8-bit "
            "integers are good enough",
            f"Give the network validation slices with these structures, or remove networks.{network}.int8.",
        )
    worse = {name: proof[name] for name, fall in falls.items() if fall >= most}
    if worse:
        told = ", ".join(
            f"{name} {dice['float32']:.4f} to {dice['int8']:.4f}" for name, dice in worse.items()
        )
        raise UserError(
            f"networks.{network}.int8: Dice on validation slices falls by {most:g} or more with 8-bit integers: {told}",
            f"Remove networks.{network}.int8: the network is then computed in float32.",
        )


def compare(
    before: Predictor,
    after: Predictor,
    held: Tiles,
    channels: Sequence[str],
    thresholds: Mapping[str, float],
    downsample: int,
    **settings: int,
) -> Proof:
    """Dice of two predictors on validation tiles: {channel: {'float32': ..., 'int8': ...}}, None where unlabelled.

    As in training, maps are compared at the size at which they will be cut.
    """
    counts = {name: np.zeros((len(channels), 2, 256)) for name in ("float32", "int8")}
    for image, target, weight in _spread(held, PROOF):
        for name, predictor in (("float32", before), ("int8", after)):
            (found,) = predict_normalised(predictor, [image], **settings)
            for k, channel in enumerate(channels):
                counts[name][k] += level_counts(
                    found[k], target[..., k], weight[..., k], scale_of(channel, downsample)
                )
    return {
        channel: {name: _dice(each[k], thresholds[channel]) for name, each in counts.items()}
        for k, channel in enumerate(channels)
    }


def _dice(counts: NDArray[np.float64], threshold: float) -> float | None:
    return float(dice_by_level(counts)[round(255 * threshold)]) if counts[1].any() else None


def _calibration(tiles: Tiles, side: int) -> Iterator[NDArray[np.float32]]:
    """Training tiles as the network sees them: float32 (1, side, side, C)."""
    for image, _, _ in _spread(tiles, CALIBRATION):
        pad = [(0, max(0, side - n)) for n in image.shape[:2]]
        yield np.pad(image, [*pad, (0, 0)], mode="reflect")[None, :side, :side].astype(np.float32)


def _spread(
    tiles: Tiles, most: int
) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]]:
    """Image, target and weight of up to ``most`` tiles spread evenly, without padding."""
    for i in spread_rows(len(tiles), most):
        inside = np.s_[i, : tiles.height[i], : tiles.width[i]]
        yield tiles.image[inside], tiles.target[inside], tiles.weight[inside]
