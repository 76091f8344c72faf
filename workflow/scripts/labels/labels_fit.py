"""Compare the labels of one structure with the image of their own slices and of the neighbours."""

from ultraseg.base.csv_table import write_csv
from ultraseg.jobs.labels import LabelFit
from ultraseg.labels.slice_offset import fit_table, mean_fits, offset_warning
from ultraseg.run.job import job
from ultraseg.storage.arrays import read_image_slice
from ultraseg.storage.label_slices import LabelSlices

with job(snakemake, LabelFit) as (spec, log):
    image = spec.files.image_level()
    with LabelSlices(snakemake.input.labels) as given:
        slices = ((z, given.read(z), given.known(z)) for z in spec.zs)
        table = fit_table(slices, lambda z: read_image_slice(image, z), spec.n_slices)
    write_csv(snakemake.output[0], {name: values.tolist() for name, values in table.items()})
    fits = {name: round(fit, 3) for name, fit in mean_fits(table).items()}
    log.info("mean fit to the slice before, the own one and the one after: %s", fits)
    key = f"volumes.{spec.volume}.labels.{spec.structure}"
    if said := offset_warning(spec.structure, key, table, spec.first_slice_number):
        log.warning(said)
