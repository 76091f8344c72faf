"""Score the final labels of a volume slice by slice."""

import pandas as pd
from ultraseg.base.files import write_table, write_text
from ultraseg.evaluate.label_next import advice_note
from ultraseg.evaluate.score_volume import ScoredVolume, Truth, score_volume
from ultraseg.evaluate.summary import format_summary
from ultraseg.grid.gaps import Gap
from ultraseg.labels.source import LabelSource
from ultraseg.quality.flags import quality_note
from ultraseg.run.job import job

with job(snakemake) as log:
    p = snakemake.params
    volume = ScoredVolume(
        f"results/{snakemake.wildcards.volume}",
        shape=tuple(p.shape),
        pixel_nm=tuple(p.pixel_nm),
        kinds=p.structures,
        labelled=p.labelled,
        uses=p.splits,
        label_files=p.files,
        cells=p.cells,
        downsample=p.downsample,
        left_out={z: Gap(**gap) for z, gap in p.left_out.items()},
        min_cell_voxels=p.settings["min_cell_voxels"],
        bad=p.bad,
    )
    sources = {name: LabelSource.of(source) for name, source in p.truth.items()}
    metrics = score_volume(volume, Truth(sources, tuple(p.plane), p.crop))
    write_table(snakemake.output.metrics, metrics)
    notes = [quality_note(pd.read_parquet(snakemake.input.slices), p.first)]
    if snakemake.input.advice:
        notes.append(advice_note(pd.read_parquet(snakemake.input.advice)))
    summary = f"Accuracy of volume {snakemake.wildcards.volume}\n\n{format_summary(metrics)}\n"
    summary += "".join(f"\n{note}\n" for note in notes if note)
    write_text(snakemake.output.summary, summary)
    log.info("%s", summary)
