"""napari as the window of a desk (``labelling``): starts it, and answers what it asks, through a socket of its own.

napari lives in another environment, without ultraseg. So it asks for slices and hands them back. A message is a line of
JSON, and after it the pixels, where there are any. Nothing in a message is run.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable
from multiprocessing.connection import Connection, Listener
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ultraseg.base.colours import LABEL_OPACITY
from ultraseg.base.errors import UserError
from ultraseg.base.system_errors import explain_system_error
from ultraseg.exchange.labelling import Desk
from ultraseg.grid.paths import metadata
from ultraseg.viewer.start_napari import find_python, image_layer

SCRIPT = Path(__file__).parents[1] / "viewer/napari_label.py"

Reply = tuple[dict[str, Any], NDArray[Any] | None]


def answer(desk: Desk, asked: dict[str, Any], pixels: NDArray[Any] | None) -> Reply:
    """What the window asked: a reply in words and numbers, and pixels (Y, X) where it has any.

    An error that the user can put right is a reply as well: it has ``problem`` and ``cure``.
    """
    try:
        return _ANSWERS[asked["what"]](desk, asked, pixels)
    except UserError as error:
        return {"problem": error.problem, "cure": error.cure}, None
    except (OSError, MemoryError) as error:
        told = explain_system_error(error, [str(target.folder) for target in desk.targets.values()])
        return {
            "problem": str(told or error),
            "cure": "What was drawn is still in the window: try again.",
        }, None


def _about(desk: Desk, asked: dict[str, Any], pixels: NDArray[Any] | None) -> Reply:
    volume, start = desk.volume, desk.volume.roi[0][0]
    colours = desk.colours()
    structures = {
        name: {
            "kind": desk.kinds[name],
            "place": f"{target.folder} ({target.place})",
            "labelled": desk.labelled(name),
            "drafts": desk.drafts(name),
            "colour": colours[name],
        }
        for name, target in desk.targets.items()
    }
    made = Path(metadata(volume.files.image)).exists()
    return {
        "title": f"{desk.name} - ultraseg label",
        "shape": list(volume.shape),
        "first": start,
        "scale": [nm / 1000 for nm in volume.voxel_size_nm],
        "translate": [nm / 1000 for nm in volume.origin_nm],
        "image": [image_layer(volume.folder)] if made else [],
        "structures": structures,
        "advised": desk.advised(),
        "opacity": LABEL_OPACITY,
    }, None


def _image(desk: Desk, asked: dict[str, Any], pixels: NDArray[Any] | None) -> Reply:
    return {}, desk.image(asked["z"])


def _start(desk: Desk, asked: dict[str, Any], pixels: NDArray[Any] | None) -> Reply:
    found = desk.start(asked["structure"], asked["z"])
    return {"origin": found.origin}, found.labels


def _new_id(desk: Desk, asked: dict[str, Any], pixels: NDArray[Any] | None) -> Reply:
    return {"id": desk.new_id(asked["structure"], asked["at_least"])}, None


def _keep(desk: Desk, asked: dict[str, Any], pixels: NDArray[Any] | None) -> Reply:
    assert pixels is not None
    return {"file": str(desk.keep(asked["structure"], asked["z"], pixels))}, None


def _save(desk: Desk, asked: dict[str, Any], pixels: NDArray[Any] | None) -> Reply:
    assert pixels is not None
    return {"file": str(desk.save(asked["structure"], asked["z"], pixels))}, None


_ANSWERS: dict[str, Callable[[Desk, dict[str, Any], NDArray[Any] | None], Reply]] = {
    "about": _about,
    "image": _image,
    "start": _start,
    "new_id": _new_id,
    "keep": _keep,
    "save": _save,
}


def send(connection: Connection, words: dict[str, Any], pixels: NDArray[Any] | None = None) -> None:
    """Send a message; the pixels go after the words."""
    if pixels is not None:
        words = words | {"dtype": pixels.dtype.str, "shape_of_pixels": list(pixels.shape)}
    connection.send_bytes(json.dumps(words).encode())
    if pixels is not None:
        connection.send_bytes(np.ascontiguousarray(pixels).data.cast("B"))


def receive(connection: Connection) -> Reply:
    """The next message. Raises EOFError when the other end is gone."""
    words = json.loads(connection.recv_bytes())
    if "dtype" not in words:
        return words, None
    pixels = np.frombuffer(connection.recv_bytes(), words["dtype"]).reshape(words["shape_of_pixels"])
    return words, pixels


def serve(desk: Desk, listener: Listener) -> None:
    """Answer one window until it is closed."""
    with listener.accept() as connection:
        while True:
            try:
                asked, pixels = receive(connection)
            except (EOFError, ConnectionResetError):
                return
            send(connection, *answer(desk, asked, pixels))


def open_window(desk: Desk, python: str | None = None) -> None:
    """Show the desk in napari until it is closed, then print what was saved and how to go on.

    ``python``: one that has napari, where ``viewer.napari.find_python`` finds none. Raises UserError when napari fails.
    """
    python = find_python(python)
    for reason in desk.left_out.values():
        print(f"Left out: {reason}")
    with tempfile.TemporaryDirectory() as folder, Listener(f"{folder}/desk", "AF_UNIX") as listener:
        Thread(target=serve, args=(desk, listener), daemon=True).start()
        done = subprocess.run([python, str(SCRIPT), f"{folder}/desk"])
    print("\n".join(desk.farewell()))
    if done.returncode:
        raise UserError(
            f"napari ended with status {done.returncode}",
            "See its words above. What was saved is saved. napari needs a screen, so it does not work over SSH.",
        )
