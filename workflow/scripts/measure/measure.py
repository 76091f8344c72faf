"""Add the measures of all slabs up to tables."""

import pandas as pd
from ultraseg.base.files import write_table
from ultraseg.measure.distances import organelle_distances
from ultraseg.measure.lengths import course_lengths
from ultraseg.measure.tables import merge_measures
from ultraseg.run.job import job
from ultraseg.storage.arrays import read_slices, shape_of

MEASURES = ("labels", "contacts", "joint")


def read_whole(array: str):
    return read_slices(array, 0, shape_of(array)[0])


with job(snakemake) as log:
    p, given = snakemake.params, snakemake.input
    parts = zip(*(given[name] for name in MEASURES), strict=True)
    partials = [
        {name: pd.read_parquet(file) for name, file in zip(MEASURES, files, strict=True)} for files in parts
    ]
    linked, lengths, pieces = "nodes" in given.keys(), None, None
    folder = f"results/{snakemake.wildcards.volume}"
    if linked:
        pieces = pd.read_parquet(given.nodes)
        shown = [p.stand_ins.get(z, z) for z in range(p.shape[0])]
        coarse = [nm / 1000 * n for nm, n in zip(p.voxel_size_nm, (1, *[p.cell_downsample] * 2), strict=True)]
        lengths = course_lengths(
            lambda z: read_slices(f"{folder}/work/pieces", z, z + 1)[0], shown, pieces, coarse
        )
    tables = merge_measures(
        partials,
        p.voxel_size_nm,
        p.shape,
        organelles=p.organelles,
        masks=p.masks,
        cell=p.containers["cell"] or "cells",
        nucleus=p.containers["nucleus"],
        protrusions=pd.read_parquet(given.protrusions) if linked else None,
        pieces=pieces,
        lengths=lengths,
        stand_ins=p.stand_ins,
        cell_downsample=p.cell_downsample,
    )
    group = f"{folder}/image.zarr/labels"
    coarse = {role: read_whole(f"{group}/{name}/{p.level}") for role, name in p.containers.items() if name}
    spacing = [size * factor / 1000 for size, factor in zip(p.voxel_size_nm, p.factor, strict=True)]
    objects = tables["organelles"]
    distances = organelle_distances(
        objects, coarse.get("cell"), coarse.get("nucleus"), spacing, p.containers["nucleus"]
    )
    tables["organelles"] = objects.join(distances)
    for file in snakemake.output:
        write_table(file, tables[file.rsplit("/", 1)[1].split(".")[0]])
    log.info("rows: %s", {name: len(table) for name, table in tables.items()})
