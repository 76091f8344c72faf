"""nnU-Net v2, 2d configuration, by the commands of its documentation: plan and preprocess, train, predict.

Every labelled slice is a training case (fold `all`). Structures do not overlap, so they are labels of one
map. The trainer is its own, ended after the given processor time (trainer/budget_trainer.py).
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import tifffile

given, out, minutes = Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])
image, zs = np.load(given / "image.npy"), np.load(given / "given.npy").tolist()
structures = sorted(file.stem.removeprefix("labels-") for file in given.glob("labels-*.npy"))
raw = out / "raw/Dataset001_peers"
for folder in ("imagesTr", "labelsTr", "imagesTs"):
    (raw / folder).mkdir(parents=True, exist_ok=True)
classes = np.zeros(image.shape, np.uint8)
for number, structure in enumerate(structures, 1):
    classes[np.load(given / f"labels-{structure}.npy") > 0] = number
for z in zs:
    tifffile.imwrite(raw / f"imagesTr/z{z:04d}_0000.tif", image[z])
    tifffile.imwrite(raw / f"labelsTr/z{z:04d}.tif", classes[z])
for z in set(range(len(image))) - {*zs}:
    tifffile.imwrite(raw / f"imagesTs/z{z:04d}_0000.tif", image[z])
about = {
    "channel_names": {"0": "EM"},
    "labels": {"background": 0} | {s: i for i, s in enumerate(structures, 1)},
    "numTraining": len(zs),
    "file_ending": ".tif",
}
(raw / "dataset.json").write_text(json.dumps(about))
env = os.environ | {
    "nnUNet_raw": str(out / "raw"),
    "nnUNet_preprocessed": str(out / "preprocessed"),
    "nnUNet_results": str(out / "results"),
    "nnUNet_extTrainer": str(Path(__file__).parent / "trainer"),
    "PEERS_CPU_SECONDS": str(60 * minutes),
}
commands = Path(sys.executable).parent
fold = out / "results/Dataset001_peers/BudgetTrainer__nnUNetPlans__2d/fold_all"
if not (out / "preprocessed/Dataset001_peers/nnUNetPlans_2d").exists():
    plan = [commands / "nnUNetv2_plan_and_preprocess", "-d", "1", "-c", "2d", "-np", "1"]
    subprocess.run(plan, check=True, env=env)
if not (fold / "checkpoint_final.pth").exists():
    train = [commands / "nnUNetv2_train", "1", "2d", "all", "-tr", "BudgetTrainer", "-device", "cpu"]
    again = ["--c"] if (fold / "checkpoint_latest.pth").exists() else []
    # Augmentation in the process that trains: two cores are too few for more, and its budget is of one process.
    subprocess.run([*train, *again], check=True, env=env | {"nnUNet_n_proc_DA": "0"})
predict = [
    commands / "nnUNetv2_predict",
    "-i",
    raw / "imagesTs",
    "-o",
    out / "predicted",
    "-d",
    "1",
    "-c",
    "2d",
]
predict += [
    "-f",
    "all",
    "-tr",
    "BudgetTrainer",
    "-device",
    "cpu",
    "-npp",
    "1",
    "-nps",
    "1",
    "--continue_prediction",
]
subprocess.run(predict, check=True, env=env)
for number, structure in enumerate(structures, 1):
    found = (classes == number).astype(np.uint32)
    for file in sorted((out / "predicted").glob("z*.tif")):
        found[int(file.stem[1:])] = tifffile.imread(file) == number
    np.save(out / f"result-{structure}.npy", found)
