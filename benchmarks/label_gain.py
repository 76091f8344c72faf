"""Whether one more label gains as much as ultraseg foretells: labelled slices of a finished run are left out in turn.

    .venv/bin/python benchmarks/label_gain.py --configfile config/demo.yaml --directory runs/demo [--data-root FOLDER]

The run must have dense truth of the cells. What the label of a slice gains is foretold from the other labels alone and
without truth (``ultraseg.evaluate.gain``), and measured with truth: final cells against the ids that were carried
without this label, on slices of its gap that have no label.
"""

from __future__ import annotations

import os

import numpy as np
import pandas as pd
from common import options
from ultraseg.arrays.scale import upsample_labels
from ultraseg.evaluate.gain import LOOKED_AT, changes_around, gain_per_slice, spread
from ultraseg.evaluate.metrics import count_overlaps, dice_per_id
from ultraseg.evaluate.score_volume import ScoredVolume, Truth, shown_ids
from ultraseg.jobs.evaluate import Evaluate
from ultraseg.jobs.spec import Wildcards
from ultraseg.plan.config import load_config
from ultraseg.plan.config_file import read_config_file
from ultraseg.plan.plan import Plan
from ultraseg.storage.label_slices import LabelSlices


def opened(configfile: str, directory: str, data_root: str | None) -> tuple[ScoredVolume, Truth]:
    """The only volume of a finished run, with its truth."""
    given = read_config_file(configfile)
    if data_root:
        given["data_root"] = os.path.abspath(data_root)
    os.chdir(directory)
    plan = Plan(load_config(given))
    spec = Evaluate.of(plan, Wildcards(volume=plan.applied[0]))
    volume = ScoredVolume(
        spec.files.folder, shape=spec.shape, pixel_nm=spec.pixel_nm, kinds=spec.kinds, labelled=spec.labelled,
        uses=spec.uses, label_files=spec.label_files, cells=spec.cells, downsample=spec.downsample,
        left_out=spec.left_out, min_cell_voxels=spec.settings["min_cell_voxels"], bad=spec.bad,
    )  # fmt: skip
    return volume, Truth(spec.truth, spec.plane, spec.crop)


def mean_dice(truth: np.ndarray, found: np.ndarray, large: np.ndarray) -> float:
    """Mean Dice of large cells of the truth in one slice."""
    ids, _, dice = dice_per_id(count_overlaps(truth, found))
    return float(dice[np.isin(ids, large)].mean())


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--configfile", required=True, help="configuration of the run")
    parser.add_argument("--directory", required=True, help="folder that the run was made in")
    parser.add_argument("--data-root", help="in place of the data_root of the configuration")
    told = parser.parse_args()
    volume, truth = opened(os.path.abspath(told.configfile), told.directory, told.data_root)
    cells = volume.cells or ""
    reader = truth.reader(cells, ids=True)
    true = {ref.z: reader.read(ref)[0] for ref in truth.sources[cells].slices}
    ids, voxels = np.unique(np.stack(list(true.values())), return_counts=True)
    large = ids[(voxels >= volume.min_cell_voxels) & (ids > 0)]
    around, gained, near = {}, {}, {}
    shown = shown_ids(volume.label_files[cells])
    for left_out, gap in volume.left_out.items():
        ends = [end for end, given in ((gap.first, gap.first_given), (gap.last, gap.last_given)) if given]
        with LabelSlices(volume.files.propagated(gap.name)) as carried:
            passed = {*ends, left_out, *volume.bad}
            zs = spread([z for z in carried.zs if z not in passed], LOOKED_AT)
            without = {z: upsample_labels(carried.read(z), volume.downsample, volume.shape[1:]) for z in zs}
        final = {z: volume.final(cells, z, None) for z in zs}
        least = volume.min_cell_voxels * len(zs) / volume.shape[0]
        around[left_out] = changes_around(
            left_out, ends, ((z, final[z], without[z]) for z in zs), shown, least
        )
        free = [z for z in zs if z not in volume.labelled[cells]]
        gained[left_out] = np.mean(
            [mean_dice(true[z], final[z], large) - mean_dice(true[z], without[z], large) for z in free]
        )
        rows = around[left_out][around[left_out]["z"].isin(free)]
        near[left_out] = float((rows["without"] - rows["with"]).mean())
    rows_of_all = []
    for left_out in around:
        others = pd.concat([rows for z, rows in around.items() if z != left_out])
        foretold = (gain_per_slice(others) or 0) * near[left_out]
        rows_of_all.append({"slice": left_out, "foretold": foretold, "measured": gained[left_out]})
    labelled = f"{len(volume.labelled[cells])} of {volume.shape[0]} slices labelled"
    print(f"{cells}, {labelled}: what the label of a slice gains in mean Dice on the slices of")
    print("its gap that have no label, foretold from the other labels and measured with truth")
    table = pd.DataFrame(rows_of_all)
    mean = {"slice": "mean", **table[["foretold", "measured"]].mean()}
    whole = pd.concat([table.astype({"slice": object}), pd.DataFrame([mean])])
    print(whole.to_string(index=False, float_format=lambda value: f"{value:.3f}"))


if __name__ == "__main__":
    main()
