"""Boxes of public volumes as TIFF slices and sparse labels."""

import h5py
import numpy as np
import pytest
import tifffile
import zarr
from ultraseg.base.errors import UserError
from ultraseg.cli.main import call
from ultraseg.cli.parser import parser
from ultraseg.exchange.cut_public import slices_of_box

SHAPE = (12, 20, 24)


def main(words: list[str]) -> None:
    call(parser().parse_args(["cut", *words]))


@pytest.fixture(scope="module")
def volume():
    """Grey values that tell their voxel, and ids of which some need more than 32 bits."""
    image = np.random.default_rng(1).integers(0, 255, SHAPE, np.uint8)
    ids = np.zeros(SHAPE, np.uint64)
    ids[:, 5:, 5:] = 7
    ids[4:, 12:, 12:] = 2**40 + 3
    return image, ids


@pytest.fixture(scope="module")
def files(tmp_path_factory, volume):
    folder = tmp_path_factory.mktemp("public")
    with h5py.File(folder / "raw.h5", "w") as raw, h5py.File(folder / "ids.h5", "w") as ids:
        raw["raw"], ids["stack"] = volume
    array = zarr.create_array(folder / "em.zarr/s1", shape=SHAPE, chunks=(5, 8, 8), dtype="u1", zarr_format=2)
    array[:] = volume[0]
    return folder


def written(folder):
    return np.stack([tifffile.imread(file) for file in sorted(folder.glob("*.tif"))])


def test_a_box_of_hdf5_with_labels_and_truth(tmp_path, files, volume, capsys):
    main(
        [
            f"{files}/raw.h5:raw",
            "--to",
            str(tmp_path),
            "--labels",
            f"cells={files}/ids.h5:stack",
            "--every",
            "4",
        ]
        + ["--truth", "--z", "2", "12", "--y", "3", "19", "--x", "0", "24"]
    )
    image, ids = (array[2:12, 3:19] for array in volume)
    assert (written(tmp_path / "image") == image).all()
    assert sorted(file.name for file in (tmp_path / "cells").iterdir()) == [
        f"z{z:04d}.tif" for z in (0, 4, 8, 9)
    ]
    truth = tifffile.imread(tmp_path / "truth/cells.tif")
    assert truth.dtype == np.uint32 and (written(tmp_path / "cells") == truth[[0, 4, 8, 9]]).all()
    for number in (0, 7, 2**40 + 3):  # each id has one number, the same in all slices
        assert len(np.unique(truth[ids == number])) == 1
    assert (truth[ids == 0] == 0).all() and len(np.unique(truth)) == 3
    assert "10 slices of 16 x 24 pixels" in capsys.readouterr().out


@pytest.mark.parametrize("address", ["{}/em.zarr/s1", "file://{}/em.zarr/s1"])
def test_all_of_a_zarr_array_by_folder_and_by_address(tmp_path, files, volume, address):
    main([address.format(files), "--to", str(tmp_path)])
    assert (written(tmp_path / "image") == volume[0]).all()


def test_no_chunk_is_read_twice(volume):
    class Counted:
        chunks, shape = (5, 8, 8), SHAPE
        read = []

        def __getitem__(self, part):
            self.read.append((part[0].start, part[0].stop))
            return volume[0][part]

    slices = list(slices_of_box(Counted(), [(3, 12), (0, 20), (0, 24)]))
    assert Counted.read == [(3, 5), (5, 10), (10, 12)] and (np.stack(slices) == volume[0][3:12]).all()


def test_what_cannot_be_cut_is_named(tmp_path, files):
    for source, box, words in (
        (f"{files}/raw.h5:grey", [], "cannot be opened"),
        (f"{files}/gone.zarr", [], "cannot be opened"),
        (f"{files}/raw.h5:raw", ["--z", "5", "13"], "z 5 to 13 is no part of 0 to 12"),
    ):
        with pytest.raises(UserError, match=words):
            main([source, "--to", str(tmp_path), *box])


@pytest.mark.parametrize(
    "word", ["../../x={}", "/tmp/x={}", "image={}", "truth={}", "a b={}", "cells", "={}", "cells="]
)
def test_labels_are_named_as_structures_are(tmp_path, files, word):
    with pytest.raises(UserError, match="--labels .* is not NAME=SOURCE"):
        main(
            [
                f"{files}/raw.h5:raw",
                "--to",
                str(tmp_path / "to"),
                "--labels",
                word.format(f"{files}/ids.h5:stack"),
            ]
        )
    assert not (tmp_path / "to").exists()


def test_chunks_that_are_missing_are_told(tmp_path, caplog):
    array = zarr.create_array(tmp_path / "em", shape=(8, 16, 16), chunks=(4, 8, 8), dtype="u1", zarr_format=2)
    array[:] = 1
    main([str(tmp_path / "em"), "--to", str(tmp_path / "to")])
    assert not caplog.records
    (tmp_path / "em/0.0.1").unlink()
    main([str(tmp_path / "em"), "--to", str(tmp_path / "to"), "--labels", f"cells={tmp_path}/em"])
    assert [r.getMessage().partition(": ")[2][:37] for r in caplog.records] == [
        "1 of 8 chunk files do not exist, and "
    ] * 2


def test_an_array_without_one_chunk_is_refused(tmp_path, caplog):
    zarr.create_array(tmp_path / "em", shape=(8, 16, 16), chunks=(4, 8, 8), dtype="u1")
    zarr.create_array(tmp_path / "deep", shape=(10**9, 16, 16), chunks=(4, 8, 8), dtype="u1")
    (tmp_path / "to/image").mkdir(parents=True)
    (tmp_path / "to/image/z0009.tif").write_bytes(b"of an earlier cut")
    with pytest.raises(UserError, match="em: not one of its 4 chunk files in this part exists"):
        main([str(tmp_path / "em"), "--to", str(tmp_path / "to"), "--z", "4", "8"])
    assert [file.name for file in (tmp_path / "to/image").iterdir()] == ["z0009.tif"]
    with pytest.raises(UserError, match="its header tells of 1000000000 slices"):
        main([str(tmp_path / "deep"), "--to", str(tmp_path / "to")])


def test_truth_of_an_array_without_one_chunk_is_not_written(tmp_path, files):
    zarr.create_array(tmp_path / "em", shape=(8, 16, 16), chunks=(4, 8, 8), dtype="u1")
    words = [
        f"{files}/raw.h5:raw",
        "--to",
        str(tmp_path / "to"),
        "--labels",
        f"cells={tmp_path}/em",
        "--truth",
    ]
    with pytest.raises(UserError, match="not one of its 8 chunk files"):
        main([*words, "--z", "0", "8", "--y", "0", "16", "--x", "0", "16"])
    assert not list((tmp_path / "to").rglob("cells*")) or not list((tmp_path / "to/cells").iterdir())
    assert not (tmp_path / "to/truth/cells.tif").exists()
