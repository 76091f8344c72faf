"""The viewer's server: what it serves, to whom, and what it tells the user to type."""

import io
import json
import logging
import shutil
import stat
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
from linked_run import PROTRUSION, add_links
from tornado.testing import AsyncHTTPTestCase
from ultraseg.base.errors import UserError
from ultraseg.grid.pyramid_levels import pyramid_levels
from ultraseg.storage.arrays import write_slab
from ultraseg.storage.create import create_array, create_group
from ultraseg.storage.ome_write import image_attributes
from ultraseg.viewer import server
from ultraseg.viewer.page import client_files
from ultraseg.viewer.server import application, directions, opened_page, user_name
from written_volume import write_volume


def make_volume(folder, name):
    """A volume with an image alone, as in a run that has just begun."""
    (level,) = pyramid_levels((4, 8, 8), (20, 16, 16), 4, 1)
    image = folder / "results" / name / "image.zarr"
    create_group(str(image), image_attributes(name, [level], (20, 16, 16)))
    create_array(str(image / "0"), level.shape, level.chunk, level.shard, "uint8", "zyx")
    write_slab(str(image / "0"), 0, np.arange(256, dtype=np.uint8).reshape(4, 8, 8))
    return image


class TestServer(AsyncHTTPTestCase):
    @pytest.fixture(autouse=True)
    def run_folder(self, tmp_path):
        self.image = make_volume(tmp_path, "one")
        (tmp_path / "results/one/summary.txt").write_text("secret")
        self.folder = tmp_path

    def get_app(self):
        return application(self.folder, "token")

    def test_page_client_and_state_are_served(self):
        assert b"one" in self.fetch("/token/one/viewer/v/view.html").body
        for file in client_files():
            assert self.fetch(f"/token/one/viewer/v/{file.name}").body == file.read_bytes()
        state = json.loads(self.fetch("/token/one/viewer/v/state.json").body)
        assert [layer["name"] for layer in state["layers"]] == ["image"]

    def test_properties_and_derived_arrays_are_served(self):
        cells = np.zeros((4, 8, 8), np.uint32)
        cells[:, 2:6, 2:6] = 7
        add_links(self.folder / "results/one", cells, cells > 0, depth=4)
        viewer = "/token/one/viewer"
        about = json.loads(self.fetch(f"{viewer}/properties/protrusions/info").body)
        assert about["inline"]["ids"] == [str(PROTRUSION)]
        for name in ("doubt", "protrusions"):
            assert json.loads(self.fetch(f"{viewer}/derived/{name}/0/zarr.json").body)["shape"] == [4, 4, 4]
            assert self.fetch(f"{viewer}/derived/{name}/0/c/1/0/0").code == 200
            assert self.fetch(f"{viewer}/derived/{name}/0/c/9/0/0").code == 404
        for path in (
            "properties/none/info",
            "properties/a/b/info",
            "derived/doubt",
            "derived/x/zarr.json",
            "derived/",
        ):
            assert self.fetch(f"{viewer}/{path}").code == 404

    def test_parts_of_files_are_served(self):
        shard = (self.image / "0/c/0/0/0").read_bytes()
        whole = self.fetch("/token/one/image.zarr/0/c/0/0/0")
        assert (whole.code, whole.body) == (200, shard)
        part = self.fetch("/token/one/image.zarr/0/c/0/0/0", headers={"Range": "bytes=3-9"})
        assert (part.code, part.body) == (206, shard[3:10])
        end = self.fetch("/token/one/image.zarr/0/c/0/0/0", headers={"Range": "bytes=-5"})
        assert (end.code, end.body) == (206, shard[-5:])
        assert self.fetch("/token/one/image.zarr/0/c/0/0/0", method="HEAD").headers["Content-Length"] == str(
            len(shard)
        )

    def test_a_slab_that_was_made_again_is_read_again(self):
        url = "/token/one/image.zarr/0/c/0/0/0"
        tag = self.fetch(url).headers["Etag"]
        assert self.fetch(url, headers={"If-None-Match": tag}).code == 304
        write_slab(str(self.image / "0"), 0, np.ones((4, 8, 8), np.uint8))
        assert self.fetch(url, headers={"If-None-Match": tag}).code == 200

    def test_odd_names_are_not_found(self):
        """NUL, names longer than those of files, numbers of thousands of digits: not found, and no traceback."""
        names = [
            "%00",
            "a" * 5000,
            "mesh/cells/" + "1" * 5000 + ".mesh",
            "mesh/cells/²:0",
            "mesh/%00/1:0",
            "v/%00.js",
        ]
        for name in names:
            for path in (
                f"/token/one/viewer/{name}",
                f"/token/one/image.zarr/{name}",
                f"/{name}/one/viewer/",
            ):
                assert self.fetch(path).code in (400, 404), path[:60]

    def test_what_a_run_makes_later_is_served(self):
        def layers():
            return [
                one["name"] for one in json.loads(self.fetch("/token/one/viewer/v/state.json").body)["layers"]
            ]

        assert layers() == ["image"] and layers() == ["image"]
        assert self.fetch("/token/two/viewer/v/state.json").code == 404
        stacks = {"image": np.zeros((4, 16, 16), np.uint8), "cells": np.ones((4, 16, 16), np.uint32)}
        shutil.rmtree(self.image)
        write_volume(self.image, stacks, voxel_nm=(20, 16, 16), depth=4, levels=1)
        make_volume(self.folder, "two")
        assert layers() == ["image", "cells"]
        assert self.fetch("/token/one/viewer/mesh/cells/1:0").code == 200
        labels = np.full((4, 16, 16), 7, np.uint32)
        write_slab(str(self.folder / "results/one/image.zarr/labels/cells/0"), 0, labels)
        state = json.loads(self.fetch("/token/one/viewer/v/state.json").body)
        assert state["layers"][1]["segments"] == ["7"]
        assert self.fetch("/token/two/viewer/v/state.json").code == 200
        assert self.fetch("/token/two/image.zarr/zarr.json").code == 200

    def test_the_secret_is_in_no_message(self):
        said = io.StringIO()
        handler = logging.StreamHandler(said)
        logging.getLogger().addHandler(handler)
        try:
            with patch("ultraseg.viewer.server.page", side_effect=ZeroDivisionError("a fault")):
                assert self.fetch("/token/one/viewer/v/view.html").code == 500
            for path in ("/token/one/image.zarr/../x", "/token/one/image.zarr/gone", "/token/gone"):
                self.fetch(path)
        finally:
            logging.getLogger().removeHandler(handler)
        assert "a fault" in said.getvalue() and "/token" not in said.getvalue()

    def test_nothing_is_served_without_the_token_or_beside_the_image(self):
        for path in (
            "/one/image.zarr/zarr.json", "/.*/one/image.zarr/zarr.json", "/tok/one/viewer/",
            "/wrong/one/image.zarr/zarr.json", "/token/one/summary.txt", "/",
            "/token/one/image.zarr/../summary.txt", "/token/one/image.zarr/%2e%2e/summary.txt", "/token/two/viewer/",
            "/token/one/viewer/v/../../summary.txt", "/token/one/viewer/v/view.py",
            "/token/one/viewer/mesh/cells/7.mesh",
        ):  # fmt: skip
            answer = self.fetch(path)
            assert answer.code in (403, 404) and b"secret" not in answer.body, path


