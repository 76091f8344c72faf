"""Names of chunk files, from the metadata alone."""

from ultraseg.formats.ome_zarr_layout import ZarrArray, is_zarr


def array(**changes):
    given = {
        "path": "a", "shape": (1, 10, 20, 30), "dtype": "uint8", "chunk": (1, 4, 16, 16), "block": (1, 4, 16, 16),
        "prefix": "c/", "separator": "/",
    }  # fmt: skip
    return ZarrArray(**(given | changes))


def test_chunks_of_some_slices_and_of_a_part_of_them():
    assert list(array().chunk_names([0, 3])) == ["c/0/0/0/0", "c/0/0/0/1", "c/0/0/1/0", "c/0/0/1/1"]
    assert list(array().chunk_names([3, 4], [(0, 16), (16, 30)])) == ["c/0/0/0/1", "c/0/1/0/1"]
    assert list(array(prefix="", separator=".").chunk_names([9], [(17, 20), (0, 5)])) == ["0.2.1.0"]


def test_a_zarr_is_told_by_its_suffix_or_its_metadata(tmp_path):
    (tmp_path / "a.zarr").mkdir()
    (tmp_path / "b").mkdir()
    assert is_zarr(str(tmp_path / "a.zarr")) and not is_zarr(str(tmp_path / "b"))
    (tmp_path / "b/.zattrs").write_text("{}")
    assert is_zarr(str(tmp_path / "b")) and not is_zarr(str(tmp_path / "b/.zattrs"))
