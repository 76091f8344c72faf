"""Probability maps of whole slices from overlapping, blended tiles."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ultraseg.arrays.normalise import normalise_slice
from ultraseg.base.errors import UserError
from ultraseg.base.threads import run_ahead
from ultraseg.networks.channels import cut_of
from ultraseg.networks.devices import Device, open_device
from ultraseg.networks.precision import policy
from ultraseg.networks.sizes import STRIDE
from ultraseg.predict.blend import Blend, Grid, tile_grid
from ultraseg.predict.cut_views import mean_of_cut_views

log = logging.getLogger(__name__)

Run = Callable[[NDArray[np.float32]], NDArray[np.float32]]


@dataclass
class Predictor:
    """A network ready to run: ``run`` takes float32 (batch, tile, tile, C) and returns float32 (batch, tile, tile, K).

    ``tile`` is None when the network takes any size; every call gets exactly ``batch`` tiles. ``channels`` names the K
    outputs of a network that predicts cuts, which mirrored and turned views move.
    """

    run: Run
    batch: int
    tile: int | None
    input_channels: int
    output_channels: int
    channels: tuple[str, ...] = ()


def open_predictor(
    path: str | Path, device: str, threads: int, mixed_precision: str | bool, channels: Sequence[str] = ()
) -> tuple[Predictor, Device, str]:
    """The network of a job on its device, ``cpu`` or ``gpu``; with the device, and the precision it computes in.

    mixed_precision: as `networks.precision.policy` takes it; channels: see `Predictor`. To be called before Keras is
    imported.
    """
    framework = "litert" if Path(path).suffix == ".tflite" else None
    opened = open_device(device, threads, framework=framework)
    precision = policy(mixed_precision, opened.compute, training=False)
    return load_predictor(path, threads, device, precision=precision, channels=channels), opened, precision


def load_predictor(
    path: str | Path,
    threads: int = 1,
    device: str = "cpu",
    batch: int | None = None,
    precision: str = "float32",
    channels: Sequence[str] = (),
) -> Predictor:
    """Load a ``.tflite`` file (LiteRT, CPU) or a ``.keras`` file (CPU or GPU).

    ``batch`` and ``precision`` (Keras' dtype policy) are for Keras only. ``channels``: see `Predictor`.
    """
    path = Path(path)
    if device not in ("cpu", "gpu"):
        raise ValueError(f"device is 'cpu' or 'gpu', not {device!r}")
    if path.suffix == ".tflite":
        if device == "gpu":
            raise UserError(f"{path.name} runs on the CPU only", cure="use the .keras file on a GPU")
        found = load_litert(path, threads)
    else:
        found = _load_keras(path, threads, device, batch or (8 if device == "gpu" else 1), precision)
    return replace(found, channels=tuple(channels))


def load_litert(path: str | Path, threads: int = 1) -> Predictor:
    """A ``.tflite`` file in LiteRT, whatever its name."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=threads)
    interpreter.allocate_tensors()
    source, result = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    batch, tile, _, channels = (int(n) for n in source["shape"])

    def run(images: NDArray[np.float32]) -> NDArray[np.float32]:
        interpreter.set_tensor(source["index"], images)
        interpreter.invoke()
        return interpreter.get_tensor(result["index"])

    return Predictor(run, batch, tile, channels, int(result["shape"][-1]))


def _load_keras(path: Path, threads: int, device: str, batch: int, precision: str) -> Predictor:
    import keras

    from ultraseg.networks.architecture import in_precision, load_network

    if keras.backend.backend() == "tensorflow":
        _set_up_tensorflow(threads, device)
    model = load_network(path)
    model = model if precision == "float32" else in_precision(model, precision)
    model.compile(jit_compile=device == "gpu")

    def run(images: NDArray[np.float32]) -> NDArray[np.float32]:
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
    predictor: Predictor, image: NDArray[np.uint8], *, z_context: int = 0, **settings: int
) -> NDArray[np.uint8]:
    """Predict n slices from uint8 (n + 2 z_context, y, x) at the network's scale: uint8 (n, K, y, x), 255 = 1.

    ``settings`` as in ``predict_stream``.
    """
    if len(image) <= 2 * z_context:
        raise ValueError(f"{len(image)} slices are too few for z_context {z_context}")
    return np.stack(list(predict_stream(predictor, image, z_context=z_context, **settings)))


