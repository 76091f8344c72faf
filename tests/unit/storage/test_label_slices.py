"""Label slices in one file: what was written under a z is read under it, and files are whole or not there."""

import h5py
import numpy as np
import pytest
from ultraseg.storage.label_slices import LabelSlices, write_slices

PLANE = (9, 12)


def arrays(seed):
    rng = np.random.default_rng(seed)
    return {
        "labels": rng.integers(0, 2**32, PLANE, np.uint32),
        "confidence": rng.integers(0, 256, PLANE, np.uint8),
    }


def test_slices_come_back_under_their_z(tmp_path):
    path = str(tmp_path / "a.h5")
    written = {z: arrays(z) for z in (40, 3, 7)}  # in any order
    write_slices(path, PLANE, written.items())
    with LabelSlices(path) as slices:
        assert slices.zs == [3, 7, 40]
        assert 7 in slices and 8 not in slices
        for z, expected in written.items():
            for name, values in expected.items():
                found = slices.read(z, name)
                assert found.dtype == values.dtype and np.array_equal(found, values)
        assert np.array_equal(slices.read(40), written[40]["labels"])


def test_numbers_come_back_as_slices_do(tmp_path):
    path = str(tmp_path / "a.h5")
    write_slices(path, PLANE, [(z, arrays(z) | {"differ": np.int64(100 * z)}) for z in (7, 3)])
    with LabelSlices(path) as slices:
        assert [int(slices.read(z, "differ")) for z in (3, 7)] == [300, 700]
        assert slices.read(3).shape == PLANE


@pytest.mark.parametrize("z, name", [(4, "labels"), (-1, "labels"), (3, "trust")])
def test_what_is_not_there_is_a_key_error(tmp_path, z, name):
    path = str(tmp_path / "a.h5")
    write_slices(path, PLANE, [(3, arrays(0)), (5, arrays(1))])
    with LabelSlices(path) as slices, pytest.raises(KeyError):
        slices.read(z, name)


def test_each_slice_is_one_chunk(tmp_path):
    path = str(tmp_path / "a.h5")
    write_slices(path, PLANE, [(z, arrays(z)) for z in range(4)])
    with h5py.File(path) as file:
        assert file["labels"].chunks == (1, *PLANE) and file["labels"].shape == (4, *PLANE)


def test_a_writer_that_fails_leaves_the_old_file(tmp_path):
    path = str(tmp_path / "a.h5")
    write_slices(path, PLANE, [(1, arrays(1))])

    def broken():
        yield 2, arrays(2)
        raise RuntimeError("damaged label file")

    with pytest.raises(RuntimeError, match="damaged"):
        write_slices(path, PLANE, broken())
    with LabelSlices(path) as slices:
        assert slices.zs == [1]
    with pytest.raises(RuntimeError, match="damaged"):
        write_slices(str(tmp_path / "b.h5"), PLANE, broken())
    assert not (tmp_path / "b.h5").exists()


def test_slices_are_written_as_they_come(tmp_path):
    """A thousand label slices do not fit into memory: none may be kept."""
    alive = []

    class Counted(np.ndarray):
        def __del__(self):
            alive.remove(id(self))

    def stream():
        for z in range(20):
            values = np.zeros(PLANE, np.uint8).view(Counted)
            alive.append(id(values))
            assert len(alive) <= 2
            yield z, {"labels": values}
            del values

    write_slices(str(tmp_path / "a.h5"), PLANE, stream())
    with LabelSlices(str(tmp_path / "a.h5")) as slices:
        assert slices.zs == list(range(20))


def test_a_slice_of_another_size_is_refused(tmp_path):
    with pytest.raises((ValueError, TypeError)):
        write_slices(str(tmp_path / "a.h5"), PLANE, [(0, {"labels": np.zeros((9, 11), np.uint8)})])
    assert not (tmp_path / "a.h5").exists()


def test_what_is_known_of_a_slice_is_told_where_it_is_not_all(tmp_path):
    path, known = str(tmp_path / "a.h5"), np.ones(PLANE, np.uint8)
    write_slices(path, PLANE, [(3, arrays(0) | {"known": known}), (5, arrays(1) | {"known": known * 0})])
    with LabelSlices(path) as slices:
        assert slices.has("known") and slices.known(3) is None
        assert slices.known(5).dtype == bool and not slices.known(5).any()
    write_slices(path, PLANE, [(3, arrays(0))])
    with LabelSlices(path) as slices:
        assert not slices.has("known") and slices.known(3) is None
