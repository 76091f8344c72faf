"""Draw the figures of one volume."""

import pandas as pd
from ultraseg.evaluate.scores import accuracy_by_distance
from ultraseg.figures import charts
from ultraseg.figures.cells_3d import cells_3d
from ultraseg.figures.volume_arrays import draw_montages, small_cells
from ultraseg.run.job import job

with job(snakemake) as log:
    p, given, out = snakemake.params, snakemake.input, snakemake.output
    folder = f"results/{snakemake.wildcards.volume}"
    draw_montages(folder, p.structures, p.shape, p.voxel_size_nm, p.slices, out.raw, out.overlay)
    labels, voxel_size_nm = small_cells(folder, p.structures, p.level, p.factor, p.voxel_size_nm)
    shown = cells_3d(labels, voxel_size_nm, out.rendering)
    metrics = pd.read_csv(given.metrics)
    coverage = pd.concat([pd.DataFrame(), *(pd.read_csv(file) for file in given.coverage)])
    charts.coverage_figure(coverage, p.shape[0], out.coverage)
    charts.metrics_figure(metrics, out.metrics)
    charts.accuracy_distance_figure(accuracy_by_distance(metrics), out.distance)
    charts.volumes_histogram(pd.read_parquet(given.cells), out.volumes)
    links = pd.read_parquet(str(given.links)) if given.links else pd.DataFrame()
    charts.link_outcomes_figure(links, out.links)
    log.info("3D view of %d objects", len(shown))
