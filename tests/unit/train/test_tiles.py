import numpy as np
import pytest
from ultraseg.arrays.normalise import normalise_slice
from ultraseg.base.errors import UserError
from ultraseg.plan.splits import split_slices
from ultraseg.train.tiles import cell_targets, cut_tiles, read_tiles, tile_size, write_tiles


@pytest.mark.parametrize("n, counts", [(1, (1, 0, 0)), (2, (1, 1, 0)), (3, (2, 1, 0)), (4, (2, 1, 1)), (5, (3, 1, 1)),
                                       (6, (4, 1, 1)), (13, (9, 2, 2)), (25, (17, 4, 4))])  # fmt: skip
def test_split_counts(n, counts):
    kinds = list(split_slices(range(0, 10 * n, 10)).values())
    assert tuple(kinds.count(k) for k in ("train", "validation", "test")) == counts


def test_split_is_spread_and_keeps_the_ends_for_training():
    split = split_slices(range(25))
    assert split == split_slices(reversed(range(25)))
    assert split[0] == split[24] == "train"
    for kind in ("validation", "test"):
        z = [i for i in split if split[i] == kind]
        assert min(z) < 9 and max(z) > 15  # not one end of the stack
    held = sorted(i for i in split if split[i] != "train")
    assert min(np.diff(held)) > 1


def test_split_lists_override():
    split = split_slices([3, 5, 7, 9], validation=[3], test=[9])
    assert split == {3: "validation", 5: "train", 7: "train", 9: "test"}
    split = split_slices(range(10), validation=0.2, test=[0])
    assert split[0] == "test" and list(split.values()).count("validation") == 2
    assert "test" not in split_slices(range(10), test=0.0).values()


@pytest.mark.parametrize(
    ("kwargs", "match"),
    [
        ({"validation": [4]}, "slice 4 has no label"),
        ({"test": [1], "validation": [1]}, "slice 1"),
        ({"test": [1, 2, 3], "validation": 0.0}, "no slice is left"),
    ],
)
def test_split_errors(kwargs, match):
    with pytest.raises(UserError, match=match):
        split_slices([1, 2, 3], **kwargs)


def test_cell_targets_touching_cells_and_background():
    ids = np.zeros((20, 20), np.uint32)
    ids[:, 4:10], ids[:, 10:] = 5, 90_000
    interior, boundary = cell_targets(ids, width=1)
    assert np.flatnonzero(boundary[7]).tolist() == [3, 4, 9, 10]
    assert np.flatnonzero(~interior[7]).tolist() == [0, 1, 2, 3, 4, 9, 10]
    assert cell_targets(ids, width=2)[1][7].sum() == 8
    assert not (interior & boundary).any()
    assert not cell_targets(np.ones((8, 8), np.uint32))[1].any()


def _slice(shape, z_context=1):
    """A slice whose grey value, target and position are tied to each other."""
    rng = np.random.default_rng(2)
    base = rng.integers(60, 200, shape, dtype=np.uint8)
    image = np.stack([base, base[::-1], base])[: 2 * z_context + 1]
    middle = normalise_slice(image[z_context])
    target = np.stack([middle, 255 - middle])
    return image, target, middle


@pytest.mark.parametrize("shape, tile", [((100, 150), 64), ((64, 64), 64), ((40, 90), 64)])
def test_image_and_label_of_a_tile_are_one_cut_and_cover_the_slice(shape, tile):
    image, target, middle = _slice(shape)
    tiles = cut_tiles(image, target, np.array([1, 0]), z=9, tile=tile)
    assert tiles.image.shape[1:] == (tile, tile, 3) and (tiles.z == 9).all()
    seen = np.zeros(shape, bool)
    for i in range(len(tiles)):
        h, w, y, x = tiles.height[i], tiles.width[i], tiles.y[i], tiles.x[i]
        assert np.array_equal(tiles.image[i, :h, :w, 1], middle[y : y + h, x : x + w])
        assert np.array_equal(tiles.target[i, :h, :w, 0], tiles.image[i, :h, :w, 1])
        assert tiles.weight[i, :h, :w, 0].min() == 255
        assert not tiles.weight[i, h:].any() and not tiles.weight[i, :, w:].any()
        assert not tiles.weight[i, ..., 1].any()  # not labelled
        seen[y : y + h, x : x + w] = True
    assert seen.all()


def test_tiles_rich_in_rare_structures_are_preferred_but_not_alone():
    target = np.zeros((2, 320, 320), np.uint8)
    target[0] = 255
    target[1, 10:20, 290:300] = 255
    image = np.full((1, 320, 320), 99, np.uint8)
    tiles = cut_tiles(image, target, np.ones(2), z=0, tile=64, tiles_per_slice=6)
    assert len(tiles) == 6
    rich = tiles.target[..., 1].any((1, 2))
    assert rich.any() and not rich.all()
    # What was left out is stood for, so that shares are those of all places.
    places = len(cut_tiles(image, target, np.ones(2), z=0, tile=64, tiles_per_slice=999))
    assert tiles.stands_for.sum() == pytest.approx(places) and (tiles.stands_for[rich] == 1).all()


def test_tiles_for_validation_are_drawn_evenly():
    target = np.zeros((2, 1200, 1200), np.uint8)
    target[0] = 255
    target[1, 10:20, 1100:1110] = 255
    image = np.full((1, 1200, 1200), 99, np.uint8)
    rich = [
        cut_tiles(image, target, np.ones(2), z=z, tile=64, tiles_per_slice=40, rich=False) for z in range(10)
    ]
    assert {len(tiles) for tiles in rich} == {40}
    assert np.mean([tiles.target[..., 1].any() for tiles in rich]) <= 0.7


def test_sizes_must_agree():
    with pytest.raises(ValueError, match="differ in size"):
        cut_tiles(np.zeros((1, 8, 8), np.uint8), np.zeros((1, 8, 9), np.uint8), np.ones(1), z=3)


def test_tile_size_is_no_larger_than_needed():
    assert tile_size((250, 250), 320) == 256
    assert tile_size((2000, 3000), 320) == 320


def test_tiles_file_round_trip_and_test_slices_refused(tmp_path):
    image, target, _ = _slice((100, 150))
    groups = [
        (k, "v", cut_tiles(image, target, np.ones(2), z=z, tile=64))
        for z, k in ((3, "train"), (5, "validation"))
    ]
    counts = write_tiles(tmp_path / "t.h5", groups, channels=["a", "b"], downsample=2)
    tiles, channels = read_tiles(tmp_path / "t.h5", "validation")
    assert channels == ["a", "b"] and counts["validation"] == len(tiles) and (tiles.z == 5).all()
    assert np.array_equal(tiles.image, groups[1][2].image) and np.array_equal(
        tiles.weight, groups[1][2].weight
    )
    with pytest.raises(ValueError, match="test"):
        write_tiles(tmp_path / "u.h5", [("test", "v", groups[0][2])], channels=["a", "b"])
    with pytest.raises(UserError, match="no tile to train on"):
        write_tiles(tmp_path / "w.h5", groups[1:], channels=["a", "b"])
