"""All tables of a volume from the measures of its slabs, its links and a coarse level of its labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd
from numpy.typing import NDArray

from ultraseg.measure.distances import organelle_distances
from ultraseg.measure.lengths import protrusion_courses
from ultraseg.measure.tables import merge_measures


class Linked(NamedTuple):
    """What linking found: all pieces, protrusions, the pieces of a slice by z, and the scale of the pieces."""

    nodes: pd.DataFrame
    protrusions: pd.DataFrame
    pieces: Callable[[int], NDArray[Any]]
    downsample: int


def measure_tables(
    measures: Mapping[str, Sequence[pd.DataFrame]],
    linked: Linked | None,
    voxel_size_nm: tuple[float, float, float],
    shape: tuple[int, int, int],
    *,
    organelles: Sequence[str],
    masks: Sequence[str],
    containers: Mapping[str, str | None],
    replaced: Mapping[int, int],
    coarse: Mapping[str, NDArray[Any]],
    factor: tuple[int, int, int],
) -> dict[str, pd.DataFrame]:
    """Tables of cells, contacts, organelles, protrusions and their courses in micrometres.

    measures: by kind, the tables of ``measure_slab`` of all slabs; linked: None without cells; containers: the
    structures that hold others by role, cell and nucleus; replaced: bad slices and the good ones that they show;
    coarse: by role, labels (Z', Y', X') at the pyramid level whose voxels are ``factor`` times as large.
    """
    partials = [dict(zip(measures, tables, strict=True)) for tables in zip(*measures.values(), strict=True)]
    courses, downsample = None, linked.downsample if linked else 1
    if linked:
        shown = [replaced.get(z, z) for z in range(shape[0])]
        spacing = [nm / 1000 * n for nm, n in zip(voxel_size_nm, (1, downsample, downsample), strict=True)]
        courses = protrusion_courses(linked.pieces, shown, linked.nodes, spacing)
    tables = merge_measures(
        partials,
        voxel_size_nm,
        shape,
        organelles=organelles,
        masks=masks,
        cell=containers["cell"] or "",  # no structure has this name
        nucleus=containers["nucleus"],
        protrusions=linked.protrusions if linked else None,
        pieces=linked.nodes if linked else None,
        courses=courses,
        stand_ins=replaced,
        cell_downsample=downsample,
    )
    objects = tables["organelles"]
    step = [size * n / 1000 for size, n in zip(voxel_size_nm, factor, strict=True)]
    distances = organelle_distances(
        objects, coarse.get("cell"), coarse.get("nucleus"), step, containers["nucleus"]
    )
    return tables | {"organelles": objects.join(distances)}
