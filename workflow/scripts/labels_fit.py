"""Compare the labels of one structure with the image of their own slices and of the neighbours."""

from ultraseg.base.files import write_table
from ultraseg.labels.slice_offset import fit_table, offset_warning
from ultraseg.run.job import job
from ultraseg.storage.arrays import read_image
from ultraseg.storage.label_slices import LabelSlices

with job(snakemake) as log:
    p, wc = snakemake.params, snakemake.wildcards
    path = f"results/{wc.volume}/image.zarr/0"
    with LabelSlices(snakemake.input.labels) as given:
        slices = ((z, given.read(z), given.known(z)) for z in p.slices)
        table = fit_table(slices, lambda z: read_image(path, z, z + 1)[0], p.n_slices)
    write_table(snakemake.output[0], table)
    log.info(
        "mean fit to the slice before, the own one and the one after: %s", table.mean().round(3).to_dict()
    )
    said = offset_warning(
        wc.structure, f"volumes.{wc.volume}.labels.{wc.structure}", table, p.first_slice_number
    )
    if said:
        log.warning(said)
