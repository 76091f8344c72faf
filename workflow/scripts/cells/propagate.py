"""Carry cell ids through one gap between labelled slices."""

from ultraseg.cells.cuts import read_cuts
from ultraseg.cells.gap_ends import read_ends
from ultraseg.cells.gap_result import carried_slices, volume_slices
from ultraseg.evaluate.choose_method import method_of
from ultraseg.jobs.cells import Propagate
from ultraseg.run.job import job
from ultraseg.storage.arrays import read_listed
from ultraseg.storage.label_slices import write_slices
from ultraseg.storage.slice_stacks import image_stack

with job(snakemake, Propagate) as (spec, log):
    given, files, walk, gap = snakemake.input, spec.files, spec.walk, spec.gap
    ends = read_ends(given.labels, gap, spec.downsample, spec.direction, given.up, given.down)
    how = {"first": gap.first, "direction": spec.direction, "partial": spec.partial}
    method = method_of(spec.method, given.chosen)
    log.info("method: %s", method)
    if method == "volume":
        cuts = read_cuts(files.cuts, spec.cuts)
        slices = volume_slices(cuts, ends, spec.steps, spec.stand_ins, **how, **spec.volume_settings)
    else:
        maps = read_listed(files.probability(spec.network), walk)
        interior, boundary = (maps[:, channel] for channel in spec.channels)
        image = image_stack(files.image_level(), walk, spec.downsample)
        flow = read_listed(files.flow, walk[:-1] or walk)
        evidence = (image, flow, interior, boundary)
        slices = carried_slices(evidence, ends, walk, spec.stand_ins, **how, **spec.settings)
    write_slices(snakemake.output[0], spec.plane, slices)
