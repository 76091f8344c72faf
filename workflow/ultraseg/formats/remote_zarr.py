"""OME-Zarr at an address (https:// or s3://): metadata are copied here once, chunks are read when they are needed.

The copy of the metadata is a Zarr folder without chunks, in which a file says where the chunks are. All that looks at
metadata reads the copy. Light to import: the libraries that speak to servers are imported where they are needed.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ultraseg.base.errors import UserError
from ultraseg.base.files import whole_folder, write_text
from ultraseg.grid.paths import REMOTE

if TYPE_CHECKING:
    from zarr.abc.store import Store

log = logging.getLogger(__name__)

ADDRESS = ".address"  # file in the folder of an array or an image: where it is
NAMES = ("zarr.json", ".zattrs", ".zgroup", ".zarray")
LARGEST = 10_000_000  # bytes of a file of metadata
MOST_LEVELS = 50
CONNECT_S, SILENT_S = 30, 60  # how long a server may take to answer, and may be silent then
TRIES, PAUSE_S = 5, 2.0  # how often a file is asked for, and the pause after the first try, which doubles
LOCAL = re.compile(r"http://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?/")  # such as the end of a tunnel


def is_address(path: str) -> bool:
    """Whether a path is an address, of whatever kind."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", path) is not None


def mirrored(address: str) -> str:
    """The folder with the metadata of the OME-Zarr at an address; they are fetched where they are not there yet.

    Raises UserError for addresses of other kinds, where the server does not answer, and where no OME-Zarr is there.
    """
    address = address.rstrip("/")
    if not (address.startswith(("https://", "s3://")) or LOCAL.match(address + "/")):
        raise UserError(
            f"{address}: is no https:// and no s3:// address",
            "Give such an address, or copy the image to this computer. Other servers are not asked: what they send "
            "could be changed on the way. http:// is read from this computer alone (http://127.0.0.1:PORT/...).",
        )
    folder = os.path.join(REMOTE, f"{hashlib.sha256(address.encode()).hexdigest()[:16]}.zarr")
    if not os.path.exists(folder):
        os.makedirs(REMOTE, exist_ok=True)
        with whole_folder(folder) as part:
            _fetch_image(address, Path(part))
        log.info("%s: its metadata are in %s; delete this folder to fetch them again", address, folder)
    return folder


def address_of(folder: str) -> str | None:
    """Where the chunks of an array are; None where they are in the folder."""
    try:
        return Path(folder, ADDRESS).read_text()
    except (FileNotFoundError, NotADirectoryError):
        return None


def open_store(folder: str) -> Store:
    """The store of an array: the folder, or where its chunks are."""
    from zarr.storage import LocalStore

    address = address_of(folder)
    return LocalStore(folder, read_only=True) if address is None else patient_store(address, folder)


# ---------------------------------------------------------------- metadata
def _fetch_image(address: str, folder: Path) -> None:
    """Fetch the metadata of an image and of its levels, or those of one array."""
    files = _fetch(address, folder)
    if not files:
        raise UserError(
            f"{address}: no OME-Zarr here, and no Zarr array (none of {', '.join(NAMES)})",
            "Give the address of the folder of one image, the one whose metadata have 'multiscales'.",
        )
    try:
        new = (
            json.loads(files["zarr.json"]).get("attributes", {}).get("ome", {})
            if "zarr.json" in files
            else {}
        )
        attributes = new or (json.loads(files[".zattrs"]) if ".zattrs" in files else {})
        levels = [
            level["path"] for scales in attributes.get("multiscales", ()) for level in scales["datasets"]
        ]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{address}: its metadata are damaged ({type(error).__name__}: {error})",
            "Ask those who offer the image.",
        ) from error
    if "bioformats2raw.layout" in attributes and not levels:
        raise UserError(
            f"{address}: holds a row of images", f"Give the address of one of them, such as {address}/0."
        )
    if len(levels) > MOST_LEVELS:
        raise UserError(f"{address}: has {len(levels)} levels", "The metadata are damaged.")
    for level in levels:
        if not re.fullmatch(r"[\w.-]+(/[\w.-]+)*", str(level)) or ".." in level.split("/"):
            raise UserError(
                f"{address}: names a level {level!r}", "The metadata are damaged: ask those who offer it."
            )
        _fetch(f"{address}/{level}", folder / level)


