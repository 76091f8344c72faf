"""Check the user's labelled planes of one structure across the slices; compare them with the labelled slices."""

from ultraseg.grid.planes import turned
from ultraseg.jobs.labels import LabelPlanes
from ultraseg.labels.coverage import raise_problems, stored
from ultraseg.labels.planes import contradictions, iterate_planes, lines_of, meetings
from ultraseg.run.job import job
from ultraseg.storage.label_slices import LabelSlices, write_slices

with job(snakemake, LabelPlanes) as (spec, log):
    where = (spec.source, spec.plane, spec.full_shape, spec.roi, spec.kind)
    # All files are checked, and compared with the slices, before anything is written.
    problems, lines = [], []
    for one in iterate_planes(*where, problems):
        lines += lines_of(one, spec.zs)
    raise_problems(problems)
    with LabelSlices(snakemake.input.labels) as given:
        found = meetings(lines, given, spec.plane, spec.kind)
    problems, warnings = contradictions(
        found, spec.structure, spec.plane, spec.source.first_number, spec.kind
    )
    raise_problems(problems)
    for text in warnings:
        log.warning(text)
    _, *shape = (stop - start for start, stop in turned(spec.roi, spec.plane))
    planes = (stored(one, spec.source.partial) for one in iterate_planes(*where))
    write_slices(snakemake.output[0], tuple(shape), planes)
    pixels, differ = (sum(getattr(one, name) for one in found) for name in ("pixels", "differ"))
    log.info("%d %s planes of %s; %d of %d pixels differ from labelled slices", len(spec.source), spec.plane,
             spec.structure, differ, pixels)  # fmt: skip
