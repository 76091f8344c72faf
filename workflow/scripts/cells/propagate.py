"""Carry cell ids through one gap between labelled slices."""

from functools import partial

from ultraseg.cells.cuts import read_cuts
from ultraseg.cells.evidence import read_evidence, read_near
from ultraseg.cells.gap_ends import read_ends, read_planes
from ultraseg.cells.gap_result import carried_slices, seeds_near, volume_slices
from ultraseg.evaluate.choose_method import method_of
from ultraseg.jobs.cells import Propagate
from ultraseg.run.job import job
from ultraseg.storage.label_slices import write_slices

with job(snakemake, Propagate) as (spec, log):
    given, files, gap = snakemake.input, spec.files, spec.gap
    ends = read_ends(given.labels, gap, spec.downsample, spec.direction, given.up, given.down)
    image, maps = files.image_level(), files.probability(spec.network)
    seen = {"channels": spec.channels, "downsample": spec.downsample}
    method = method_of(spec.method, given.chosen)
    log.info("method: %s", method)
    across = {"n_slices": spec.n_slices, "step": spec.step, "hidden": spec.hidden}
    zs = spec.steps if method == "volume" else spec.walk
    planes = read_planes(given.planes, spec.planes, zs, downsample=spec.downsample, **across)
    how = {"first": gap.first, "direction": spec.direction, "partial": spec.partial, "planes": planes}
    if method == "volume":
        read = partial(read_near, image, maps, **seen)
        seeds = seeds_near(read, spec.near, ends, spec.steps, spec.seed_confidence, **spec.settings)
        cuts = read_cuts(files.cuts, spec.cuts)
        slices = volume_slices(
            cuts, ends, spec.steps, spec.stand_ins, seeds=seeds, **how, **spec.volume_settings
        )
    else:
        evidence = read_evidence(image, files.flow, maps, spec.walk, **seen)
        slices = carried_slices(evidence, ends, spec.stand_ins, **how, **spec.settings)
    write_slices(snakemake.output[0], spec.plane, slices)