def test_directions_tell_how_to_tunnel():
    text = directions("http://127.0.0.1:8123/t/one/viewer/", "127.0.0.1", 8123, "ada")
    assert "ssh -N -L 8123:127.0.0.1:8123 ada@" in text
    assert "Everyone" in directions("http://node7:8123/t/one/viewer/", "0.0.0.0", 8123, "ada")


@pytest.mark.parametrize("token", [".*", "(", "short", "sixteen letters!", "a" * 15, "é" * 16, "a/" * 8])
def test_a_token_that_is_a_pattern_or_can_be_guessed_is_refused(tmp_path, token):
    make_volume(tmp_path, "one")
    with pytest.raises(UserError, match="--token"):
        server.view(tmp_path, token=token, browse=False)


def test_the_browser_gets_a_file_that_only_the_user_can_read():
    with patch("webbrowser.open") as opened, opened_page("http://127.0.0.1:1/secret/") as file:
        (address,) = opened.call_args.args
        assert address == file.as_uri() and "secret" not in address
        assert "url=http://127.0.0.1:1/secret/" in file.read_text()
        assert (
            stat.S_IMODE(file.stat().st_mode) == 0o600 and stat.S_IMODE(file.parent.stat().st_mode) == 0o700
        )
    assert not Path(file).exists()


@pytest.mark.parametrize("error", [KeyError("uid not found: 4711"), OSError("No username set")])
def test_a_user_without_a_name_can_view(error):
    with patch("getpass.getuser", side_effect=error):
        assert user_name() == "USER"