def predict_stream(
    predictor: Predictor,
    image: Iterable[NDArray[np.uint8]],
    *,
    z_context: int = 0,
    tile: int = 512,
    overlap: int = 64,
    stride: int = STRIDE,
    views: int = 1,
) -> Generator[NDArray[np.uint8], None, None]:
    """Predict slices (y, x), uint8 at the network's scale, one after another: uint8 (K, y, x) each, 255 = 1.

    There are 2 ``z_context`` more slices than predictions. Each slice is computed alone (own normalisation, own
    batches): the grouping of slices changes nothing. ``tile`` is used where the network takes any size; ``overlap``
    pixels of neighbouring tiles are blended; tiles start at multiples of ``stride``. ``views``: mean over 1, 4
    (mirrored) or 8 (mirrored and turned) views of each tile. Reading, the network and blending run side by side; few
    slices are in memory, however many there are.
    """
    if predictor.input_channels != 2 * z_context + 1:
        raise ValueError(f"the network sees {predictor.input_channels} slices, z_context is {z_context}")
    seen = run_ahead(_neighbourhoods(image, 2 * z_context + 1), 1)
    yield from predict_normalised(predictor, seen, tile=tile, overlap=overlap, stride=stride, views=views)


def predict_normalised(
    predictor: Predictor,
    seen: Iterable[NDArray[np.uint8]],
    *,
    tile: int = 512,
    overlap: int = 64,
    stride: int = STRIDE,
    views: int = 1,
) -> Iterator[NDArray[np.uint8]]:
    """Predict what the network sees of slices, normalised uint8 (y, x, C) each, as ``predict_stream`` does."""
    tile = predictor.tile or tile
    if not 0 <= overlap < tile:
        raise ValueError(f"overlap {overlap} must be smaller than the tile {tile}")
    blend, done = None, 0
    for shape, grid, places, found in run_ahead(
        _predicted_tiles(predictor, seen, tile, overlap, stride, views), 2
    ):
        blend = blend or Blend(grid, shape, predictor.output_channels)
        for place, probability in zip(places, found, strict=False):
            blend.add(place, probability)
        done += len(places)
        if done == len(grid.corners):
            yield blend.finish()
            blend, done = None, 0


def _neighbourhoods(image: Iterable[NDArray[np.uint8]], count: int) -> Iterator[NDArray[np.uint8]]:
    """Each slice with its neighbours, normalised: uint8 (y, x, count)."""
    normal = (normalise_slice(s) for s in image)
    window = deque(islice(normal, count - 1), maxlen=count)
    for s in normal:
        window.append(s)
        yield np.stack(window, -1)


def _predicted_tiles(
    predictor: Predictor,
    slices: Iterable[NDArray[np.uint8]],
    tile: int,
    overlap: int,
    stride: int,
    views: int,
) -> Iterator[tuple[tuple[int, int], Grid, list[tuple[int, int]], NDArray[np.float32]]]:
    """For each batch the shape and grid of its slice, the corners of its tiles, and their probabilities."""
    for image in slices:
        grid = tile_grid(image.shape[:2], tile, overlap, stride)
        padded = np.pad(image, [grid.pad_y, grid.pad_x, (0, 0)], mode="reflect")
        tiles = np.zeros((predictor.batch, tile, tile, image.shape[-1]), np.float32)
        for first in range(0, len(grid.corners), predictor.batch):
            places = grid.corners[first : first + predictor.batch]
            for j, (y, x) in enumerate(places):
                tiles[j] = padded[y : y + tile, x : x + tile]
            yield (image.shape[0], image.shape[1]), grid, places, _mean(predictor, tiles, views)


def _mean(predictor: Predictor, tiles: NDArray[np.float32], views: int) -> NDArray[np.float32]:
    if any(cut_of(channel) for channel in predictor.channels):
        return mean_of_cut_views(predictor.run, tiles, views, predictor.channels)
    return mean_of_views(predictor.run, tiles, views)


def mean_of_views(run: Run, tiles: NDArray[np.float32], views: int) -> NDArray[np.float32]:
    """Mean probability over so many views of tiles (n, T, T, C): 1, 4 (mirrored) or 8 (mirrored and turned)."""
    if views not in (1, 4, 8):
        raise ValueError(f"views are 1, 4 or 8, not {views}")
    total = run(tiles)
    for view in range(1, views):
        seen = np.asarray(run(np.ascontiguousarray(_view(tiles, view))))
        total = total + _view(seen, view, back=True)
    return total / np.float32(views) if views > 1 else total


def _view(tiles: NDArray[np.float32], view: int, back: bool = False) -> NDArray[np.float32]:
    """Bits of ``view``: mirror y, mirror x, exchange y and x; ``back`` undoes it."""
    flips = tuple(axis for axis, bit in ((1, 1), (2, 2)) if view & bit)
    if view & 4 and back:
        tiles = tiles.transpose(0, 2, 1, 3)
    tiles = np.flip(tiles, flips)
    return tiles.transpose(0, 2, 1, 3) if view & 4 and not back else tiles