def _fetch(address: str, folder: Path) -> dict[str, bytes]:
    """Fetch the files of metadata at an address that exist."""
    found = {}
    folder.mkdir(parents=True, exist_ok=True)
    system, root = _system(address)
    for name in NAMES:
        content = _patiently(partial(_read, system, f"{root}/{name}"), f"{address}/{name}")
        if content is not None:
            found[name] = content
            (folder / name).write_bytes(content)
    write_text(folder / ADDRESS, address)
    return found


def _read(system: Any, path: str) -> bytes | None:
    try:
        content: bytes = system.cat_file(path, end=LARGEST)
        return content
    except FileNotFoundError:
        return None


def _patiently(ask: Callable[[], bytes | None], address: str) -> bytes | None:
    """What a server answers, after several tries. Raises UserError."""
    for attempt in range(TRIES):
        try:
            return ask()
        except PermissionError as error:
            raise _refused(address, error) from error
        except Exception as error:  # servers and networks raise errors of many kinds
            if attempt == TRIES - 1:
                raise _silent(address, error) from error
            log.warning("%s: %s; asked again", address, _told(error))
            time.sleep(PAUSE_S * 2**attempt)
    raise AssertionError


def _refused(address: str, error: Exception) -> UserError:
    return UserError(
        f"{address}: the server gives it to nobody without a password ({error})",
        "Only what is public is read. Copy the image to this computer.",
    )


def _silent(address: str, error: Exception) -> UserError:
    return UserError(
        f"{address}: the server does not answer ({_told(error)}), though it was asked {TRIES} times",
        "Try again later: what is finished stays. Or copy the image to this computer.",
    )


def _told(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"silent for {SILENT_S} seconds"
    return f"{type(error).__name__}: {error}"


# ---------------------------------------------------------------- servers
def server_options(address: str, connect_s: int = CONNECT_S, silent_s: int = SILENT_S) -> dict[str, Any]:
    """What fsspec is told of a server (S3 or HTTP): no name and password, and how long to wait, in seconds."""
    if address.startswith("s3://"):
        return {"anon": True, "config_kwargs": {"connect_timeout": connect_s, "read_timeout": silent_s}}
    from aiohttp import ClientTimeout

    timeout = ClientTimeout(total=None, connect=connect_s, sock_connect=connect_s, sock_read=silent_s)
    return {"client_kwargs": {"timeout": timeout}}


def _system(address: str) -> tuple[Any, str]:
    """The file system that an address belongs to, and its path there."""
    import fsspec

    system, path = fsspec.core.url_to_fs(address, **server_options(address))
    return system, path


def patient_store(address: str, folder: str) -> Store:
    """A store that asks for a chunk again where a server fails; a chunk that is not there is no failure.

    folder: has the metadata. Raises UserError from its ``get`` where it gives up. ``missing`` of the store: names of
    chunks that are not there.
    """
    import asyncio

    from zarr.abc.store import ByteRequest, Store
    from zarr.core.buffer import Buffer, BufferPrototype
    from zarr.storage import FsspecStore, LocalStore, WrapperStore

    metadata = LocalStore(folder, read_only=True)

    class Patient(WrapperStore[Store]):
        def __init__(self, store: Store):
            super().__init__(store)
            self.missing: list[str] = []

        async def get(
            self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None
        ) -> Buffer | None:
            """As the store's own ``get``."""
            if key.rpartition("/")[2] in NAMES:
                return await metadata.get(key, prototype, byte_range)
            for attempt in range(TRIES):
                try:
                    found = await self._store.get(key, prototype, byte_range)
                    if found is None:
                        self.missing.append(key)
                    return found
                except PermissionError as error:
                    raise _refused(f"{address}/{key}", error) from error
                except Exception as error:
                    if attempt == TRIES - 1:
                        raise _silent(f"{address}/{key}", error) from error
                    log.warning("%s/%s: %s; asked again", address, key, _told(error))
                    await asyncio.sleep(PAUSE_S * 2**attempt)
            raise AssertionError

    return Patient(FsspecStore.from_url(address, storage_options=server_options(address), read_only=True))
