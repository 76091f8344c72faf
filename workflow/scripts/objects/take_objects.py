"""Take the objects, or the mask, of one slab over from another program, at all pyramid levels."""

from ultraseg.arrays.labels import count_ids
from ultraseg.jobs.objects import TakeObjects
from ultraseg.objects.ready import ready_labels
from ultraseg.run.job import job
from ultraseg.storage.pyramid import levels_of, reduce_labels, write_pyramid

with job(snakemake, TakeObjects) as (spec, log):
    source = spec.source
    labels = ready_labels(
        source.open().planes(source.rows(spec.shown)),
        f"{source.name}: {source.path}",
        factor=source.factor[1:],
        crop=spec.crop,
        is_mask=spec.is_mask,
    )
    log.info("%d ids in slices %d to %d", count_ids(labels), *spec.slab)
    write_pyramid(
        spec.files.labels(spec.structure), spec.slab[0], labels, levels_of(spec.factors), reduce_labels
    )
