"""OME-Zarr at an address: metadata are fetched once, chunks as they are needed and again where a server fails."""

import json
import logging
from pathlib import Path

import numpy as np
import pytest
import zarr
from ultraseg.base.errors import UserError
from ultraseg.formats import remote_zarr
from ultraseg.formats.remote_zarr import ADDRESS, TRIES, address_of, is_address, mirrored
from ultraseg.ingest.image_source import image_files, image_header, resolve_image
from ultraseg.ingest.read_slices import read_source_slices
from ultraseg.labels.reader import LabelReader
from ultraseg.labels.source import resolve_labels
from ultraseg.plan.config import load_config
from ultraseg.plan.open_volume import open_volume
from zarr_server import serving

SHAPE = (8, 20, 30)
STACK = np.random.default_rng(0).integers(1, 250, SHAPE).astype(np.uint8)


def write_image(path: Path, stack: np.ndarray = STACK, zarr_format: int = 3) -> None:
    """An OME-Zarr of two levels, in chunks of 4 slices."""
    group = zarr.open_group(str(path), mode="w", zarr_format=zarr_format)
    for name, step in (("s0", 1), ("s1", 2)):
        values = stack[:, ::step, ::step]
        group.create_array(name, shape=values.shape, dtype=values.dtype, chunks=(4, 16, 16))[...] = values
    axes = [{"name": a, "type": "space", "unit": "nanometer"} for a in "zyx"]
    datasets = [
        {"path": f"s{n}", "coordinateTransformations": [{"type": "scale", "scale": [20, 10 * f, 10 * f]}]}
        for n, f in ((0, 1), (1, 2))
    ]
    scales = [{"version": "0.4", "axes": axes, "datasets": datasets}]
    group.attrs.update(
        {"ome": {"version": "0.5", "multiscales": scales}} if zarr_format == 3 else {"multiscales": scales}
    )


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.setattr(remote_zarr, "PAUSE_S", 0.01)
    (tmp_path / "public").mkdir()
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    write_image(tmp_path / "public/em.zarr")
    with serving(tmp_path / "public") as http:
        http.folder = tmp_path / "public"
        yield http


def read(source, zs=range(SHAPE[0]), crop=None):
    header = image_header(source)
    refs = [source.slices[z] for z in zs]
    return np.stack(list(read_source_slices(refs, header.shape, header.dtype, crop)))


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_slices_are_those_of_the_server(server, zarr_format):
    write_image(server.folder / "em.zarr", zarr_format=zarr_format)
    source = resolve_image(f"{server.address}/em.zarr/")
    assert len(source) == 8 and image_header(source).shape == SHAPE[1:]
    assert (read(source) == STACK).all()
    assert (read(source, [5], [(3, 18), (2, 9)]) == STACK[5:6, 3:18, 2:9]).all()


def test_only_the_chunks_that_are_needed_are_read(server):
    source = resolve_image(f"{server.address}/em.zarr")
    server.asked.clear()
    read(source, [4, 5, 6], [(0, 10), (0, 10)])
    assert dict(server.asked) == {"/em.zarr/s0/c/1/0/0": 1}


def test_metadata_are_fetched_once(server):
    resolve_image(f"{server.address}/em.zarr")
    server.asked.clear()
    source = resolve_image(f"{server.address}/em.zarr")
    assert not server.asked
    # What a job depends on: the copies of the metadata, no chunk.
    files = image_files(source.slices[:3])
    assert files and all(Path(file).name == "zarr.json" for file in files)


@pytest.mark.parametrize("kinds", [[503], [503, 500, "cut"], ["cut"]])
def test_a_server_that_fails_is_asked_again(server, kinds, caplog):
    server.fail["/em.zarr/s0/zarr.json"] = [503]
    source = resolve_image(f"{server.address}/em.zarr")
    server.fail["/em.zarr/s0/c/1/0/0"] = list(kinds)
    with caplog.at_level(logging.WARNING):
        assert (read(source) == STACK).all()
    assert server.asked["/em.zarr/s0/c/1/0/0"] == len(kinds) + 1
    assert caplog.text.count("c/1/0/0: ") == len(kinds) and "asked again" in caplog.text


def test_a_server_that_fails_for_good_is_named(server):
    source = resolve_image(f"{server.address}/em.zarr")
    server.fail["/em.zarr/s0/c/1/0/0"] = [503] * TRIES
    with pytest.raises(
        UserError, match=f"s0/c/1/0/0: the server does not answer .*503.*asked {TRIES} times"
    ) as raised:
        read(source)
    assert "Try again later" in raised.value.cure
    server.fail["/em.zarr/zarr.json"] = [503] * TRIES
    with pytest.raises(UserError, match="other.zarr|does not answer"):
        server.fail["/other.zarr/zarr.json"] = [503] * TRIES
        mirrored(f"{server.address}/other.zarr")
    # Half a copy of metadata does not stay.
    assert len(list(Path(remote_zarr.REMOTE).iterdir())) == 1


