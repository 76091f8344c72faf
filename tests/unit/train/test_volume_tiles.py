"""Tiles cut from a volume on disk: images match labels, and test slices are never opened."""

import numpy as np
import pytest
from ultraseg.arrays.normalise import normalise_slice
from ultraseg.arrays.scale import downsample_ids, downsample_image
from ultraseg.grid.good_slices import GoodSlices
from ultraseg.grid.pyramid_levels import chunk_and_shard
from ultraseg.storage.arrays import write_slab
from ultraseg.storage.create import create_array
from ultraseg.storage.label_slices import write_slices
from ultraseg.train.tiles import cell_targets
from ultraseg.train.volume_tiles import plane_tiles, volume_tiles

N, PLANE = 8, (48, 64)
KINDS = {"cells": "cells", "nuclei": "organelle"}
SETTINGS = dict(downsample=2, boundary_width=1, tile=16, tiles_per_slice=16, seed=0)


def image():
    return np.random.default_rng(3).integers(20, 230, (N, *PLANE), np.uint8)


def cells(z):
    labels = np.zeros(PLANE, np.uint32)
    labels[4:24, 2 + z : 30] = 7
    labels[4:40, 30:58] = 900 + z
    return labels


def nuclei(z):
    mask = np.zeros(PLANE, np.uint8)
    mask[10:20, 36:50] = 1
    return mask


@pytest.fixture
def folder(tmp_path):
    """A volume whose slabs are single slices, labelled on slices 0, 3, 5 and 7; nuclei not on slice 5."""
    whole = image()
    chunk, shard = chunk_and_shard(PLANE, 1)
    path = str(tmp_path / "image.zarr" / "0")
    create_array(path, whole.shape, chunk, shard, "uint8", "zyx")
    for z in range(N):
        write_slab(path, z, whole[z : z + 1])
    (tmp_path / "work" / "labels").mkdir(parents=True)
    for name, make, zs in (("cells", cells, (0, 3, 5, 7)), ("nuclei", nuclei, (0, 3, 7))):
        file = str(tmp_path / "work" / "labels" / f"{name}.h5")
        write_slices(file, PLANE, [(z, {"labels": make(z)}) for z in zs])
    return tmp_path


SPLIT = {0: "train", 3: "test", 5: "validation", 7: "train"}
LABELLED = {"cells": [0, 3, 5, 7], "nuclei": [0, 3, 7]}


CONTEXTS = {z: GoodSlices(N).context(z, 1) for z in SPLIT}


def all_tiles(folder, split=SPLIT, contexts=CONTEXTS, **changes):
    settings = SETTINGS | changes
    groups = volume_tiles(
        str(folder), "v", split=split, labelled=LABELLED, kinds=KINDS, contexts=contexts, **settings
    )
    return list(groups)


def test_every_slice_but_the_test_slices_gives_tiles(folder):
    found = [(use, volume, set(tiles.z.tolist())) for use, volume, tiles in all_tiles(folder)]
    assert found == [("train", "v", {0}), ("validation", "v", {5}), ("train", "v", {7})]


def test_slices_without_labels_give_tiles_without_labels(folder):
    contexts = CONTEXTS | {1: [0, 1, 2]}
    groups = {use: tiles for use, _, tiles in all_tiles(folder, SPLIT | {1: "unlabelled"}, contexts)}
    free = groups["unlabelled"]
    assert set(free.z.tolist()) == {1} and not free.target.any()
    assert free.weight.all()  # the slice is there; labels are not
    seen = normalise_slice(downsample_image(image()[1], 2))
    assert np.array_equal(free.image[0, ..., 1], seen[:16, :16])


def test_the_images_around_a_test_slice_and_its_labels_are_not_opened(folder):
    with_test = all_tiles(folder, contexts={z: [z] for z in SPLIT})
    (folder / "image.zarr/0/c/3/0/0").unlink()
    for name, make in (("cells", cells), ("nuclei", nuclei)):
        zs = [z for z in LABELLED[name] if z != 3]
        write_slices(str(folder / f"work/labels/{name}.h5"), PLANE, [(z, {"labels": make(z)}) for z in zs])
    without = all_tiles(folder, contexts={z: [z] for z in SPLIT})
    for (_, _, a), (_, _, b) in zip(with_test, without, strict=True):
        assert np.array_equal(a.image, b.image) and np.array_equal(a.target, b.target)


