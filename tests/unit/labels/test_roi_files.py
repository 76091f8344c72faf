"""ROI files that were packed again, are damaged, or claim absurd sizes."""

import io
import zipfile

import numpy as np
import pytest
from roifile import ROI_TYPE, ImagejRoi
from ultraseg.base.errors import UserError
from ultraseg.labels import roi_files
from ultraseg.labels.imagej_rois import rasterise, roi_slices
from ultraseg.labels.roi_files import read_rois

SHAPE = (40, 60)


def square(at=5, side=10, position=1):
    roi = ImagejRoi.frompoints(
        np.array([(at, at), (at + side, at), (at + side, at + side), (at, at + side)], np.int32)
    )
    roi.position = position
    return roi


def archive(file, entries):
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as out:
        for name, content in entries.items():
            out.writestr(name, content)
    return str(file)


def test_archives_that_a_mac_packed_again(tmp_path):
    roi = square().tobytes()
    entries = {
        "RoiSet/cell 7.roi": roi,
        "__MACOSX/RoiSet/._cell 7.roi": b"Mac OS X",
        "RoiSet/.DS_Store": b"x",
    }
    file = archive(tmp_path / "RoiSet.zip", entries | {"RoiSet/._cell 7.roi": b"Mac OS X"})
    assert [name for name, _ in read_rois(file)] == ["cell 7"]
    assert np.unique(rasterise(file, 1, SHAPE)).tolist() == [0, 7] and roi_slices([file]).zs == [0]


def test_every_cut_and_every_flipped_byte_is_a_message_or_a_roi(tmp_path):
    whole = square().tobytes()
    rng = np.random.default_rng(0)
    variants = [whole[:n] for n in range(0, len(whole), 5)]
    for _ in range(200):
        changed = bytearray(whole)
        changed[rng.integers(4, len(whole))] = rng.integers(256)
        variants.append(bytes(changed))
    read = 0
    for number, content in enumerate(variants):
        file = tmp_path / f"{number}.roi"
        file.write_bytes(content)
        try:
            rasterise(str(file), None, SHAPE, single=True)
            read += 1
        except UserError as error:
            assert f"{number}.roi" in error.problem and error.cure
    assert 0 < read < len(variants)


def test_damaged_archives_are_messages(tmp_path):
    whole = io.BytesIO()
    archive(whole, {"cell 7.roi": square().tobytes()})
    content = whole.getvalue()
    for n in range(0, len(content), 7):
        changed = bytearray(content)
        changed[n] ^= 0xFF
        file = tmp_path / f"{n}.zip"
        file.write_bytes(changed)
        try:
            read_rois(str(file))
        except UserError as error:
            assert f"{n}.zip" in error.problem


def test_entries_of_absurd_size_are_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(roi_files, "MOST_BYTES", 1000)
    file = archive(tmp_path / "a.zip", {"cell 1.roi": b"Iout" + b"\0" * 10_000_000})
    with pytest.raises(UserError, match="a.zip: 'cell 1.roi' has more than 1000 bytes"):
        read_rois(file)
    (tmp_path / "1.roi").write_bytes(b"\0" * 2000)
    with pytest.raises(UserError, match="has 2000 bytes"):
        read_rois(str(tmp_path / "1.roi"))


@pytest.mark.filterwarnings("ignore:invalid value encountered in cast")
def test_corners_far_outside_take_no_memory(tmp_path):
    far = ImagejRoi.frompoints(np.array([(-1e9, 0), (1e9, 0), (1e9, 2e9), (-1e9, 2e9)], np.float32))
    oval = square(-30000, 60000)
    oval.roitype = ROI_TYPE.OVAL
    oval.left = oval.top = -32000
    oval.right = oval.bottom = 32000
    broken = ImagejRoi.frompoints(np.array([(0, 0), (np.nan, 5), (9, np.inf)], np.float32))
    for number, roi in enumerate((far, oval, broken), 1):
        file = archive(tmp_path / f"{number}.zip", {f"cell {number}.roi": roi.tobytes()})
        with pytest.raises(UserError, match=r"cell .' (lies outside the image|is damaged|is of type)"):
            rasterise(file, None, SHAPE)


def test_ids_beyond_the_range_are_named(tmp_path):
    file = archive(tmp_path / "a.zip", {f"cell {10**12}.roi": square().tobytes()})
    with pytest.raises(
        UserError, match=r"a.zip: ROI 'cell 1000000000000' has id 1000000000000, which is too large"
    ):
        rasterise(file, 1, SHAPE)


def test_an_annotation_of_webknossos_is_told_from_rois(tmp_path):
    file = archive(tmp_path / "a.zip", {"mine.nml": b"<things />", "data_0_Volume.zip": b""})
    with pytest.raises(UserError, match=r"(?s)a.zip: is an annotation of webKnossos.*ultraseg annotation"):
        read_rois(file)
