"""Skeletons: the text of SWC files, and cells of known shape that kimimaro thins."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from extras_python import INSTALLED, needs_extras
from ultraseg.base.errors import UserError
from ultraseg.base.files import write_table
from ultraseg.cli.main import call as command
from ultraseg.cli.parser import parser
from ultraseg.viewer import skeletons
from ultraseg.viewer.skeletons import export_swc, find_python, swc
from written_volume import write_volume

VOXEL_NM, ORIGIN_NM = (20, 10, 5), (200, 0, 50)


def rows(text: str) -> np.ndarray:
    """The lines of a SWC file as numbers: number, kind, x, y, z, radius, parent."""
    return np.array([line.split() for line in text.splitlines() if not line.startswith("#")], float)


def test_a_branched_line_is_a_tree_whose_parents_come_first():
    points = np.array([[0, 0, 0], [0, 0, 1], [0, 1, 2], [0, 2, 3], [1, 1, 3], [5, 5, 5], [6, 5, 5]], float)
    edges = np.array([[1, 0], [1, 2], [2, 3], [4, 2], [5, 6]])
    found = rows(swc(points, edges, np.arange(7) / 10, "cell 4"))
    assert found[:, 0].tolist() == [*range(1, 8)] and (found[:, 6] < found[:, 0]).all()
    assert (found[:, 6] == -1).sum() == 2  # the cell is in two parts
    drawn = {frozenset((tuple(a[2:5]), tuple(found[int(a[6]) - 1][2:5]))) for a in found if a[6] > 0}
    expected = {frozenset((tuple(points[a][::-1]), tuple(points[b][::-1]))) for a, b in edges}
    assert drawn == expected
    assert sorted(found[:, 5]) == pytest.approx(np.arange(7) / 10)


def test_a_long_line_is_written_without_recursion():
    n = 50_000
    edges = np.stack([np.arange(n - 1), np.arange(1, n)], 1)
    assert rows(swc(np.zeros((n, 3)), edges, np.zeros(n), "long"))[-1, 6] == n - 1


@pytest.fixture
def folder(tmp_path):
    """A volume with a straight tube (cell 4), a crumb (cell 9), and a protrusion of three points."""
    cells = np.zeros((30, 60, 200), np.uint32)
    cells[12:17, 25:36, 10:190] = 4
    cells[2:4, 2:4, 2:4] = 9
    stacks = {"image": np.zeros(cells.shape, np.uint8), "cells": cells}
    write_volume(tmp_path / "results/v/image.zarr", stacks, voxel_nm=VOXEL_NM, depth=10, origin_nm=ORIGIN_NM)
    course = {"protrusion": 7, "cell": 4, "point": [2, 0, 1], "z": [3.0, 1, 2], "y": 10.0, "x": [12.0, 8, 10]}
    write_table(tmp_path / "results/v/tables/courses.parquet", pd.DataFrame(course))
    return tmp_path / "results/v"


@needs_extras
def test_a_tube_is_a_line_along_its_middle(folder, tmp_path):
    written = export_swc(folder, ["cells"], tmp_path / "out")
    assert written == [str(tmp_path / "out/swc/cells"), str(tmp_path / "out/swc/protrusions")]
    assert [file.name for file in (tmp_path / "out/swc/cells").iterdir()] == ["4.swc"]  # the crumb has none
    text = (tmp_path / "out/swc/cells/4.swc").read_text()
    assert text.startswith("# cells 4 of volume v; skeleton at voxels of 20 x 10 x 5 nm")
    _, _, x, y, z, radius, parent = rows(text).T
    # The middle of the tube is voxel (14, 30); it reaches from voxel 10 to 189 in x.
    middle = (x > x.min() + 0.1) & (x < x.max() - 0.1)
    assert z[middle] == pytest.approx((14 * 20 + 200) / 1000, abs=0.021)
    assert y[middle] == pytest.approx(30 * 10 / 1000, abs=0.021)
    assert x.min() == pytest.approx((10 * 5 + 50) / 1000, abs=0.06)
    assert x.max() == pytest.approx((189 * 5 + 50) / 1000, abs=0.06)
    assert radius[middle] == pytest.approx(0.05, abs=0.02) and (parent == -1).sum() == 1


@needs_extras
def test_other_software_reads_the_files(folder, tmp_path):
    """osteoid, which programs for skeletons use, finds the same points."""
    command(
        parser().parse_args(
            ["export", "swc", "--directory", str(folder.parents[1]), "--to", str(tmp_path / "o")]
        )
    )
    for file in (tmp_path / "o/swc").glob("*/*.swc"):
        code = (
            "import sys, osteoid\n"
            "s = osteoid.Skeleton.from_swc(open(sys.argv[1]).read())\n"
            "print(len(s.vertices), len(s.edges), *s.vertices.mean(axis=0).tolist())"
        )
        said = subprocess.run(
            [INSTALLED, "-c", code, file], capture_output=True, text=True, check=True
        ).stdout
        ours = rows(file.read_text())
        count, edges, *middle = map(float, said.split())
        assert (count, edges) == (len(ours), (ours[:, 6] > 0).sum())
        assert middle == pytest.approx(ours[:, 2:5].mean(axis=0), abs=1e-3)


def test_courses_of_protrusions_need_no_other_software(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(skeletons, "find_python", lambda: "none")
    assert export_swc(folder, [], tmp_path) == [str(tmp_path / "swc/protrusions")]
    found = rows((tmp_path / "swc/protrusions/7.swc").read_text())
    assert found[:, 6].tolist() == [-1, 1, 2]
    assert found[:, 4] == pytest.approx((np.array([1, 2, 3]) * 20 + 200) / 1000)
    assert found[:, 2] == pytest.approx((np.array([8, 10, 12]) * 5 + 50) / 1000)


def test_large_volumes_are_thinned_at_a_coarser_level(folder, monkeypatch, tmp_path):
    seen = []
    monkeypatch.setattr(skeletons, "MOST_VOXELS", 30 * 60 * 100)
    monkeypatch.setattr(skeletons, "find_python", lambda: "none")
    monkeypatch.setattr(
        skeletons, "_thinned", lambda path, size, python: seen.append((path[-2:], size)) or {}
    )
    export_swc(folder, ["cells"], tmp_path)
    assert seen == [("/1", seen[0][1])] and seen[0][1][1:] == (20, 10)


def test_what_is_missing_or_fails_is_told(folder, tmp_path, monkeypatch):
    with pytest.raises(UserError, match="an image has no skeleton"):
        monkeypatch.setattr(skeletons, "find_python", lambda: sys.executable)
        export_swc(folder, ["image"], tmp_path)
    script = tmp_path / "fails.py"
    script.write_text("raise SystemExit(4)")
    monkeypatch.setattr(skeletons, "SCRIPT", script)
    with pytest.raises(UserError, match="kimimaro ended with status 4"):
        export_swc(folder, ["cells"], tmp_path)
    monkeypatch.undo()
    monkeypatch.setattr(skeletons, "INSTALLED", tmp_path / "none")
    monkeypatch.setattr(skeletons.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="kimimaro, which is needed here, is not installed") as raised:
        find_python()
    assert "make extras" in raised.value.cure
    monkeypatch.undo()
    monkeypatch.setattr(skeletons, "INSTALLED", tmp_path / "none")
    with pytest.raises(UserError, match="no_such_thing.core, which is needed here, is not installed"):
        find_python("no_such_thing.core")