def test_tiles_hold_image_and_targets_of_the_same_place(folder):
    whole = image()
    for _, _, tiles in all_tiles(folder):
        z = int(tiles.z[0])
        stack = [
            normalise_slice(downsample_image(whole[i], 2)) for i in (max(z - 1, 0), z, min(z + 1, N - 1))
        ]
        interior, boundary = cell_targets(downsample_ids(cells(z), 2), 1)
        nucleus = downsample_image(nuclei(z) * 255, 2)
        assert len(tiles) > 1
        for i, (y, x, h, w) in enumerate(zip(tiles.y, tiles.x, tiles.height, tiles.width, strict=True)):
            place = np.s_[y : y + h, x : x + w]
            for channel in range(3):
                assert np.array_equal(tiles.image[i, :h, :w, channel], stack[channel][place])
            assert np.array_equal(tiles.target[i, :h, :w, 0] == 255, interior[place])
            assert np.array_equal(tiles.target[i, :h, :w, 1] == 255, boundary[place])
            if z != 5:
                assert np.array_equal(tiles.target[i, :h, :w, 2], nucleus[place])


def test_what_is_not_labelled_on_a_slice_has_no_weight(folder):
    for _, _, tiles in all_tiles(folder):
        for i, (h, w) in enumerate(zip(tiles.height, tiles.width, strict=True)):
            weight = tiles.weight[i, :h, :w]
            assert (weight[..., :2] == 255).all()
            assert (weight[..., 2] == (0 if tiles.z[i] == 5 else 255)).all()


def test_channels_are_in_the_order_of_the_structures(folder):
    kinds = {"nuclei": "organelle", "cells": "cells"}
    groups = volume_tiles(
        str(folder), "v", split={0: "train"}, labelled=LABELLED, kinds=kinds, contexts=CONTEXTS, **SETTINGS
    )
    (_, _, turned), (_, _, tiles) = next(groups), all_tiles(folder, {0: "train"})[0]
    assert np.array_equal(turned.target[..., [1, 2, 0]], tiles.target)


def test_only_the_slices_asked_for_are_read_when_asked(folder):
    groups = volume_tiles(
        str(folder), "v", split=SPLIT, labelled=LABELLED, kinds=KINDS, contexts=CONTEXTS, **SETTINGS
    )
    next(groups)
    (folder / "image.zarr/0/c/7/0/0").unlink()
    next(groups)
    with pytest.raises(Exception, match="c/7/0/0"):
        next(groups)


# ---------------------------------------------------------------- slices that are labelled in part
def known(z):
    """The left part of slice 0 and the upper part of slice 5; slice 7 whole."""
    part = np.ones(PLANE, np.uint8)
    if z == 0:
        part[:, 32:] = 0
    if z == 5:
        part[20:] = 0
    return part


@pytest.fixture
def partial(folder):
    for name, make in (("cells", cells), ("nuclei", nuclei)):
        slices = [(z, {"labels": make(z) * (known(z) > 0), "known": known(z)}) for z in LABELLED[name]]
        write_slices(str(folder / f"work/labels/{name}.h5"), PLANE, slices)
    return folder


def test_unlabelled_parts_have_no_weight_and_make_no_boundary(partial):
    whole_boundary = {z: cell_targets(downsample_ids(cells(z), 2), 1)[1] for z in (0, 5, 7)}
    for _, _, tiles in all_tiles(partial):
        z = int(tiles.z[0])
        small = downsample_image(known(z) * 255, 2) == 255
        for i, (y, x, h, w) in enumerate(zip(tiles.y, tiles.x, tiles.height, tiles.width, strict=True)):
            place = np.s_[y : y + h, x : x + w]
            weight, boundary = tiles.weight[i, :h, :w, 1], tiles.target[i, :h, :w, 1]
            assert not weight[~small[place]].any()
            # Where there is weight, the target is that of the whole slice: the edge of the known part adds nothing.
            assert np.array_equal(boundary[weight > 0] == 255, whole_boundary[z][place][weight > 0])
            assert weight.any()


def test_weights_reach_up_to_the_edge_of_the_labelled_part(partial):
    tiles = all_tiles(partial, {0: "train"}, tile=64)[0][2]
    # Columns 0 to 15 are known at this scale; the last is too near to the unknown part, but where it is boundary.
    assert tiles.weight[0, 12, :15, 0].all() and not tiles.weight[0, :24, 16:, 0].any()
    assert tiles.weight[0, :24, :15, 2].all() and not tiles.weight[0, :24, 15:, 2].any()


