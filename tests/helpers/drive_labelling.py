"""Runs in napari's environment in place of the window: a person who labels, without a screen and its OpenGL.

The first argument is the address of the desk; what was seen goes to the file that SEEN names, as JSON.
"""

import json
import os
import sys
from pathlib import Path

os.environ["QT_QPA_PLATFORM"] = "offscreen"
sys.path.insert(0, str(Path(__file__).parents[2] / "workflow/ultraseg/viewer"))

from napari.components import ViewerModel  # noqa: E402
from napari.utils.colormaps import DirectLabelColormap  # noqa: E402
from napari_label import Desk, Session, add_buttons  # noqa: E402
from napari_layers import add_layers  # noqa: E402
from qtpy.QtWidgets import QApplication, QPushButton  # noqa: E402


def press(viewer, key: str) -> None:
    """What a key does, of the layer that is chosen or of the viewer."""
    layer = viewer.layers.selection.active
    for keymap, owner in ((layer.keymap, layer), (viewer.keymap, viewer)):
        for combination, do in keymap.items():
            if str(combination) == key:
                do(owner)
                return
    raise KeyError(key)


class Window:
    """Takes the panel that the window would show."""

    def add_dock_widget(self, panel, **how) -> None:
        self.panel = panel


class Viewer(ViewerModel):
    """napari's viewer without what draws it on a screen."""

    window: Window = Window()


def main() -> None:
    application = QApplication([])
    desk = Desk(sys.argv[1])
    viewer = Viewer()
    session = Session(viewer, desk, DirectLabelColormap, add_layers)
    add_buttons(session)
    seen = {"layers": [layer.name for layer in viewer.layers], "first": session.z}
    seen["grey"] = int(viewer.layers["image"]._slice.image.raw.max())
    cells = viewer.layers["cells"]
    seen["start"] = sorted({int(i) for i in cells._slice.image.raw.ravel()})
    press(viewer, "M")
    seen["new id"] = cells.selected_label
    cells.brush_size = 3
    cells.paint((session.z, 4, 4), cells.selected_label)
    cells.fill((session.z, 0, 0), 9)
    cells.paint((session.z, 8, 8), 5)
    cells.undo()
    seen["drawn"] = sorted({int(i) for i in session.stacks["cells"].plane(session.z).ravel()})
    press(viewer, "D")
    seen["saved"] = session.said
    press(viewer, "N")
    seen["second"] = session.z
    cells.paint((session.z, 2, 2), 3)  # begun, not finished
    press(viewer, "N")
    seen["third"], seen["drafts"] = session.z, session.about["structures"]["cells"]["drafts"]
    viewer.dims.ndisplay = 3
    seen["flat"] = viewer.dims.ndisplay
    # Mitochondria by the buttons.
    viewer.layers.selection.active = viewer.layers["mito"]
    viewer.layers["mito"].paint((session.z, 6, 6), 1)
    buttons = [b for b in viewer.window.panel.findChildren(QPushButton) if "(D)" in b.text()]
    seen["buttons"] = len(buttons)
    buttons[0].click()
    seen["mito"], seen["text"] = session.said, viewer.canvas.overlays.text.text
    # What cannot be labels is refused, and said.
    viewer.layers.selection.active = cells
    session.stacks["cells"][session.z] = 7
    press(viewer, "D")
    seen["refused"] = session.said
    session.stacks["cells"].changed.clear()
    session.keep()
    desk.close()
    application.quit()
    Path(os.environ["SEEN"]).write_text(json.dumps(seen))


main()
