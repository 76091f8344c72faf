"""Score the final labels of a volume slice by slice."""

import pandas as pd
from ultraseg.base.files import write_table, write_text
from ultraseg.evaluate.label_next import advice_note
from ultraseg.evaluate.score_volume import score_volume
from ultraseg.evaluate.summary import format_summary
from ultraseg.quality.flags import quality_note
from ultraseg.run.job import job

with job(snakemake) as log:
    p = snakemake.params
    metrics = score_volume(
        f"results/{snakemake.wildcards.volume}",
        structures=p.structures,
        labelled=p.labelled,
        splits=p.splits,
        files=p.files,
        left_out=p.left_out,
        truth=p.truth,
        cells=p.cells,
        downsample=p.downsample,
        shape=tuple(p.shape),
        pixel_nm=tuple(p.pixel_nm),
        plane=tuple(p.plane),
        crop=p.crop,
        min_cell_voxels=p.settings["min_cell_voxels"],
        bad=p.bad,
    )
    write_table(snakemake.output.metrics, metrics)
    notes = [quality_note(pd.read_parquet(snakemake.input.slices), p.first)]
    if snakemake.input.advice:
        notes.append(advice_note(pd.read_parquet(snakemake.input.advice)))
    summary = f"Accuracy of volume {snakemake.wildcards.volume}\n\n{format_summary(metrics)}\n"
    summary += "".join(f"\n{note}\n" for note in notes if note)
    write_text(snakemake.output.summary, summary)
    log.info("%s", summary)
