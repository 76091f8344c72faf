"""Label the objects of one structure in one slab; keep their mask, their sizes and the slab's outer faces."""

from ultraseg.base.files import write_arrays
from ultraseg.base.memory import keep_freed_memory
from ultraseg.jobs.objects import ObjectsLabel
from ultraseg.networks.card import threshold_of
from ultraseg.objects.organelles import label_slab, packed_mask, slices_of_labels, smooth_along_z
from ultraseg.run.job import job
from ultraseg.storage.arrays import read_slices

with job(snakemake, ObjectsLabel) as (spec, log):
    keep_freed_memory()  # every slice has several arrays of its size
    near = read_slices(spec.files.probability(spec.network), *spec.read)[:, spec.channel]
    maps = smooth_along_z(near, [z - spec.read[0] for z in spec.shown], spec.good, spec.deviation)
    threshold = spec.threshold or threshold_of(snakemake.input.card, spec.structure)
    labels, sizes = label_slab(
        maps,
        spec.shape[1:],
        downsample=spec.downsample,
        threshold=threshold,
        max_hole_pixels=spec.max_hole_pixels,
    )
    log.info("threshold %.3f: %d components in slices %d to %d", threshold, len(sizes) - 1, *spec.slab)
    slices = slices_of_labels(labels, len(sizes) - 1, spec.slab[0])
    about = {"sizes": sizes, "slices": slices, "first": labels[0], "last": labels[-1]}
    write_arrays(snakemake.output[0], **about, mask=packed_mask(labels))
