"""Protrusions of known course on phantoms: which cells they and orphans are given to; speed of linking.

    .venv/bin/python benchmarks/protrusions.py [--run runs/demo] [--seeds 13] [--levels demo thin] [--skip-speed]
    .venv/bin/python benchmarks/protrusions.py --levels tissue --seeds 208 209 [--earlier CHECKOUT] [--every 50]

Every level makes the same tissue harder in one way: thinner filopodia, more and closer ones (near-misses, then
crossings), lost slices, fainter membranes and more noise. All have orphans: tubes whose cell lies nowhere in the
volume; labels leave them out. Every 8th slice is labelled; scores are of the good slices between.

`linking`: linking alone. Pieces are those of the truth, spoilt: some of those of tubes are missing, some of those that
touch another cell are one piece with it, outlines are jittered. Those of bodies carry their id, those of tubes carry
none. `greedy`: the published way on the same pieces, a loop over regions: each takes the id of the region of the
slice before with the highest IoU above 1e-5, first upwards, then downwards. `ceiling`: each piece goes to the cell that
most of it belongs to; so the rest is in the pieces, not in the linking.
`whole`: flow, the maps of the network of a finished run, propagation and linking with default settings. That network
never saw these phantoms, as long as the run had another seed (the demo's is 1).

`tissue` is another phantom, as hard as real tumour tissue (`tissue_pieces.py`): linking alone, over 201 slices. Every
50th slice is labelled; of every second labelled slice the ids are held out. Right, wrong and absorbed there count
pixels of pieces, as on real tissue: on the held-out slices, on slices up to 10 from one (`around`), and on all slices
without ids. A phantom has about ten protrusions of its cells, so use many seeds. In brackets are intervals of 95 %:
what the same number of gaps between labelled slices would give, drawn with replacement from those measured.
`earlier`: the linking of another checkout of this repository, such as that of commit 513e5e5
(`git worktree add CHECKOUT 513e5e5`).

precision: right of what has a cell; recall: right of all pixels of protrusions; wrong: with another cell, of all;
absorbed: pixels of orphans that were given to a cell, and orphans of which more than half was.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cc3d
import cv2
import numpy as np
import pandas as pd
import tissue_pieces
from common import options
from ultraseg.arrays.scale import (
    downsample_ids,
    downsample_image,
    upsample_labels,
)
from ultraseg.cells.flow import stack_flow
from ultraseg.cells.pieces import piece_table, slice_cells
from ultraseg.cells.propagate import propagate_gap
from ultraseg.link.decide import link_pieces
from ultraseg.link.edges import slab_edges
from ultraseg.link.nodes import piece_luts, relabel_pieces
from ultraseg.phantom.volume import Phantom

SHAPE, EVERY, ORPHANS = (33, 512, 512), 8, 8
AROUND = 10  # slices from a held-out one
BODY, FRAGMENT = 800, 16  # pixels of the full size from which a piece is a body, and is kept at all
ARMS = ["ceiling", "linking", "greedy", "whole"]


@dataclass(frozen=True)
class Level:
    """One step of difficulty: settings of the phantom, bad slices, and how pieces of the truth are spoilt."""

    phantom: dict
    bad: tuple[int, ...] = ()
    drop: float = 0.02
    merge: float = 0.02
    jitter: float = 0.5


LEVELS = {
    "wide": Level(
        {"filopodia_radius": 1.3, "clearance": 8.0, "difficulty": 0.2}, drop=0, merge=0, jitter=0.25
    ),
    "demo": Level({}),
    "thin": Level({"filopodia_radius": 0.65}),
    "near": Level({"clearance": 0.5, "filopodia_per_cell": 25.0}),
    "crossing": Level({"clearance": -4.0, "filopodia_per_cell": 25.0}),
    "gaps": Level({}, bad=(5, 12, 20, 27, 28)),
    "noisy": Level({"difficulty": 0.8}, drop=0.1, merge=0.1, jitter=1.0),
}


@dataclass
class Tissue:
    """The good slices of a phantom, with their numbers; cells (z, y, x) above `cell_count` are orphans."""

    zs: list[int]
    labelled: list[int]
    image: np.ndarray
    cells: np.ndarray
    tubes: np.ndarray
    cell_count: int

    def users(self, i: int) -> np.ndarray:
        """What a user would draw on good slice i: orphans are left out."""
        return np.where(self.cells[i] > self.cell_count, 0, self.cells[i])


def make(level: Level, seed: int) -> Tissue:
    phantom = Phantom(SHAPE, seed, **{"orphans": ORPHANS, **level.phantom})
    made = phantom.render(0, SHAPE[0])
    zs = [z for z in range(SHAPE[0]) if z not in level.bad]
    labelled = [z for z in zs if z % EVERY == 0]
    return Tissue(
        zs, labelled, made["image"][zs], made["cells"][zs], made["protrusions"][zs], phantom.cell_count
    )


# ---------------------------------------------------------------- linking alone
def jittered(labels: np.ndarray, size: float, rng: np.random.Generator) -> np.ndarray:
    """Labels moved by a smooth random field of about `size` pixels, nearest neighbour."""
    y, x = np.indices(labels.shape).astype(np.float32)
    field = rng.standard_normal((2, *labels.shape)).astype(np.float32)
    dy, dx = (cv2.GaussianBlur(f, (0, 0), 3) for f in field)
    y, x = y + dy * size / dy.std(), x + dx * size / dx.std()
    row, column = (
        np.clip(np.rint(v), 0, n - 1).astype(int) for v, n in zip((y, x), labels.shape, strict=True)
    )
    return labels[row, column]


def spoilt_pieces(tissue: Tissue, level: Level, seed: int) -> tuple[np.ndarray, pd.DataFrame]:
    """Pieces of the truth (n, Y, X) and their table; on labelled slices whole, elsewhere spoilt."""
    rng = np.random.default_rng([seed, 5])
    pieces, tables = np.zeros(tissue.cells.shape, np.int32), []
    for i, z in enumerate(tissue.zs):
        cells, tubes = tissue.cells[i].astype(np.int64), tissue.tubes[i].astype(np.int64)
        given = z in tissue.labelled
        code = 2 * cells + (tubes > 0)  # a tube beside its own body is a piece of its own
        if not given:
            code = jittered(code, level.jitter, rng)
        found = cc3d.connected_components(code.astype(np.uint32), connectivity=4).astype(np.int32)
        kind = np.zeros(int(found.max()) + 1, np.int64)
        kind[found] = code
        if not given:
            found = _spoil(found, kind, level, rng)
            kept, found = np.unique(found, return_inverse=True)
            kind, found = kind[kept], found.reshape(cells.shape).astype(np.int32)
        known = kind // 2 * ((kind % 2 == 0) | given)
        known[known > tissue.cell_count] = 0
        pieces[i] = found
        confidence = np.full(found.shape, 255, np.uint8)
        table = piece_table(found, known[found], confidence, min_body_area=BODY)
        tables.append(table.assign(z=z, given=given))
    return pieces, pd.concat(tables, ignore_index=True)


def _spoil(pieces: np.ndarray, kind: np.ndarray, level: Level, rng: np.random.Generator) -> np.ndarray:
    """Leave out pieces of tubes, and make some one with the piece of another cell that they touch most."""
    target = np.arange(len(kind))
    contact = []
    for a, b in ((pieces[1:], pieces[:-1]), (pieces[:, 1:], pieces[:, :-1])):
        differ = (a != b) & (a > 0) & (b > 0)
        contact += [np.stack([a[differ], b[differ]], 1), np.stack([b[differ], a[differ]], 1)]
    pairs, length = np.unique(np.concatenate(contact), axis=0, return_counts=True)
    for piece in np.flatnonzero(kind % 2):
        chance = rng.random()
        mine = (pairs[:, 0] == piece) & (kind[pairs[:, 1]] // 2 != kind[piece] // 2)
        if chance < level.drop:
            target[piece] = 0
        elif chance < level.drop + level.merge and mine.any():
            target[piece] = pairs[mine, 1][length[mine].argmax()]
    # A piece that was merged into one that is itself merged or missing stays where it is.
    return np.where(target[target] == target, target, np.arange(len(kind)))[pieces]


def linked(tissue: Tissue, pieces: np.ndarray, nodes: pd.DataFrame) -> np.ndarray:
    edges = slab_edges(pieces, tissue.zs, flow=stack_flow(tissue.image), max_gap=1)
    found = link_pieces(nodes, edges, max_user_id=int(tissue.cells.max()))
    return relabel_pieces(pieces, piece_luts(found.nodes, tissue.zs))


def ceiling(tissue: Tissue, pieces: np.ndarray, nodes: pd.DataFrame) -> np.ndarray:
    out = np.zeros(pieces.shape, np.int64)
    for i, one in enumerate(pieces):
        true = tissue.users(i).astype(np.int64)
        size = int(true.max()) + 1
        pairs, pixels = np.unique(one.astype(np.int64) * size + true, return_counts=True)
        order = np.argsort(pixels, kind="stable")
        most = np.zeros(int(one.max()) + 1, np.int64)
        most[pairs[order] // size] = pairs[order] % size  # the last one written has most pixels
        most[0] = 0
        out[i] = most[one]
    return out


def greedy(tissue: Tissue, pieces: np.ndarray, nodes: pd.DataFrame) -> np.ndarray:
    cell = [
        nodes[nodes["z"] == z].set_index("piece")["cell"].reindex(range(int(p.max()) + 1), fill_value=0)
        for z, p in zip(tissue.zs, pieces, strict=True)
    ]
    ids = np.stack([c.to_numpy()[p] for c, p in zip(cell, pieces, strict=True)])
    order = range(len(pieces))
    for step, walk in ((1, order[1:]), (-1, order[-2::-1])):
        for i in walk:
            for region in np.unique(pieces[i][(ids[i] == 0) & (pieces[i] > 0)]):
                ids[i][pieces[i] == region] = greedy_id(pieces[i] == region, ids[i - step])
    return ids


def greedy_id(mask: np.ndarray, neighbour: np.ndarray, least: float = 1e-5) -> int:
    """The id of the slice beside with the highest IoU with a region, 0 where none reaches `least`."""
    best, chosen = least, 0
    for candidate in np.unique(neighbour[mask]):
        other = neighbour == candidate
        iou = np.count_nonzero(mask & other) / np.count_nonzero(mask | other)
        if candidate and iou > best:
            best, chosen = iou, int(candidate)
    return chosen


# ---------------------------------------------------------------- tissue
EARLIER = """
import sys, numpy as np, pandas as pd
try:
    from ultraseg.link.decide import link_pieces
    from ultraseg.link.edges import slab_edges
