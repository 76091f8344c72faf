"""Planted defects are found, each by its own statistic, and good slices are left alone."""

import cv2
import numpy as np
import pandas as pd
import pytest
from grey_tissue import grey_tissue
from ultraseg.figures.slice_quality import slices_figure
from ultraseg.grid.good_slices import GoodSlices
from ultraseg.quality.flags import DEFECTS, defect_thresholds, quality_note, slice_table, suspects
from ultraseg.quality.statistics import statistics_of

N, PLANE, Z = 24, (160, 200), 11
SETTINGS = {"min_contrast": 0.4, "min_change": 0.5, "min_sharpness": 0.75, "max_shift": 6.0}


@pytest.fixture(scope="module")
def tissue():
    return grey_tissue(N, PLANE)


def table_of(volume, bad=(), depth=None, **settings):
    """The table of slices, from slabs of ``depth`` slices."""
    stack, depth, parts = GoodSlices(len(volume), tuple(bad)), depth or len(volume), []
    for start in range(0, len(volume), depth):
        references = {z: stack.previous(z) for z in range(start, min(start + depth, len(volume)))}
        zs = sorted({*references, *(z for z in references.values() if z is not None)})
        parts.append(statistics_of(((z, volume[z]) for z in zs), references))
    slices = pd.DataFrame(
        {
            "z": range(len(volume)), "number": range(100, 100 + len(volume)), "file": "f", "missing": False,
            "bad": [z in bad for z in range(len(volume))], "stand_in": stack.stand_ins(0, len(volume)),
        }
    )  # fmt: skip
    return slice_table(pd.concat(parts, ignore_index=True), slices, **settings)


def flags(table):
    return {(int(row.z), d) for row in table.itertuples() for d in DEFECTS if getattr(row, d)}


def planted(tissue, defect, rng=None):
    volume, one = tissue.copy(), tissue[Z]
    noise = np.random.default_rng(1).normal(0, 5, PLANE)
    volume[Z] = {
        "black": np.zeros_like(one),
        "noise": np.random.default_rng(2).integers(0, 256, PLANE).astype(np.uint8),
        "dim": np.clip(120 + noise / 3, 0, 255).astype(np.uint8),
        "copy": tissue[Z - 1],
        "taken twice": np.clip(tissue[Z - 1] * 0.9 + 8 + noise, 0, 255).astype(np.uint8),
        "blur": cv2.GaussianBlur(one, (0, 0), 2),
        "moved": np.roll(one, (5, -7), (0, 1)),
    }[defect]
    return volume


def test_good_slices_are_not_flagged(tissue):
    table = table_of(tissue)
    assert not flags(table) and len(table) == N
    assert table["number"].tolist() == list(range(100, 100 + N))
    assert quality_note(table) == ""


@pytest.mark.parametrize(
    "defect, expected",
    [
        ("black", "blank"), ("noise", "blank"), ("dim", "blank"), ("copy", "repeated"),
        ("taken twice", "repeated"), ("blur", "defocused"), ("moved", "shifted"),
    ],
)  # fmt: skip
def test_each_defect_is_found_and_nothing_else(tissue, defect, expected):
    assert flags(table_of(planted(tissue, defect))) == {(Z, expected)}


def test_the_shift_is_measured(tissue):
    row = table_of(planted(tissue, "moved")).iloc[Z]
    assert (row["shift_y"], row["shift_x"]) == (pytest.approx(5, abs=0.5), pytest.approx(-7, abs=0.5))


def test_a_lasting_jump_is_flagged_once(tissue):
    volume = tissue.copy()
    volume[Z:] = np.roll(volume[Z:], 10, axis=2)
    assert flags(table_of(volume)) == {(Z, "shifted")}


def test_a_steady_drift_is_no_defect(tissue):
    wide = np.stack([np.roll(one, 4 * z, axis=1) for z, one in enumerate(tissue)])
    assert not flags(table_of(wide, max_shift=3.0))


def test_a_run_of_blank_slices_is_found_whole(tissue):
    volume = tissue.copy()
    volume[3:20] = 0
    assert flags(table_of(volume)) == {(z, "blank") for z in range(3, 20)}


def test_a_declared_slice_does_not_disturb_the_others(tissue):
    volume = planted(tissue, "noise")
    table = table_of(volume, bad=[Z])
    assert flags(table) == {(Z, "blank")}
    clean = table_of(tissue)
    rest = [z for z in range(N) if abs(z - Z) > 1]
    assert np.allclose(table.loc[rest, "shift"], clean.loc[rest, "shift"], atol=0.3, equal_nan=True)
    assert table["stand_in"][Z] == Z - 1 and table["interpolated"].tolist() == [z == Z for z in range(N)]


@pytest.mark.parametrize("bad", [(), (7, 8), (0,)])
@pytest.mark.parametrize("depth", [1, 7])
def test_the_slab_depth_does_not_matter(tissue, depth, bad):
    pd.testing.assert_frame_equal(table_of(tissue, bad, depth), table_of(tissue, bad))


def test_padding_that_moves_with_the_alignment_is_no_shift(tissue):
    """An aligned stack lies in a black frame whose edge jumps while the tissue stays."""
    volume = tissue.copy()
    for z in range(N):
        volume[z, : 10 + 12 * (z % 2)] = 0
        volume[z, :, : 22 - 12 * (z % 2)] = 0
    assert not {d for _, d in flags(table_of(volume))} & {"shifted", "repeated", "blank"}


@pytest.mark.parametrize("n", [1, 2, 3])
def test_short_stacks(tissue, n):
    assert not flags(table_of(tissue[:n]))
    blank = np.zeros_like(tissue[:n])
    assert flags(table_of(blank)) == {(z, "blank") for z in range(n)}


def test_thresholds_decide(tissue):
    volume = planted(tissue, "blur")
    assert not flags(table_of(volume, min_sharpness=0.1))
    assert (Z, "shifted") not in flags(table_of(planted(tissue, "moved"), max_shift=20.0))


def test_the_note_names_slices_and_cure(tissue):
    volume = planted(planted(tissue, "blur"), "blur")
    volume[4] = 0
    table = table_of(volume, bad=[20])
    words, numbers = suspects(table, first=50)
    assert words == "54 blank; 61 defocused" and numbers == [54, 61]
    note = quality_note(table, first=50)
    assert "54 blank; 61 defocused" in note and "bad_slices: [54, 61, 70]" in note
    assert "Slices 70 are bad or missing: their labels are copies" in note


def test_the_figure_is_drawn(tissue, tmp_path):
    slices_figure(table_of(planted(tissue, "blur")), defect_thresholds(SETTINGS), str(tmp_path / "s.png"))
    assert (tmp_path / "s.png").stat().st_size > 10_000


def test_every_defect_has_the_threshold_of_its_setting():
    assert defect_thresholds(SETTINGS) == {"blank": 0.4, "repeated": 0.5, "defocused": 0.75, "shifted": 6.0}
