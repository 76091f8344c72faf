"""Pieces of the phantom's level `tissue` as real maps give them, and how like real tissue they are.

    .venv/bin/python benchmarks/tissue_pieces.py [--seeds 31 32] [--difficulty 0.5]

Prints figures of real tissue (a breast tumour, 757 published slices of 2000 x 6095 pixels, read at half size; fragments
are pieces of less than 10,000 pixels at full size) beside those of phantoms. Areas are in pixels of the full size, and
numbers per slice for 2000 x 6095 of them. A run is a chain of pieces of successive slices with an IoU of at least 0.2.
"""

from __future__ import annotations

from dataclasses import dataclass

import cc3d
import cv2
import numpy as np
import pandas as pd
from common import options
from ultraseg.cells.pieces import piece_table
from ultraseg.link.edges import slab_edges
from ultraseg.link.groups import groups
from ultraseg.phantom.volume import Phantom

SHAPE = (201, 1024, 1536)  # full size; pieces are of the half size
BODY, FRAGMENT = 200, 4  # pixels of the half size from which a piece is a body, and is kept at all
SMALL = 2500  # pixels of the half size below which real tissue's pieces were called fragments
FULL = 2000 * 6095 / 4
REAL = {
    "bodies per slice": 14, "fragments per slice": 180,
    "labelled small pieces of cells": 50, "labelled small pieces of nobody": 108,
    "area 5 %": 8, "area 25 %": 164, "area 50 %": 396, "area 75 %": 756, "area 95 %": 1860, "area 99 %": 8337,
    "overlap nothing in the next slice": 0.145, "overlap exactly one piece": 0.83,
    "overlap two or more": 0.025, "touch a body": 0.09,
    "best IoU 25 %": 0.04, "best IoU 50 %": 0.79, "best IoU 75 %": 0.90,
    "runs of one slice": 0.75,
    "run of a piece 25 %": 2, "run of a piece 50 %": 21, "run of a piece 75 %": 66, "run of a piece 90 %": 137,
}  # fmt: skip


@dataclass
class Spoil:
    """How maps of real tissue fail, per slice: chances that a course is lost, merged or split, and for how long.

    lost, merged: chance to begin, mean length in slices; split: chance; in_plane: chance to lose or split a piece that
    lies in the plane; specks: per million pixels; jitter: pixels.
    """

    lost: tuple[float, float] = (0.024, 2.5)
    merged: tuple[float, float] = (0.010, 2.0)
    split: float = 0.02
    in_plane: float = 0.3
    specks: float = 11.0
    jitter: float = 0.35
    unnamed: float = 0.01

    @classmethod
    def of(cls, difficulty: float) -> Spoil:
        """Half of everything at difficulty 0, half as much again at 1."""
        f, plain = 0.5 + difficulty, cls()
        return cls(
            (plain.lost[0] * f, plain.lost[1]), (plain.merged[0] * f, plain.merged[1]), plain.split * f,
            plain.in_plane * f, plain.specks, plain.jitter * f, plain.unnamed * f,
        )  # fmt: skip


@dataclass
class Volume:
    """Truth and pieces: cells (above cell_count: orphans), courses (0: no protrusion), pieces (all z, y, x); nodes."""

    cells: np.ndarray
    courses: np.ndarray
    cell_count: int
    pieces: np.ndarray
    nodes: pd.DataFrame
    labelled: list[int]
    held_out: list[int]


def planted(seed: int, difficulty: float, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray, int]:
    """Cells and courses of a phantom, and the number of its cells."""
    phantom = Phantom(shape, seed, level="tissue", difficulty=difficulty)
    made = [phantom.render_cells(z, 2) for z in range(shape[0])]
    cells, courses = (np.stack(part) for part in zip(*made, strict=True))
    return cells, courses, phantom.cell_count


def make(
    seed: int, difficulty: float = 0.5, every: int = 50, shape: tuple[int, ...] = SHAPE, given: int = 2
) -> Volume:
    """A phantom, labelled every so many slices, with the ids of every ``given``-th labelled slice known."""
    cells, courses, cell_count = planted(seed, difficulty, tuple(shape))
    labelled = list(range(0, shape[0], every))
    drawn = labelled[::given]
    pieces, nodes = spoilt(cells, courses, cell_count, drawn, Spoil.of(difficulty), seed)
    held_out = [z for z in labelled if z not in drawn]
    return Volume(cells, courses, cell_count, pieces, nodes, drawn, held_out)


