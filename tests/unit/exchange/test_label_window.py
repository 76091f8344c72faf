"""The window: what napari asks and what becomes of it, with napari itself where it is installed."""

import json
import sys
from multiprocessing.connection import Client, Listener
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
import tifffile
from labelled_stack import desk_of, write_stack_to_label
from napari_python import INSTALLED, needs_napari
from ultraseg.base.errors import UserError
from ultraseg.exchange import label_window
from ultraseg.exchange.label_window import answer, open_window, receive, send, serve
from written_volume import write_volume

DRIVER = Path(__file__).parents[2] / "helpers/drive_labelling.py"


@pytest.fixture
def desk(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_stack_to_label(tmp_path)
    return desk_of(tmp_path)


def test_words_and_pixels_cross_the_socket(desk, tmp_path):
    with Listener(str(tmp_path / "s"), "AF_UNIX") as listener:
        thread = Thread(target=serve, args=(desk, listener))
        thread.start()
        with Client(str(tmp_path / "s"), "AF_UNIX") as window:
            send(window, {"what": "image", "z": 3})
            words, pixels = receive(window)
            assert (pixels == desk.image(3)).all() and "problem" not in words
            drawn = desk.start("cells", 0).labels.copy()
            drawn[:4] = 77
            send(window, {"what": "save", "structure": "cells", "z": 4}, drawn)
            words, _ = receive(window)
            assert (tifffile.imread(words["file"]) == drawn).all()
        thread.join(10)
        assert not thread.is_alive()


def test_the_window_is_told_all_that_it_shows(desk, tmp_path):
    words, _ = answer(desk, {"what": "about"}, None)
    assert (
        words["shape"] == [12, 16, 20] and words["image"] == []
    )  # slices of the source are asked for one by one
    assert (
        words["structures"]["cells"]["labelled"] == [0] and words["structures"]["mito"]["kind"] == "organelle"
    )
    write_volume(
        tmp_path / "results/v/image.zarr",
        {"image": np.zeros((12, 16, 20), np.uint8)},
        voxel_nm=(20, 10, 10),
        depth=4,
    )
    image = answer(desk, {"what": "about"}, None)[0]["image"][0]
    assert (image["name"], image["kind"]) == ("image", "image") and len(image["levels"]) == 2
    assert all(Path(level, "zarr.json").exists() for level in image["levels"])


def test_what_is_wrong_is_an_answer_and_no_end(desk, monkeypatch):
    one = np.full(desk.volume.shape[1:], 3, np.uint32)
    words, _ = answer(desk, {"what": "save", "structure": "cells", "z": 4}, one)
    assert words["problem"] == "slice 4: all pixels have cell id 3"

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(desk, "keep", full)
    words, _ = answer(desk, {"what": "keep", "structure": "cells", "z": 4}, one)
    assert "space" in words["problem"]


def test_a_window_that_fails_is_told_after_what_was_saved(desk, tmp_path, monkeypatch, capsys):
    script = tmp_path / "fails.py"
    script.write_text("raise SystemExit(3)")
    monkeypatch.setattr(label_window, "SCRIPT", script)
    with pytest.raises(UserError, match="ended with status 3"):
        open_window(desk, sys.executable)
    assert "No slice was saved" in capsys.readouterr().out


@needs_napari
def test_a_person_labels_slices_in_napari(desk, tmp_path, monkeypatch, capsys):
    """Keys, buttons, brush, fill and undo in napari itself: the files hold what was drawn, and nothing else changed."""
    monkeypatch.setattr(label_window, "SCRIPT", DRIVER)
    monkeypatch.setenv("SEEN", str(tmp_path / "seen.json"))
    before = {z: desk.start("cells", z).labels for z in range(desk.volume.n_slices)}
    open_window(desk, str(INSTALLED))
    seen = json.loads((tmp_path / "seen.json").read_text())
    assert seen["layers"] == ["image", "cells", "mito"]
    # Slice 0 is labelled, so the first one advised is the next of those evenly spaced.
    places = [z for z, _ in desk.advised() if z != 0]
    assert seen["first"] == places[0] and seen["grey"] == 10 + places[0]
    assert seen["start"] == [0] and seen["new id"] == 13  # 12 is the highest label
    assert seen["drawn"] == [9, 13]
    saved = tifffile.imread(tmp_path / f"labels/cells/z{places[0]:03d}.tif")
    assert seen["saved"].endswith(f"z{places[0]:03d}.tif")
    assert saved[4, 4] == 13 and (saved == 13).sum() > 1 and saved[0, 0] == 9 and 5 not in saved
    assert (seen["second"], seen["third"]) == tuple(places[1:3]) and seen["drafts"] == [places[1]]
    assert seen["flat"] == 2 and seen["buttons"] == 1
    mito = tifffile.imread(tmp_path / f"labels/mito/z{places[2]:05d}.tif")
    assert mito[6, 6] == 1 and set(np.unique(mito)) == {0, 1} and mito.dtype == np.uint8
    assert "mito" in seen["mito"] and f"mito, slice {places[2]}: your labels" in seen["text"]
    assert "all pixels have cell id 7" in seen["refused"]
    # What was begun is kept and is the start of the next time; labelled slices are as they were.
    again = desk_of(tmp_path)
    assert (
        again.start("cells", places[1]).origin == "draft"
        and again.start("cells", places[1]).labels[2, 2] == 3
    )
    assert (again.start("cells", 0).labels == before[0]).all() and again.labelled("cells") == [0, places[0]]
    said = capsys.readouterr().out
    assert f"cells: slice(s) {places[0]} -> " in said and f"slice(s) {places[1]} begun, not finished" in said
    assert "Then: snakemake check --configfile" in said
