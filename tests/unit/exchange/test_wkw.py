"""Arrays in the format WKW: every packing gives the same ids, and damage is told."""

import subprocess

import numpy as np
import pytest
from ultraseg.base.errors import UserError
from ultraseg.exchange.wkw import WkwArray, morton
from webknossos_files import INSTALLED, needs_webknossos, write_wkw


@pytest.fixture
def ids():
    random = np.random.default_rng(0)
    found = np.zeros((70, 40, 100), np.uint32)
    found[3:40, 20:, :50], found[66, 5, 90] = random.integers(0, 2**32, (37, 20, 50)), 8
    return found


def whole(folder, shape):
    array = WkwArray("layer", str(folder))
    planes = [array.plane(z) for z in range(shape[0])]
    assert all(not values[shape[1] :].any() and not values[:, shape[2] :].any() for values, _ in planes)
    return np.stack([values[: shape[1], : shape[2]] for values, _ in planes]), planes


def test_blocks_are_numbered_by_the_bits_of_their_places():
    assert [morton(*place) for place in ((0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (2, 0, 0), (3, 3, 3))] == [
        0, 1, 2, 4, 8, 63,
    ]  # fmt: skip


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("blocks", [1, 2, 4])
def test_every_packing_gives_the_same_ids(tmp_path, ids, packed, blocks):
    write_wkw(tmp_path / "1", ids, packed=packed, blocks=blocks)
    found, planes = whole(tmp_path / "1", ids.shape)
    assert np.array_equal(found, ids) and found.dtype == np.uint32
    slices = WkwArray("layer", str(tmp_path / "1")).slices
    assert slices == [*range(-(-70 // (32 * blocks)) * 32 * blocks)]
    assert planes[66][1].sum() == 32 * 32 and planes[66][1][5, 90]  # one block shows something


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint64])
def test_types_of_ids(tmp_path, ids, dtype):
    small = (ids % 251).astype(dtype)
    write_wkw(tmp_path / "1", small)
    assert np.array_equal(whole(tmp_path / "1", ids.shape)[0], small)


def test_damage_is_told(tmp_path, ids):
    write_wkw(tmp_path / "1", ids)
    file = tmp_path / "1/z0/y0/x0.wkw"
    whole_file = file.read_bytes()
    for length in (20, 200):
        file.write_bytes(whole_file[:length])
        with pytest.raises(UserError, match="layer: x0.wkw: a block"):
            WkwArray("layer", str(tmp_path / "1")).plane(0)
    file.write_bytes(whole_file[:80] + b"\xff" * (len(whole_file) - 80))
    with pytest.raises(UserError, match="layer: x0.wkw: a block"):
        WkwArray("layer", str(tmp_path / "1")).plane(0)
    file.write_bytes(b"no cube")
    with pytest.raises(UserError, match="layer: x0.wkw is no file of the format WKW"):
        WkwArray("layer", str(tmp_path / "1")).plane(0)
    (tmp_path / "1/header.wkw").write_bytes(whole_file[:6] + b"\x05\x04" + whole_file[8:16])
    with pytest.raises(UserError, match="layer: header.wkw holds no ids"):
        WkwArray("layer", str(tmp_path / "1"))


WRITE = """
import sys, numpy as np, wkw
ids = np.load(sys.argv[1]).transpose()
for kind in (1, 2, 3):
    size = [-(-n // 128) * 128 for n in ids.shape]  # packed cubes are written as a whole
    padded = np.zeros(size, np.uint32)
    padded[tuple(slice(0, n) for n in ids.shape)] = ids
    header = wkw.Header(np.uint32, block_type=kind, file_len=4)
    wkw.Dataset.create(f"{sys.argv[2]}/{kind}", header).write((0, 0, 0), padded)
"""


@needs_webknossos
def test_what_the_library_of_wkw_wrote_is_read(tmp_path, ids):
    np.save(tmp_path / "ids.npy", ids)
    subprocess.run([INSTALLED, "-c", WRITE, tmp_path / "ids.npy", tmp_path], check=True, capture_output=True)
    for kind in (1, 2, 3):
        assert np.array_equal(whole(tmp_path / str(kind), ids.shape)[0], ids)
