"""Cells from cuts in three dimensions against the truth, with labels on every 10th, 20th and 40th slice of fib25.

    .venv/bin/python benchmarks/cells_in_volume.py --data-root /where/fib25/is [--every 10 20 40] [--minutes 20]
        [--views 8] [--settings]

One network per spacing learns cuts from the labels of that spacing alone, for so many minutes of processor time; it and
its cut maps are kept in runs/cells_in_volume and not made again. The truth scores the slices without labels, cells of
2400 voxels or more, as `evaluate` does. Cells that no label shows have no id to be right with; the second pair of
figures gives each of them the number of the truth's cell that it covers best. --settings also prints what other
settings give on the labelled slices that a spacing leaves out, which is how settings are chosen, and on all slices.
"""

from __future__ import annotations

import argparse
import os
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from queue import Full, Queue
from typing import Any

import numpy as np
import tifffile
from ultraseg.arrays.normalise import normalise_slice
from ultraseg.cells.agglomerate import AgglomerationSettings
from ultraseg.cells.gap_cells import cells_of_gap
from ultraseg.evaluate.scores import CellScore
from ultraseg.grid.cut_maps import OFFSETS, brick_window, bricks
from ultraseg.networks.channels import cut_channels
from ultraseg.predict.across import brick_cuts, predict_across
from ultraseg.train.augment import Augmentation
from ultraseg.train.cut_crops import crossing_planes, cut_crop, labelled_planes

ROOT = Path(__file__).parents[1]

CONTEXT, CROP, BATCH, RATE = 2, 160, 8, 3e-3
ACROSS_SHARE = 0.33  # of the crops
MIN_VOXELS = 2400
CHANNELS = cut_channels("cells", OFFSETS)


def labelled(depth: int, every: int) -> list[int]:
    """Every so many slices, and the last one."""
    return sorted({*range(0, depth, every), depth - 1})


