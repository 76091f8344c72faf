"""Score the final labels of a volume slice by slice."""

from ultraseg.files import write_table, write_text
from ultraseg.job import job
from ultraseg.scoring import score_volume
from ultraseg.summary import format_summary

with job(snakemake) as log:
    p = snakemake.params
    metrics = score_volume(
        f"results/{snakemake.wildcards.volume}",
        structures=p.structures,
        labelled=p.labelled,
        splits=p.splits,
        holdouts=p.holdouts,
        truth=p.truth,
        cells=p.cells,
        downsample=p.downsample,
        shape=tuple(p.shape),
        plane=tuple(p.plane),
        crop=p.crop,
        min_cell_voxels=p.settings["min_cell_voxels"],
        bad=p.bad,
    )
    write_table(snakemake.output.metrics, metrics)
    summary = f"Accuracy of volume {snakemake.wildcards.volume}\n\n{format_summary(metrics)}\n"
    write_text(snakemake.output.summary, summary)
    log.info("%s", summary)
