"""Files of every kind are read to their end, so that damage anywhere is found."""

import json
import zipfile

import h5py
import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image
from ultraseg.base.files import whole_file, write_arrays, write_table, write_text
from ultraseg.run.readable import READERS, read_through


def test_every_kind_of_file_is_read_to_its_end(tmp_path):
    write_arrays(tmp_path / "x.npz", a=np.arange(5000))
    write_table(tmp_path / "x.csv", pd.DataFrame({"a": [1]}))
    write_table(tmp_path / "x.parquet", pd.DataFrame({"a": range(5000)}))
    write_text(tmp_path / "x.json", json.dumps(list(range(99))))
    with whole_file(tmp_path / "x.png") as part:
        Image.fromarray(np.random.default_rng(0).integers(0, 255, (50, 50)).astype("uint8")).save(part)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset(
            "a", data=np.random.default_rng(0).random((4, 99)), chunks=(1, 99), compression="gzip"
        )
    tifffile.imwrite(tmp_path / "x.tif", np.random.default_rng(0).random((2, 30, 30)), compression="deflate")
    for file in sorted(tmp_path.iterdir()):
        read_through(file)
        if file.suffix in (".csv",):
            continue
        content = file.read_bytes()
        file.write_bytes(content[: len(content) // 2])
        with pytest.raises(Exception):  # noqa: B017 - each reader has errors of its own
            read_through(file)
    with pytest.raises(ValueError, match="no reader"):
        read_through(tmp_path / "x.doc")
    assert set(READERS) >= {".keras", ".tflite", ".zip", ".txt"}


def test_a_damaged_member_of_an_archive_is_named(tmp_path):
    for name in ("x.zip", "x.keras"):
        with zipfile.ZipFile(tmp_path / name, "w") as file:
            file.writestr("good.txt", "a" * 50)
            file.writestr("weights.h5", "b" * 50)
        read_through(tmp_path / name)
        content = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(content.replace(b"b" * 50, b"b" * 49 + b"c", 1))
        with pytest.raises(ValueError, match="weights.h5 in it is damaged"):
            read_through(tmp_path / name)


def test_a_network_for_litert_is_known_by_its_mark(tmp_path):
    (tmp_path / "x.tflite").write_bytes(b"\x1c\0\0\0TFL3 and so on")
    read_through(tmp_path / "x.tflite")
    (tmp_path / "x.tflite").write_bytes(b"\x1c\0\0\0PK\3\4")
    with pytest.raises(ValueError, match="not a network for LiteRT"):
        read_through(tmp_path / "x.tflite")
