"""Accuracy of networks on slices without labels: ways to train, number of labelled slices, views, integers, a peer.

    .venv/bin/python benchmarks/accuracy.py --data-root /where/fib25/and/vnc/are --cpu-minutes 5
        [--volumes vnc fib25 phantom] [--parts ours training paper ablation labels views ...]
        [--seeds 3] [--batch 8] [--peer-python /other/venv/bin/python]

Each training gets the same minutes of processor time, summed over cores, one after the other, from the same slices. One
of the labelled slices is held back for a part of the training, and chooses the thresholds; the truth of the slices
without labels is only looked at for the scores printed.
`ours`; `training`: our network with the paper's training (soft Dice, Adam 1e-3, flips only); `paper`: its network as
well, which sees one slice. `ablation`: ours without one of its parts. `labels`: ours from 1, 2, 3 and 5 slices.
`unlabelled`: ours that also learns from the slices without labels. `views`: ours with the mean of 4 and 8 views, and
int8, with their cost. `peer`: another library's network (benchmarks/peer.py says which and how to install it), in an
environment of its own.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
import time
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
from accuracy_data import Data, load, scores, write_training
from common import ROOT, options

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

PARTS = ["ours", "training", "paper", "ablation", "labels", "unlabelled", "views", "peer"]
PAPER = {"architecture": "resunet_paper", "batch": 4}
PAPERS_TRAINING = {"loss": "soft_dice", "optimizer": "adam", "learning_rate": 1e-3}
TILE, OVERLAP = 512, 64


def trained(
    data: Data,
    work: Path,
    name: str,
    labelled: list[int],
    minutes: float,
    z_context: int,
    unlabelled: int = 0,
    **settings,
):
    """Train one network; returns the result and the seconds of processor time it took."""
    from ultraseg.train.settings import TrainSettings
    from ultraseg.train.train_network import train_network

    folder = work / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    write_training(data, folder / "tiles.h5", labelled, z_context, unlabelled)
    start = time.process_time()
    settings |= {"max_minutes": minutes, "epochs": 100_000}
    result = train_network(
        folder / "tiles.h5", folder / "checkpoint", TrainSettings(**settings), clock=time.process_time
    )
    return result, time.process_time() - start


def predict(data: Data, predictor, z_context: int, views: int = 1) -> np.ndarray:
    """Maps of all slices, uint8 (z, K, y, x) at the network's scale."""
    from ultraseg.predict.predictor import predict_slices

    small = data.small
    padded = small[[*[0] * z_context, *range(len(small)), *[len(small) - 1] * z_context]]
    side = -(-min(TILE, max(small.shape[1:])) // 16) * 16
    return predict_slices(predictor, padded, z_context=z_context, tile=side, overlap=OVERLAP, views=views)


def of_model(model):
    from ultraseg.predict.predictor import Predictor

    channels = model.input_shape[-1], model.output_shape[-1]
    return Predictor(lambda tiles: np.array(model.predict_on_batch(tiles)), 1, None, *channels)


def row(part: str, name: str, data: Data, found: dict[str, float], cpu: float, extra: str = "") -> None:
    text = "  ".join(f"{channel} {dice:.4f}" for channel, dice in found.items())
    print(f"{data.name:8} {part:8} {name:28} {cpu / 60:6.1f} CPU min  {text}  {extra}", flush=True)


def recipe(data: Data, work: Path, minutes: float, part: str, batch: int | None) -> None:
    from ultraseg.train.augment import NONE

    plain = PAPERS_TRAINING | {"augmentation": replace(NONE, flips=True)}
    name, z_context, settings = {
        "ours": ("ours", 1, {} if batch is None else _in_batches(batch)),
        "training": ("ours, the paper's training", 1, plain),
        "paper": ("the paper's", 0, PAPER | plain),
    }[part]
    result, cpu = trained(data, work, f"{data.name}-{part}", data.labelled, minutes, z_context, **settings)
    maps = predict(data, of_model(result.model), z_context)
    steps = f"{len(result.history)} epochs, {result.parameters / 1e6:.1f} M parameters"
    name += f", batches of {batch}" if batch and part == "ours" else ""
    row(part, name, data, scores(data, maps, result.thresholds), cpu, steps)


def _in_batches(batch: int) -> dict[str, int]:
    """Settings for batches of another size, with as many crops in an epoch."""
    from ultraseg.train.settings import TrainSettings

    usual = TrainSettings()
    return {"batch": batch, "steps_per_epoch": max(1, usual.batch * usual.steps_per_epoch // batch)}


def ablation(data: Data, work: Path, minutes: float) -> None:
    """Ours, and ours without one of its parts at a time."""
    from ultraseg.train import crops
    from ultraseg.train import train_network as training
    from ultraseg.train.augment import Augmentation

    artefacts = Augmentation(curtains=12, strip=0.06, slice_shift=2)
    plain = replace(Augmentation(), rotation=0, scale=0, elastic=0)
    for name, patched, settings in (
        ("ours", nullcontext(), {}),
        ("every structure starts at 1/2", patch.object(training, "start_at_shares", lambda *_: None), {}),
        ("crops are drawn anywhere", patch.object(crops, "FOCUSED", 0.0), {}),
        ("with curtains, strips, shifts", nullcontext(), {"augmentation": artefacts}),
        ("no turns, scales, bends", nullcontext(), {"augmentation": plain}),
        (
            "all crops turned, scaled, bent",
            nullcontext(),
            {"augmentation": replace(Augmentation(), warped=1.0)},
        ),
        ("batches of 8", nullcontext(), _in_batches(8)),
    ):
        with patched:
            result, cpu = trained(data, work, f"{data.name}-ablation", data.labelled, minutes, 1, **settings)
        maps = predict(data, of_model(result.model), 1)
        row("ablation", name, data, scores(data, maps, result.thresholds), cpu)


def labels(data: Data, work: Path, minutes: float, seeds: int, hold_back: float | None) -> None:
    """Ours from few labelled slices: each training by itself, then mean and spread over seeds."""
    known = data.labelled
    for count in (n for n in (1, 2, 3, 5) if n <= len(known)):
        chosen = [known[i] for i in np.rint((np.arange(count) + 0.5) * len(known) / count - 0.5).astype(int)]
        found = []
        for seed in range(seeds):
            settings = {"seed": seed, "hold_back": hold_back}
            result, cpu = trained(data, work, f"{data.name}-labels-{count}", chosen, minutes, 1, **settings)
            maps = predict(data, of_model(result.model), 1)
            found.append(scores(data, maps, result.thresholds))
            told = "  ".join(
                f"{c} -" if dice is None else f"{c} {dice:.2f}" for c, dice in result.validation_dice.items()
            )
            row("labels", f"{count} slices {chosen} seed {seed}", data, found[-1], cpu, f"validation: {told}")
        if seeds > 1:
            spread = {c: np.ptp([each[c] for each in found]) for c in data.channels}
            mean = {c: float(np.mean([each[c] for each in found])) for c in data.channels}
            told = "spread " + "  ".join(f"{c} {width:.3f}" for c, width in spread.items())
            row("labels", f"{count} slices, mean", data, mean, cpu, told)


def unlabelled(data: Data, work: Path, minutes: float, seeds: int) -> None:
    """Ours, and ours that also learns from all slices without labels, in the same time."""
    for seed in range(seeds):
        for count in (0, len(data.image)):
            result, cpu = trained(
                data, work, f"{data.name}-unlabelled", data.labelled, minutes, 1, count, seed=seed
            )
            name = f"{'all slices' if count else 'labelled slices'}, seed {seed}"
            for views in (1, 8):
                maps = predict(data, of_model(result.model), 1, views)
                row("unlabelled", f"{name}, {views} views", data, scores(data, maps, result.thresholds), cpu)


def views(data: Data, work: Path, minutes: float) -> None:
    from ultraseg.networks.export import export_network, fixed_size
    from ultraseg.networks.sizes import FILTERS
    from ultraseg.predict.predictor import load_litert
    from ultraseg.predict.quantise import write_int8
    from ultraseg.train.tiles import read_tiles

    result, cpu = trained(data, work, f"{data.name}-views", data.labelled, minutes, 1)
    folder = work / f"{data.name}-views"
    side = -(-min(TILE, max(data.small.shape[1:])) // 16) * 16
    made = dict(architecture="resunet", filters=FILTERS["resunet"], tile=side)
    export_network(result.model, folder / "m.keras", folder / "m.tflite", **made)
    lite = load_litert(folder / "m.tflite", 2)
    once = 0.0
    for count in (1, 4, 8):
        start = time.perf_counter()
        maps = predict(data, lite, 1, count)
        seconds = time.perf_counter() - start
        once = once or seconds
        found = scores(data, maps, result.thresholds)
        row("views", f"{count} views", data, found, cpu, f"{seconds:.1f} s, {seconds / once:.1f} times")
    card = {
        "network": data.name,
        "channels": result.channels,
        "downsample": data.downsample,
        "thresholds": {c: t / 255 for c, t in result.thresholds.items()},
    }
    tiles, held = (read_tiles(folder / "tiles.h5", use)[0] for use in ("train", "validation"))
    model = fixed_size(result.model, "resunet", FILTERS["resunet"], side)
    try:
        proof = write_int8(
            model, folder / "m.tflite", folder / "q.tflite", tiles, held, card, threads=2, overlap=OVERLAP
        )
    except Exception as error:
        print(f"{data.name:8} views    int8 is refused: {error}", flush=True)
        return
    start = time.perf_counter()
    maps = predict(data, load_litert(folder / "q.tflite", 2), 1)
    seconds = time.perf_counter() - start
    told = ", ".join(f"{c} {p['float32']:.4f} to {p['int8']:.4f}" for c, p in proof.items())
    row(
        "views",
        "int8",
        data,
        scores(data, maps, result.thresholds),
        cpu,
        f"{seconds:.1f} s; validation: {told}",
    )


def peer(data: Data, work: Path, minutes: float, python: str) -> None:
    folder = work / f"{data.name}-peer"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    write_training(data, folder / "tiles.h5", data.labelled, 1)
    np.save(folder / "small.npy", data.small)
    command = [python, str(ROOT / "benchmarks/peer.py"), str(folder), "--cpu-minutes", str(minutes)]
    env = os.environ | {"PYTHONPATH": str(ROOT / "workflow")}  # the other environment has no ultraseg
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=env)
    about = json.loads(done.stdout.splitlines()[-1])
    found = scores(data, np.load(folder / "maps.npy"), about["thresholds"])
    row("peer", about["name"], data, found, about["cpu_seconds"], about["told"])


def main() -> None:
    parser = options(__doc__, "data-root")
    parser.add_argument("--folder", type=Path, default=ROOT / "runs/accuracy")
    parser.add_argument("--cpu-minutes", type=float, default=5)
    parser.add_argument("--volumes", nargs="+", default=["vnc", "fib25", "phantom"])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS[:-1])
    parser.add_argument("--seeds", type=int, default=1, help="trainings of each kind (labels, unlabelled)")
    parser.add_argument("--hold-back", type=float, help="as in the configuration (labels)")
    parser.add_argument("--batch", type=int, help="crops of a step, with as many in an epoch (ours)")
    parser.add_argument("--peer-python", default=sys.executable)
    o = parser.parse_args()
    logging.getLogger("absl").setLevel(logging.ERROR)
    from ultraseg.networks.devices import open_device

    open_device("cpu", os.cpu_count() or 1)  # as jobs of the workflow do
    print(
        f"{o.cpu_minutes:g} CPU minutes per training, {os.cpu_count()} cores; Dice on slices without labels",
        flush=True,
    )
    for name in o.volumes:
        data = load(name, Path(o.data_root), o.folder)
        for part in o.parts:
            if part == "peer":
                peer(data, o.folder, o.cpu_minutes, o.peer_python)
            elif part in ("ablation", "views"):
                {"ablation": ablation, "views": views}[part](data, o.folder, o.cpu_minutes)
            elif part == "unlabelled":
                unlabelled(data, o.folder, o.cpu_minutes, o.seeds)
            elif part == "labels":
                labels(data, o.folder, o.cpu_minutes, o.seeds, o.hold_back)
            else:
                recipe(data, o.folder, o.cpu_minutes, part, o.batch)


if __name__ == "__main__":
    main()
