"""BiaPy's 2D semantic segmentation by its template (settings.yaml), with the number of epochs as told.

Every labelled slice is training data, of which BiaPy itself takes a tenth for validation. Structures do not
overlap, so they are classes of one map. A training that was cut off goes on from its last checkpoint.
"""

import sys
from pathlib import Path

import numpy as np
import tifffile
import yaml


def main() -> None:
    from biapy import BiaPy

    given, out, epochs = Path(sys.argv[1]).absolute(), Path(sys.argv[2]).absolute(), int(sys.argv[3])
    image, zs = np.load(given / "image.npy"), np.load(given / "given.npy").tolist()
    structures = sorted(file.stem.removeprefix("labels-") for file in given.glob("labels-*.npy"))
    classes = np.zeros(image.shape, np.uint8)
    for number, structure in enumerate(structures, 1):
        classes[np.load(given / f"labels-{structure}.npy") > 0] = number
    free = sorted(set(range(len(image))) - {*zs})
    for folder, slices, chosen in (("train/x", image, zs), ("train/y", classes, zs), ("test/x", image, free)):
        (out / "raw" / folder).mkdir(parents=True, exist_ok=True)
        for z in chosen:
            tifffile.imwrite(out / "raw" / folder / f"z{z:04d}.tif", slices[z])
    settings = yaml.safe_load(Path(__file__).with_name("settings.yaml").read_text())
    settings["TRAIN"]["EPOCHS"] = epochs
    settings["DATA"]["N_CLASSES"] = 1 + len(structures)
    for part in (settings["DATA"]["TRAIN"], settings["DATA"]["TEST"]):
        part |= {key: str(out / value) for key, value in part.items() if key.endswith("PATH")}
    if list((out / "results").rglob("*.pth")):
        settings["MODEL"] |= {"LOAD_CHECKPOINT": True, "LOAD_CHECKPOINT_EPOCH": "last_on_train"}
        settings["MODEL"]["ITEMS_TO_LOAD_FROM_CHECKPOINT"] = [
            "weights",
            "norm",
            "model_arch",
            "optimizer",
            "epoch",
        ]
    config = out / "settings.yaml"
    config.write_text(yaml.safe_dump(settings))
    BiaPy(
        str(config), result_dir=str(out / "results"), name="peers", run_id=1, gpu="", verbose=True
    ).run_job()
    # The template tests at the end of a training; in these files every pixel has the number of its class.
    found = sorted((out / "results").rglob("per_image_binarized/z*.tif"))
    result = classes.copy()
    if len(found) < len(free):
        sys.exit(f"BiaPy wrote {len(found)} of {len(free)} slices")
    for file in found:
        result[int(file.stem[1:5])] = np.squeeze(tifffile.imread(file))
    for number, structure in enumerate(structures, 1):
        np.save(out / f"result-{structure}.npy", (result == number).astype(np.uint32))


if __name__ == "__main__":
    main()