except ImportError:
    from ultraseg.link import link_pieces, slab_edges
folder = sys.argv[1]
pieces = np.load(folder + "/pieces.npy")
edges = slab_edges(pieces, range(len(pieces)), max_gap=1)
nodes = link_pieces(pd.read_parquet(folder + "/nodes.parquet"), edges, max_user_id=int(sys.argv[2])).nodes
nodes[["z", "piece", "final"]].to_parquet(folder + "/final.parquet")
"""


def earlier(v: tissue_pieces.Volume, checkout: Path) -> np.ndarray:
    """Cell of each node by the linking of another checkout."""
    with tempfile.TemporaryDirectory() as folder:
        np.save(f"{folder}/pieces.npy", v.pieces)
        v.nodes.to_parquet(f"{folder}/nodes.parquet")
        command = [sys.executable, "-c", EARLIER, folder, str(int(v.cells.max()))]
        subprocess.run(command, check=True, env={"PYTHONPATH": str(checkout / "workflow")})
        return pd.read_parquet(f"{folder}/final.parquet")["final"].to_numpy()


def greedy_cells(v: tissue_pieces.Volume) -> np.ndarray:
    """Cell of each node by the published way."""
    zs = list(range(len(v.pieces)))
    ids = greedy(Tissue(zs, v.labelled, v.pieces, v.cells, v.courses, v.cell_count), v.pieces, v.nodes)
    first = [np.unique(one, return_index=True) for one in v.pieces]
    return np.concatenate([i.ravel()[at[number > 0]] for i, (number, at) in zip(ids, first, strict=True)])


Counts = dict[tuple[str, str], list[dict[str, float]]]


def tissue_level(seeds: list[int], difficulty: float, every: int, checkout: Path | None) -> None:
    """Print the scores of all arms on the level `tissue`, and whether strengths hold what they say."""
    counts: Counts = {}
    foretold = []
    for seed in seeds:
        found, said = tissue_scores(tissue_pieces.make(seed, difficulty, every), checkout)
        for key, gaps in found.items():
            counts.setdefault(key, []).extend(gaps)
        foretold.append(said)
    print_tissue(counts, pd.concat(foretold))


def tissue_scores(v: tissue_pieces.Volume, checkout: Path | None) -> tuple[Counts, pd.DataFrame]:
    """Counts of all arms by arm and slices, one for each gap; strengths of best cells and whether these are right."""
    true = tissue_pieces.true_cells(v)
    edges = slab_edges(v.pieces, range(len(v.pieces)), max_gap=1)
    nodes = link_pieces(v.nodes, edges, max_user_id=int(v.cells.max())).nodes
    arms = {"greedy": greedy_cells(v), "linking": nodes["final"].to_numpy()}
    if checkout:
        arms["earlier"] = earlier(v, checkout)
    counts = {
        (arm, where): [tissue_pieces.score(v, true, final, slices) for slices in gaps]
        for arm, final in arms.items()
        for where, gaps in scored_slices(v).items()
    }
    open_ones = ~nodes["given"] & (nodes["best_cell"] > 0) & ~nodes["outcome"].isin(["body"])
    seen = (open_ones & (true >= 0)).to_numpy()
    right = nodes["best_cell"].to_numpy() == true
    return counts, pd.DataFrame({"strength": nodes["strength"][seen], "right": right[seen]})


def print_tissue(counts: Counts, foretold: pd.DataFrame) -> None:
    print(f"{'arm':8} {'slices':8} {'pixels':>8} {'right':>20} {'wrong':>20} {'absorbed':>20}")
    parts = (("right", "pixels"), ("wrong", "pixels"), ("absorbed pixels", "orphan pixels"))
    for (arm, where), found in counts.items():
        c = pd.DataFrame(found)
        shares = [share_with_interval(c[part].to_numpy(), c[of].to_numpy()) for part, of in parts]
        print(f"{arm:8} {where:8} {c['pixels'].sum():8.0f} " + " ".join(f"{share:>20}" for share in shares))
    bins = np.minimum((5 * foretold["strength"]).astype(int), 4) / 5
    held = foretold.groupby(bins).agg(
        pieces=("right", "size"), strength=("strength", "mean"), right=("right", "mean")
    )
    print("strength of best cells, and how many are right:")
    print(held.round(3).to_string())


def scored_slices(v: tissue_pieces.Volume) -> dict[str, list[list[int]]]:
    """Slices to score, for each gap between slices with ids."""
    gaps = [list(range(a + 1, b)) for a, b in zip(v.labelled, v.labelled[1:], strict=False)]
    held_out = np.array(v.held_out)
    return {
        "held out": [[z for z in gap if z in v.held_out] for gap in gaps],
        "around": [
            [z for z in gap if np.abs(held_out - z).min(initial=AROUND + 1) <= AROUND] for gap in gaps
        ],
        "all": gaps,
    }


def share_with_interval(part: np.ndarray, of: np.ndarray, draws: int = 2000) -> str:
    """The share of two sums over gaps, and the interval of 95 % if other gaps of the same kind had been measured."""
    chosen = np.random.default_rng(0).integers(len(of), size=(draws, len(of)))
    drawn = part[chosen].sum(1) / np.maximum(of[chosen].sum(1), 1)
    low, high = np.percentile(drawn, [2.5, 97.5])
    return f"{part.sum() / max(of.sum(), 1):.3f} ({low:.3f}-{high:.3f})"


# ---------------------------------------------------------------- the whole way
def whole(tissue: Tissue, run: Path) -> np.ndarray:
    """Ids (n, Y, X) at full size with the network of a finished run, as the workflow makes them."""
    from ultraseg.predict.predictor import load_litert, predict_slices

    card, network = network_of(run)
    d, context, channels = card["downsample"], card["z_context"], card["channels"]
    image = np.stack([downsample_image(s, d) for s in tissue.image])
    side = -(-min(512, max(image.shape[1:])) // 16) * 16
    padded = image[[*[0] * context, *range(len(image)), *[len(image) - 1] * context]]
    maps = predict_slices(load_litert(network, 1), padded, z_context=context, tile=side)
    interior, boundary = (maps[:, channels.index(f"cells/{name}")] for name in ("interior", "boundary"))
    flow, at = stack_flow(image), [tissue.zs.index(z) for z in tissue.labelled]
    labels, confidence = np.zeros(image.shape, np.uint32), np.zeros(image.shape, np.uint8)
    for a, b in zip(at, at[1:], strict=False):
        gap, ends = np.s_[a : b + 1], [downsample_ids(tissue.users(i), d) for i in (a, b)]
        labels[gap], confidence[gap] = propagate_gap(
            image[gap], flow[a:b], interior[gap], boundary[gap], *ends, zs=tissue.zs[gap]
        )
    pieces, tables = np.zeros(image.shape, np.int32), []
    for i, z in enumerate(tissue.zs):
        given = i in at
        pieces[i], table = slice_cells(
            labels[i],
            confidence[i],
            interior[i],
            boundary[i],
            given=given,
            min_body_area=BODY // d**2,
            min_fragment_area=FRAGMENT // d**2,
        )
        tables.append(table.assign(z=z, given=given))
    edges = slab_edges(pieces, tissue.zs, flow=flow, max_gap=1)
    nodes = link_pieces(
        pd.concat(tables, ignore_index=True), edges, max_user_id=int(tissue.cells.max())
    ).nodes
    small = relabel_pieces(pieces, piece_luts(nodes, tissue.zs))
    return np.stack([upsample_labels(s, d, SHAPE[1:]) for s in small])


def network_of(run: Path) -> tuple[dict, Path]:
    """Card and file of the network of a finished run that predicts the cells."""
    for card in sorted((run / "results/models").glob("*.json")):
        about = json.loads(card.read_text())
        if "cells" in about.get("structures", ()):
            return about, card.with_suffix(".tflite")
    raise SystemExit(f"{run}: no finished run with a network for cells; run `make demo` first, or give --run")


# ---------------------------------------------------------------- scores
def score(tissue: Tissue, found: np.ndarray) -> dict[str, float]:
    """Counts of pixels by what became of them, and of orphans, on the good slices without a label."""
    free = [i for i, z in enumerate(tissue.zs) if z not in tissue.labelled]
    cells, ids = tissue.cells[free], found[free]
    orphan = cells > tissue.cell_count
    tube = (tissue.tubes[free] > 0) & ~orphan
    has_cell = (ids > 0) & (ids <= tissue.cell_count)
    right = np.count_nonzero(tube & (ids == cells))
    sizes = np.bincount(cells[orphan])
    taken = np.bincount(cells[orphan], has_cell[orphan], minlength=len(sizes))
    return {
        "tubes": len(np.unique(cells[tube])),
        "pixels": np.count_nonzero(tube),
        "right": right,
        "wrong": np.count_nonzero(tube & (ids > 0)) - right,
        "orphan pixels": sizes.sum(),
        "absorbed pixels": taken.sum(),
        "orphans": np.count_nonzero(sizes),
        "absorbed": np.count_nonzero(taken > sizes / 2),
    }


HEAD = (
    f"{'level':9} {'arm':8} {'pixels':>7} {'precision':>9} {'recall':>6} {'wrong':>6} {'absorbed':>8} orphans"
)


def line(level: str, arm: str, c: pd.Series) -> str:
    """The line of the table for the counts of one level and arm."""
    precision, recall = c["right"] / max(c["right"] + c["wrong"], 1), c["right"] / c["pixels"]
    absorbed = c["absorbed pixels"] / c["orphan pixels"]
    text = (
        f"{level:9} {arm:8} {c['pixels']:7.0f} {precision:9.3f} {recall:6.3f} {c['wrong'] / c['pixels']:6.3f}"
    )
    return f"{text} {absorbed:8.3f} {c['absorbed']:.0f} of {c['orphans']:.0f}"


# ---------------------------------------------------------------- speed
def seconds(task: Callable) -> tuple[float, object]:
    start = time.process_time()
    result = task()
    return time.process_time() - start, result


def speed(depth: int = 3, shape: tuple[int, int] = (2000, 6095), sampled: int = 30) -> None:
    """Seconds of processor time per slice, of linking and of the loop over regions, on pieces of a large phantom."""
    phantom = Phantom((depth, *shape), 11, orphans=ORPHANS)
    made = phantom.render(0, depth)
    code = 2 * made["cells"] + (made["protrusions"] > 0)
    pieces = np.stack([cc3d.connected_components(c, connectivity=4) for c in code]).astype(np.int32)
    flow, tables = np.zeros((depth - 1, 4, *shape), np.float16), []
    for z in range(depth):
        known = np.where(made["protrusions"][z] > 0, 0, made["cells"][z])
        table = piece_table(pieces[z], known, np.full(shape, 255, np.uint8), min_body_area=BODY)
        tables.append(table.assign(z=z, given=False))
    nodes = pd.concat(tables, ignore_index=True)
    t_edges, edges = seconds(lambda: slab_edges(pieces, range(depth), flow=flow))
    t_plain, _ = seconds(lambda: slab_edges(pieces, range(depth)))
    t_link, result = seconds(lambda: link_pieces(nodes, edges))
    t_relabel, _ = seconds(lambda: relabel_pieces(pieces, piece_luts(result.nodes, range(depth))))
    regions = np.unique(pieces[1])[1:]
    chosen = np.random.default_rng(0).permutation(regions)[:sampled]
    t_greedy, _ = seconds(lambda: [greedy_id(pieces[1] == region, made["cells"][0]) for region in chosen])
    print(f"linking, {shape[0]} x {shape[1]} pixels, {len(regions)} regions; s per slice, one core")
    print(f"overlaps without flow         {t_plain / (depth - 1):7.3f}")
    print(f"overlaps, flow included       {t_edges / (depth - 1):7.3f}")
    print(f"decisions                     {t_link / depth:7.3f}")
    print(f"relabelling                   {t_relabel / depth:7.3f}")
    print(f"all, flow included            {t_edges / (depth - 1) + (t_link + t_relabel) / depth:7.3f}")
    per_region = t_greedy / len(chosen)
    print(f"greedy loop over all regions  {per_region * len(regions):7.1f}   ({sampled} of them were timed)")


def main() -> None:
    parser = options(__doc__, "run")
    parser.add_argument("--seeds", type=int, nargs="+", default=[13])
    parser.add_argument("--levels", nargs="+", default=list(LEVELS), choices=[*LEVELS, "tissue"])
    parser.add_argument("--every", type=int, default=50, help="tissue: slices from one label to the next")
    parser.add_argument("--difficulty", type=float, default=0.5, help="tissue: 0 to 1")
    parser.add_argument("--earlier", type=Path, help="tissue: checkout of another commit to compare with")
    parser.add_argument("--skip-speed", action="store_true")
    o = parser.parse_args()
    cv2.setNumThreads(1)
    if "tissue" in o.levels:
        tissue_level(o.seeds, o.difficulty, o.every, o.earlier)
    levels = [name for name in o.levels if name != "tissue"]
    if not levels:
        return
    with_run = o.run.exists()
    print(HEAD if with_run else f"{o.run}: no run, so without the arm `whole`\n{HEAD}")
    for name in levels:
        counts: dict[str, list] = {arm: [] for arm in ARMS}
        for seed in o.seeds:
            tissue = make(LEVELS[name], seed)
            pieces, nodes = spoilt_pieces(tissue, LEVELS[name], seed)
            for arm, way in (("ceiling", ceiling), ("linking", linked), ("greedy", greedy)):
                counts[arm].append(score(tissue, way(tissue, pieces, nodes)))
            if with_run:
                counts["whole"].append(score(tissue, whole(tissue, o.run)))
        for arm, found in counts.items():
            if not found:
                continue
            print(line(name, arm, pd.DataFrame(found).sum()), flush=True)
    if not o.skip_speed:
        print()
        speed()


if __name__ == "__main__":
    main()
