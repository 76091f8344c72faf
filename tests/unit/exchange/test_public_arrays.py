"""Arrays from elsewhere: nothing leads to other files, no server is waited for without end, no gap is passed over."""

import socket
import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import h5py
import numpy as np
import pytest
import zarr
from ultraseg.base.errors import UserError
from ultraseg.exchange import public_arrays
from ultraseg.exchange.public_arrays import PublicArray

SHAPE = (8, 16, 16)


@pytest.fixture
def image():
    return np.random.default_rng(1).integers(1, 255, SHAPE, np.uint8)


@pytest.fixture
def server(tmp_path, image):
    """The address of a folder with a Zarr array of 8 chunks of 4 x 8 x 8; its second chunk does not exist."""
    array = zarr.create_array(tmp_path / "em", shape=SHAPE, chunks=(4, 8, 8), dtype="u1", zarr_format=2)
    array[:] = image
    (tmp_path / "em/0.0.1").unlink()
    handler = partial(
        type("Quiet", (SimpleHTTPRequestHandler,), {"log_message": lambda *_: None}), directory=tmp_path
    )
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()


def test_chunks_that_do_not_exist_are_counted(tmp_path, server, image):
    for source in (f"{server}/em", str(tmp_path / "em"), f"file://{tmp_path}/em"):
        array = PublicArray(source)
        assert array.shape == SHAPE and array.chunks == (4, 8, 8) and array.missing == (0, 0)
        found = array[:4]
        assert array.missing == (1, 4)
        assert (found[:, :8, 8:] == 0).all() and (found[:, 8:] == image[:4, 8:]).all()


def test_errors_of_a_server_are_no_gaps(tmp_path, server, monkeypatch):
    array = PublicArray(f"{server}/em")
    monkeypatch.setattr(SimpleHTTPRequestHandler, "do_GET", lambda handler: handler.send_error(503))
    with pytest.raises(UserError, match="em: cannot be read .*503") as caught:
        array[:4]
    assert "later" in caught.value.cure
    with pytest.raises(UserError, match="cannot be opened as an array"):
        PublicArray(f"{server}/em")


def test_a_silent_server_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(public_arrays, "SILENT_S", 1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        start = time.monotonic()
        with pytest.raises(UserError, match="the server did not answer within 1 seconds"):
            PublicArray(f"http://127.0.0.1:{silent.getsockname()[1]}/em")
        assert time.monotonic() - start < 30


def test_s3_is_told_how_long_to_wait():
    from botocore.config import Config

    told = public_arrays._options("s3://bucket/em")
    assert told["anon"] and Config(**told["config_kwargs"]).read_timeout == public_arrays.SILENT_S


def test_hdf5_that_leads_to_other_files_is_refused(tmp_path):
    (tmp_path / "secret.bin").write_bytes(bytes(2048))
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["x"] = np.zeros(SHAPE, np.uint8)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("external", SHAPE, "u1", external=[(str(tmp_path / "secret.bin"), 0, 2048)])
        file["link"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "/x")
        file["good"] = np.ones(SHAPE, np.uint8)
        file["again"] = h5py.SoftLink("/good")
        layout = h5py.VirtualLayout(SHAPE, np.uint8)
        layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "x", SHAPE)
        file.create_virtual_dataset("virtual", layout)
    for name in ("external", "link", "virtual"):
        with pytest.raises(
            UserError, match=f"a.h5:{name}: cannot be opened as an array .*(other files|a link to)"
        ):
            PublicArray(f"{tmp_path}/a.h5:{name}")
    for name in ("good", "again"):
        array = PublicArray(f"{tmp_path}/a.h5:{name}")
        assert array[2:3].all() and array.missing == (0, 0)


def test_what_is_no_array_of_three_axes_is_named(tmp_path):
    zarr.create_array(tmp_path / "flat", shape=(4, 4), dtype="u1")
    zarr.create_group(tmp_path / "group")
    with pytest.raises(UserError, match="flat: has 2 axes"):
        PublicArray(str(tmp_path / "flat"))
    for name in ("group", "gone", "gone.h5:x"):
        with pytest.raises(UserError, match=f"{name}: cannot be opened"):
            PublicArray(f"{tmp_path}/{name}")
