"""Check the user's label files of one structure; write the slices and what they cover."""

from ultraseg.base.files import write_table
from ultraseg.labels.cell_ids import changed_ids_warning, changes, matched
from ultraseg.labels.coverage import coverage_table, iterate_labels, stored
from ultraseg.labels.source import LabelSource
from ultraseg.run.job import job
from ultraseg.storage.label_slices import LabelSlices, write_slices

with job(snakemake) as log:
    p, structure = snakemake.params, snakemake.wildcards.structure
    n_slices, *shape = p.shape
    source = LabelSource.of(p.source)
    where = {"shape": tuple(p.plane), "n_slices": n_slices, "crop": p.crop}
    # All files are checked before anything is written: every problem is reported at once.
    table = coverage_table({structure: source}, {structure: p.kind}, **where, splits=p.split)
    slices = iterate_labels(source, **where, kind=p.kind)
    slices = slices if p.ids_consistent else matched(slices)
    partial = (table["known_fraction"] < 1).any()
    write_slices(snakemake.output.labels, tuple(shape), (stored(one, partial) for one in slices))
    if p.kind == "cells" and p.ids_consistent:
        with LabelSlices(snakemake.output.labels) as given:
            found = changes((z, given.read(z), given.known(z)) for z in given.zs)
        if found:
            log.warning(changed_ids_warning(structure, found))
    write_table(snakemake.output.coverage, table)
    log.info("%d slices of %s, %s", len(table), structure, table["split"].value_counts().to_dict())