def read_data(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Normalised slices uint8 and true ids uint32, (Z, Y, X) each."""
    image = np.stack([normalise_slice(tifffile.imread(f)) for f in sorted((folder / "image").glob("*.tif"))])
    return image, tifffile.imread(folder / "truth/cells.tif").astype(np.uint32)


def batches(image: np.ndarray, ids: dict[int, np.ndarray], seed: int = 0) -> Iterator[tuple[Any, Any]]:
    """Endless batches of crops of the labelled slices and of the planes across them."""
    within = list(labelled_planes(image, ids, CONTEXT))
    across = [plane for axis in (1, 2) for plane in crossing_planes(image, ids, CONTEXT, axis)]
    rng = np.random.default_rng(seed)
    while True:
        pools = [across if rng.random() < ACROSS_SHARE else within for _ in range(BATCH)]
        crops = [cut_crop(pool[rng.integers(len(pool))], CROP, rng, Augmentation()) for pool in pools]
        yield np.stack([x for x, _ in crops]).astype(np.float32), np.stack([t for _, t in crops])


def train(image: np.ndarray, ids: dict[int, np.ndarray], minutes: float, file: Path) -> None:
    """Train a network of cuts for so many minutes of processor time, and save it."""
    import keras
    import tensorflow as tf
    from ultraseg.networks.architecture import build_network, start_at_shares
    from ultraseg.train.losses import dice_cross_entropy

    keras.utils.set_random_seed(0)
    model, source = build_network("resunet", 2 * CONTEXT + 1, len(CHANNELS)), batches(image, ids)
    x, truth = next(source)
    start_at_shares(model, (truth[..., : len(CHANNELS)] > 0).mean((0, 1, 2)))
    optimizer = keras.optimizers.AdamW(RATE, weight_decay=1e-4)
    optimizer.build(model.trainable_variables)

    @tf.function(reduce_retracing=True)
    def step(x, truth):
        with tf.GradientTape() as tape:
            loss = dice_cross_entropy(truth, model(x, training=True))
        optimizer.apply_gradients(
            zip(tape.gradient(loss, model.trainable_variables), model.trainable_variables, strict=True)
        )
        return loss

    step(tf.constant(x), tf.constant(truth))
    queue, stop = Queue(6), threading.Event()
    feeder = threading.Thread(target=feed, args=(source, queue, stop), daemon=True)
    feeder.start()
    start, steps, progress = time.process_time(), 0, 0.0
    while progress < 1:
        progress = min(1, (time.process_time() - start) / 60 / minutes)
        rate = min(1, (steps + 1) / 20) * (0.02 + 0.98 * 0.5 * (1 + np.cos(np.pi * progress)))
        optimizer.learning_rate.assign(RATE * rate)
        step(*map(tf.constant, queue.get()))
        steps += 1
    stop.set()
    feeder.join()
    model.save(file)
    print(f"{file.name}: {steps} steps in {minutes} minutes of processor time", flush=True)


def feed(source: Iterator, queue: Queue, stop: threading.Event) -> None:
    """Keep the queue filled until told to stop."""
    for batch in source:
        while not stop.is_set():
            try:
                queue.put(batch, timeout=1)
                break
            except Full:
                continue
        if stop.is_set():
            return


def predict(image: np.ndarray, file: Path, views: int) -> np.ndarray:
    """Cut maps uint8 (3, offsets, Z, Y, X), brick by brick."""
    import keras
    import tensorflow as tf

    model = keras.saving.load_model(file, compile=False)
    graph = tf.function(lambda x: model(x, training=False), reduce_retracing=True)

    def run(x: np.ndarray) -> np.ndarray:
        return graph(tf.constant(x)).numpy()

    settings = dict(z_context=CONTEXT, channels=CHANNELS, views=views)
    # The slices themselves are the planes perpendicular to the first axis of the turned volume.
    within = np.stack(list(predict_across(run, image.swapaxes(0, 1), 1, **settings)))
    parts = []
    for start, stop in bricks(len(image)):
        low, high = brick_window(start, stop, len(image))
        rows = slice(start - low, stop - low)
        parts.append(brick_cuts(run, image[low:high], within[start:stop], rows, **settings))
    return np.concatenate(parts, axis=2)


def segment(
    cuts: np.ndarray, truth: np.ndarray, zs: Sequence[int], settings: AgglomerationSettings, **more: Any
) -> tuple[np.ndarray, float]:
    """Cells of all gaps between the labelled slices ``zs``, new ones with numbers of their own; processor seconds."""
    found, seconds, last = np.zeros(truth.shape, np.uint32), 0.0, int(truth.max())
    for low, high in zip(zs, zs[1:], strict=False):
        gap = np.ascontiguousarray(cuts[:, :, low : high + 1])
        start = time.process_time()
        cells = cells_of_gap(gap, truth[low], truth[high], settings=settings, **more)
        seconds += time.process_time() - start
        found[low : high + 1] = np.where(cells.new > 0, cells.new + last, cells.labels)
        last += int(cells.new.max())
    return found, seconds


def score(
    found: np.ndarray, truth: np.ndarray, zs: Sequence[int], only: Sequence[int] | None = None
) -> tuple[float, float]:
    """Mean Dice per cell and slice, and adapted Rand error, of the slices without labels, or of ``only`` these."""
    scores = CellScore(min_voxels=MIN_VOXELS)
    for z in range(len(truth)):
        if z in zs or (only is not None and z not in only):
            scores.count(truth[z])
        else:
            scores.add(z, found[z], truth[z], min(abs(z - other) for other in zs))
    values = scores.rows().set_index("metric")["value"]
    return float(values["dice"]), float(values["adapted_rand_error"])


def matched(found: np.ndarray, truth: np.ndarray, zs: Sequence[int]) -> np.ndarray:
    """The same cells, with the number of the truth's cell that it covers best for each one that no label shows."""
    hidden = np.setdiff1d(np.unique(truth), np.unique(truth[list(zs)]))
    result = found.copy()
    for cell in hidden:
        ids, voxels = np.unique(found[truth == cell], return_counts=True)
        best = ids[voxels.argmax()]
        if best > truth.max():
            result[found == best] = cell
    return result


def compare_settings(cuts: np.ndarray, truth: np.ndarray, zs: Sequence[int], held: Sequence[int]) -> None:
    """Print what each setting gives on the labelled slices ``held`` that the spacing leaves out, and on all slices."""
    base = AgglomerationSettings()
    trials: dict[str, dict] = {"defaults": {}} | {f"blur {blur}": {"blur": blur} for blur in (0.8, 1.0, 1.5)}
    values_of = {"first_prior": (10.0, 100.0), "first_least": (0.7, 0.9)}
    values_of |= {"second_prior": (1.0, 10.0), "second_least": (0.4, 0.6)}
    for name, values in values_of.items():
        for value in values:
            trials[f"{name} {value}"] = {"settings": replace(base, **{name: value})}
    for name, trial in trials.items():
        found, _ = segment(cuts, truth, zs, **({"settings": base} | trial))
        chosen = "{:.4f}/{:.4f}".format(*score(found, truth, zs, held)) if held else "-"
        print(
            "  {:20s} held out {}, all {:.4f}/{:.4f}".format(name, chosen, *score(found, truth, zs)),
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-root", default="data", help="folder that holds fib25/ (docs/data.md)")
    parser.add_argument("--every", type=int, nargs="+", default=[10, 20, 40])
    parser.add_argument("--minutes", type=float, default=20, help="processor time of a training")
    parser.add_argument("--views", type=int, default=8, choices=(1, 2, 4, 8))
    parser.add_argument("--settings", action="store_true", help="compare settings")
    options = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    folder = ROOT / "runs/cells_in_volume"
    folder.mkdir(parents=True, exist_ok=True)
    image, truth = read_data(Path(options.data_root, "fib25"))
    print(f"settings {asdict(AgglomerationSettings())}")
    for every in options.every:
        zs = labelled(len(image), every)
        network = folder / f"every{every}-{options.minutes:g}min.keras"
        if not network.exists():
            train(image, {z: truth[z] for z in zs}, options.minutes, network)
        maps = network.with_name(f"{network.stem}-views{options.views}.npy")
        if not maps.exists():
            np.save(maps, predict(image, network, options.views))
        cuts = np.load(maps)
        found, seconds = segment(cuts, truth, zs, AgglomerationSettings())
        speed = 16 * (len(image) - 1) * image[0].size / 1e6 / seconds
        print(
            "every {}: Dice {:.4f}, adapted Rand error {:.4f}; {:.4f}, {:.4f} with new cells matched; {:.1f} s, "
            "{:.1f} raw Mvox/s at downsample 4".format(
                every, *score(found, truth, zs), *score(matched(found, truth, zs), truth, zs), seconds, speed
            ),
            flush=True,
        )
        if options.settings:
            compare_settings(cuts, truth, zs, [z for z in labelled(len(image), 10) if z not in zs])


if __name__ == "__main__":
    main()