def test_places_without_a_label_give_no_tile(partial):
    tiles = all_tiles(partial, {0: "train"})[0][2]
    whole = all_tiles(partial, {7: "train"})[0][2]
    assert tiles.weight.any(axis=(1, 2, 3)).all() and tiles.x.max() < 16 < whole.x.max() + 1


def test_a_slice_with_too_small_a_part_is_passed_over(partial, caplog):
    speck = np.zeros(PLANE, np.uint8)
    speck[10:13, 10:13] = 1
    for name in ("cells", "nuclei"):
        arrays = {"labels": speck.astype(np.uint32 if name == "cells" else np.uint8), "known": speck}
        write_slices(str(partial / f"work/labels/{name}.h5"), PLANE, [(0, arrays)])
    assert all_tiles(partial, {0: "train"}) == []
    assert "slice 0 is too small" in caplog.text


def test_the_context_steps_over_bad_slices(folder):
    """Slice 0 is seen with slice 2, because slice 1 is bad; the bad slice itself is not opened."""
    (folder / "image.zarr/0/c/1/0/0").unlink()
    context = GoodSlices(N, (1,)).context(0, 1)
    _, _, tiles = all_tiles(folder, {0: "train"}, {0: context})[0]
    whole, (y, x, h, w) = image(), (tiles.y[0], tiles.x[0], tiles.height[0], tiles.width[0])
    expected = normalise_slice(downsample_image(whole[2], 2))[y : y + h, x : x + w]
    assert context == [0, 0, 2] and np.array_equal(tiles.image[0, :h, :w, 2], expected)


def test_cuts_follow_the_channels_of_the_cells_and_the_ids_come_with_them(folder):
    for use, _, tiles in all_tiles(folder, tile=32, cuts=(1, 3)):
        assert tiles.target.shape[-1] == tiles.weight.shape[-1] == 2 + 4 + 1 and use != "test"
        z = int(tiles.z[0])
        ids = downsample_ids(cells(z), 2)
        whole = np.pad(ids, [(0, max(0, 32 - n)) for n in ids.shape], constant_values=0)
        for i, (y, x) in enumerate(zip(tiles.y, tiles.x, strict=True)):
            part = whole[y : y + 32, x : x + 32]
            inside = np.s_[: tiles.height[i], : tiles.width[i]]
            numbers = tiles.ids[i][inside]
            assert numbers.all() and not tiles.ids[i][tiles.height[i] :].any()
            assert (
                (numbers[:, 1:] != numbers[:, :-1]) == (part[inside][:, 1:] != part[inside][:, :-1])
            ).all()
            right = tiles.target[i, : tiles.height[i], : tiles.width[i] - 1, 4] > 0
            assert np.array_equal(right, numbers[:, 1:] != numbers[:, :-1])


def test_without_cuts_tiles_hold_no_ids(folder):
    for _, _, tiles in all_tiles(folder):
        assert tiles.target.shape[-1] == 3 and tiles.ids.shape == (len(tiles), 0, 0)


# ---- planes across the slices
VOLUME = np.zeros((N, *PLANE), np.uint32)
VOLUME[:, 4:24, 4:30], VOLUME[2:7, 4:40, 30:58] = 7, 900


def plane_folder(folder):
    """Two xz planes and one yz plane of cells, and one xz plane of nuclei."""
    work = folder / "work" / "labels"
    xz = [(y, {"labels": VOLUME[:, y]}) for y in (10, 21)]
    write_slices(str(work / "cells.xz.h5"), (N, PLANE[1]), xz)
    write_slices(str(work / "cells.yz.h5"), (N, PLANE[0]), [(40, {"labels": VOLUME[:, :, 40]})])
    nucleus = (VOLUME[:, 10] == 900).astype(np.uint8)
    write_slices(str(work / "nuclei.xz.h5"), (N, PLANE[1]), [(10, {"labels": nucleus})])
    return folder


def across(folder, **changes):
    told = {
        "planes": {"cells": ["xz", "yz"], "nuclei": ["xz"]}, "shape": (N, *PLANE), "shown": range(0, N, 2),
        "hidden": [], "step": 2, "kinds": KINDS, "z_context": 1, **SETTINGS,
    }  # fmt: skip
    return list(plane_tiles(str(folder), "v", **(told | changes)))


