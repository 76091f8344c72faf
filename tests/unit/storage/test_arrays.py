"""Arrays on disk: one slab is one file, and a damaged or missing file is named."""

from pathlib import Path

import numpy as np
import pytest
from ultraseg.base.errors import UserError
from ultraseg.grid.paths import shard_file
from ultraseg.grid.pyramid_levels import chunk_and_shard
from ultraseg.storage.arrays import (
    describe,
    look_at,
    read_image,
    read_image_slice,
    read_listed,
    read_slice,
    read_slices,
    shape_of,
    slab_writer,
    write_slab,
)
from ultraseg.storage.create import create_array


def make(path, shape=(20, 30, 40), depth=8, dtype="uint8"):
    chunk, shard = chunk_and_shard(shape[1:], depth)
    create_array(str(path), shape, chunk, shard, dtype, "zcyx" if len(shape) == 4 else "zyx")
    return str(path)


def files(path):
    return sorted(str(f.relative_to(path)) for f in Path(path).rglob("*") if f.is_file())


def noise(shape, dtype="uint8", seed=0):
    return np.random.default_rng(seed).integers(1, 255, shape).astype(dtype)


@pytest.mark.parametrize("depth", [1, 7, 8, 20, 32])
def test_a_slab_is_exactly_one_file(tmp_path, depth):
    path = make(tmp_path / "a", depth=depth)
    whole = noise((20, 30, 40))
    for slab, start in enumerate(range(0, 20, depth)):
        before = files(path)
        write_slab(path, start, whole[start : start + depth])
        assert set(files(path)) - set(before) == {f"c/{slab}/0/0"}
    assert np.array_equal(read_slices(path, 0, 20), whole)


@pytest.mark.parametrize("plane, dtype", [((4, 30, 40), "float16"), ((2, 600, 700), "uint8")])
def test_slabs_with_channels_are_one_file_at_the_place_that_rules_name(tmp_path, plane, dtype):
    path = make(tmp_path / "a", (5, *plane), 3, dtype)
    whole = noise((5, *plane), dtype)
    write_slab(path, 3, whole[3:])
    assert files(path) == ["c/1/0/0/0", "zarr.json"]
    assert Path(shard_file(path, 1, 4)).is_file()
    assert np.array_equal(read_slices(path, 3, 5), whole[3:])


def test_one_slice_comes_without_the_axis_z(tmp_path):
    path = make(tmp_path / "a")
    whole = noise((20, 30, 40))
    for start in range(0, 20, 8):
        write_slab(path, start, whole[start : start + 8])
    box = np.s_[3:9, 5:6]
    assert np.array_equal(read_slice(path, 9), whole[9])
    assert np.array_equal(read_slice(path, 19, box), whole[19][box])
    assert np.array_equal(read_image_slice(path, 0), whole[0])
    assert np.array_equal(read_image_slice(path, 9, box), whole[9][box])
    with pytest.raises(IndexError, match="has no slices 20 to 21"):
        read_slice(path, 20)


def test_a_slab_of_zeros_makes_its_file(tmp_path):
    path = make(tmp_path / "a")
    write_slab(path, 8, np.zeros((8, 30, 40), np.uint8))
    assert "c/1/0/0" in files(path)
    assert not read_slices(path, 8, 16).any()


def test_zeros_over_an_old_slab_keep_the_file(tmp_path):
    path = make(tmp_path / "a")
    write_slab(path, 0, noise((8, 30, 40)))
    write_slab(path, 0, np.zeros((8, 30, 40), np.uint8))
    assert "c/0/0/0" in files(path)
    assert not read_slices(path, 0, 8).any()


def test_writing_a_slab_leaves_the_others(tmp_path):
    path = make(tmp_path / "a")
    first, last = noise((8, 30, 40), seed=1), noise((4, 30, 40), seed=2)
    write_slab(path, 0, first)
    stamp = (Path(path) / "c/0/0/0").stat().st_mtime_ns
    write_slab(path, 16, last)  # the last slab is shallower
    assert (Path(path) / "c/0/0/0").stat().st_mtime_ns == stamp
    assert np.array_equal(read_slices(path, 0, 8), first)
    assert np.array_equal(read_slices(path, 16, 20), last)


