"""TIFF stacks: the smallest exact type, the scale and the names that ImageJ reads."""

import numpy as np
import pytest
import tifffile
from ultraseg.exchange.tiff_write import imagej_stack, label_slices, label_type, streamed_stack

NM = (20.0, 10.0, 5.0)


@pytest.mark.parametrize(
    "highest, dtype",
    [(0, "uint8"), (255, "uint8"), (256, "uint16"), (65535, "uint16"), (65536, "float32"), (2**24, "float32"),
     (2**24 + 1, "uint32")],
)  # fmt: skip
def test_the_type_is_the_smallest_that_holds_the_ids_exactly(highest, dtype):
    assert label_type(highest) == dtype and int(np.dtype(dtype).type(highest)) == highest


@pytest.mark.parametrize("highest", [9, 70000, 2**24 + 1])
def test_a_stack_holds_the_same_ids(tmp_path, highest):
    stack = np.array([[[0, 1], [2, highest]]] * 3, np.uint32)
    imagej_stack(tmp_path / "a.tif", stack, NM, ["x", "y", "z"])
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        assert (tif.asarray() == stack).all() and tif.is_imagej == (highest <= 2**24)
        if tif.is_imagej:
            about = tif.imagej_metadata
            assert (about["Labels"], about["spacing"], about["unit"]) == (["x", "y", "z"], 0.02, "um")


def test_a_streamed_stack_is_that_of_its_planes(tmp_path):
    planes = np.random.default_rng(0).integers(0, 60000, (4, 6, 7))
    streamed_stack(tmp_path / "a.tif", iter(planes), planes.shape, "uint16", NM)
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        assert tif.is_imagej and (tif.asarray() == planes).all()
        assert tif.pages[0].tags["XResolution"].value == (200, 1)


def test_slices_are_files_with_their_numbers(tmp_path):
    planes = [(7, np.ones((4, 5))), (12, np.full((4, 5), 300))]
    assert label_slices(tmp_path / "a", iter(planes), "uint16", NM) == 2
    assert sorted(file.name for file in (tmp_path / "a").iterdir()) == ["z00007.tif", "z00012.tif"]
    assert (tifffile.imread(tmp_path / "a/z00012.tif") == 300).all()


def test_a_stack_that_fails_leaves_no_file(tmp_path):
    def planes():
        yield np.zeros((4, 4))
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        streamed_stack(tmp_path / "a.tif", planes(), (2, 4, 4), "uint8", NM)
    assert not list(tmp_path.iterdir())
