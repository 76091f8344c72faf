"""What a method is given: labels of the given slices only, and pieces of phantoms whose protrusions carry no id."""

import numpy as np
import protrusions
import pytest
import scale
from accuracy_data import Data
from peers import volumes


@pytest.fixture(autouse=True)
def nothing_remembered():
    volumes.read.cache_clear()
    yield
    volumes.read.cache_clear()


def test_every_20th_slice_has_labels_and_no_other(monkeypatch, tmp_path):
    truth = np.arange(120, dtype=np.uint32)[:, None, None] + np.ones((120, 4, 4), np.uint32)
    labels = {z: truth[z] for z in (*range(0, 120, 10), 119)}
    data = Data("fib25", np.zeros(truth.shape, np.uint8), {"cells": labels}, {"cells": truth}, 1)
    monkeypatch.setattr(volumes, "load", lambda *_: data)
    task = volumes.read("cells", "fib25-20", tmp_path)
    assert task.given == [0, 20, 40, 60, 80, 100, 119]
    with_labels = np.flatnonzero(task.labels["cells"].any(axis=(1, 2))).tolist()
    assert with_labels == task.given and (task.labels["cells"][20] == truth[20]).all()


def test_masks_of_organelles_become_zero_and_one(monkeypatch, tmp_path):
    mask = np.zeros((4, 4), np.uint8)
    mask[1:3] = 255
    found = {"mitochondria": {0: mask, 2: mask}}
    data = Data("vnc", np.zeros((3, 4, 4), np.uint8), found, {"mitochondria": np.stack([mask] * 3)}, 2)
    monkeypatch.setattr(volumes, "load", lambda *_: data)
    task = volumes.read("organelles", "vnc", tmp_path)
    assert task.given == [0, 2] and task.free == [1]
    assert task.labels["mitochondria"].sum(axis=(1, 2)).tolist() == [8, 0, 8]


def test_pieces_of_a_phantom_carry_no_id_where_protrusions_are(monkeypatch, tmp_path):
    monkeypatch.setattr(protrusions, "SHAPE", (9, 320, 320))
    task = volumes.read("protrusions", "phantom-demo", tmp_path)
    assert task.given == [0, 8] and not task.labels["cells"][task.free].any()
    truth, known = task.truth["cells"], volumes.on_pieces(task.pieces, task.nodes, task.nodes["cell"])
    tubes = (truth[task.free] > 0) & (truth[task.free] < volumes.ORPHAN)
    assert tubes.sum() > 100
    # A piece that is one with its neighbour takes that id, so a few pixels are known (and wrong).
    assert (known[task.free][tubes] == truth[task.free][tubes]).mean() < 0.1
    task.write(tmp_path)
    assert {"pieces.npy", "nodes.parquet"} <= {file.name for file in tmp_path.iterdir()}
    assert "truth" not in " ".join(file.name for file in tmp_path.iterdir())


def test_phantoms_for_cells_are_made_once(monkeypatch, tmp_path):
    monkeypatch.setattr(volumes, "ROOT", tmp_path)
    monkeypatch.setattr(volumes, "PHANTOM", {"shape": (5, 64, 64), "seed": 3, "label_slices": [0, 4]})
    task = volumes.read("cells", "phantom-faint", tmp_path)
    assert task.given == [0, 4] and (task.labels["cells"][4] == task.truth["cells"][4]).all()
    assert not task.labels["cells"][1:4].any() and task.truth["cells"][1:4].any()
    volumes.read.cache_clear()
    first = (tmp_path / "runs/peers-phantoms/phantom-faint/whole").stat().st_mtime_ns
    assert (volumes.read("cells", "phantom-faint", tmp_path).image == task.image).all()
    assert (tmp_path / "runs/peers-phantoms/phantom-faint/whole").stat().st_mtime_ns == first


def test_a_full_size_slab_has_labels_on_its_first_and_last_slice(monkeypatch, tmp_path):
    monkeypatch.setattr(volumes, "ROOT", tmp_path)
    monkeypatch.setattr(volumes, "SLAB_SHAPE", (60, 90))
    monkeypatch.setattr(scale, "SEED_SHAPE", (5, 48, 48))
    monkeypatch.setattr(volumes, "SLABS", {"slab-9": 9})
    task = volumes.read("slab", "slab-9", tmp_path)
    truth = task.truth["cells"]
    assert task.given == [0, 8] and truth.shape == task.image.shape == (9, 60, 90)
    np.testing.assert_array_equal(task.labels["cells"][8], truth[8])
    np.testing.assert_array_equal(truth[2], truth[6])  # back and forth
    assert not {*np.unique(truth[:, :48, :48])} & {*np.unique(truth[:, :48, 48:])} - {
        0
    }  # copies have own ids