def bursts(count: int, depth: int, chance: float, mean: float, rng: np.random.Generator) -> np.ndarray:
    """Whether each of `count` courses is hit in each slice: bool (count, depth)."""
    begin = rng.random((count, depth)) < chance
    length = rng.geometric(1 / mean, (count, depth)) * begin
    hit = np.zeros((count, depth), bool)
    left = np.zeros(count, int)
    for z in range(depth):
        left = np.maximum(left - 1, length[:, z])
        hit[:, z] = left > 0
    return hit


def spoilt(
    cells: np.ndarray, courses: np.ndarray, cell_count: int, drawn: list[int], spoil: Spoil, seed: int
) -> tuple[np.ndarray, pd.DataFrame]:
    """Pieces and their table: as people drew them on the slices `drawn`, as spoilt maps give them elsewhere."""
    rng = np.random.default_rng([seed, 15])
    count, depth = int(courses.max()) + 1, len(cells)
    lost, merged = (bursts(count, depth, *rate, rng) for rate in (spoil.lost, spoil.merged))
    own = bursts(count, depth, 0.1, 8, rng)  # no membrane shows between a tube and its own body
    sizes = np.stack([np.bincount(one.ravel(), minlength=count) for one in courses])
    typical = sizes.sum(0) / np.maximum(np.count_nonzero(sizes, axis=0), 1)
    overlooked = rng.random((count, depth)) < spoil.unnamed
    pieces, tables = np.zeros(cells.shape, np.int32), []
    users = [(z, np.where(cells[z] > cell_count, 0, cells[z])) for z in drawn]
    for z in range(depth):
        code = np.where(courses[z] > 0, courses[z], np.where(cells[z] > 0, count + cells[z], 0))
        code = parted(code)
        given = z in drawn
        if not given:
            code = shaken(code, spoil.jitter, rng)
        found = cc3d.connected_components(code.astype(np.uint32), connectivity=4).astype(np.int32)
        kind = np.zeros(int(found.max()) + 1, np.int64)
        kind[found] = code
        cell = np.where(kind >= count, kind - count, owner_of(kind, courses[z], cells[z], count))
        target = np.arange(len(kind))
        pairs, contact = contacts(found)
        area = np.bincount(found.ravel())
        tube = (kind > 0) & (kind < count)
        c = np.where(tube, kind, 0)
        if given:
            cell[tube & (overlooked[c, z] | (cell > cell_count))] = 0
        # A tube and the body that it leaves are one piece, where no membrane is between them.
        for (i, j), length in zip(pairs.tolist(), contact.tolist(), strict=True):
            if tube[i] and target[i] == i and target[j] == j and length > 3:
                same = not tube[j] and cell[i] == cell[j] and own[c[i], z]
                if same or (not given and merged[c[i], z] and length > 0.2 * np.sqrt(area[i])):
                    target[i] = j
        if not given:
            flat = tube & (area > 2.5 * typical[c])
            target[tube & (target == np.arange(len(kind))) & lost[c, z]] = 0
            target[flat & (rng.random(len(kind)) < spoil.in_plane)] = 0
        found = target[target][found]
        if not given:
            alone = np.flatnonzero(tube & (target == np.arange(len(kind))))
            halves = alone[rng.random(len(alone)) < np.where(flat[alone], spoil.in_plane, spoil.split)]
            found = cut(found, halves, rng)
            found = specked(found, cells[z] > 0, spoil.specks, rng)
        kept = np.bincount(found.ravel()) >= FRAGMENT
        kept[0] = False
        kind_of = np.zeros(max(len(kept), len(cell)), np.int64)
        kind_of[: len(cell)] = cell
        pieces[z] = np.where(kept, np.cumsum(kept), 0).astype(np.int32)[found]
        known = np.zeros(int(pieces[z].max()) + 1, np.int64)
        if given:
            known[1:] = kind_of[np.flatnonzero(kept)]
            confidence = np.ones(len(known))
        else:
            known, confidence = carried(pieces[z], z, users)
        table = piece_table(
            pieces[z], known[pieces[z]], np.full(found.shape, 255, np.uint8), min_body_area=BODY
        )
        table["confidence"] = np.where(table["cell"] > 0, confidence[1:], 0.0)
        tables.append(table.assign(z=z, given=given))
    return pieces, pd.concat(tables, ignore_index=True)


def owner_of(kind: np.ndarray, courses: np.ndarray, cells: np.ndarray, count: int) -> np.ndarray:
    """The cell of the course of each piece, 0 for pieces of no course."""
    owner = np.zeros(count, np.int64)
    owner[courses] = cells
    owner[0] = 0
    return owner[np.where(kind < count, kind, 0)]


def parted(labels: np.ndarray) -> np.ndarray:
    """Labels without the pixels that lie at another label: there are membranes."""
    top = np.where(labels > 0, labels, 0).astype(np.float32)
    low = np.where(labels > 0, labels, 2**23).astype(np.float32)
    ball = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    return np.where(cv2.dilate(top, ball) > cv2.erode(low, ball), 0, labels)


