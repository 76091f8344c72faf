"""Scenes of cells and tubes, with what the stages before linking would have said of them."""

import cc3d
import numpy as np
import pandas as pd
from ultraseg.link.decide import link_pieces
from ultraseg.link.edges import slab_edges

SHAPE = (64, 64)


def disc(y, x, radius):
    yy, xx = np.mgrid[: SHAPE[0], : SHAPE[1]]
    return np.hypot(yy - y, xx - x) <= radius


class Scene:
    """Planted things, each with what the earlier stages would have said about its pieces."""

    def __init__(self, depth):
        self.volume = np.zeros((depth, *SHAPE), np.int32)
        self.known = {}
        self.given = set()

    def add(self, name, place, slices, cell=0, confidence=1.0, body=False):
        """place(z) -> mask; name: positive integer."""
        self.known[name] = (cell, confidence, body)
        for z in slices:
            self.volume[z][place(z)] = name
        return self

    def tables(self, **settings):
        pieces = np.stack([cc3d.connected_components(one, connectivity=8) for one in self.volume]).astype(
            np.int32
        )
        rows = []
        for z, one in enumerate(pieces):
            for piece in range(1, one.max() + 1):
                y, x = np.nonzero(one == piece)
                name = int(self.volume[z, y[0], x[0]])
                cell, confidence, body = self.known[name]
                rows.append(
                    (z, piece, len(y), y.mean(), x.mean(), cell, confidence, body, z in self.given, name)
                )
        columns = ["z", "piece", "area", "y", "x", "cell", "confidence", "body", "given", "name"]
        return pieces, pd.DataFrame(rows, columns=columns), slab_edges(pieces, range(len(pieces)), **settings)

    def link(self, gap=0, **settings):
        self.pieces, nodes, edges = self.tables(max_gap=gap)
        self.result = link_pieces(nodes, edges, **{"min_cell_voxels": 1000, "bridge_slices": gap, **settings})
        return self

    def cells(self, name, outcome=None):
        nodes = self.result.nodes[self.result.nodes["name"] == name]
        if outcome is not None:
            assert set(nodes["outcome"]) == {outcome}
        return sorted(set(nodes["final"]))


def two_cells(depth=20, left=(0, 20), right=(0, 20)):
    scene = Scene(depth)
    scene.add(1, lambda z: disc(20, 12, 9), range(*left), cell=11, body=True)
    return scene.add(2, lambda z: disc(20, 52, 9), range(*right), cell=22, body=True)


def random_scene(depth=14, seed=5):
    rng = np.random.default_rng(seed)
    scene = Scene(depth)
    for name in range(1, 31):
        y, x, r = *rng.uniform(4, 60, 2), rng.uniform(2, 8)
        dy, dx = rng.normal(0, 1, 2)
        first = int(rng.integers(0, depth - 3))
        place = lambda z, y=y, x=x, r=r, dy=dy, dx=dx, f=first: disc(y + dy * (z - f), x + dx * (z - f), r)  # noqa: E731
        scene.add(
            name,
            place,
            range(first, min(depth, first + int(rng.integers(3, 12)))),
            cell=int(name) if name % 4 == 0 else 0,
            confidence=float(rng.uniform(0, 1)),
            body=r > 5,
        )
    scene.volume[[4, 8, 9], 20:] = 0  # bad slices to bridge
    return scene
