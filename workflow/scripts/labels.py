"""Check the user's label files of one structure; write the slices and what they cover."""

from ultraseg.files import write_table
from ultraseg.job import job
from ultraseg.labels import coverage_table, iterate_labels
from ultraseg.labelstore import write_slices
from ultraseg.tiff import SliceRef

with job(snakemake) as log:
    p, structure = snakemake.params, snakemake.wildcards.structure
    n_slices, *shape = p.shape
    where = {"shape": tuple(p.plane), "n_slices": n_slices, "crop": p.crop}
    refs = [SliceRef(*ref) for ref in p.slices]
    # All files are checked before anything is written: every problem is reported at once.
    table = coverage_table({structure: refs}, {structure: p.kind}, **where, splits=p.split)
    slices = iterate_labels(refs, **where, kind=p.kind)
    write_slices(snakemake.output.labels, tuple(shape), ((z, {"labels": values}) for z, _, values in slices))
    write_table(snakemake.output.coverage, table)
    log.info("%d slices of %s, %s", len(table), structure, table["split"].value_counts().to_dict())
