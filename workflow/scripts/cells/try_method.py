"""Carry cell ids by one method past a labelled slice that is left out, in a window of this slice."""

from functools import partial

from ultraseg.cells.cuts import read_cuts
from ultraseg.cells.evidence import read_near
from ultraseg.cells.gap_ends import read_ends, read_planes
from ultraseg.cells.gap_result import carried_slices, seeds_near, volume_slices
from ultraseg.evaluate.tried import read_left_out, tried_slice
from ultraseg.grid.gaps import VOLUME
from ultraseg.jobs.cells import TryMethod
from ultraseg.run.job import job
from ultraseg.storage.label_slices import write_slices

with job(snakemake, TryMethod) as (spec, log):
    given, files, gap = snakemake.input, spec.files, spec.gap
    place, left_out = read_left_out(given.labels, spec.left_out, spec.downsample, spec.most_pixels)
    ends = [end and end.within(place) for end in read_ends(given.labels, gap, spec.downsample)]
    seen = {"downsample": spec.downsample, "place": place}
    read = partial(
        read_near, files.image_level(), files.probability(spec.network), channels=spec.channels, **seen
    )
    seen |= {"n_slices": spec.n_slices, "step": spec.step, "hidden": spec.hidden}
    zs = spec.steps if spec.method == VOLUME else spec.walk
    how = {"first": gap.first, "planes": read_planes(given.planes, spec.planes, zs, **seen)}
    if spec.method == VOLUME:
        seeds = seeds_near(read, spec.near, ends, spec.steps, spec.seed_confidence, **spec.settings)
        cuts, how = read_cuts(files.cuts, spec.cuts, place), how | spec.volume_settings
        slices = volume_slices(cuts, ends, spec.steps, spec.stand_ins, seeds=seeds, **how)
    else:
        slices = carried_slices(read(spec.walk, flow=spec.flow), ends, spec.stand_ins, **how, **spec.settings)
    write_slices(snakemake.output[0], left_out.ids.shape, tried_slice(slices, spec.left_out, left_out))
