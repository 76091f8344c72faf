"""Carry cell ids through one gap between labelled slices."""

from ultraseg.cells.gap_ends import read_ends
from ultraseg.cells.gap_result import carried_slices
from ultraseg.jobs.cells import Propagate
from ultraseg.run.job import job
from ultraseg.storage.arrays import read_listed
from ultraseg.storage.label_slices import write_slices
from ultraseg.storage.slice_stacks import image_stack

with job(snakemake, Propagate) as (spec, log):
    given, walk = snakemake.input, spec.walk
    ends = read_ends(given.labels, spec.gap, spec.downsample, spec.direction, given.up, given.down)
    maps = read_listed(spec.files.probability(spec.network), walk)
    interior, boundary = (maps[:, channel] for channel in spec.channels)
    image = image_stack(spec.files.image_level(), walk, spec.downsample)
    flow = read_listed(spec.files.flow, walk[:-1] or walk)
    slices = carried_slices(
        (image, flow, interior, boundary),
        ends,
        walk,
        spec.stand_ins,
        first=spec.gap.first,
        direction=spec.direction,
        partial=spec.partial,
        **spec.settings,
    )
    write_slices(snakemake.output[0], image.shape[1:], slices)
