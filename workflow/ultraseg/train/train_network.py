"""Training of one network on a file of tiles; a training that was killed goes on after its last whole epoch."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from ultraseg.base.errors import UserError
from ultraseg.base.training_log import epoch_line
from ultraseg.networks.architecture import build_network, start_at_shares, take_weights
from ultraseg.networks.channels import cut_of
from ultraseg.networks.fused_norms import fuse_norms
from ultraseg.networks.sizes import network_stride
from ultraseg.train.checkpoints import (
    State,
    file_hash,
    fingerprint,
    load_best,
    load_state,
    load_taught,
    mark_finished,
    save_state,
    save_taught,
)
from ultraseg.train.crops import CropDraw, Draw, TileCrops
from ultraseg.train.held_back import only, scarce_channels, share_of, together, without
from ultraseg.train.losses import loss_by_name
from ultraseg.train.optimizers import optimizer_by_name
from ultraseg.train.result import TrainResult
from ultraseg.train.settings import Compute, TrainSettings
from ultraseg.train.thresholds import FOUND, HALF
from ultraseg.train.tiles import UNLABELLED, Tiles, count_slices, read_downsample, read_tiles
from ultraseg.train.unlabelled import MixedDraw, snapshots_until, taught_by
from ultraseg.train.validation import Validation, validate

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Data:
    """What a training learns from: tiles of both splits, the channels, and pixels of the image per pixel of a tile.

    ``held`` validates, until the progress ``hold_back``; ``draw`` draws the crops of the training tiles, ``draw_all``
    those of both splits; ``scarce``: channels that are learned from validation slices from the start; ``unlabelled``:
    tiles without labels.
    """

    tiles: Tiles
    held: Tiles
    draw: CropDraw
    draw_all: Callable[[], CropDraw]
    channels: list[str]
    downsample: int
    scarce: list[str]
    unlabelled: Tiles
    hold_back: float


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
        _run_epoch(model, data, settings, compute.devices, folder, state, clock)
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
        learned_from_validation=state.get("joined", data.scarce),
    )


def _read(tiles_file: str | Path, settings: TrainSettings) -> _Data:
    tiles, channels = read_tiles(tiles_file, "train")
    held, _ = read_tiles(tiles_file, "validation")
    draw_of = partial(
        CropDraw, crop=settings.crop, augmentation=settings.augmentation, channels=tuple(channels)
    )
    both = cache(partial(lambda *splits: draw_of(together(*splits)), tiles, held))
    scarce = scarce_channels(tiles, held, channels)
    names = [channels[k] for k in scarce]
    if names:
        log.warning(
            "%s: the slices held back for validation show most of what is labelled. Training learns from these labels "
            "as well, so nothing validates %s. Label more slices that show %s.",
            *[", ".join(names), *["it" if len(names) == 1 else "them"] * 2],
        )
        tiles = together(tiles, only(held, scarce))
    unlabelled, _ = read_tiles(tiles_file, UNLABELLED)
    hold_back = share_of(settings.hold_back, count_slices(tiles_file))
    if len(held) and hold_back < 1:
        log.info("validation slices are held back for %g %% of the training", 100 * hold_back)
    return _Data(
        tiles=tiles,
        held=without(held, scarce),
        draw=draw_of(tiles),
        draw_all=both,
        channels=channels,
        downsample=read_downsample(tiles_file),
        scarce=names,
        unlabelled=unlabelled,
        hold_back=hold_back,
    )


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
    folder: Path,
    state: State,
    clock: Callable[[], float],
) -> None:
    """Train for one epoch, validate, and write both down in ``state``."""
    start, epoch = clock(), state["epoch"]
    model.optimizer.learning_rate = settings.learning_rate * _rate(_progress(state, settings))
    # The first epoch always holds back, so that there are thresholds.
    late = bool(epoch and len(data.held) and _progress(state, settings) >= data.hold_back)
    labelled = data.draw_all() if late else data.draw
    draw: Draw = labelled
    if taught := _taught(model, data, settings, devices, state, folder):
        draw = MixedDraw(labelled, taught)
    fit = model.fit(TileCrops(draw, settings, epoch, devices), epochs=1, verbose=0, shuffle=False)
    loss = float(fit.history["loss"][0])
    if not math.isfinite(loss):
        raise UserError(f"the loss became {loss} in epoch {epoch + 1}", cure="lower learning_rate")
    row: dict[str, float | None] = {"epoch": epoch + 1, "loss": loss, "val_loss": None}
    row |= dict.fromkeys((f"dice_{name}" for name in data.channels), None)
    if late:
        _go_on_with_all(state, epoch + 1, data.channels)
    else:
        found = validate(
            model,
            data.held,
            data.channels,
            settings.loss,
            settings.validation_tiles,
            devices,
            data.downsample,
        )
        row |= {"val_loss": found.loss} | {f"dice_{name}": value for name, value in found.dice.items()}
        _keep_best(state, found.after(state.get("curves", {}), epoch), data.hold_back, epoch + 1)
    state["epoch"] = epoch + 1
    state["seconds"] += clock() - start
    row["seconds"] = round(state["seconds"], 1)
    state["history"].append(row)
    log.info("%s", epoch_line(row))


def _taught(
    model: keras.Model, data: _Data, settings: TrainSettings, devices: int, state: State, folder: Path
) -> Tiles | None:
    """The tiles without labels, with what the snapshots so far say of them; None before the first one.

    What they say lies in the folder of the checkpoint, for a training that is cut off.
    """
    due = snapshots_until(_progress(state, settings)) if len(data.unlabelled) else 0
    known = load_taught(folder, state, data.unlabelled)
    if due <= state.get("snapshots", 0):
        return known

    def run(image: NDArray[np.float32]) -> NDArray[np.float32]:
        # A network on several devices wants a tile for each of them.
        return np.asarray(model.predict_on_batch(np.repeat(image, devices, axis=0)))[:1]

    cuts = [k for k, name in enumerate(data.channels) if cut_of(name)]
    found = without(
        taught_by(data.unlabelled, run, known), cuts
    )  # views turn them: each would say something else
    save_taught(folder, state, found)
    state["snapshots"] = due
    return found


def _keep_best(state: State, found: Validation, hold_back: float, epoch: int) -> None:
    """Remember what validation told of the last epochs, and whether this epoch is the one to keep.

    Where training goes on with the validation slices, the last epoch is kept.
    """
    state["curves"] = {name: curve.tolist() for name, curve in found.curves.items()}
    best, score = state["best"], found.score
    if best is None or score is None or hold_back < 1 or score > best["score"]:
        state["best"] = {"epoch": epoch, "score": score, "thresholds": found.thresholds, "dice": found.dice}


def _go_on_with_all(state: State, epoch: int, channels: list[str]) -> None:
    """Keep the epoch that learned from validation slices: what they told before holds.

    But no threshold of a structure that the network had hardly found by then.
    """
    best = state["best"]
    levels = {
        name: best["thresholds"][name] if (best["dice"][name] or 0) >= FOUND else HALF for name in channels
    }
    best |= {"epoch": epoch, "thresholds": levels}
    state["joined"] = channels


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
