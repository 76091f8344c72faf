"""Score the final labels of a volume slice by slice."""

from pathlib import Path

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
        min_cell_voxels=p.settings["min_cell_voxels"],
    )
    metrics.to_csv(snakemake.output.metrics, index=False)
    summary = f"Accuracy of volume {snakemake.wildcards.volume}\n\n{format_summary(metrics)}\n"
    Path(snakemake.output.summary).write_text(summary)
    log.info("%s", summary)