@pytest.mark.parametrize(
    "start, count",
    [
        (4, 8),  # across two slabs
        (0, 7),  # a part of a slab
        (16, 3),  # a part of the last slab
        (17, 3),  # its end alone
        (0, 16),  # two slabs
        (0, 20),  # all slabs
        (8, 12),  # the last two slabs
        (16, 8),  # beyond the end
        (24, 8),  # outside the stack
        (16, 0),  # nothing
    ],
)
def test_all_but_exactly_one_slab_is_refused(tmp_path, start, count):
    path = make(tmp_path / "a")
    with pytest.raises(ValueError):
        write_slab(path, start, noise((count, 30, 40)))
    assert files(path) == ["zarr.json"]


def test_slices_of_another_size_are_refused(tmp_path):
    path = make(tmp_path / "a")
    with pytest.raises(ValueError):
        write_slab(path, 0, noise((8, 30, 39)))


def test_reading_across_slabs(tmp_path):
    path = make(tmp_path / "a")
    whole = noise((20, 30, 40))
    for start in (0, 8, 16):
        write_slab(path, start, whole[start : start + 8])
    for start, stop in ((0, 1), (7, 9), (3, 20), (19, 20)):
        assert np.array_equal(read_slices(path, start, stop), whole[start:stop])
    assert shape_of(path) == (20, 30, 40)


@pytest.mark.parametrize("start, stop", [(-1, 3), (5, 5), (6, 4), (18, 21), (20, 21)])
def test_slices_that_do_not_exist_are_refused(tmp_path, start, stop):
    path = make(tmp_path / "a")
    with pytest.raises(IndexError, match="has no slices"):
        read_slices(path, start, stop)


def test_a_missing_slab_is_an_error_and_not_zeros(tmp_path):
    path = make(tmp_path / "a")
    write_slab(path, 0, noise((8, 30, 40)))
    read_slices(path, 0, 8)
    with pytest.raises(UserError) as caught:
        read_slices(path, 7, 9)
    assert f"{path}/c/1/0/0" in caught.value.problem
    assert "snakemake" in caught.value.cure


