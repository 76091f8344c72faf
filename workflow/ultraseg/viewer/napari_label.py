"""The window in which slices are labelled; in napari's own environment, without ultraseg.

It asks the program that started it for slices, one at a time, and hands them back (``ultraseg.exchange.label_window``).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from multiprocessing.connection import Client
from threading import RLock
from typing import Any

import numpy as np

HELD = 12  # slices of a structure in memory
ORIGINS = {
    "draft": "as you left it, not finished",
    "yours": "your labels",
    "run": "made by the run: correct it, then D",
    "empty": "no labels yet",
}


class Refused(RuntimeError):
    """What the other side said against a request, with its cure."""


class Desk:
    """The other side: what it is asked, it answers with words and pixels."""

    def __init__(self, address: str):
        self._connection, self._lock = Client(address, "AF_UNIX"), RLock()

    def ask(self, what: str, pixels: Any = None, **about: Any) -> tuple[dict[str, Any], Any]:
        """The answer to a question: words and pixels (Y, X), None where it has none. Raises Refused."""
        words: dict[str, Any] = {"what": what, **about}
        if pixels is not None:
            words |= {"dtype": pixels.dtype.str, "shape_of_pixels": list(pixels.shape)}
        with self._lock:
            self._connection.send_bytes(json.dumps(words).encode())
            if pixels is not None:
                self._connection.send_bytes(np.ascontiguousarray(pixels).data.cast("B"))
            said = json.loads(self._connection.recv_bytes())
            found = None
            if "dtype" in said:
                raw = np.frombuffer(self._connection.recv_bytes(), said["dtype"])
                found = raw.reshape(said["shape_of_pixels"]).copy()
        if "problem" in said:
            raise Refused(f"{said['problem']}\n{said['cure']}")
        return said, found

    def close(self) -> None:
        """Tell the other side that the window is closed."""
        self._connection.close()


class Slices:
    """A stack (Z, Y, X) that napari takes for an array: slices are fetched when they are looked at.

    fetch: gives slice z. ``changed`` holds the slices that were drawn on since ``kept`` was last called for them.
    """

    ndim = 3

    def __init__(self, shape: list[int], dtype: Any, fetch: Callable[[int], Any]):
        self.shape, self.dtype, self._fetch = tuple(shape), np.dtype(dtype), fetch
        self.changed: set[int] = set()
        self._held: dict[int, Any] = {}

    def plane(self, z: int) -> Any:
        """Slice z (Y, X): not a copy."""
        if z not in self._held:
            loose = [other for other in self._held if other not in self.changed]
            for other in loose[: max(0, len(self._held) + 1 - HELD)]:
                del self._held[other]
            self._held[z] = self._fetch(z)
        else:
            self._held[z] = self._held.pop(z)  # the last one that was used stays longest
        return self._held[z]

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> Any:
        zs, inside = self._split(key)
        if np.ndim(zs) == 0:
            return self.plane(int(zs))[inside]
        if isinstance(zs, range):
            return np.stack([self.plane(z)[inside] for z in zs])
        rows, columns = inside
        found = np.empty(np.broadcast(zs, rows, columns).shape, self.dtype)
        for z, at, (row, column) in self._points(zs, rows, columns):
            found[at] = self.plane(z)[row, column]
        return found

    def __setitem__(self, key: Any, value: Any) -> None:
        zs, inside = self._split(key)
        if np.ndim(zs) == 0:
            self.plane(int(zs))[inside] = value
            self.changed.add(int(zs))
        elif isinstance(zs, range):
            planes = (
                np.broadcast_to(value, (len(zs), *np.shape(value)[-2:]))
                if np.ndim(value)
                else [value] * len(zs)
            )
            for z, plane in zip(zs, planes, strict=True):
                self.plane(z)[inside] = plane
                self.changed.add(z)
        else:
            rows, columns = inside
            values = np.broadcast_to(value, np.broadcast(zs, rows, columns).shape)
            for z, at, (row, column) in self._points(zs, rows, columns):
                self.plane(z)[row, column] = values[at]
                self.changed.add(z)

    def _split(self, key: Any) -> tuple[Any, Any]:
        """The slices of an index, a number, a range or an array, and the index within them."""
        key = key if isinstance(key, tuple) else (key,)
        key = key + (slice(None),) * (3 - len(key))
        zs = key[0]
        if isinstance(zs, slice):
            return range(*zs.indices(self.shape[0])), key[1:]
        return (int(zs) if np.ndim(zs) == 0 else np.asarray(zs)), key[1:]

    def _points(self, zs: Any, rows: Any, columns: Any) -> Any:
        """Single voxels by their slice: z, where they are in the index, and their rows and columns."""
        zs, rows, columns = np.broadcast_arrays(zs, rows, columns)
        for z in np.unique(zs):
            at = zs == z
            yield int(z), at, (rows[at], columns[at])

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise Refused("The whole stack is not read at once. Look at it slice by slice.")


class Session:
    """The layers of one volume in a viewer, and what keys and buttons do."""

    def __init__(
        self, viewer: Any, desk: Desk, colormap: Callable[..., Any], add_layers: Callable[..., None]
    ):
        """colormap: napari's ``DirectLabelColormap``; add_layers: that of ``napari_layers``."""
        self.viewer, self.desk = viewer, desk
        self.about, _ = desk.ask("about")
        self.origin: dict[tuple[str, int], str] = {}
        self.said = ""
        self._given: dict[str, int] = {}  # the newest id of each structure
        self._first, self._step = self.about["translate"][0], self.about["scale"][0]
        place: dict[str, Any] = {
            "scale": self.about["scale"], "translate": self.about["translate"], "units": ("um",) * 3,
        }  # fmt: skip
        if self.about["image"]:
            add_layers(viewer, self.about["image"], colormap)
        else:
            grey = Slices(self.about["shape"], np.uint8, lambda z: desk.ask("image", z=z)[1])
            viewer.add_image(grey, name="image", contrast_limits=(0, 255), multiscale=False, **place)
        self.stacks: dict[str, Slices] = {}
        for name, about in self.about["structures"].items():
            self.stacks[name] = Slices(self.about["shape"], np.uint32, self._fetcher(name))
            how = {"opacity": self.about["opacity"], "multiscale": False, **place}
            if about["kind"] != "cells":
                how["colormap"] = colormap(color_dict={None: about["colour"], 0: "transparent"})
            layer = viewer.add_labels(self.stacks[name], name=name, **how)
            layer.bind_key("M", lambda _layer: self.tried(self.new_id), overwrite=True)
        for key, do in (("N", self.next), ("K", self.back), ("D", self.done)):
            viewer.bind_key(key, lambda _viewer, do=do: self.tried(do), overwrite=True)
        self._z = self.z
        viewer.dims.events.point.connect(self._moved)
        viewer.dims.events.ndisplay.connect(self._flat)
        viewer.dims.events.order.connect(self._flat)
        viewer.layers.selection.events.active.connect(lambda event: self._tell())
        viewer.layers.selection.active = viewer.layers[next(iter(self.stacks))]
        self._tell()
        if places := self.places():
            self.go(places[0][0])

    def _fetcher(self, name: str) -> Callable[[int], Any]:
        def fetch(z: int) -> Any:
            said, pixels = self.desk.ask("start", structure=name, z=z)
            self.origin[name, z] = said["origin"]
            return pixels

        return fetch

    # ---- where we are
    @property
    def z(self) -> int:
        """The slice that is shown, counted from the volume's first one."""
        return round((float(self.viewer.dims.point[0]) - self._first) / self._step)

    @property
    def name(self) -> str:
        """The structure that is drawn: the layer that is chosen, or else the first one."""
        active = self.viewer.layers.selection.active
        return active.name if active is not None and active.name in self.stacks else next(iter(self.stacks))

    def go(self, z: int) -> None:
        """Show slice z."""
        self.viewer.dims.set_point(0, self._first + z * self._step)

    def places(self) -> list[tuple[int, str]]:
        """Slices to label of the structure that is drawn, each with the reason: those begun, then those advised."""
        about = self.about["structures"][self.name]
        begun = [(z, "begun, not finished") for z in about["drafts"]]
        chosen = {*about["drafts"], *about["labelled"]}
        return begun + [(z, why) for z, why in self.about["advised"] if z not in chosen]

    def next(self, step: int = 1) -> None:
        """Go to the next slice that should be labelled."""
        places = [z for z, _ in self.places()]
        if not places:
            self.say(f"{self.name}: all advised slices are labelled")
            return
        here = places.index(self.z) if self.z in places else -1 if step > 0 else 0
        self.go(places[(here + step) % len(places)])

    def back(self) -> None:
        """Go to the slice before, of those that should be labelled."""
        self.next(-1)

    # ---- what is done
    def new_id(self) -> None:
        """Choose an id that no cell has."""
        name = self.name
        drawn = max(int(self.stacks[name].plane(z).max()) for z in {*self.stacks[name].changed, self.z})
        said, _ = self.desk.ask("new_id", structure=name, at_least=max(drawn, self._given.get(name, 0)))
        self.viewer.layers[name].selected_label = self._given[name] = said["id"]
        self.say(f"{name}: new id {said['id']}")

    def done(self) -> None:
        """Save the slice that is shown as labels of the structure that is drawn. Raises Refused."""
        name, z, about = self.name, self.z, self.about["structures"][self.name]
        said, _ = self.desk.ask("save", self.stacks[name].plane(z), structure=name, z=z)
        self.stacks[name].changed.discard(z)
        self.origin[name, z] = "yours"
        about["labelled"] = sorted({*about["labelled"], z})
        about["drafts"] = [other for other in about["drafts"] if other != z]
        self.say(f"{name}: slice {z + self.about['first']} saved as {said['file']}")

    def keep(self) -> None:
        """Keep all slices that were drawn on and not saved. Raises Refused."""
        for name, stack in self.stacks.items():
            for z in sorted(stack.changed):
                self.desk.ask("keep", stack.plane(z), structure=name, z=z)
                about = self.about["structures"][name]
                about["drafts"] = sorted({*about["drafts"], z})
                self.origin[name, z] = "draft"
            stack.changed.clear()

    def tried(self, do: Callable[[], None]) -> None:
        """Do something, and show what was said against it."""
        try:
            do()
        except Refused as error:
            self.say(str(error))

    # ---- what is shown
    def say(self, text: str) -> None:
        """Show a line over the image until the next one."""
        self.said = text
        self._tell()

    def _tell(self) -> None:
        name, z = self.name, self.z
        why = next((why for place, why in self.places() if place == z), "")
        state = ORIGINS.get(self.origin.get((name, z), ""), "")
        lines = [f"{name}, slice {z + self.about['first']}: {state}", why, self.said]
        canvas = getattr(self.viewer, "canvas", None)  # from napari 0.9 on
        overlay = canvas.overlays.text if canvas is not None else self.viewer.text_overlay
        overlay.position = "top_left"
        overlay.text, overlay.visible = "\n".join(line for line in lines if line), True

    def _moved(self, event: Any = None) -> None:
        if self.z == self._z:
            return
        self._z, self.said = self.z, ""
        self.tried(self.keep)
        self._tell()

    def _flat(self, event: Any = None) -> None:
        """Slices are drawn as they were recorded: a view across them would read the whole stack."""
        dims = self.viewer.dims
        if dims.ndisplay != 2 or tuple(dims.order) != (0, 1, 2):
            dims.ndisplay, dims.order = 2, (0, 1, 2)
            self.say("Labels are drawn slice by slice; ultraseg napari shows a volume in 3D")


def add_buttons(session: Session) -> None:
    """Buttons beside the layers, for those who do not know the keys."""
    from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

    panel = QWidget()
    column = QVBoxLayout(panel)
    for text, do in (
        ("Next slice to label (N)", session.next),
        ("The one before (K)", session.back),
        ("New id (M)", session.new_id),
        ("Slice done: save (D)", session.done),
    ):
        button = QPushButton(text)
        button.clicked.connect(lambda _checked=False, do=do: session.tried(do))
        column.addWidget(button)
    session.viewer.window.add_dock_widget(panel, name="ultraseg", area="right")


def main() -> None:
    import napari
    from napari.utils.colormaps import DirectLabelColormap
    from napari_layers import add_layers  # the module beside this one

    desk = Desk(sys.argv[1])
    viewer = napari.Viewer(title=desk.ask("about")[0]["title"])
    session = Session(viewer, desk, DirectLabelColormap, add_layers)
    add_buttons(session)
    napari.run()
    session.keep()
    desk.close()


if __name__ == "__main__":
    main()
