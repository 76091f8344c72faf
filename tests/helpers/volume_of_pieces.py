"""Pieces and overlaps written as the columns on disk that linking block by block works on."""

from piece_graphs import spread_in_slabs
from ultraseg.sweep.volume import load_edges, load_pieces


def loaded(folder, nodes, edges, block=(50, 2), depth=6):
    """A volume in a new folder; block: least pieces and slices of a block; depth: of a slab."""
    pieces, overlaps = spread_in_slabs(nodes, edges, depth)
    volume = load_pieces(folder, pieces, block)
    load_edges(volume, overlaps)
    return volume