def cut_in_half(data):
    return data[: len(data) // 2]


def cut_last_byte(data):
    return data[:-1]


def empty(data):
    return b""


def three_bytes(data):
    return data[:3]


def overwrite_start(data):
    return b"\xff" * (len(data) // 2) + data[len(data) // 2 :]


def overwrite_index(data):
    return data[:-40] + b"\x00" * 40


def overwrite_all(data):
    return b"\x5a" * len(data)


def flip_a_bit(data):
    """One bit of a voxel: the chunk still decompresses, to a wrong grey value."""
    return data[:500] + bytes([data[500] ^ 1]) + data[501:]


@pytest.mark.parametrize(
    "damage",
    [
        cut_in_half,
        cut_last_byte,
        empty,
        three_bytes,
        overwrite_start,
        overwrite_index,
        overwrite_all,
        flip_a_bit,
    ],
)
def test_a_damaged_slab_is_named_with_its_cure(tmp_path, damage):
    path = make(tmp_path / "a")
    write_slab(path, 8, noise((8, 30, 40)))
    file = Path(path) / "c/1/0/0"
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(UserError) as caught:
        read_slices(path, 8, 16)
    assert str(file) in caught.value.problem
    assert f"Delete {file}" in caught.value.cure


def test_of_several_slabs_the_damaged_one_is_named(tmp_path):
    path = make(tmp_path / "a")
    for start in (0, 8, 16):
        write_slab(path, start, noise((min(8, 20 - start), 30, 40), seed=start))
    file = Path(path) / "c/1/0/0"
    file.write_bytes(flip_a_bit(file.read_bytes()))
    read_slices(path, 0, 8)
    with pytest.raises(UserError, match="c/1/0/0: the slab file is damaged, slices 8 to 15"):
        read_slices(path, 3, 20)


def test_a_missing_array_is_named_and_not_made(tmp_path):
    path = tmp_path / "nothing" / "here"
    with pytest.raises(UserError, match="no array here"):
        read_slices(str(path), 0, 1)
    assert not path.exists()


def test_a_truncated_description_of_an_array_is_named(tmp_path):
    path = make(tmp_path / "a")
    file = Path(path) / "zarr.json"
    file.write_text(file.read_text()[:100])
    with pytest.raises(UserError, match="zarr.json|no array"):
        read_slices(path, 0, 1)


def test_images_are_seen_in_8_bits_through_their_window(tmp_path):
    chunk, shard = chunk_and_shard((4, 5), 3)
    about = {"window": [-100, 155], "scale": 1, "offset": -32768}
    for name, dtype, attributes in (
        ("a", "uint16", {"ultraseg": about}),
        ("b", "uint16", None),
        ("c", "uint8", None),
    ):
        create_array(str(tmp_path / name), (3, 4, 5), chunk, shard, dtype, "zyx", attributes)
    grey = np.arange(-150, 150, 5).reshape(3, 4, 5)
    write_slab(str(tmp_path / "a"), 0, (grey + 32768).astype(np.uint16))
    assert np.array_equal(read_image(str(tmp_path / "a"), 1, 3), np.clip(grey[1:] + 100, 0, 255))
    write_slab(str(tmp_path / "b"), 0, np.zeros((3, 4, 5), np.uint16))
    with pytest.raises(UserError, match="window is missing"):
        read_image(str(tmp_path / "b"), 0, 1)
    write_slab(str(tmp_path / "c"), 0, np.full((3, 4, 5), 9, np.uint8))
    assert (read_image(str(tmp_path / "c"), 0, 3) == 9).all()


@pytest.mark.parametrize("depth", [1, 8, 20])
@pytest.mark.parametrize("zs", [[3], [3, 4, 5], [0, 4, 5, 19], [2, 2, 3, 9, 9]])
def test_listed_slices_come_in_their_order(tmp_path, depth, zs):
    path, whole = make(tmp_path / "a", depth=depth), noise((20, 30, 40))
    for start in range(0, 20, depth):
        write_slab(path, start, whole[start : start + depth])
    assert np.array_equal(read_listed(path, zs), whole[zs])


def test_a_slab_of_too_few_or_too_many_slices_does_not_appear(tmp_path):
    path = make(tmp_path / "a")
    with pytest.raises(ValueError, match="7 slices were written"), slab_writer(path, 0, 8) as add:
        for one in noise((7, 30, 40)):
            add(one)
    with pytest.raises(IndexError), slab_writer(path, 0, 8) as add:
        for one in noise((9, 30, 40)):
            add(one)
    assert files(path) == ["zarr.json"]


def test_an_array_can_be_looked_at_before_all_slabs_are_made(tmp_path):
    path, values = make(tmp_path / "a"), noise((8, 30, 40))
    write_slab(path, 8, values)
    seen = look_at(path)
    assert seen.shape == (20, 30, 40) and np.array_equal(seen[8:16], values)
    assert not seen[:8].any() and not seen[16:].any()
    box = np.s_[6:10, 3:5, :2]
    assert np.array_equal(look_at(path, box), seen[box])
    file = Path(path) / "c/1/0/0"
    file.write_bytes(flip_a_bit(file.read_bytes()))
    with pytest.raises(UserError, match="does not decode"):
        look_at(path, box)


def test_an_array_is_described_by_shape_type_and_slab(tmp_path):
    path = make(tmp_path / "a", (5, 4, 30, 40), 3, "float16")
    assert describe(path) == ((5, 4, 30, 40), "float16", (3, 4, 30, 40))