def test_every_plane_trains_under_a_number_of_its_own(folder):
    found = [(use, volume, set(tiles.z.tolist())) for use, volume, tiles in across(plane_folder(folder))]
    assert found == [
        ("train", "v", {N + 10}), ("train", "v", {N + 21}), ("train", "v", {N + PLANE[0] + 40}),
    ]  # fmt: skip


def test_tiles_of_planes_hold_image_and_targets_as_the_network_sees_planes(folder):
    seen = np.stack([normalise_slice(downsample_image(one, 2)) for one in image()[::2]])  # (4, 24, 32)
    for (_, _, tiles), (plane, at) in zip(
        across(plane_folder(folder)), [("xz", 10), ("xz", 21), ("yz", 40)], strict=True
    ):
        labels = VOLUME[:, at] if plane == "xz" else VOLUME[:, :, at]
        interior, boundary = cell_targets(downsample_ids(np.ascontiguousarray(labels), 2), 1)
        for i, (y, x, h, w) in enumerate(zip(tiles.y, tiles.x, tiles.height, tiles.width, strict=True)):
            place = np.s_[y : y + h, x : x + w]
            for channel, near in enumerate((at // 2 - 1, at // 2, at // 2 + 1)):
                shown = seen[:, near] if plane == "xz" else seen[:, :, near]
                assert np.array_equal(tiles.image[i, :h, :w, channel], shown[place])
            assert np.array_equal(tiles.target[i, :h, :w, 0] == 255, interior[place])
            assert np.array_equal(tiles.target[i, :h, :w, 1] == 255, boundary[place])
            assert (tiles.weight[i, :h, :w, :2] == 255).all()
            # Nuclei are labelled on one plane alone.
            assert (tiles.weight[i, :h, :w, 2] == (255 if (plane, at) == ("xz", 10) else 0)).all()


def test_the_edge_plane_repeats_in_the_context(folder):
    write_slices(str(folder / "work/labels/cells.xz.h5"), (N, PLANE[1]), [(0, {"labels": VOLUME[:, 10]})])
    (_, _, tiles), *_ = across(folder, planes={"cells": ["xz"]})
    assert np.array_equal(tiles.image[..., 0], tiles.image[..., 1])
    assert not np.array_equal(tiles.image[..., 1], tiles.image[..., 2])


def test_nothing_is_taught_on_hidden_slices_of_planes(folder):
    settings = SETTINGS | {"downsample": 1}
    for _, _, tiles in across(plane_folder(folder), shown=range(N), step=1, hidden=[3], **settings):
        for i, (y, h, w) in enumerate(zip(tiles.y, tiles.height, tiles.width, strict=True)):
            rows = np.arange(y, y + h)
            weight = tiles.weight[i, :h, :w, :2]
            assert not weight[rows == 3].any()
            assert weight[np.abs(rows - 3) > 1].all()
    (_, _, tiles), *_ = across(folder, hidden=[3])
    assert not tiles.weight[:, 1].any() and tiles.weight[:, 3].any()  # rows 2 and 3 are one step


def test_a_bad_slice_shows_its_stand_in_in_planes(folder):
    (_, _, tiles), *_ = across(plane_folder(folder), shown=[0, 2, 2, 6])
    assert np.array_equal(tiles.image[:, 1], tiles.image[:, 2])


def test_planes_that_memory_does_not_hold_together_are_read_one_after_another(folder, monkeypatch):
    whole = across(plane_folder(folder))
    monkeypatch.setattr("ultraseg.train.volume_tiles.PLANE_BYTES", 1)
    for (_, _, a), (_, _, b) in zip(whole, across(folder), strict=True):
        assert np.array_equal(a.image, b.image) and np.array_equal(a.target, b.target)


def test_planes_teach_cuts_as_well(folder):
    (_, _, tiles), *_ = across(plane_folder(folder), cuts=(1, 3))
    ids = downsample_ids(np.ascontiguousarray(VOLUME[:, 10]), 2)
    h, w = tiles.height[0], tiles.width[0]
    y, x = tiles.y[0], tiles.x[0]
    part = ids[y : y + h, x : x + w]
    same = part[:, :-1] == part[:, 1:]
    assert np.array_equal(tiles.ids[0, :h, : w - 1] == tiles.ids[0, :h, 1:w], same)
    assert tiles.target.shape[-1] == 2 + 4 + 1
