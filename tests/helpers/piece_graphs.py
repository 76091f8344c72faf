"""Random pieces of a volume and overlaps between them, with everything that linking tells apart."""

import numpy as np
import pandas as pd
from ultraseg.base.ids import number_in_volume
from ultraseg.link.edit_file import CellEdit

SIDE = 90.0  # pixels of a slice
LABELLED = 12  # every so manieth slice


def random_graph(seed, depth=40, courses=60):
    """Tables of pieces and overlaps: courses through the slices that break, thin out, touch each other and branch.

    Some are bodies, some carry ids of a confidence of their own, some have a number of a new cell, and some change
    their id half-way. Slices 17 and 18 are lost; the user labelled every LABELLED-th slice, and left out some pieces.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for course in range(courses):
        place, speed, radius = (
            rng.uniform(5, SIDE - 5, 2),
            rng.normal(0, 0.7, 2),
            rng.choice([1.6, 2.5, 4, 8]),
        )
        first = int(rng.integers(-10, depth - 2))
        id_here, trust = int(rng.integers(0, 25)), rng.uniform(0, 1)
        other, switch = int(rng.integers(0, 25)), int(rng.integers(0, 3 * depth))
        new = int(rng.integers(1, 9)) if rng.random() < 0.2 else 0
        left_out, traced = rng.random() < 0.25, rng.random() < 0.5
        for z in range(max(first, 0), min(first + int(rng.integers(2, 45)), depth)):
            if z in (17, 18) or rng.random() < 0.06:
                continue
            y, x = place + speed * (z - first) + rng.normal(0, 0.4, 2)
            size = max(radius * rng.uniform(0.85, 1.15), 1)
            given = z % LABELLED == 0
            cell = id_here if z < switch else other
            cell = 0 if given and left_out else cell
            number = 0 if cell or given else number_in_volume(new, z - z % LABELLED)
            rows.append(
                (
                    z,
                    y,
                    x,
                    size,
                    np.pi * size**2,
                    cell,
                    trust,
                    size > 5,
                    given,
                    traced and not given,
                    number,
                    course,
                )
            )
    columns = [
        "z",
        "y",
        "x",
        "size",
        "area",
        "cell",
        "confidence",
        "body",
        "given",
        "traced",
        "new",
        "course",
    ]
    nodes = pd.DataFrame(rows, columns=columns).sort_values(["z", "course"], ignore_index=True)
    nodes["area"] = nodes["area"].round().astype("int64")
    nodes["piece"] = nodes.groupby("z").cumcount() + 1
    nodes["confidence"] = np.where(nodes["given"], 1.0, nodes["confidence"].round(2))
    spread = nodes["size"] ** 2 / 4
    nodes = nodes.assign(yy=spread * rng.uniform(0.6, 2, len(nodes)), yx=0.1 * spread, xx=spread)
    return nodes.drop(columns="size"), _overlaps(nodes)


def _overlaps(nodes):
    """Overlaps of discs: of neighbouring slices, and over one slice where a course is broken there."""
    zs, tables = sorted(nodes["z"].unique()), []
    for gap in (1, 2):
        for z, other in zip(zs, zs[gap:], strict=False):
            a, b = nodes[nodes["z"] == z], nodes[nodes["z"] == other]
            away = np.hypot(*(a[n].to_numpy()[:, None] - b[n].to_numpy() for n in "yx"))
            first, second = a["size"].to_numpy()[:, None], b["size"].to_numpy()[None]
            shared = np.clip((first + second - away) / 2, 0, np.minimum(first, second)) ** 2 * np.pi
            i, j = np.nonzero(shared > 1)
            overlap, areas = shared[i, j], np.pi * np.stack([first[i, 0], second[0, j]]) ** 2
            iou = overlap / (areas.sum(0) - overlap)
            table = pd.DataFrame(
                {
                    "z": z, "piece_a": a["piece"].to_numpy()[i], "gap": gap, "z_b": other,
                    "piece_b": b["piece"].to_numpy()[j], "overlap": overlap.round().astype(int), "iou": iou,
                    "containment": overlap / areas.min(0),
                }
            )  # fmt: skip
            lost = ~a["course"].isin(nodes["course"][nodes["z"] == zs[zs.index(z) + 1]]).to_numpy()[i]
            tables.append(table[(iou >= 0.25) & lost] if gap == 2 else table)
    return pd.concat(tables, ignore_index=True).sort_values(
        ["z", "piece_a", "gap", "piece_b"], ignore_index=True
    )


def spread_in_slabs(nodes, edges, depth):
    """The tables of pieces and overlaps of each slab, as files of a run hold them."""
    slabs = range(int(nodes["z"].max()) // depth + 1)
    return tuple([table[table["z"] // depth == slab] for slab in slabs] for table in (nodes, edges))


def edits_of(result, seed):
    """Edits of all kinds that fit the outcome of linking, and the piece at each voxel that they name."""
    rng = np.random.default_rng(seed)
    nodes = result.nodes
    cells = [int(cell) for cell in nodes["final"].unique() if cell > 0]
    rng.shuffle(cells)
    new = [int(cell) for cell in nodes["final"][nodes["outcome"] == "new_cell"].unique()]
    keep, *merged = cells[:3]
    long = [c for c in cells[3:] if np.ptp(nodes["z"][nodes["final"] == c]) > 3]
    edits = [CellEdit("merge", (keep, *merged), text="merge")]
    for cell, own in zip(long[:2], (None, 10_000), strict=False):
        z = nodes["z"][nodes["final"] == cell]
        edits.append(CellEdit("split", (cell,), z=int(z.min() + np.ptp(z) // 2 + 1), new=own, text="split"))
    fragments = nodes[nodes["fragment"] > 0].drop_duplicates("fragment").sample(frac=1, random_state=seed)
    at, known = {}, [c for c in cells if c not in merged]
    targets = [*new[:2], *known[:2], *known[-2:]]
    assigned = fragments[: len(targets)]
    for row, cell in zip(assigned.itertuples(), targets, strict=True):
        voxel = (int(row.z), int(row.y), int(row.x))
        edits.append(CellEdit("assign", (cell,), voxel=voxel, text="assign"))
        at[voxel] = (int(row.z), int(row.piece))
    for row in fragments[len(targets) :][lambda rows: rows["best_cell"].isin(known)][:6].itertuples():
        voxel = (int(row.z), int(row.y), int(row.x))
        edits.append(CellEdit("forbid", (int(row.best_cell),), voxel=voxel, text="forbid"))
        at[voxel] = (int(row.z), int(row.piece))
    return edits, at