def test_chunks_that_are_not_there_are_pointed_out(server, caplog):
    (server.folder / "em.zarr/s0/c/1/1/0").unlink()
    source = resolve_image(f"{server.address}/em.zarr")
    with caplog.at_level(logging.WARNING):
        found = read(source)
    assert (found[4:, 16:, :16] == 0).all() and (found[:4] == STACK[:4]).all()
    assert "1 of 8 chunk files of slices 0 to 7 do not exist, first c/1/1/0" in caplog.text


def test_a_damaged_chunk_is_told_with_its_address(server):
    (server.folder / "em.zarr/s0/c/1/0/0").write_bytes(b"no chunk")
    with pytest.raises(UserError, match="em.zarr/s0: slices 4 to 7 do not decode") as raised:
        read(resolve_image(f"{server.address}/em.zarr"))
    assert server.address in raised.value.problem


@pytest.mark.parametrize(
    "address",
    [
        "http://example.org/a.zarr",
        "ftp://example.org/a",
        "gs://bucket/a",
        "file:///etc",
        "http://localhost.evil.org/a",
    ],
)
def test_other_addresses_are_refused_and_not_asked(address, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(remote_zarr, "_fetch_image", lambda *_: pytest.fail("asked"))
    assert is_address(address)
    with pytest.raises(UserError, match="is no https:// and no s3:// address"):
        resolve_image(address)


@pytest.mark.parametrize("address", ["https://example.org/a.zarr", "s3://bucket/a.zarr"])
def test_these_addresses_are_taken(address, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fetched = []
    monkeypatch.setattr(
        remote_zarr, "_fetch_image", lambda where, folder: fetched.append(where) or folder.mkdir()
    )
    mirrored(address)
    assert fetched == [address]


@pytest.mark.parametrize("path", ["raw/image", "C:/raw", "stack.h5:raw", "a//b"])
def test_paths_are_no_addresses(path):
    assert not is_address(path)


@pytest.mark.parametrize("level", ["../../x", "/etc", "s0/../..", "a b"])
def test_metadata_that_lead_elsewhere_are_refused(server, level, tmp_path):
    file = server.folder / "em.zarr/zarr.json"
    about = json.loads(file.read_text())
    about["attributes"]["ome"]["multiscales"][0]["datasets"][0]["path"] = level
    file.write_text(json.dumps(about))
    with pytest.raises(UserError, match="names a level"):
        mirrored(f"{server.address}/em.zarr")
    assert not (tmp_path / "x").exists()


def test_what_is_no_image_is_told(server):
    with pytest.raises(UserError, match="nothing: no OME-Zarr here"):
        mirrored(f"{server.address}/nothing")
    group = zarr.open_group(str(server.folder / "row.zarr"), mode="w", zarr_format=2)
    group.attrs["bioformats2raw.layout"] = 3
    with pytest.raises(UserError, match="holds a row of images") as raised:
        mirrored(f"{server.address}/row.zarr")
    assert "/row.zarr/0" in raised.value.cure
    (server.folder / "bad.zarr").mkdir()
    (server.folder / "bad.zarr/zarr.json").write_text("{")
    with pytest.raises(UserError, match="its metadata are damaged"):
        mirrored(f"{server.address}/bad.zarr")


def test_labels_are_read_from_a_server(server):
    labels = np.zeros(SHAPE, np.uint16)
    labels[[1, 6], 2:9, 3:12], labels[[1, 6], 11:18, 3:12] = 4, 9
    write_image(server.folder / "cells.zarr", labels)
    source = resolve_labels(f"{server.address}/cells.zarr", lambda path: path, SHAPE[0])
    assert source.zs == [1, 6]
    found, known = LabelReader(source, SHAPE[1:], "cells").read(source.slices[1])
    assert (found == labels[6]).all() and known is None


def test_a_volume_of_the_configuration_is_at_an_address(server):
    labels = np.zeros(SHAPE, np.uint16)
    labels[[0, 7], 2:9, 3:12] = 4
    write_image(server.folder / "cells.zarr", labels)
    entry = {"image": f"{server.address}/em.zarr", "voxel_size_nm": [20, 10, 10]}
    entry["labels"] = {"cells": f"{server.address}/cells.zarr"}
    config = load_config(
        {
            "volumes": {"v": entry}, "structures": {"cells": {"kind": "cells"}},
            "networks": {"a": {"structures": ["cells"]}}, "data_root": "/somewhere",
        }
    )  # fmt: skip
    volume = open_volume("v", config["volumes"]["v"], config)
    assert volume.shape == SHAPE and volume.labelled("cells") == [0, 7]
    entry["voxel_size_nm"] = [20, 9, 9]
    config["volumes"]["v"]["voxel_size_nm"] = [20, 9, 9]
    with pytest.raises(UserError, match="voxel_size_nm is z 20, y 9, x 9"):
        open_volume("v", config["volumes"]["v"], config)


def test_a_folder_has_its_chunks_itself(tmp_path):
    assert address_of(str(tmp_path)) is None and not (tmp_path / ADDRESS).exists()
