"""Volume annotations of webKnossos: what the files say, their voxels, and what is refused."""

import io
import json
import subprocess
import zipfile

import numpy as np
import pytest
from ultraseg.base.errors import UserError
from ultraseg.exchange.webknossos_read import open_voxels, read_annotation
from webknossos_files import INSTALLED, needs_webknossos, write_annotation

VOXEL_NM = (20, 8, 4)


@pytest.fixture
def ids():
    """Slices 4 and 40 are annotated, in some of the blocks."""
    found = np.zeros((45, 40, 70), np.uint32)
    found[4, 6:30, 5:20], found[40, 6:30, 40:66] = 7, 70001
    return found


def planes(path, layer=None):
    annotation = read_annotation(str(path))
    with open_voxels(annotation, annotation.layer(layer)) as voxels:
        return {z: voxels.plane(z) for z in voxels.slices}


def test_ids_and_stored_blocks_come_back(tmp_path, ids):
    path = write_annotation(tmp_path / "a.zip", ids, VOXEL_NM)
    annotation = read_annotation(str(path))
    assert (annotation.dataset, annotation.voxel_size_nm) == ("d", VOXEL_NM)
    assert annotation.layer(None).fallback is None
    found = planes(path)
    assert [*found] == [*range(64)]  # whole blocks
    for z, (values, known) in found.items():
        shown = ids[z] if z < len(ids) else np.zeros_like(ids[0])
        assert np.array_equal(values[:40, :70], shown) and not values[40:].any() and not values[:, 70:].any()
        assert np.array_equal(known[::32, ::32], [[z < 32, z >= 32, z >= 32], [False] * 3])


@pytest.mark.parametrize("held", [0, 2**30])
def test_blocks_are_decoded_once_where_memory_holds_them(tmp_path, ids, monkeypatch, held):
    monkeypatch.setattr("ultraseg.exchange.webknossos_read.HELD", held)
    path = write_annotation(tmp_path / "a.zip", ids, VOXEL_NM)
    annotation = read_annotation(str(path))
    with open_voxels(annotation, annotation.layer(None)) as voxels:
        read, asked = voxels._part, []
        monkeypatch.setattr(voxels, "_part", lambda z: asked.append(z) or read(z))
        found = [voxels.plane(z)[0] for z in range(len(ids))]
    assert np.array_equal(np.stack(found)[:, :40, :70], ids)
    assert len(asked) == (2 if held else len(ids))


def test_layers_are_named(tmp_path, ids):
    two = '<volume name="A" location="data_0_A.zip" /><volume name="B" location="x.zip" fallbackLayer="cells" />'
    path = write_annotation(tmp_path / "a.zip", ids, VOXEL_NM, name="A", volumes=two)
    annotation = read_annotation(str(path))
    with pytest.raises(UserError, match=r"(?s)2 volume layers.*--layer: A, B"):
        annotation.layer(None)
    with pytest.raises(UserError, match=r"(?s)no volume layer 'C'.*among A, B"):
        annotation.layer("C")
    assert annotation.layer("B").fallback == "cells" and planes(path, "A")[4][0].max() == 7
    with pytest.raises(UserError, match="x.zip is missing"):
        planes(path, "B")


def rewritten(path, change):
    """The annotation with other contents of the files in the ZIP of its layer."""
    with zipfile.ZipFile(path) as outer:
        parts = {name: outer.read(name) for name in outer.namelist()}
    (data,) = (name for name in parts if name.endswith(".zip"))
    changed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(parts[data])) as inner, zipfile.ZipFile(changed, "w") as out:
        for name in inner.namelist():
            out.writestr(*change(name, inner.read(name)))
    with zipfile.ZipFile(path, "w") as outer:
        for name, content in (parts | {data: changed.getvalue()}).items():
            outer.writestr(name, content)
    return path


def test_the_older_format_is_read(tmp_path, ids):
    """Cubes of two blocks along each side; blocks of zeros alone were not stored."""
    found = planes(write_annotation(tmp_path / "a.zip", ids, VOXEL_NM, form="wkw"))
    assert [*found] == [*range(64)]
    for z, (values, known) in found.items():
        shown = ids[z] if z < len(ids) else np.zeros_like(ids[0])
        assert np.array_equal(values[:40, :70], shown) and not values[40:].any() and not values[:, 70:].any()
        assert np.array_equal(known[::32, ::32], [[z < 32, z >= 32, z >= 32, False], [False] * 4])


