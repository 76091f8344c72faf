"""What more labels should gain: measured where labels are left out, foretold for new ones."""

import re

import numpy as np
import pandas as pd
import pytest
from ultraseg.evaluate.gain import (
    ENOUGH,
    KEPT,
    carried_changes,
    expected_gains,
    gain_note,
    gain_per_slice,
    remoteness,
)
from ultraseg.evaluate.score_volume import ScoredVolume
from ultraseg.grid.gaps import Gap
from ultraseg.storage.label_slices import write_slices
from written_volume import write_volume

N, PLANE = 21, (40, 60)
LABELLED = [0, 10, 20]


def cells(shift: int) -> np.ndarray:
    """Two cells; the first is moved by ``shift`` pixels."""
    plane = np.zeros(PLANE, np.uint32)
    plane[5:35, 5 + shift : 25 + shift], plane[5:35, 48:58] = 4, 9
    return plane


def lost(z: int) -> float:
    """How much remoter slice z gets without the label of slice 10."""
    return z * (20 - z) / 20 - (z % 10) * (10 - z % 10) / 10


def run(folder, drift: float, **changes) -> ScoredVolume:
    """A run whose cell 4 lies right; without the label of slice 10 it lies ``drift`` pixels off per lost slice."""
    final = np.stack([cells(0)] * N)
    stacks = {"image": np.zeros((N, *PLANE), np.uint8), "cells": final}
    write_volume(folder / "v/image.zarr", stacks, voxel_nm=(10, 10, 10), depth=7, levels=1)
    gap = Gap(0, 20, True, True)
    moved = [(z, {"labels": cells(round(drift * lost(z)))}) for z in range(N)]
    (folder / "v/work/propagated").mkdir(parents=True)
    write_slices(f"{folder}/v/work/propagated/{gap.name}.h5", PLANE, moved)
    shown = changes.pop("labelled_cells", [4, 9])
    labels = np.where(np.isin(cells(0), shown), cells(0), 0)
    write_slices(f"{folder}/v/work/labels.h5", PLANE, [(z, {"labels": labels}) for z in LABELLED])
    about = dict(
        shape=(N, *PLANE), pixel_nm=(10, 10), kinds={"cells": "cells"}, labelled={"cells": LABELLED}, uses={},
        label_files={"cells": f"{folder}/v/work/labels.h5"}, cells="cells", downsample=1,
        left_out={10: gap}, min_cell_voxels=1,
    )  # fmt: skip
    return ScoredVolume(str(folder / "v"), **(about | changes))


def advice(*zs: int) -> pd.DataFrame:
    return pd.DataFrame({"z": [*zs, 1], "number": [*zs, 1], "rank": [*range(1, len(zs) + 1), None]})


def test_what_a_label_changes_is_measured_by_how_remote_slices_get(tmp_path):
    found = carried_changes(run(tmp_path, drift=3))
    assert found["z"].tolist() == sorted(found["z"]) and len(found) == 6
    for row in found.to_dict("records"):
        assert row["without"] - row["with"] == pytest.approx(lost(row["z"]))
        # A cell of 20 pixels that is moved by d loses d / 20 of its Dice; there are two cells.
        assert row["change"] == pytest.approx(round(3 * lost(row["z"])) / 20 / 2)
    assert 10 not in set(found["z"]) and gain_per_slice(found) == pytest.approx(KEPT * 3 / 40, rel=0.1)


def test_what_changes_everywhere_is_no_gain_of_a_label(tmp_path):
    found = carried_changes(run(tmp_path, drift=3))
    assert gain_per_slice(found.assign(change=found["change"] + 0.3)) == pytest.approx(gain_per_slice(found))
    assert gain_per_slice(found.assign(change=0.3)) == pytest.approx(0)
    assert gain_per_slice(found.head(2)) is None


def test_cells_that_are_small_or_not_on_labels_do_not_count(tmp_path):
    """Cell 4 alone has so many voxels: its loss is not halved by cell 9."""
    found = carried_changes(run(tmp_path, drift=3, min_cell_voxels=N * 400))
    assert gain_per_slice(found) == pytest.approx(KEPT * 3 / 20, rel=0.1)
    unseen = run(tmp_path / "b", drift=3, labelled_cells=[4])
    assert carried_changes(unseen)["change"].tolist() == found["change"].tolist()


def test_remoteness():
    assert remoteness([0, 10], [0, 1, 5, 10]) == pytest.approx([0, 0.9, 2.5, 0])
    assert remoteness([4], [0, 4, 9]) == pytest.approx([4, 0, 5])
    assert remoteness([0, 40, 80], [20, 60]) == pytest.approx([10, 10])


def test_bad_slices_are_not_looked_at(tmp_path):
    zs = carried_changes(run(tmp_path, drift=3))["z"].tolist()
    assert not {*carried_changes(run(tmp_path / "b", drift=1, bad=zs))["z"]} & {*zs}


def test_gains_grow_with_labels_and_stop_where_all_are_near():
    gains = expected_gains(0.01, LABELLED, [5, 15, 7], [3], N)
    stay = [z for z in range(N) if z not in (0, 10, 20, 5, 15, 7, 3)]
    nearer = remoteness(LABELLED, stay).mean() - remoteness([*LABELLED, 5], stay).mean()
    assert gains[0] == pytest.approx(0.01 * nearer)
    assert (np.diff(gains) >= 0).all() and gains[2] - gains[1] < gains[1] - gains[0]


def test_nothing_is_foretold_where_nothing_is_left_to_label():
    assert not expected_gains(0.01, [0, 2], [1], [], 3).size
    assert not expected_gains(0.01, [], [1], [], 3).size


def test_the_note_says_what_to_do(tmp_path):
    volume = run(tmp_path, drift=3)
    note = gain_note(volume, advice(5, 15))
    gains = expected_gains(gain_per_slice(carried_changes(volume)), LABELLED, [5, 15], [], N)
    told = re.search(r"\+(\S+) with slice 5, \+(\S+) with all 2\.", note)
    assert told and [float(number) for number in told.groups()] == pytest.approx(gains, abs=0.0006)
    assert "from 1 labelled slice that was left out" in note and note.endswith("go on, then look here again.")
    assert (np.diff(gains, prepend=0) >= ENOUGH).all()


def test_the_note_says_when_to_stop(tmp_path):
    weak = gain_note(run(tmp_path, drift=1), advice(5, 15, 7, 13, 2))
    assert "a label should gain less than 0.002: stop there" in weak
    assert "have labels enough" in gain_note(run(tmp_path / "b", drift=0), advice(5, 15))


def test_without_advice_or_slices_to_leave_out_nothing_is_said(tmp_path):
    volume = run(tmp_path, drift=3)
    assert gain_note(volume, advice()) == ""
    assert gain_note(run(tmp_path / "b", drift=1, left_out={}), advice(5)) == ""
    assert gain_note(run(tmp_path / "c", drift=1, cells=None), advice(5)) == ""
