"""The viewer's web server: results are served from disk to a browser, on this computer or through an SSH tunnel.

The address holds a secret word, as other users of a login node reach the same port. The word is in no message but the
one for the user, and in no list of processes.
"""

from __future__ import annotations

import asyncio
import getpass
import json
import logging
import os
import re
import secrets
import socket
import tempfile
import webbrowser
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import tornado.netutil
import tornado.web
from tornado.escape import url_unescape

from ultraseg.base.errors import UserError
from ultraseg.storage.finished_runs import choose_volume, volumes_of
from ultraseg.viewer.connections import LimitedServer, most_connections
from ultraseg.viewer.page import INDEX, View, client_file, made_so_far, page

log = logging.getLogger(__name__)

LOOPBACK = ("127.0.0.1", "localhost", "::1")
TOKEN = re.compile(r"[A-Za-z0-9_-]{16,200}")
LONGEST_NAME = 255  # bytes of a name in a path, as file systems have it
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript",
    ".css": "text/css",
    ".wasm": "application/wasm",
}


class Run:
    """The volumes of a run, and what the viewer shows of each: made when asked for, and anew when files were added."""

    def __init__(self, directory: str | Path):
        self.directory = Path(directory)
        self._views: dict[str, View] = {}

    def folder(self, volume: str) -> Path:
        """The folder of a volume. Raises UserError when there is no such volume."""
        if volume not in volumes_of(self.directory):
            raise UserError(f"no volume {volume}", f"There are {', '.join(volumes_of(self.directory))}.")
        return Path(self.directory, "results", volume).absolute()

    def view(self, volume: str, fresh: bool = False) -> View:
        """The view of a volume; ``fresh``: one that knows all files that are there by now."""
        folder, known = self.folder(volume), self._views.get(volume)
        if known is None or (fresh and known.made != made_so_far(folder)):
            known = self._views[volume] = View(folder)
        return known


class _Secret(tornado.web.RequestHandler):
    """A request that is answered only where its address begins with the secret word; errors do not show the address."""

    def prepare(self) -> Awaitable[None] | None:
        if not self._is_allowed():
            raise tornado.web.HTTPError(404)
        server = self.settings["server"]
        if server is not None:
            server.trust(self.request.connection)
        return super().prepare()

    def _is_allowed(self) -> bool:
        path = url_unescape(self.request.path, encoding=None, plus=False)
        names = path.split(b"/")
        if any(len(name) > LONGEST_NAME or b"\0" in name for name in names):
            return False
        return secrets.compare_digest(names[1] if len(names) > 1 else b"", self.settings["token"].encode())

    def log_exception(self, kind: Any, error: Any, traceback: Any) -> None:
        if not isinstance(error, tornado.web.HTTPError):
            log.error("a request failed", exc_info=(kind, error, traceback))

    def write_error(self, status_code: int, **_: Any) -> None:
        self.finish(f"{status_code}\n")


class _Nothing(_Secret):
    """Every other address."""

    def prepare(self) -> Awaitable[None] | None:
        raise tornado.web.HTTPError(404)


class _Data(_Secret, tornado.web.StaticFileHandler):
    """Files of an OME-Zarr, whole or in parts (ranges)."""

    def initialize(self, run: Run) -> None:  # type: ignore[override]  # the folder is known with the volume's name
        super().initialize(path="")
        self._run = run

    async def get(self, volume: str, path: str, include_body: bool = True) -> None:  # type: ignore[override]
        try:
            self.root = str(self._run.folder(volume) / "image.zarr")
        except UserError:
            raise tornado.web.HTTPError(404) from None
        await super().get(path, include_body)

    def head(self, volume: str, path: str) -> Awaitable[None]:  # type: ignore[override]  # as get
        return self.get(volume, path, include_body=False)

    def compute_etag(self) -> str | None:
        # Tornado's own reads the whole slab file for the few kB that are asked for.
        about = os.stat(self.absolute_path or "")
        return f'"{about.st_mtime_ns:x}-{about.st_size:x}"'

    def set_extra_headers(self, path: str) -> None:
        self.set_header("Cache-Control", "no-cache")  # a run may be writing


class _Page(_Secret):
    """What belongs to the page: client, state and surfaces, made when asked for."""

    def initialize(self, run: Run) -> None:
        self._run = run

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
        self._run.folder(volume)
        suffix = Path(name).suffix
        if name in ("", "index.html"):
            return INDEX.encode(), ".html"
        if name == "v/view.html":
            return page(volume).encode(), ".html"
        if name == "v/state.json":
            return json.dumps(self._run.view(volume, fresh=True).state()).encode(), suffix
        if name.startswith("mesh/") and name.count("/") == 2:
            return self._run.view(volume).mesh(*name.split("/")[1:]), suffix
        if name.startswith("properties/") and name.endswith("/info") and name.count("/") == 2:
            return self._run.view(volume).properties(name.split("/")[1]), suffix
        if name.startswith("derived/") and name.count("/") >= 2:
            return self._run.view(volume).derived(*name.split("/", 2)[1:]), suffix
        file = client_file(name.removeprefix("v/")) if name.count("/") == 1 else None
        return (file.read_bytes() if file else None), suffix


def application(directory: str | Path, token: str) -> tornado.web.Application:
    """The server of all volumes of a run, also of those that are made later, below /<token>/<volume>/."""
    run = {"run": Run(directory)}
    return tornado.web.Application(
        [(r"/[^/]+/([^/]+)/image\.zarr/(.*)", _Data, run), (r"/[^/]+/([^/]+)/viewer/(.*)", _Page, run)],
        default_handler_class=_Nothing,
        log_function=lambda handler: None,
        token=token,
        server=None,
    )


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


def user_name() -> str:
    """The name of the user; in a container the number of the user may have none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "USER"


@contextmanager
def opened_page(url: str) -> Iterator[Path]:
    """Open a browser at an address by way of a file that only this user can read, which is removed afterwards.

    As an argument of the browser the address would stand in the list of processes, which all users can see.
    """
    with tempfile.TemporaryDirectory(prefix="ultraseg-") as folder:
        file = Path(folder, "viewer.html")
        file.touch(mode=0o600)
        file.write_text(f'<!doctype html><meta http-equiv="refresh" content="0; url={url}">\n')
        webbrowser.open(file.as_uri())
        yield file


async def serve(
    directory: str | Path,
    volume: str,
    bind: str,
    port: int,
    token: str,
    browse: bool,
    tell: Callable[[str], None] = lambda text: print(text, flush=True),
) -> None:
    """Serve until interrupted. Raises UserError when the port cannot be had."""
    handlers = application(directory, token)
    server = LimitedServer(handlers, most_connections())
    handlers.settings["server"] = server
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
    tell(directions(url, host, port, user_name()))
    with ExitStack() as stack:
        if browse:
            stack.enter_context(opened_page(url))
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
    Raises UserError when there is no such volume, the port cannot be had, or the word is no secret.
    """
    volume = choose_volume(directory, volume)
    token = token or secrets.token_urlsafe(16)
    if not TOKEN.fullmatch(token):
        raise UserError(
            f"--token {token}: {len(token)} characters, or others than letters, digits, - and _",
            "Give 16 to 200 of these that nobody guesses, or leave out --token: a new word is made.",
        )
    # Its warnings show the addresses of requests, which hold the secret word.
    logging.getLogger("tornado.general").setLevel(logging.ERROR)
    try:
        asyncio.run(serve(directory, volume, bind, port, token, browse))
    except KeyboardInterrupt:
        print()
