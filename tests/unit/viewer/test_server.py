"""The viewer's server: what it serves, to whom, and what it tells the user to type."""

import json

import numpy as np
import pytest
from tornado.testing import AsyncHTTPTestCase
from ultraseg.grid.pyramid_levels import pyramid_levels
from ultraseg.storage.arrays import write_slab
from ultraseg.storage.create import create_array, create_group
from ultraseg.storage.ome_write import image_attributes
from ultraseg.viewer.page import client_files, page
from ultraseg.viewer.server import application, directions


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

    def test_nothing_is_served_without_the_token_or_beside_the_image(self):
        for path in (
            "/one/image.zarr/zarr.json", "/wrong/one/image.zarr/zarr.json", "/token/one/summary.txt", "/",
            "/token/one/image.zarr/../summary.txt", "/token/one/image.zarr/%2e%2e/summary.txt", "/token/two/viewer/",
            "/token/one/viewer/v/../../summary.txt", "/token/one/viewer/v/view.py",
            "/token/one/viewer/mesh/cells/7.mesh",
        ):  # fmt: skip
            answer = self.fetch(path)
            assert answer.code in (403, 404) and b"secret" not in answer.body, path


def test_the_client_is_whole_and_small():
    files = list(client_files())
    named = {
        word.strip('"') for word in page("x").split() for word in word.split("=") if word.startswith('"')
    }
    names = {name.split('"')[0] for name in named if ".js" in name or ".css" in name}
    assert len(names) > 4 and names <= {file.name for file in files}
    assert sum(file.stat().st_size for file in files) < 7e6


def test_directions_tell_how_to_tunnel():
    text = directions("http://127.0.0.1:8123/t/one/viewer/", "127.0.0.1", 8123, "ada")
    assert "ssh -N -L 8123:127.0.0.1:8123 ada@" in text
    assert "Everyone" in directions("http://node7:8123/t/one/viewer/", "0.0.0.0", 8123, "ada")