def shaken(labels: np.ndarray, size: float, rng: np.random.Generator) -> np.ndarray:
    """Labels moved by a smooth random field, and as a whole, by about `size` pixels each."""
    y, x = np.indices(labels.shape).astype(np.float32)
    field = [cv2.GaussianBlur(rng.standard_normal(labels.shape).astype(np.float32), (0, 0), 3) for _ in "yx"]
    shift = rng.normal(0, 0.5 * size, 2)
    y, x = (p + f * size / f.std() + s for p, f, s in zip((y, x), field, shift, strict=True))
    row, column = (
        np.clip(np.rint(v), 0, n - 1).astype(int) for v, n in zip((y, x), labels.shape, strict=True)
    )
    return labels[row, column]


def contacts(found: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of pieces that are up to four pixels apart, in both orders, longest contact first, and its length."""
    parts = []
    for step in (1, 2, 3, 4):
        for a, b in ((found[step:], found[:-step]), (found[:, step:], found[:, :-step])):
            differ = (a != b) & (a > 0) & (b > 0)
            first, second = a[differ].astype(np.int64), b[differ].astype(np.int64)
            parts += [first << 32 | second, second << 32 | first]
    pairs, length = np.unique(np.concatenate(parts), return_counts=True)
    order = np.argsort(-length, kind="stable")
    return np.stack([pairs >> 32, pairs & 0xFFFFFFFF], 1)[order], length[order]


def cut(found: np.ndarray, halves: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Pieces broken in two across their longer side."""
    found = found.copy()
    for piece in halves:
        y, x = np.nonzero(found == piece)
        if len(y) < 12:
            continue
        place = np.stack([y - y.mean(), x - x.mean()], 1)
        axis = np.linalg.svd(place, full_matrices=False)[2][0]
        along = place @ axis - rng.normal(0, 0.5) * (place @ axis).std()
        found[y[np.abs(along) < 0.8], x[np.abs(along) < 0.8]] = 0
        found[y[along >= 0.8], x[along >= 0.8]] = found.max() + 1
    return found


def specked(found: np.ndarray, tissue: np.ndarray, rate: float, rng: np.random.Generator) -> np.ndarray:
    """With noise that lasts one slice: small blobs, most of them where cells border on what is between them."""
    found = found.copy()
    free = found == 0
    edge = free & (cv2.dilate(tissue.astype(np.uint8), np.ones((25, 25))) > 0)
    places = np.argwhere(edge if edge.any() else free)
    for _ in range(rng.poisson(rate * found.size / 1e6) if len(places) else 0):
        y, x = places[rng.integers(len(places))]
        axes = np.maximum(np.sqrt(np.exp(rng.normal(3.2, 1.0)) / np.pi) * rng.uniform(0.7, 1.4, 2), 1)
        blob = np.zeros(found.shape, np.uint8)
        cv2.ellipse(
            blob, (int(x), int(y)), tuple(int(round(a)) for a in axes), rng.uniform(0, 180), 0, 360, 1, -1
        )
        found[(blob > 0) & free & (found == 0)] = found.max() + 1
    return found


def carried(pieces: np.ndarray, z: int, users: list[tuple[int, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """Ids that large pieces carry: the id that covers most of them on the nearest labelled slice, if at least 0.3."""
    _, nearest = min((abs(z - at), at) for at, _ in users)
    drawn = dict(users)[nearest]
    n = int(pieces.max()) + 1
    area = np.bincount(pieces.ravel(), minlength=n)
    pairs, pixels = np.unique(pieces.astype(np.int64) * (int(drawn.max()) + 1) + drawn, return_counts=True)
    piece, cell = np.divmod(pairs, int(drawn.max()) + 1)
    keep = (cell > 0) & (piece > 0)
    piece, cell, pixels = piece[keep], cell[keep], pixels[keep]
    order = np.argsort(pixels, kind="stable")
    known, share = np.zeros(n, np.int64), np.zeros(n)
    known[piece[order]], share[piece[order]] = cell[order], pixels[order] / area[piece[order]]
    known[(share < 0.3) | (area < BODY)] = 0
    return known, np.where(known > 0, share, 0)


# ---------------------------------------------------------------- truth and scores
def true_cells(v: Volume) -> np.ndarray:
    """The cell to which most of each piece belongs, one per node; 0 for orphans and noise, -1 for bodies."""
    owner = np.zeros(int(v.courses.max()) + 1, np.int64)
    owner[v.courses] = np.where(v.cells > v.cell_count, 0, v.cells)
    owner[0] = 0
    found = []
    for z in range(len(v.pieces)):
        code = np.where(v.courses[z] > 0, v.courses[z], np.where(v.cells[z] > 0, len(owner), 0)).astype(
            np.int64
        )
        pairs, pixels = np.unique(v.pieces[z].astype(np.int64) * (len(owner) + 1) + code, return_counts=True)
        order = np.argsort(pixels, kind="stable")
        most = np.zeros(int(v.pieces[z].max()) + 1, np.int64)
        most[pairs[order] // (len(owner) + 1)] = pairs[order] % (len(owner) + 1)
        found.append(np.append(owner, -1)[most[1:]])
    return np.concatenate(found)


def score(v: Volume, true: np.ndarray, final: np.ndarray, slices: list[int]) -> dict[str, float]:
    """Pixels of pieces of protrusions, and of orphans and noise, by what became of them.

    true: as from `true_cells`; final: the cell of each node that linking found.
    """
    area = v.nodes["area"].to_numpy()
    here = v.nodes["z"].isin(slices).to_numpy()
    tube, orphan, known = here & (true > 0), here & (true == 0), (final > 0) & (final <= v.cell_count)
    right = area[tube & (final == true)].sum()
    return {
        "pixels": area[tube].sum(),
        "right": right,
        "wrong": area[tube & known].sum() - right,
        "orphan pixels": area[orphan].sum(),
        "absorbed pixels": area[orphan & known].sum(),
    }


# ---------------------------------------------------------------- figures
def figures(v: Volume) -> dict[str, float]:
    """The figures of REAL for one volume."""
    per_slice = FULL / v.pieces[0].size / len(v.pieces)
    nodes, edges = v.nodes.reset_index(drop=True), slab_edges(v.pieces, range(len(v.pieces)))
    small = (nodes["area"] < SMALL).to_numpy()
    free = small & ~nodes["given"].to_numpy()
    key = pd.MultiIndex.from_frame(nodes[["z", "piece"]])
    a = key.get_indexer(pd.MultiIndex.from_frame(edges[["z", "piece_a"]]))
    b = key.get_indexer(pd.MultiIndex.from_frame(edges[["z_b", "piece_b"]]))
    iou = edges["iou"].to_numpy()
    best, met, body = np.zeros(len(nodes)), np.zeros(len(nodes), int), np.zeros(len(nodes), bool)
    np.maximum.at(best, a, iou)
    np.add.at(met, a, 1)
    body[a[~small[b]]] = True
    seen = free & (nodes["z"] < len(v.pieces) - 1).to_numpy()
    chain = (iou >= 0.2) & small[a] & small[b]
    run = groups(len(nodes), a[chain], b[chain])
    z = nodes["z"].to_numpy()
    span = pd.Series(z[small]).groupby(run[small]).agg(lambda s: np.ptp(s) + 1)
    of_piece = span.reindex(run[small]).to_numpy()
    drawn = nodes[nodes["given"] & small]
    area = 4 * nodes["area"].to_numpy()[free]
    scale = FULL / v.pieces[0].size / max(len(v.labelled), 1)
    found = {
        "bodies per slice": np.count_nonzero(~small) * per_slice,
        "fragments per slice": np.count_nonzero(free) * FULL / v.pieces[0].size / (len(v.pieces) - len(v.labelled)),
        "labelled small pieces of cells": (drawn["cell"] > 0).sum() * scale,
        "labelled small pieces of nobody": (drawn["cell"] == 0).sum() * scale,
        **{f"area {q} %": np.percentile(area, q) for q in (5, 25, 50, 75, 95, 99)},
        "overlap nothing in the next slice": np.mean(met[seen] == 0),
        "overlap exactly one piece": np.mean(met[seen] == 1),
        "overlap two or more": np.mean(met[seen] > 1),
        "touch a body": np.mean(body[seen]),
        **{f"best IoU {q} %": np.percentile(best[seen], q) for q in (25, 50, 75)},
        "runs of one slice": np.mean(span == 1),
        **{f"run of a piece {q} %": np.percentile(of_piece, q) for q in (25, 50, 75, 90)},
    }  # fmt: skip
    assert set(found) == set(REAL)
    return found


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[31, 32])
    parser.add_argument("--difficulty", type=float, nargs="+", default=[0.5])
    o = parser.parse_args()
    cv2.setNumThreads(1)
    made = {d: pd.DataFrame([figures(make(seed, d)) for seed in o.seeds]).mean() for d in o.difficulty}
    print(f"{'':36} {'real':>8}" + "".join(f" {f'{d} made':>9}" for d in made))
    for name, real in REAL.items():
        print(f"{name:36} {real:8.5g}" + "".join(f" {m[name]:9.3g}" for m in made.values()))


if __name__ == "__main__":
    main()
