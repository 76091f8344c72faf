"""The script that runs beside kimimaro: its files, in its environment."""

import json
import subprocess

import numpy as np
from extras_python import INSTALLED, needs_extras
from ultraseg.viewer.skeletons import SCRIPT


@needs_extras
def test_only_the_objects_that_are_asked_for_are_thinned(tmp_path):
    labels = np.zeros((20, 20, 80), np.uint32)
    labels[5:9, 5:9, 5:75], labels[12:16, 5:9, 5:75] = 3, 8
    np.save(tmp_path / "labels.npy", labels)
    (tmp_path / "task.json").write_text(json.dumps({"size_nm": [10, 10, 10], "ids": [8], "least": 10}))
    names = [str(tmp_path / name) for name in ("labels.npy", "task.json", "result.npz")]
    subprocess.run([INSTALLED, "-P", SCRIPT, *names], check=True)
    with np.load(tmp_path / "result.npz") as found:
        assert sorted(found.files) == ["8.edges", "8.radii", "8.vertices"]
        vertices, edges = found["8.vertices"], found["8.edges"]
    assert len(edges) == len(vertices) - 1 and (vertices[:, 0] >= 120).all()
    assert np.ptp(vertices[:, 2]) > 500
