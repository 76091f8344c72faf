"""Check the user's label files of one structure; write the slices and what they cover."""

from collections import Counter

from ultraseg.base.csv_table import write_csv
from ultraseg.jobs.labels import Labels
from ultraseg.labels.cell_ids import changed_ids_warning, changes_in, matched
from ultraseg.labels.coverage import COVERAGE_COLUMNS, coverage_rows, iterate_labels, stored
from ultraseg.run.job import job
from ultraseg.storage.label_slices import write_slices

with job(snakemake, Labels) as (spec, log):
    out, (n_slices, *plane) = snakemake.output, spec.shape
    where = {"shape": spec.plane, "n_slices": n_slices, "crop": spec.crop}
    # All files are checked before anything is written: every problem is reported at once.
    sources, kinds = {spec.structure: spec.source}, {spec.structure: spec.kind}
    rows = coverage_rows(sources, kinds, **where, splits=spec.uses)
    slices = iterate_labels(spec.source, **where, kind=spec.kind)
    slices = slices if spec.ids_consistent else matched(slices)
    partial = any(row["known_fraction"] < 1 for row in rows)
    write_slices(out.labels, tuple(plane), (stored(one, partial) for one in slices))
    if spec.kind == "cells" and spec.ids_consistent and (found := changes_in(out.labels)):
        log.warning(changed_ids_warning(spec.structure, found))
    write_csv(out.coverage, {name: [row[name] for row in rows] for name in COVERAGE_COLUMNS})
    log.info("%d slices of %s, %s", len(rows), spec.structure, dict(Counter(row["split"] for row in rows)))
