"""Training of one network on a file of tiles; a training that was killed goes on after its last whole epoch."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras

from ultraseg.base.errors import UserError
from ultraseg.base.training_log import epoch_line
from ultraseg.networks.architecture import build_network, start_at_shares, take_weights
from ultraseg.networks.sizes import network_stride
from ultraseg.train.checkpoints import (
    State,
    file_hash,
    fingerprint,
    load_best,
    load_state,
    mark_finished,
    save_state,
)
from ultraseg.train.crops import CropDraw, TileCrops
from ultraseg.train.fused_norms import fuse_norms
from ultraseg.train.losses import loss_by_name
from ultraseg.train.optimizers import optimizer_by_name
from ultraseg.train.result import TrainResult
from ultraseg.train.settings import Compute, TrainSettings
from ultraseg.train.tiles import Tiles, read_downsample, read_tiles
from ultraseg.train.validation import validate

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Data:
    """What a training learns from: tiles of both splits, the channels, and pixels of the image per pixel of a tile.

    ``draw`` draws the crops of the training tiles.
    """

    tiles: Tiles
    held: Tiles
    draw: CropDraw
    channels: list[str]
    downsample: int


def train_network(
    tiles_file: str | Path,
    checkpoint_folder: str | Path,
    settings: TrainSettings = TrainSettings(),  # noqa: B008 - frozen
    compute: Compute = Compute(),  # noqa: B008 - frozen
    *,
    code: str = "",
    init_from: str | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> TrainResult:
    """Train on the tiles of ``write_tiles``; continue from ``checkpoint_folder`` when it holds the same training.

    The weights of the epoch with the best mean validation Dice are kept (of the last epoch where nothing is labelled
    for validation). ``code`` is the version of the code: a checkpoint of another version is not continued.
    ``init_from``: a ``.keras`` file whose weights training starts from. ``clock`` tells seconds, for ``max_minutes``.
    Raises UserError where the tiles or the crop do not fit, and where the loss is no number.
    """
    recorded = settings.record() | {"code": code}
    if init_from:
        recorded["init_from"] = file_hash(init_from)
    data = _read(tiles_file, settings)
    _check(data, settings)
    folder = Path(checkpoint_folder)
    with compute.scope():
        state, model = load_state(folder, fingerprint(tiles_file, recorded))
        if model is None:
            model = _new_model(data, settings, compute, init_from)
    _share_statistics(model, compute.devices)
    fuse_norms(model)
    log.info(
        "%s, %d parameters, %d training tiles", settings.architecture, model.count_params(), len(data.tiles)
    )
    while state["epoch"] < settings.epochs and not _time_is_up(state, settings.max_minutes):
        _run_epoch(model, data, settings, compute.devices, state, clock)
        save_state(folder, state, model)
    mark_finished(folder, state)
    load_best(folder, state, model)
    best = state["best"]
    return TrainResult(
        model=model,
        channels=data.channels,
        thresholds=best["thresholds"],
        validation_dice=best["dice"],
        history=state["history"],
        best_epoch=best["epoch"],
        seconds=state["seconds"],
        stopped_by_time=state["epoch"] < settings.epochs,
        parameters=model.count_params(),
    )


def _read(tiles_file: str | Path, settings: TrainSettings) -> _Data:
    tiles, channels = read_tiles(tiles_file, "train")
    held, _ = read_tiles(tiles_file, "validation")
    draw = CropDraw(tiles, settings.crop, settings.augmentation, channels)
    return _Data(tiles, held, draw, channels, read_downsample(tiles_file))


def _new_model(data: _Data, settings: TrainSettings, compute: Compute, init_from: str | None) -> keras.Model:
    """The network at the start of a training, compiled."""
    keras.utils.set_random_seed(settings.seed)
    model = build_network(
        settings.architecture,
        data.tiles.image.shape[-1],
        len(data.channels),
        filters=settings.filters,
        precision=compute.precision,
    )
    start_at_shares(model, data.draw.usual)
    if init_from:
        take_weights(model, init_from, data.channels)
    model.compile(
        optimizer_by_name(settings.optimizer, settings.learning_rate, settings.weight_decay),
        loss_by_name(settings.loss),
        jit_compile=False,
    )
    # An optimizer that makes its variables during the first step lets TensorFlow build the graph of a step twice.
    model.optimizer.build(model.trainable_variables)
    return model


def _share_statistics(model: keras.Model, devices: int) -> None:
    # JAX shares them anyway, as it sees one batch.
    for layer in model.layers if keras.backend.backend() == "tensorflow" else []:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.synchronized = devices > 1


def _run_epoch(
    model: keras.Model,
    data: _Data,
    settings: TrainSettings,
    devices: int,
    state: State,
    clock: Callable[[], float],
) -> None:
    """Train for one epoch, validate, and write both down in ``state``."""
    start, epoch = clock(), state["epoch"]
    model.optimizer.learning_rate = settings.learning_rate * _rate(_progress(state, settings))
    fit = model.fit(TileCrops(data.draw, settings, epoch, devices), epochs=1, verbose=0, shuffle=False)
    loss = float(fit.history["loss"][0])
    if not math.isfinite(loss):
        raise UserError(f"the loss became {loss} in epoch {epoch + 1}", cure="lower learning_rate")
    found = validate(
        model, data.held, data.channels, settings.loss, settings.validation_tiles, devices, data.downsample
    )
    row: dict[str, float | None] = {"epoch": epoch + 1, "loss": loss, "val_loss": found.loss}
    row |= {f"dice_{name}": value for name, value in found.dice.items()}
    state["epoch"] = epoch + 1
    state["seconds"] += clock() - start
    row["seconds"] = round(state["seconds"], 1)
    state["history"].append(row)
    best, score = state["best"], found.score
    if best is None or score is None or score > best["score"]:
        state["best"] = {
            "epoch": epoch + 1,
            "score": score,
            "thresholds": found.thresholds,
            "dice": found.dice,
        }
    log.info("%s", epoch_line(row))


def _progress(state: State, settings: TrainSettings) -> float:
    by_time = state["seconds"] / (60 * settings.max_minutes) if settings.max_minutes else 0.0
    return max(state["epoch"] / settings.epochs, by_time)


def _rate(progress: float) -> float:
    """Share of the learning rate: a cosine from 1 that ends at 0.02, so that the last epoch still learns."""
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))


def _time_is_up(state: State, max_minutes: float | None) -> bool:
    return max_minutes is not None and state["epoch"] > 0 and state["seconds"] >= 60 * max_minutes


def _check(data: _Data, settings: TrainSettings) -> None:
    stride = network_stride(settings.architecture, settings.all_filters)
    if settings.crop % stride:
        raise UserError(
            f"crop {settings.crop} does not fit the network", cure=f"make it a multiple of {stride}"
        )
    for k, name in enumerate(data.channels):
        if not data.tiles.weight[..., k].any():
            raise UserError(
                f"no training tile shows a label of {name}",
                cure="label it on more slices, or list the validation and test slices by hand",
            )
        if not data.tiles.target[..., k].any():
            raise UserError(f"the training slices hold no pixel of {name}", cure="label slices that show it")
