"""Stacks read from disk: the same as cut from the whole stack, whatever the slabs."""

from itertools import groupby

import numpy as np
import pytest
from ultraseg.arrays.scale import downsample_image
from ultraseg.grid.gaps import gaps_between
from ultraseg.grid.good_slices import GoodSlices
from ultraseg.grid.pyramid_levels import chunk_and_shard
from ultraseg.storage import slice_stacks
from ultraseg.storage.arrays import read_image_slice, write_slab
from ultraseg.storage.create import create_array
from ultraseg.storage.label_slices import write_slices
from ultraseg.storage.slice_stacks import image_slices, image_stack, propagated_slices

N, PLANE = 13, (21, 30)


@pytest.fixture(scope="module")
def whole():
    return np.random.default_rng(2).integers(0, 256, (N, *PLANE), np.uint8)


@pytest.fixture(scope="module")
def stores(tmp_path_factory, whole):
    """The same image in slabs of several depths."""
    folder, paths = tmp_path_factory.mktemp("stores"), {}
    for depth in (1, 4, 7, 16):
        chunk, shard = chunk_and_shard(PLANE, depth)
        paths[depth] = str(folder / str(depth))
        create_array(paths[depth], whole.shape, chunk, shard, "uint8", "zyx")
        for start in range(0, N, depth):
            write_slab(paths[depth], start, whole[start : start + depth])
    return paths


BAD = ((), (0, 3, 4, 7), (4, 5, 6, 12), tuple(range(1, N)))


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("depth", [1, 4, 7, 16])
@pytest.mark.parametrize("z_context", [0, 1, 3])
def test_slabs_with_their_context_equal_the_whole_stack(stores, whole, depth, z_context, bad):
    """What a network sees for the slice that each z shows, against a window cut from the good slices alone."""
    stack = GoodSlices(N, bad)
    small = np.stack([downsample_image(whole[z], 4) for z in stack.good])
    padded = np.pad(small, ((z_context, z_context), (0, 0), (0, 0)), mode="edge")
    for start in range(0, N, depth):
        stop = min(start + depth, N)
        read, shown = stack.window(start, stop, z_context)
        found = image_stack(stores[depth], read, 4)
        for z, i in zip(range(start, stop), shown, strict=True):
            # The network sees slices i to i + 2 z_context for its prediction i.
            place = stack.good.index(stack.stand_in(z))
            assert np.array_equal(found[i : i + 2 * z_context + 1], padded[place : place + 2 * z_context + 1])


@pytest.mark.parametrize("zs", [[3], [3, 4, 5], [0, 0, 4, 5, 5, 12], [7, 2, 2, 7]])
def test_slices_one_by_one_are_those_of_the_stack_and_a_repeated_one_is_read_once(
    stores, whole, zs, monkeypatch
):
    read = []

    def read_and_note(path, z, *box):
        read.append(z)
        return read_image_slice(path, z, *box)

    monkeypatch.setattr(slice_stacks, "read_image_slice", read_and_note)
    found = list(image_slices(stores[4], zs, 2))
    assert read == [z for z, _ in groupby(zs)]
    assert np.array_equal(np.stack(found), image_stack(stores[4], zs, 2))
    assert len(read) == len(list(groupby(zs))) + len(set(zs))


@pytest.mark.parametrize("downsample", [1, 2, 4])
def test_a_part_of_the_slices_is_that_part_of_the_whole_slices(stores, downsample):
    zs = [5, 3, 3]
    found = image_stack(stores[4], zs, downsample)
    for y, x in ((slice(0, 2), slice(1, 4)), (slice(1, found.shape[1]), slice(2, found.shape[2]))):
        part = image_stack(stores[4], zs, downsample, (y, x))
        assert part.shape[1:] == (y.stop - y.start, x.stop - x.start)
        assert np.array_equal(part, found[:, y, x])


def test_slices_at_a_scale_are_area_means(stores, whole):
    found = image_stack(stores[4], range(3, 9), 2)
    assert found.shape == (6, 11, 15) and found.dtype == np.uint8
    means = whole[3:9, :20].reshape(6, 10, 2, 15, 2).mean((2, 4))
    assert np.abs(found[:, :10] - means).max() <= 0.5
    assert np.array_equal(image_stack(stores[4], range(3, 9), 1), whole[3:9])


@pytest.fixture
def propagated(tmp_path):
    """Gaps between labels on slices 3 and 8; each file holds 100 * (number of its gap) + z."""
    gaps = gaps_between([3, 8], N)
    for number, gap in enumerate(gaps, 1):
        arrays = {
            z: {
                "labels": np.full(PLANE, 100 * number + z, np.uint32),
                "confidence": np.full(PLANE, z, np.uint8),
            }
            for z in range(gap.first, gap.last + 1)
        }
        write_slices(str(tmp_path / f"{gap.name}.h5"), PLANE, arrays.items())
    return str(tmp_path), list(gaps)


@pytest.mark.parametrize("depth", [1, 4, 7, 16])
def test_propagated_slices_come_from_their_gap_whatever_the_slab(propagated, depth):
    folder, gaps = propagated
    found = []
    for start in range(0, N, depth):
        found += propagated_slices(folder, gaps, range(start, min(start + depth, N)), PLANE)
    numbers = [np.unique(slice_.labels).tolist() for slice_ in found]
    # A labelled slice ends one gap and begins the next; both hold the user's labels.
    assert numbers == [[100 * (1 + (z > 3) + (z > 8)) + z] for z in range(N)]
    assert [np.unique(slice_.confidence).tolist() for slice_ in found] == [[z] for z in range(N)]
    assert [z for z, slice_ in enumerate(found) if slice_.given] == [3, 8]
    assert all(slice_.new is None for slice_ in found)


def test_without_labels_nothing_is_carried(tmp_path):
    for labels, confidence, given, new, _ in propagated_slices(str(tmp_path), [], range(2, 5), PLANE):
        assert labels.shape == confidence.shape == PLANE
        assert (
            labels.dtype == np.uint32
            and not labels.any()
            and not confidence.any()
            and not given
            and new is None
        )


def test_a_slice_that_is_labelled_in_part_says_where(propagated, tmp_path):
    folder, gaps = propagated
    known = np.zeros(PLANE, np.uint8)
    known[:3] = 1
    arrays = {"labels": np.ones(PLANE, np.uint32), "confidence": np.zeros(PLANE, np.uint8), "known": known}
    write_slices(str(tmp_path / "00003-00008.h5"), PLANE, [(8, arrays), (5, arrays)])
    labelled, between = propagated_slices(folder, gaps[1:2], [8, 5], PLANE)
    assert np.array_equal(labelled.given, known > 0) and between.given is False


def test_cells_without_an_id_come_with_their_numbers(propagated, tmp_path):
    folder, gaps = propagated
    arrays = {name: np.ones(PLANE, np.uint32) for name in ("labels", "confidence")}
    new = np.arange(np.prod(PLANE), dtype=np.uint32).reshape(PLANE)
    write_slices(str(tmp_path / "00003-00008.h5"), PLANE, [(5, arrays | {"new": new})])
    (found,) = propagated_slices(folder, gaps[1:2], [5], PLANE)
    np.testing.assert_array_equal(found.new, new)


def test_a_missing_gap_is_an_error_and_not_zeros(propagated, tmp_path):
    folder, gaps = propagated
    (tmp_path / "00003-00008.h5").unlink()
    with pytest.raises(OSError):
        list(propagated_slices(folder, gaps, [4], PLANE))
