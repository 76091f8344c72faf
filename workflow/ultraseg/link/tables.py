"""Audit tables of linking: one row per fragment, one row per protrusion."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ultraseg.base.tables import empty_table
from ultraseg.link.groups import groups

LINK_TYPES = {
    "fragment": "int64",
    "z_first": "int64",
    "z_last": "int64",
    "z": "int64",
    "y": "float64",
    "x": "float64",
    "pieces": "int64",
    "body_pieces": "int64",
    "voxels": "int64",
    "cell": "int64",
    "outcome": "str",
    "best_cell": "int64",
    "strength": "float64",
    "runner_up_cell": "int64",
    "runner_up": "float64",
    "margin": "float64",
    "nobody": "float64",
    "path": "float64",
}
PROTRUSION_TYPES = {
    "protrusion": "int64",
    "cell": "int64",
    "z_first": "int64",
    "z_last": "int64",
    "pieces": "int64",
    "voxels": "int64",
    "strength": "float64",
    "probability": "float64",
    "z_root": "int64",
    "y_root": "float64",
    "x_root": "float64",
}
MEETING_TYPES = {
    "cell": "int64",
    "other_cell": "int64",
    "z": "int64",
    "y": "float64",
    "x": "float64",
    "area": "int64",
    "iou": "float64",
    "edit": "str",
}
SETTLED = ["given", "body", "background"]  # outcomes that were no decision of linking
OWNED = ["given", "assigned", "corrected"]  # outcomes of the pieces of protrusions
ONE_BODY = 0.7  # IoU from which the outlines of two slices are of one body
# The columns of pieces from which a row of the table of fragments is made.
MEMBER = [
    "z", "y", "x", "area", "body", "final", "outcome", "best_cell", "strength", "runner_up_cell", "runner_up", "margin",
    "nobody", "path",
]  # fmt: skip


def fragment_table(nodes: pd.DataFrame, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, pd.DataFrame]:
    """Group the pieces that linking had to decide on into 3D fragments, one audit row each.

    nodes: table of `decide.LinkResult`; a, b: rows of the pieces that the strong edges join. A fragment is a
    connected group of pieces with one outcome and one cell. Returns fragment per piece (0 = terminal or
    background) and columns fragment, z_first, z_last, z, y, x (centre of its largest piece), pieces, body_pieces,
    voxels, cell (0 = none), outcome (assigned, new_cell, unassigned_weak, unassigned_ambiguous,
    unassigned_left_out; by edits corrected, forbidden) and, of its least clear piece (smallest margin, then
    smallest strength): best_cell, strength (probability that this cell is right), runner_up_cell (0: nobody), runner_up
    (its probability), margin, nobody (probability that people would leave it out) and path (product of the
    probabilities along the likeliest path). Places, areas and voxels
    at the scale of the pieces.
    """
    decided = ~nodes["outcome"].isin(SETTLED).to_numpy()
    code = pd.factorize(nodes["outcome"])[0]
    final = nodes["final"].to_numpy()
    number = _number(decided, a, b, (code[a] == code[b]) & (final[a] == final[b]))
    return number, fragment_rows(nodes.loc[decided, MEMBER].assign(fragment=number[decided]))


def fragment_rows(members: pd.DataFrame) -> pd.DataFrame:
    """The table of `fragment_table` for whole fragments: their pieces with MEMBER and fragment, in order of pieces."""
    if not len(members):
        return empty_table(LINK_TYPES)
    grouped = members.groupby("fragment")
    table = _extent(grouped)
    table["body_pieces"] = grouped["body"].sum()
    # The first of each fragment in these orders, found without a sorted copy of the table.
    fragment, area, margin, strength = (
        members[n].to_numpy() for n in ("fragment", "area", "margin", "strength")
    )
    largest = members.iloc[_first_of(fragment, np.lexsort((-area, fragment)))].set_index("fragment")
    table = table.join(largest[["z", "y", "x"]])
    worst = members.iloc[_first_of(fragment, np.lexsort((strength, margin, fragment)))].set_index("fragment")
    worst = worst.rename(columns={"final": "cell_final"})
    table["cell"] = worst["cell_final"]
    for name in (
        "outcome",
        "best_cell",
        "strength",
        "runner_up_cell",
        "runner_up",
        "margin",
        "nobody",
        "path",
    ):
        table[name] = worst[name]
    return table.reset_index()[list(LINK_TYPES)].astype(LINK_TYPES)


def protrusion_table(
    nodes: pd.DataFrame, a: np.ndarray, b: np.ndarray, *, min_slices: int = 3
) -> tuple[np.ndarray, pd.DataFrame]:
    """Group the pieces of a cell that are not part of its body into 3D protrusions.

    nodes, a, b as for `fragment_table`. Pieces of labelled slices belong to protrusions like all others;
    groups that span fewer than `min_slices` slices are the ruggedness of a body and left out. Returns
    protrusion per piece (0 = none) and columns protrusion, cell, z_first, z_last, pieces, voxels (at the
    scale of the pieces), strength (of the weakest piece; 1 for pieces that the user drew), probability (mean over its
    voxels), z_root, y_root, x_root (centre of its piece that overlaps the body; z_root is -1 where none does).
    """
    member = ~nodes["body"].to_numpy() & nodes["outcome"].isin(OWNED).to_numpy()
    final = nodes["final"].to_numpy()
    number = _number(member, a, b, final[a] == final[b])
    z = nodes["z"].to_numpy()
    spans = pd.Series(z).groupby(number).agg(np.ptp) + 1
    short = number > 0
    short &= spans.reindex(number).to_numpy() < min_slices
    number = _number(member & ~short, a, b, final[a] == final[b])
    members = nodes[number > 0].assign(protrusion=number[number > 0])
    roots = nearest_body(roots_of(nodes, number, a, b))
    return number, protrusion_rows(members, roots)


def protrusion_rows(members: pd.DataFrame, roots: pd.DataFrame) -> pd.DataFrame:
    """The table of `protrusion_table` for whole protrusions.

    members: their pieces in order, with z, area, final, strength, protrusion; roots: as from `nearest_body`.
    """
    if not len(members):
        return empty_table(PROTRUSION_TYPES)
    grouped = members.groupby("protrusion")
    table = _extent(grouped)
    table["cell"] = grouped["final"].first()
    table["strength"] = grouped["strength"].min()
    # pandas rounds the sum of a lone group in another way than that of one among others.
    place = np.searchsorted(table.index, members["protrusion"])
    table["probability"] = np.bincount(place, members["strength"] * members["area"]) / table["voxels"]
    places = roots[["z", "y", "x"]].set_axis(["z_root", "y_root", "x_root"], axis=1)
    table = table.join(places.set_index(pd.Index(roots["protrusion"])))
    table["z_root"] = table["z_root"].fillna(-1)
    return table.reset_index()[list(PROTRUSION_TYPES)].astype(PROTRUSION_TYPES)


def _first_of(group: np.ndarray, order: np.ndarray) -> np.ndarray:
    """The first row of each group in an order that keeps groups together."""
    return order[np.flatnonzero(np.diff(group[order], prepend=group.min() - 1))]


def _number(member: np.ndarray, a: np.ndarray, b: np.ndarray, alike: np.ndarray) -> np.ndarray:
    """Connected groups of member pieces, 1..k in order of their first piece; 0 for all other pieces."""
    rows = np.flatnonzero(member)
    number = np.zeros(len(member), np.int64)
    if len(rows):
        local = np.full(len(member), -1)
        local[rows] = np.arange(len(rows))
        inner = member[a] & member[b] & alike
        number[rows] = 1 + groups(len(rows), local[a[inner]], local[b[inner]])
    return number


def _extent(grouped: pd.core.groupby.DataFrameGroupBy) -> pd.DataFrame:
    """z range, number of pieces and voxels of every group."""
    return grouped.agg(
        z_first=("z", "min"), z_last=("z", "max"), pieces=("z", "size"), voxels=("area", "sum")
    )


def roots_of(nodes: pd.DataFrame, number: np.ndarray, a: np.ndarray, b: np.ndarray) -> pd.DataFrame:
    """Where protrusions overlap their bodies: protrusion, area of the piece of the body, z, y, x of its own piece.

    nodes: with body, final, area, z, y, x; number: protrusion of each piece. The index is that of the own piece.
    """
    body, final, area = (nodes[name].to_numpy() for name in ("body", "final", "area"))
    here, there = np.concatenate([a, b]), np.concatenate([b, a])
    chosen = (number[here] > 0) & body[there] & (final[here] == final[there])
    here, there = here[chosen], there[chosen]
    return nodes[["z", "y", "x"]].iloc[here].assign(protrusion=number[here], area=area[there])


def nearest_body(roots: pd.DataFrame) -> pd.DataFrame:
    """Of each protrusion the root beside the largest piece of a body, of equal ones the first piece."""
    protrusion, area = roots["protrusion"].to_numpy(), roots["area"].to_numpy()
    order = np.lexsort((roots.index.to_numpy(), -area, protrusion))
    return roots.iloc[_first_of(protrusion, order) if len(roots) else order]


def meeting_table(nodes: pd.DataFrame, a: np.ndarray, b: np.ndarray, iou: np.ndarray) -> pd.DataFrame:
    """Places where two cells meet within one body: an id below, another one above.

    a, b, iou: rows of pieces that link one body in neighbouring slices, because their outlines are alike (IoU of at
    least `ONE_BODY`) or because one of them got its id along such links. Such a body is one cell with two names, or two
    cells without a membrane between them. Columns: cell, other_cell (ids below and above the place), z, y, x, area (of
    the upper piece), iou, edit (the line that would merge them in the file of edits, first the cell with more voxels).
    One row per pair of cells, where the outlines are most alike.
    """
    places = places_of_meetings(nodes, a, b, iou)
    return meeting_rows(places, nodes["area"].groupby(nodes["final"]).sum())


def places_of_meetings(nodes: pd.DataFrame, a: np.ndarray, b: np.ndarray, iou: np.ndarray) -> pd.DataFrame:
    """All places where two cells meet: the columns of `meeting_table` but for the edits, in the order of the links."""
    final = nodes["final"].to_numpy()
    rows = np.flatnonzero((final[a] > 0) & (final[b] > 0) & (final[a] != final[b]))
    upper = nodes.iloc[b[rows]]
    table = pd.DataFrame({"cell": final[a[rows]], "other_cell": final[b[rows]], "iou": iou[rows]})
    return table.assign(**{name: upper[name].to_numpy() for name in ("z", "y", "x", "area")})


def most_alike(places: pd.DataFrame) -> pd.DataFrame:
    """Of each pair of cells the place where the outlines are most alike, in the order of the places."""
    pair = np.sort(places[["cell", "other_cell"]].to_numpy(), axis=1)
    ordered = _by_likeness(places.assign(low=pair[:, 0], high=pair[:, 1]))
    return ordered.drop_duplicates(["low", "high"]).drop(columns=["low", "high"]).sort_index()


def _by_likeness(places: pd.DataFrame) -> pd.DataFrame:
    return places.sort_values(["iou", "z"], ascending=[False, True], kind="stable")


def meeting_rows(places: pd.DataFrame, size: pd.Series) -> pd.DataFrame:
    """The table of `meeting_table` from places; size: voxels of each cell."""
    table = _by_likeness(most_alike(places))
    if not len(table):
        return empty_table(MEETING_TYPES)
    table["edit"] = [
        f"- merge: [{', '.join(map(str, sorted(pair, key=lambda cell: (-size[cell], cell))))}]"
        for pair in zip(table["cell"], table["other_cell"], strict=True)
    ]
    return table.sort_values(["z", "cell"], ignore_index=True)[list(MEETING_TYPES)].astype(MEETING_TYPES)


def in_image_pixels(table: pd.DataFrame, downsample: int) -> pd.DataFrame:
    """The table of fragments or meetings with places in voxels of the image, as people read them."""
    return table.assign(**((table[["y", "x"]] + 0.5) * downsample).astype(int))
