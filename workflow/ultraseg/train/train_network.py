"""Training of one network on a file of tiles; resumes where it was killed, exports for prediction."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path

import keras
import numpy as np

from ultraseg.base.errors import UserError
from ultraseg.networks.architecture import build_network, start_at_shares, take_weights
from ultraseg.networks.sizes import FILTERS, network_stride
from ultraseg.train.augment import Augmentation
from ultraseg.train.checkpoints import file_hash, fingerprint, load_state, mark_finished, save_state
from ultraseg.train.crops import CropDraw, TileCrops
from ultraseg.train.losses import loss_by_name, pack
from ultraseg.train.optimizers import optimizer_by_name
from ultraseg.train.thresholds import best_level, level_counts, scale_of
from ultraseg.train.tiles import Tiles, read_downsample, read_tiles

log = logging.getLogger(__name__)


@dataclass
class TrainResult:
    """A trained network with what is known about it.

    ``thresholds`` (0-255 probability, at or above = structure) and ``validation_dice`` come from validation
    tiles only; a channel without validation labels has threshold 128 and no Dice (None). ``stopped_by_time``:
    ``max_minutes`` came first.
    """

    model: keras.Model
    channels: list[str]
    thresholds: dict[str, int]
    validation_dice: dict[str, float | None]
    history: list[dict]
    best_epoch: int
    seconds: float
    stopped_by_time: bool
    parameters: int


def train_network(
    tiles_file,
    checkpoint_folder,
    *,
    architecture: str = "resunet",
    filters: Sequence[int] | None = None,
    crop: int = 192,
    batch: int = 8,
    epochs: int = 40,
    steps_per_epoch: int = 25,
    learning_rate: float = 3e-3,
    weight_decay: float = 1e-4,
    optimizer: str = "adamw",
    loss: str = "dice_cross_entropy",
    augmentation: Augmentation = Augmentation(),  # noqa: B008 - frozen
    validation_tiles: int = 24,
    max_minutes: float | None = None,
    seed: int = 0,
    precision: str = "float32",
    devices: int = 1,
    scope: Callable[[], AbstractContextManager] = nullcontext,
    code: str = "",
    init_from: str | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> TrainResult:
    """Train on the tiles of ``write_tiles``; continue from ``checkpoint_folder`` when it holds the same training.

    The learning rate falls along a cosine over ``epochs``, or over ``max_minutes`` of training when that is
    sooner. The weights of the epoch with the best mean validation Dice are kept (of the last one where
    nothing is labelled for validation). ``code`` is the version of the code: a checkpoint of another one is
    not continued. ``precision`` is that of a training that begins; with several ``devices`` ``scope`` spreads each
    batch over them, and their batch norms share statistics, so that the batch means what it means on one device.
    ``init_from``: a ``.keras`` file whose weights training starts from. ``clock`` tells seconds, for ``max_minutes``.
    """
    settings = dict(
        architecture=architecture, filters=list(filters or FILTERS[architecture]), crop=crop, batch=batch,
        epochs=epochs, steps_per_epoch=steps_per_epoch, learning_rate=learning_rate, weight_decay=weight_decay,
        optimizer=optimizer, loss=loss, augmentation=asdict(augmentation), max_minutes=max_minutes, seed=seed,
        validation_tiles=validation_tiles,
    )  # fmt: skip
    if init_from:
        settings["init_from"] = file_hash(init_from)
    tiles, channels = read_tiles(tiles_file, "train")
    held, _ = read_tiles(tiles_file, "validation")
    _check(tiles, channels, settings)
    folder = Path(checkpoint_folder)
    with scope():
        state, model = load_state(folder, fingerprint(tiles_file, settings | {"code": code}))
        if model is None:
            keras.utils.set_random_seed(seed)
            model = build_network(
                architecture, tiles.image.shape[-1], len(channels), filters=filters, precision=precision
            )
            start_at_shares(model, CropDraw(tiles, crop, augmentation).usual)
            if init_from:
                take_weights(model, init_from, channels)
            model.compile(
                optimizer_by_name(optimizer, learning_rate, weight_decay),
                loss_by_name(loss),
                jit_compile=False,
            )
    _share_statistics(model, devices)
    log.info("%s, %d parameters, %d training tiles", architecture, model.count_params(), len(tiles))
    running = settings | {"devices": devices, "downsample": read_downsample(tiles_file)}
    while state["epoch"] < epochs and not _time_is_up(state, max_minutes):
        _run_epoch(model, tiles, held, channels, running, state, clock)
        save_state(folder, state, model)
    mark_finished(folder, state)
    model.load_weights(folder / state["best_weights"])
    rows = state["best"]
    return TrainResult(
        model, channels, rows["thresholds"], rows["dice"], state["history"], rows["epoch"],
        state["seconds"], state["epoch"] < epochs, model.count_params(),
    )  # fmt: skip


def _share_statistics(model: keras.Model, devices: int) -> None:
    # JAX shares them anyway, as it sees one batch.
    for layer in model.layers if keras.backend.backend() == "tensorflow" else []:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.synchronized = devices > 1


def _run_epoch(model, tiles: Tiles, held: Tiles, channels: list[str], s: dict, state: dict, clock) -> None:
    start, epoch = clock(), state["epoch"]
    model.optimizer.learning_rate = s["learning_rate"] * _rate(_progress(state, s))
    fit = model.fit(TileCrops(tiles, s, epoch), epochs=1, verbose=0, shuffle=False)
    row = {"epoch": epoch + 1, "loss": float(fit.history["loss"][0])}
    if not math.isfinite(row["loss"]):
        raise UserError(f"the loss became {row['loss']} in epoch {epoch + 1}", cure="lower learning_rate")
    thresholds, dice, row["val_loss"] = validate(
        model, held, channels, s["loss"], s["validation_tiles"], s["devices"], s["downsample"]
    )
    row |= {f"dice_{name}": value for name, value in dice.items()}
    known = [value for value in dice.values() if value is not None]
    score = sum(known) / len(known) if known else None
    state["epoch"] = epoch + 1
    state["seconds"] += clock() - start
    row["seconds"] = round(state["seconds"], 1)
    state["history"].append(row)
    best = state["best"]
    if best is None or score is None or score > best["score"]:
        state["best"] = {"epoch": epoch + 1, "score": score, "thresholds": thresholds, "dice": dice}
    log.info("epoch %s", ", ".join(f"{k} {v:.4g}" for k, v in row.items() if v is not None))


def _progress(state: dict, s: dict) -> float:
    by_time = state["seconds"] / (60 * s["max_minutes"]) if s["max_minutes"] else 0.0
    return max(state["epoch"] / s["epochs"], by_time)


def _rate(progress: float) -> float:
    """Share of the learning rate: a cosine from 1 that ends at 0.02, so that the last epoch still learns."""
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))


def _time_is_up(state: dict, max_minutes: float | None) -> bool:
    return bool(max_minutes) and state["epoch"] > 0 and state["seconds"] >= 60 * max_minutes


def _check(tiles: Tiles, channels: list[str], s: dict) -> None:
    stride = network_stride(s["architecture"], s["filters"])
    if s["crop"] % stride:
        raise UserError(f"crop {s['crop']} does not fit the network", cure=f"make it a multiple of {stride}")
    for k, name in enumerate(channels):
        if not tiles.weight[..., k].any():
            raise UserError(
                f"no training tile shows a label of {name}",
                cure="label it on more slices, or list the validation and test slices by hand",
            )
        if not tiles.target[..., k].any():
            raise UserError(f"the training slices hold no pixel of {name}", cure="label slices that show it")


# ---------------------------------------------------------------- validation
def validate(
    model: keras.Model,
    tiles: Tiles,
    channels: list[str],
    loss: str,
    most: int = 24,
    devices: int = 1,
    downsample: int = 1,
) -> tuple[dict[str, int], dict[str, float | None], float | None]:
    """Best threshold (0-255) and Dice of each channel, and the loss, over up to ``most`` tiles spread evenly.

    Thresholds and Dice are those of maps at the size at which they will be cut (``thresholds.level_counts``).
    """
    rows = np.unique(np.linspace(0, len(tiles) - 1, min(most, len(tiles))).astype(int)) if len(tiles) else []
    counts = np.zeros((len(channels), 2, 256))
    losses = []
    for i in rows:
        image, target, weight = (a[i : i + 1] for a in (tiles.image, tiles.target, tiles.weight))
        # A network on several devices wants a tile for each of them, and returns as many or more.
        p = np.asarray(model.predict_on_batch(np.repeat(image.astype(np.float32), devices, axis=0)))[:1]
        losses.append(float(loss_by_name(loss)(pack(target, weight), p)))
        levels = np.rint(255 * p).astype(np.uint8)
        for k, name in enumerate(channels):
            one = (a[0, ..., k] for a in (levels, target, weight))
            counts[k] += level_counts(*one, scale_of(name, downsample))
    picked = {name: best_level(counts[k]) for k, name in enumerate(channels)}
    loss_value = float(np.mean(losses)) if losses else None
    return {n: t for n, (t, _) in picked.items()}, {n: d for n, (_, d) in picked.items()}, loss_value
