"""Probability maps of whole slices from overlapping, blended tiles."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ultraseg.errors import UserError
from ultraseg.tiles import normalise_slice

log = logging.getLogger(__name__)


@dataclass
class Predictor:
    """A network ready to run: ``run`` takes float32 (batch, tile, tile, C) and returns float32 (batch, tile, tile, K).

    ``tile`` is None when the network takes any size; every call gets exactly ``batch`` tiles.
    """

    run: Callable[[np.ndarray], np.ndarray]
    batch: int
    tile: int | None
    input_channels: int
    output_channels: int


def load_predictor(
    path, threads: int = 1, device: str = "cpu", batch: int | None = None, precision: str = "float32"
) -> Predictor:
    """Load a ``.tflite`` file (LiteRT, CPU) or a ``.keras`` file (CPU or GPU).

    ``batch`` and ``precision`` (Keras' dtype policy) are for Keras only.
    """
    path = Path(path)
    if device not in ("cpu", "gpu"):
        raise ValueError(f"device is 'cpu' or 'gpu', not {device!r}")
    if path.suffix == ".tflite":
        if device == "gpu":
            raise UserError(f"{path.name} runs on the CPU only", cure="use the .keras file on a GPU")
        return _load_litert(path, threads)
    return _load_keras(path, threads, device, batch or (8 if device == "gpu" else 1), precision)


def _load_litert(path: Path, threads: int) -> Predictor:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=threads)
    interpreter.allocate_tensors()
    source, result = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    batch, tile, _, channels = (int(n) for n in source["shape"])

    def run(images: np.ndarray) -> np.ndarray:
        interpreter.set_tensor(source["index"], images)
        interpreter.invoke()
        return interpreter.get_tensor(result["index"])

    return Predictor(run, batch, tile, channels, int(result["shape"][-1]))


def _load_keras(path: Path, threads: int, device: str, batch: int, precision: str) -> Predictor:
    import keras

    from ultraseg.network import in_precision

    if keras.backend.backend() == "tensorflow":
        _set_up_tensorflow(threads, device)
    try:
        # Code within the file, such as a Lambda layer, is never run: it may come from elsewhere.
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except (ValueError, TypeError) as error:
        raise UserError(
            f"{path}: this network cannot be loaded ({str(error).splitlines()[0]})",
            "Take a network that this workflow has trained: files with code of their own are refused.",
        ) from error
    model = model if precision == "float32" else in_precision(model, precision)
    model.compile(jit_compile=device == "gpu")

    def run(images: np.ndarray) -> np.ndarray:
        probability = np.asarray(model.predict_on_batch(images))
        if not np.isfinite(probability).all():
            raise UserError(
                f"{path.name} gives values that are no numbers in {precision}",
                "set `mixed_precision: false` in the configuration",
            )
        return probability

    return Predictor(run, batch, model.input_shape[1], model.input_shape[-1], model.output_shape[-1])


def _set_up_tensorflow(threads: int, device: str) -> None:
    import tensorflow as tf

    if device == "gpu" and not tf.config.list_physical_devices("GPU"):
        raise UserError(
            "TensorFlow sees no GPU", cure="run on a GPU node with the GPU lock file, or on the CPU"
        )
    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        if device == "cpu":
            tf.config.set_visible_devices([], "GPU")
    except RuntimeError:
        # TensorFlow takes both only before its first operation in a process; results are the same.
        log.debug("TensorFlow is already running; its threads and devices stay as they are")


def predict_slices(
    predictor: Predictor, image: np.ndarray, *, z_context: int = 0, tile: int = 512, overlap: int = 64
) -> np.ndarray:
    """Predict n slices from uint8 (n + 2 z_context, y, x) at the network's scale: uint8 (n, K, y, x), 255 = 1.

    Each slice is computed alone (own normalisation, own batches): how slices are grouped changes nothing. ``tile`` is
    used where the network takes any size; ``overlap`` pixels of neighbouring tiles are blended.
    """
    if predictor.input_channels != 2 * z_context + 1:
        raise ValueError(f"the network sees {predictor.input_channels} slices, z_context is {z_context}")
    tile = predictor.tile or tile
    n = len(image) - 2 * z_context
    if n < 1:
        raise ValueError(f"{len(image)} slices are too few for z_context {z_context}")
    if not 0 <= overlap < tile:
        raise ValueError(f"overlap {overlap} must be smaller than the tile {tile}")
    normal = [normalise_slice(s) for s in image]
    result = np.empty((n, predictor.output_channels, *image.shape[1:]), np.uint8)
    for i in range(n):
        result[i] = _predict_slice(predictor, np.stack(normal[i : i + 2 * z_context + 1], -1), tile, overlap)
    return result


def _predict_slice(predictor: Predictor, image: np.ndarray, tile: int, overlap: int) -> np.ndarray:
    (pad_y, starts_y), (pad_x, starts_x) = (tile_positions(size, tile, overlap) for size in image.shape[:2])
    padded = np.pad(image, [pad_y, pad_x, (0, 0)], mode="reflect")
    total = np.zeros((*padded.shape[:2], predictor.output_channels), np.float32)
    weight = np.zeros(padded.shape[:2], np.float32)
    ramp = blending_window(tile, overlap)
    window = ramp[:, None] * ramp[None, :]
    corners = [(y, x) for y in starts_y for x in starts_x]
    for first in range(0, len(corners), predictor.batch):
        places = corners[first : first + predictor.batch]
        tiles = np.zeros((predictor.batch, tile, tile, image.shape[-1]), np.float32)
        for j, (y, x) in enumerate(places):
            tiles[j] = padded[y : y + tile, x : x + tile]
        for (y, x), probability in zip(places, predictor.run(tiles), strict=False):
            total[y : y + tile, x : x + tile] += probability * window[..., None]
            weight[y : y + tile, x : x + tile] += window
    inside = (slice(pad_y[0], pad_y[0] + image.shape[0]), slice(pad_x[0], pad_x[0] + image.shape[1]))
    blended = total[inside] / weight[inside][..., None]
    return np.rint(255 * np.clip(blended, 0, 1)).astype(np.uint8).transpose(2, 0, 1)


def tile_positions(size: int, tile: int, overlap: int) -> tuple[tuple[int, int], list[int]]:
    """Padding (before, after) of one axis and the starts of its tiles in the padded axis.

    As few tiles as cover ``size`` with ``overlap``; what they cover beyond it becomes reflected margin (up to half
    the overlap on each side), then more overlap.
    """
    step = tile - overlap
    n = max(1, -(-(size - overlap) // step))
    spare = n * step + overlap - size
    before = min(overlap // 2, spare // 2) if n > 1 else spare // 2
    after = min(overlap // 2, spare - before) if n > 1 else spare - before
    last = before + size + after - tile
    return (before, after), np.rint(np.linspace(0, last, n)).astype(int).tolist()


def blending_window(tile: int, overlap: int) -> np.ndarray:
    """Weights of a tile's pixels along one axis: a raised cosine over the overlap, never zero, 1 inside."""
    distance = np.minimum(np.arange(tile), np.arange(tile)[::-1]) + 0.5
    ramp = np.minimum(distance / max(overlap, 1), 1)
    return (0.01 + 0.99 * 0.5 * (1 - np.cos(np.pi * ramp))).astype(np.float32)
