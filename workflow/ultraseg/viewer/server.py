"""The viewer's web server: results are served from disk to a browser, on this computer or through an SSH tunnel.

The address holds a secret word, as other users of a login node reach the same port.
"""

from __future__ import annotations

import asyncio
import getpass
import json
import os
import re
import secrets
import socket
import webbrowser
from functools import cache
from pathlib import Path

import tornado.httpserver
import tornado.netutil
import tornado.web

from ultraseg.base.errors import UserError
from ultraseg.storage.finished_runs import choose_volume, volumes_of
from ultraseg.viewer.page import INDEX, View, client_file, page

LOOPBACK = ("127.0.0.1", "localhost", "::1")
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript",
    ".css": "text/css",
    ".wasm": "application/wasm",
}


class _Data(tornado.web.StaticFileHandler):
    """Files of an OME-Zarr, whole or in parts (ranges)."""

    def compute_etag(self) -> str:
        # Tornado's own reads the whole slab file for the few kB that are asked for.
        about = os.stat(self.absolute_path)
        return f'"{about.st_mtime_ns:x}-{about.st_size:x}"'

    def set_extra_headers(self, path: str) -> None:
        self.set_header("Cache-Control", "no-cache")  # a run may be writing


class _Page(tornado.web.RequestHandler):
    """What belongs to the page: client, state and surfaces, made when asked for."""

    def initialize(self, viewers) -> None:
        self._viewers = viewers

    async def get(self, volume: str, name: str) -> None:
        work = asyncio.get_running_loop().run_in_executor
        try:
            content, suffix = await work(None, self._content, volume, name)
        except UserError as error:
            self.set_status(404)
            content, suffix = str(error).encode(), ".txt"
        if content is None:
            raise tornado.web.HTTPError(404)
        self.set_header("Content-Type", TYPES.get(suffix, "application/octet-stream"))
        self.set_header("Cache-Control", "no-cache")
        self.write(content)

    def _content(self, volume: str, name: str) -> tuple[bytes | None, str]:
        suffix = Path(name).suffix
        if name in ("", "index.html"):
            return INDEX.encode(), ".html"
        if name == "v/view.html":
            return page(volume).encode(), ".html"
        if name == "v/state.json":
            return json.dumps(self._viewers(volume).state()).encode(), suffix
        if name.startswith("mesh/") and name.count("/") == 2:
            return self._viewers(volume).mesh(*name.split("/")[1:]), suffix
        file = client_file(name.removeprefix("v/")) if name.count("/") == 1 else None
        return (file.read_bytes() if file else None), suffix


def application(directory: str | Path, token: str) -> tornado.web.Application:
    """The server of all volumes of a run, below /<token>/<volume>/."""
    results = Path(directory, "results").absolute()
    names = volumes_of(directory)
    viewers = cache(lambda volume: View(results / volume))
    # A handler for each image: the path of each is the folder that no request gets out of.
    images = [
        (rf"/{token}/{re.escape(name)}/image\.zarr/(.*)", _Data, {"path": str(results / name / "image.zarr")})
        for name in names
    ]
    pages = (rf"/{token}/({'|'.join(map(re.escape, names))})/viewer/(.*)", _Page, {"viewers": viewers})
    return tornado.web.Application([*images, pages], log_function=lambda handler: None)


def directions(url: str, host: str, port: int, user: str) -> str:
    """What to type where, for a browser on this computer and for one that reaches it by SSH."""
    lines = [f"Viewer: {url}"]
    if host in LOOPBACK:
        lines.append(
            "On another computer, for example your laptop, first open a tunnel, then the address above there:"
        )
        lines.append(f"  ssh -N -L {port}:127.0.0.1:{port} {user}@{_this_computer()}")
    else:
        lines.append(f"Everyone who reaches {host}:{port} and knows this address can see the data.")
    return "\n".join([*lines, "Stop with Ctrl-C."])


def _this_computer() -> str:
    """The name by which others know this computer, as far as it knows that itself."""
    name = socket.getfqdn()
    return socket.gethostname() if name.startswith("localhost") else name


async def serve(directory: str, volume: str, bind: str, port: int, token: str, browse: bool) -> None:
    """Serve until interrupted. Raises UserError when the port cannot be had."""
    server = tornado.httpserver.HTTPServer(application(directory, token))
    try:
        sockets = tornado.netutil.bind_sockets(port, bind)
    except OSError as error:
        raise UserError(
            f"port {port} at {bind} cannot be had: {error.strerror}", "Leave out --port: a free one is taken."
        ) from error
    server.add_sockets(sockets)
    port = sockets[0].getsockname()[1]
    host = _this_computer() if bind in ("", "0.0.0.0", "::") else bind
    url = f"http://{host}:{port}/{token}/{volume}/viewer/"
    print(directions(url, host, port, getpass.getuser()), flush=True)
    if browse:
        webbrowser.open(url)
    await asyncio.Event().wait()


def view(
    directory: str | Path,
    volume: str | None = None,
    bind: str = LOOPBACK[0],
    port: int = 0,
    token: str | None = None,
    browse: bool = True,
) -> None:
    """Serve the volumes of the run in ``directory`` until Ctrl-C, and show one of them.

    ``port`` 0: a free one; ``token``: secret word in the address, a new one by default; ``browse``: open a browser.
    Raises UserError when there is no such volume, or the port cannot be had.
    """
    volume = choose_volume(directory, volume)
    try:
        asyncio.run(serve(directory, volume, bind, port, token or secrets.token_urlsafe(16), browse))
    except KeyboardInterrupt:
        print()