def test_an_annotation_at_a_lower_magnification_is_refused(tmp_path, ids):
    path = write_annotation(tmp_path / "a.zip", ids, VOXEL_NM)
    rewritten(path, lambda name, content: (name.replace("Data/1/", "Data/2-2-1/"), content))
    with pytest.raises(UserError, match=r"(?s)no voxels at full resolution.*magnification 1"):
        planes(path)


def test_what_is_no_annotation_is_refused(tmp_path, ids):
    with pytest.raises(UserError, match="no such file"):
        read_annotation(str(tmp_path / "none.zip"))
    (tmp_path / "text.zip").write_text("no zip")
    with pytest.raises(UserError, match="text.zip: cannot be unpacked"):
        read_annotation(str(tmp_path / "text.zip"))
    with zipfile.ZipFile(tmp_path / "rois.zip", "w") as file:
        file.writestr("0001.roi", b"Iout")
    with pytest.raises(UserError, match="holds 0 .nml files"):
        read_annotation(str(tmp_path / "rois.zip"))
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as file:
        file.writestr("a.nml", "<things>")
    with pytest.raises(UserError, match="a.nml is damaged"):
        read_annotation(str(tmp_path / "bad.zip"))
    skeleton = write_annotation(tmp_path / "s.zip", ids, VOXEL_NM, volumes="<thing />")
    with pytest.raises(UserError, match="has no volume layer"):
        read_annotation(str(skeleton)).layer(None)


def test_the_short_form_of_the_order_of_axes_is_read(tmp_path, ids):
    """Servers write "F" where the specification has a list of numbers by now."""

    def change(name, content):
        if name.endswith("zarr.json"):
            about = json.loads(content)
            (codec,) = (codec for codec in about["codecs"] if codec["name"] == "transpose")
            codec["configuration"]["order"] = "F"
            content = json.dumps(about)
        return name, content

    path = rewritten(write_annotation(tmp_path / "a.zip", ids, VOXEL_NM), change)
    assert np.array_equal(planes(path)[4][0][:40, :70], ids[4])


def test_a_sharded_array_is_refused(tmp_path, ids):
    def change(name, content):
        if not name.endswith("zarr.json"):
            return name, content
        about = json.loads(content)
        inner = {
            "chunk_shape": [1, 16, 16, 16],
            "codecs": [{"name": "bytes"}],
            "index_codecs": [{"name": "bytes"}],
        }
        about["codecs"] = [{"name": "sharding_indexed", "configuration": inner}]
        return name, json.dumps(about)

    path = rewritten(write_annotation(tmp_path / "a.zip", ids, VOXEL_NM), change)
    with pytest.raises(UserError, match="layer 'Volume': its array is sharded"):
        planes(path)


def test_damaged_voxels_are_told(tmp_path, ids):
    path = write_annotation(tmp_path / "a.zip", ids, VOXEL_NM)
    rewritten(path, lambda name, content: (name, content if name.endswith("json") else b"damaged"))
    with pytest.raises(UserError, match="layer 'Volume': slice 0 does not decode"):
        planes(path)


MAKE = """
import sys, numpy as np, webknossos as wk
ids = np.load(sys.argv[1]).transpose()
annotation = wk.Annotation(name="by the library", dataset_name="d", voxel_size=(4, 8, 20))
layer = annotation.add_volume_layer(name="Volume", dtype=np.uint32)
with layer.edit() as segmentation:
    segmentation.get_or_add_mag(1).write(ids, absolute_offset=(0, 0, 0), allow_resize=True)
annotation.save(sys.argv[2])
"""


@needs_webknossos
def test_an_annotation_that_the_library_of_webknossos_wrote_is_read(tmp_path, ids):
    np.save(tmp_path / "ids.npy", ids)
    path = tmp_path / "a.zip"
    subprocess.run([INSTALLED, "-c", MAKE, tmp_path / "ids.npy", path], check=True, capture_output=True)
    found = planes(path)
    assert read_annotation(str(path)).voxel_size_nm == VOXEL_NM
    shown = {z: np.argwhere(values) for z, (values, _) in found.items() if values.any()}
    assert [*shown] == [4, 40]
    assert all(np.array_equal(found[z][0][:40, :70], ids[z]) for z in shown)
